import Synchronization

/// Puts a `tick` into the mailbox at the time the processor asked for; an earlier time cuts the wait short.
final class Alarm: Sendable {
    private struct State {
        var due: Int64 = .max
        var sleeper: Task<Void, Never>?
    }

    /// The longest single wait, in milliseconds.
    private static let longestMs: Int64 = 60_000

    private let state = Mutex(State())

    func set(_ steady: Int64) {
        let sleeper: Task<Void, Never>? = state.withLock { state in
            defer { state.due = steady }
            return steady < state.due ? state.sleeper : nil
        }
        sleeper?.cancel()
    }

    func run(clock: any TimeSource, mailbox: Mailbox) async {
        while !Task.isCancelled {
            let until = min(state.withLock { $0.due }, clock.now.steady + Self.longestMs)
            // Unstructured so that `set` can cut it short; awaited right here. All that a wait throws is that it was cut short.
            let sleeper = Task { do { try await clock.wait(untilSteady: until) } catch {} }
            let isLate = state.withLock { state in
                state.sleeper = sleeper
                return state.due < until
            }
            if isLate { sleeper.cancel() }
            await withTaskCancellationHandler {
                await sleeper.value
            } onCancel: {
                sleeper.cancel()
            }
            let rings = state.withLock { state in
                guard state.due <= clock.now.steady else { return false }
                state.due = .max
                return true
            }
            if rings { mailbox.put(.tick) }
        }
    }
}
