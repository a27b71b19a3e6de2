import Synchronization

/// Told once, seen by all.
final class StopSign: Sendable {
    private let isGiven = Atomic<Bool>(false)
    var isUp: Bool { isGiven.load(ordering: .acquiring) }
    func give() { isGiven.store(true, ordering: .releasing) }
}
