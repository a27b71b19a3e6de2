import GuardianCore
import GuardianTesting
import Synchronization

/// A clock that a test advances, and that keeps for how long it was waited on.
final class NotedClock: TimeSource {
    private let clock = TestClock()
    private let noted = Mutex<[Int64]>([])

    /// Milliseconds of each wait, in the order in which they began.
    var waits: [Int64] { noted.withLock { $0 } }

    var now: Moment { clock.now }

    func advance(byMilliseconds milliseconds: Int64) { clock.advance(byMilliseconds: milliseconds) }

    func wait(untilSteady steady: Int64) async throws {
        let length = steady - now.steady
        noted.withLock { $0.append(length) }
        try await clock.wait(untilSteady: steady)
    }
}
