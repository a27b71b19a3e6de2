import Synchronization

/// Where everything that happens waits for the engine's loop: many put, one takes, in order.
final class Mailbox: Sendable {
    private struct State {
        var waiting: [Processor.Input] = []
        var wakeIsIn = false
        /// Whether a loop takes what is put.
        var isOpen = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Returns whether a loop will take it.
    @discardableResult
    func put(_ input: Processor.Input) -> Bool {
        let (reader, isOpen) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            guard state.isOpen else { return (nil, false) }
            state.waiting.append(input)
            return (Self.takeReader(&state), true)
        }
        reader?.resume()
        return isOpen
    }

    /// A loop begins or has ended; what waits was not meant for the next one.
    func open(_ isOpen: Bool) {
        state.withLock { state in
            state.isOpen = isOpen
            state.waiting = []
            state.wakeIsIn = false
        }
    }

    /// Puts one `wake`, unless one waits already.
    func wake() {
        let reader: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.isOpen, !state.wakeIsIn else { return nil }
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
