import GuardianCore
import GuardianTesting
import Synchronization

/// A test clock that knows who waits until when, so that a test can tell whether engines have done their work for now.
final class WatchedClock: TimeSource {
    /// What engines are about, as far as their waits show it.
    enum Activity {
        case quiet, busy
        /// What runs is quiet, and fewer run than were asked for.
        case absent
    }

    private struct Wait {
        var until: Int64
        /// From when it began.
        var spanMs: Int64
    }

    private struct State {
        var waits: [Int: Wait] = [:]
        var next = 0
    }

    private let clock = TestClock()
    private let state = Mutex(State())

    var now: Moment { clock.now }

    func advance(byMilliseconds milliseconds: Int64) { clock.advance(byMilliseconds: milliseconds) }

    /// Returns when somebody waits until just `steady`.
    func waitForSleeper(until steady: Int64) async { await clock.waitForSleeper(until: steady) }

    /// Whether `engines` of them run and have nothing to do now.
    ///
    /// Three tasks of a running engine wait: its alarm, set half a second ahead at most, its watchdog, and the sweep of its ledger, once a
    /// minute. One whose time has come, or that does not wait, is at work. So is the loop where no alarm is set: when it has rung, only the
    /// loop sets it again.
    func activity(of engines: Int) -> Activity {
        let now = now.steady
        let waits = state.withLock { Array($0.waits.values) }
        let alarms = waits.count { $0.spanMs <= 500 }
        let running = waits.count { $0.spanMs > 30_000 }
        guard waits.allSatisfy({ $0.until > now }), alarms >= running, waits.count >= 3 * running else { return .busy }
        return running >= engines ? .quiet : .absent
    }

    func wait(untilSteady steady: Int64) async throws {
        let wait = Wait(until: steady, spanMs: steady - now.steady)
        let number = state.withLock { state in
            state.next += 1
            state.waits[state.next] = wait
            return state.next
        }
        defer { state.withLock { $0.waits[number] = nil } }
        try await clock.wait(untilSteady: steady)
    }
}
