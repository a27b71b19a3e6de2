public import GuardianCore
import Synchronization

/// A clock that stands still until it is advanced by hand. Waiting on it costs no real time.
public final class TestClock: TimeSource {
    private struct Sleeper {
        var until: Int64
        var wake: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Moment
        var sleepers: [Int: Sleeper] = [:]
        var next = 0
        var cancelled: Set<Int> = []
        var arrivals: [(isMet: @Sendable ([Int64]) -> Bool, wake: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    /// Starts at steady 0 and `wall`, 2026-01-01T00:00:00Z by default.
    public init(wall: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) {
        state = Mutex(State(now: Moment(steady: 0, wall: wall)))
    }

    /// Stays as it is until somebody advances the clock, or sets the wall clock.
    public var now: Moment { state.withLock { $0.now } }

    /// Moves both clocks forward and wakes everyone whose time has come, the earliest first.
    public func advance(byMilliseconds milliseconds: Int64) {
        let woken = state.withLock { state in
            state.now.steady += max(milliseconds, 0)
            state.now.wall = state.now.wall.adding(milliseconds: max(milliseconds, 0))
            let due = state.sleepers.filter { $0.value.until <= state.now.steady }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.sorted { $0.until < $1.until }
        }
        for sleeper in woken { sleeper.wake.resume() }
    }

    /// Sets the wall clock alone, as a person or NTP does.
    public func setWall(_ wall: Timestamp) { state.withLock { $0.now.wall = wall } }

    /// Returns when at least `count` are waiting: what a test awaits before it advances.
    public func waitForSleepers(_ count: Int) async { await waitForSleepers { $0.count >= count } }

    /// Returns when somebody waits until just `steady`.
    public func waitForSleeper(until steady: Int64) async { await waitForSleepers { $0.contains(steady) } }

    private func waitForSleepers(_ isMet: @escaping @Sendable ([Int64]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if isMet(state.sleepers.values.map(\.until)) { return true }
                state.arrivals.append((isMet, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    public func wait(untilSteady steady: Int64) async throws {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                enum Start { case due, cancelled, waiting([CheckedContinuation<Void, Never>]) }
                let start: Start = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return .cancelled }
                    if steady <= state.now.steady { return .due }
                    state.sleepers[number] = Sleeper(until: steady, wake: continuation)
                    let times = state.sleepers.values.map(\.until)
                    let met = state.arrivals.filter { $0.isMet(times) }
                    state.arrivals.removeAll { $0.isMet(times) }
                    return .waiting(met.map(\.wake))
                }
                switch start {
                case .due: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .waiting(let arrivals): for arrival in arrivals { arrival.resume() }
                }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: number)
                if sleeper == nil { state.cancelled.insert(number) }
                return sleeper
            }
            sleeper?.wake.resume(throwing: CancellationError())
        }
    }
}
