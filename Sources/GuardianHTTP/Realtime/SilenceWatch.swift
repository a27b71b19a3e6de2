import GuardianCore
import Synchronization

/// Notices that the upstream says nothing for too long while somebody listens. Time in which nobody listens, because the consumer is at
/// work, does not count.
final class SilenceWatch: Sendable {
    private struct State {
        /// nil while nobody listens.
        var listeningSince: Int64?
        var isOver = false
    }

    private let clock: any TimeSource
    private let silenceMs: Int64
    private let state = Mutex(State())

    init(clock: any TimeSource, silenceMs: Int64) {
        self.clock = clock
        self.silenceMs = silenceMs
    }

    /// From now on something is waited for.
    func listen() {
        let now = clock.now.steady
        state.withLock { $0.listeningSince = now }
    }

    /// Something came. false when it came too late: then nothing may be made of it.
    func hear() -> Bool {
        state.withLock { state in
            state.listeningSince = nil
            return !state.isOver
        }
    }

    /// Returns true when it was silent for too long, false when cancelled.
    func untilSilent() async -> Bool {
        while true {
            let now = clock.now.steady
            let due = state.withLock { state in
                let due = (state.listeningSince ?? now) + silenceMs
                state.isOver = due <= now
                return due
            }
            if due <= now { return true }
            do { try await clock.wait(untilSteady: due) } catch { return false }
        }
    }
}
