import Metrics
import GuardianCore
import Synchronization

/// One histogram with fixed bounds: an atomic number for each bucket, and the sum. Recording takes no lock.
///
/// `@unchecked Sendable`: the buckets and slots are atomics and locks at fixed addresses that live as long as the cell.
final class HistogramCell: RecorderHandler, TimerHandler, @unchecked Sendable {
    /// What a scrape shows.
    struct Reading: Sendable {
        /// Values up to each bound and up to +Inf, each with those before it.
        var cumulative: [Int64]
        var sum: Double
        /// The newest exemplar of each bucket.
        var exemplars: [Exemplar?]
        var count: Int64 { cumulative.last ?? 0 }
    }

    let bounds: [Double]
    private let buckets: UnsafeMutablePointer<Atomic<Int64>>
    private let total = GaugeCell()
    private let slots: UnsafeMutablePointer<ExemplarSlot>

    init(bounds: [Double]) {
        self.bounds = bounds
        buckets = .allocate(capacity: bounds.count + 1)
        slots = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count {
            (buckets + index).initialize(to: Atomic(0))
            (slots + index).initialize(to: ExemplarSlot())
        }
    }

    deinit {
        buckets.deinitialize(count: bounds.count + 1)
        buckets.deallocate()
        slots.deinitialize(count: bounds.count + 1)
        slots.deallocate()
    }

    private func bucket(of value: Double) -> Int {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        return index
    }

    func record(_ value: Double) { record(value, in: bucket(of: value)) }

    private func record(_ value: Double, in bucket: Int) {
        buckets[bucket].wrappingAdd(1, ordering: .relaxed)
        total.increment(by: value)
    }

    func record(_ value: Int64) { record(Double(value)) }

    /// Timers are shown in seconds.
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double, _ exemplar: Exemplar) {
        let bucket = bucket(of: value)
        record(value, in: bucket)
        slots[bucket].note(exemplar)
    }

    /// Each bucket is read once, so that the count is the sum of the buckets whatever is recorded meanwhile.
    var reading: Reading {
        var sum: Int64 = 0
        let cumulative = (0...bounds.count).map { index in
            sum += buckets[index].load(ordering: .relaxed)
            return sum
        }
        return Reading(cumulative: cumulative, sum: total.value, exemplars: (0...bounds.count).map { slots[$0].exemplar })
    }
}
