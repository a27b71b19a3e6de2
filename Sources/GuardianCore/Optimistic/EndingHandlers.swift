import Synchronization

/// Takes one ending. It has been taken when this returns; an error means that it is asked again.
public typealias EndingHandler = @Sendable (OptimisticChange, OptimisticEnding) async throws -> Void

/// The app's handlers of this process, and the bell that calls for them.
final class EndingHandlers: Sendable {
    private struct State {
        var own: [String: EndingHandler] = [:]
        var attached: EndingHandler?
        /// Endings up to here have been seen, and nobody here wants them.
        var passed: Int64 = 0
        /// Raised whenever a handler comes, which may want what was passed by.
        var generation = 0
        var bell: AsyncStream<Void>.Continuation?
    }

    private let state = Mutex(State())

    /// Whether anybody waits for endings.
    var areWanted: Bool { state.withLock { $0.attached != nil || !$0.own.isEmpty } }

    /// A bell for one loop, which has rung once.
    func listen() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield()
        let last = state.withLock { state in
            defer { state.bell = continuation }
            return state.bell
        }
        last?.finish()
        return stream
    }

    /// Says that there may be endings to take.
    func ring() { state.withLock { $0.bell }?.yield() }

    func attach(_ handler: @escaping EndingHandler) {
        state.withLock { state in
            state.attached = handler
            state.passed = 0
            state.generation += 1
        }
        ring()
    }

    func keep(_ handler: @escaping EndingHandler, for token: String) {
        state.withLock { state in
            state.own[token] = handler
            state.passed = 0
            state.generation += 1
        }
    }

    func drop(_ token: String) { state.withLock { $0.own[token] = nil } }

    /// Its own handler, else the attached one.
    func handler(for token: String) -> EndingHandler? { state.withLock { $0.own[token] ?? $0.attached } }

    /// From which number on endings are of interest, and how many handlers have come so far.
    var position: (passed: Int64, generation: Int) { state.withLock { ($0.passed, $0.generation) } }

    /// All up to `number` are taken or unwanted, as long as no other handler has come meanwhile.
    func pass(_ number: Int64, generation: Int) {
        state.withLock { state in
            if state.generation == generation { state.passed = max(state.passed, number) }
        }
    }
}
