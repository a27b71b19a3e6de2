import Synchronization

/// Where everything that happens waits for the engine's loop: many put, one takes, in order.
final class Mailbox: Sendable {
    private struct State {
        var waiting: [Processor.Input] = []
        var wakeIsIn = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func put(_ input: Processor.Input) {
        let reader = state.withLock { state in
            state.waiting.append(input)
            return Self.takeReader(&state)
        }
        reader?.resume()
    }

    /// Forgets what waits: it was meant for an earlier run.
    func clear() {
        state.withLock { state in
            state.waiting = []
            state.wakeIsIn = false
        }
    }

    /// Puts one `wake`, unless one waits already.
    func wake() {
        let reader: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard !state.wakeIsIn else { return nil }
            state.wakeIsIn = true
            state.waiting.append(.wake)
            return Self.takeReader(&state)
        }
        reader?.resume()
    }

    private static func takeReader(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        defer { state.reader = nil }
        return state.reader
    }

    /// All that waits; suspends until there is something.
    func take() async -> [Processor.Input] {
        while true {
            let taken = state.withLock { state in
                defer {
                    state.waiting = []
                    state.wakeIsIn = false
                }
                return state.waiting
            }
            if !taken.isEmpty { return taken }
            await withCheckedContinuation { continuation in
                let now = state.withLock { state in
                    guard state.waiting.isEmpty else { return true }
                    state.reader = continuation
                    return false
                }
                if now { continuation.resume() }
            }
        }
    }
}
