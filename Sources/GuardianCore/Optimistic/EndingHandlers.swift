import Synchronization

/// Takes one ending. It has been taken when this returns; an error means that it is asked again.
public typealias EndingHandler = @Sendable (OptimisticChange, OptimisticEnding) async throws -> Void

/// The app's handlers of this process, and the bell that calls for them.
final class EndingHandlers: Sendable {
    /// A handler, told from those that a change had before; the attached one has the number 0.
    struct Numbered: Sendable {
        var handler: EndingHandler
        var number: Int
    }

    private struct State {
        /// One for each token: a newer one takes the place of an older one.
        var own: [String: Numbered] = [:]
        var numbers = 0
        var attached: EndingHandler?
        /// Endings up to here have been seen, and nobody here wants them.
        var passed: Int64 = 0
        /// Up to where they have been seen since, and at what steady time; passed when ``lateMs`` are over.
        var passing: (number: Int64, since: Int64)?
        /// Raised whenever a handler comes, which may want what was passed by.
        var generation = 0
        var bell: AsyncStream<Void>.Continuation?
    }

    /// Milliseconds within which an ending may come to light after one with a greater number: in a store that several processors share, the
    /// transaction that took the smaller number may be the later one to be committed.
    static let lateMs: Int64 = 60_000

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
            state.passing = nil
            state.generation += 1
        }
        ring()
    }

    /// Keeps a handler of a change's own, in the place of one that it has. Returns its number, and the one before.
    func keep(_ handler: @escaping EndingHandler, for token: String) -> (number: Int, before: Numbered?) {
        state.withLock { state -> (number: Int, before: Numbered?) in
            state.numbers += 1
            let before = state.own[token]
            state.own[token] = Numbered(handler: handler, number: state.numbers)
            state.passed = 0
            state.passing = nil
            state.generation += 1
            return (number: state.numbers, before: before)
        }
    }

    /// Takes the handler of that number away, unless a newer one stands in its place; `before` comes back.
    func drop(_ token: String, number: Int, before: Numbered? = nil) {
        state.withLock { state in
            if state.own[token]?.number == number { state.own[token] = before }
        }
    }

    /// Its own handler, else the attached one.
    func handler(for token: String) -> Numbered? {
        state.withLock { $0.own[token] ?? $0.attached.map { Numbered(handler: $0, number: 0) } }
    }

    /// After which number endings are of interest, and how many handlers have come so far. An attached handler wants all that there are:
    /// what it has taken is gone.
    var position: (after: Int64, generation: Int) { state.withLock { ($0.attached == nil ? $0.passed : 0, $0.generation) } }

    /// All up to `number` that could be seen at steady time `now` are taken or unwanted, as long as no other handler has come meanwhile.
    func pass(_ number: Int64, generation: Int, now: Int64) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if let passing = state.passing {
                guard now - passing.since >= Self.lateMs else { return }
                state.passed = max(state.passed, passing.number)
                state.passing = nil
            }
            if number > state.passed { state.passing = (number: number, since: now) }
        }
    }
}
