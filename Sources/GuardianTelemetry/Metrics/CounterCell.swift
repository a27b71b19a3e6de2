import Metrics
import GuardianCore
import Synchronization

/// One counter: an atomic number that only rises.
final class CounterCell: CounterHandler, Sendable {
    private let value = Atomic<Int64>(0)
    private let slot = ExemplarSlot()

    var count: Int64 { value.load(ordering: .relaxed) }
    var lastExemplar: Exemplar? { slot.exemplar }

    func increment(by amount: Int64) { value.wrappingAdd(max(0, amount), ordering: .relaxed) }

    func increment(by amount: Int64, _ exemplar: Exemplar) {
        increment(by: amount)
        note(exemplar)
    }

    /// Remembers one of those that are counted elsewhere.
    func note(_ exemplar: Exemplar) { slot.note(exemplar) }

    /// Lifts the counter to a total that is known from elsewhere; never lowers it.
    func raise(to total: Int64) { value.max(total, ordering: .relaxed) }

    /// Counters of this registry are never taken back: a scraper would see a restart that did not happen.
    func reset() {}
}
