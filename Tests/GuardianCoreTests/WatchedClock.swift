import GuardianCore
import GuardianTesting
import Synchronization

/// A test clock that knows until when each waiter waits, so that a test can tell whether an engine has done its work for now.
final class WatchedClock: TimeSource {
    private struct State {
        var waits: [Int: Int64] = [:]
        var next = 0
    }

    private let clock = TestClock()
    private let state = Mutex(State())

    var now: Moment { clock.now }

    func advance(byMilliseconds milliseconds: Int64) { clock.advance(byMilliseconds: milliseconds) }

    /// Whether nobody has anything to do now, and `engines` of them are going to look again within half a second, as running ones do.
    func isQuiet(engines: Int) -> Bool {
        let now = now.steady
        let waits = state.withLock { $0.waits.values.map { $0 } }
        return waits.allSatisfy { $0 > now } && waits.count { $0 <= now + 500 } >= engines
    }

    func wait(untilSteady steady: Int64) async throws {
        let number = state.withLock { state in
            state.next += 1
            state.waits[state.next] = steady
            return state.next
        }
        defer { state.withLock { $0.waits[number] = nil } }
        try await clock.wait(untilSteady: steady)
    }
}
