import Synchronization

/// Where everything that happens waits for the engine's loop: many put, one takes, in order, but that the store's answers pass the others.
final class Mailbox: Sendable {
    private struct State {
        var answers: [Processor.Input] = []
        var waiting: [Processor.Input] = []
        var wakeIsIn = false
        /// Whether a loop takes what is put.
        var isOpen = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Returns whether a loop will take it.
    @discardableResult
    func put(_ input: Processor.Input) -> Bool { put(input, isAnswer: false) }

    /// Puts an answer of the store, which has nothing to do until it is taken.
    func putAnswer(_ input: Processor.Input) { put(input, isAnswer: true) }

    @discardableResult
    private func put(_ input: Processor.Input, isAnswer: Bool) -> Bool {
        let (reader, isOpen) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            guard state.isOpen else { return (nil, false) }
            if isAnswer { state.answers.append(input) } else { state.waiting.append(input) }
            return (Self.takeReader(&state), true)
        }
        reader?.resume()
        return isOpen
    }

    /// A loop begins or has ended; what waits was not meant for the next one.
    func open(_ isOpen: Bool) {
        state.withLock { state in
            state.isOpen = isOpen
            state.answers = []
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

    /// An answer of the store that has come since; nil when there is none.
    func takeAnswer() -> Processor.Input? {
        state.withLock { state in state.answers.isEmpty ? nil : state.answers.removeFirst() }
    }

    /// All that waits; suspends until there is something.
    func take() async -> [Processor.Input] {
        while true {
            let taken = state.withLock { state in
                defer {
                    state.answers = []
                    state.waiting = []
                    state.wakeIsIn = false
                }
                return state.answers + state.waiting
            }
            if !taken.isEmpty { return taken }
            await withCheckedContinuation { continuation in
                let now = state.withLock { state in
                    guard state.answers.isEmpty, state.waiting.isEmpty else { return true }
                    state.reader = continuation
                    return false
                }
                if now { continuation.resume() }
            }
        }
    }
}
