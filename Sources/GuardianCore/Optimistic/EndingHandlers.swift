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
        /// The numbers of endings that nobody here wanted, the first of each token, by the token's hash: two tokens that share one cost a
        /// look too many. ``mostUnwanted`` of them.
        var unwanted: [Int: Int64] = [:]
        /// Whether there were more than that: what a token had is not known any more.
        var isOverfull = false
        /// Up to where they have been seen since, and at what steady time; passed when ``lateMs`` are over.
        var passing: (number: Int64, since: Int64)?
        /// Raised whenever a handler comes that may want what was passed by.
        var generation = 0
        var bell: AsyncStream<Void>.Continuation?

        /// Endings from `number` on are looked at again.
        mutating func goBack(to number: Int64) {
            passed = min(passed, number - 1)
            passing = nil
            generation += 1
        }
    }

    /// Milliseconds within which an ending may come to light after one with a greater number: in a store that several processors share, the
    /// transaction that took the smaller number may be the later one to be committed.
    static let lateMs: Int64 = 60_000
    /// Tokens of unwanted endings that are kept in mind at most. When there are more, each new handler has all endings looked at again.
    static let mostUnwanted = 50_000

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
            state.unwanted = [:]
            state.goBack(to: 1)
        }
        ring()
    }

    /// Keeps a handler of a change's own, in the place of one that it has. Returns its number, and the one before. Of a change that has not
    /// ended nothing was passed by: its ending will have a greater number.
    func keep(_ handler: @escaping EndingHandler, for token: String) -> (number: Int, before: Numbered?) {
        state.withLock { state -> (number: Int, before: Numbered?) in
            state.numbers += 1
            let before = state.own[token]
            state.own[token] = Numbered(handler: handler, number: state.numbers)
            if let number = state.isOverfull ? 1 : state.unwanted[token.hashValue] { state.goBack(to: number) }
            return (number: state.numbers, before: before)
        }
    }

    /// Takes the handler of that number away, unless a newer one stands in its place; `before` comes back.
    func drop(_ token: String, number: Int, before: Numbered? = nil) {
        state.withLock { state in
            if state.own[token]?.number == number { state.own[token] = before }
        }
    }

    /// The handler of its change's own, else the attached one. nil where there is neither, which is kept in mind for a handler that comes
    /// later.
    func handler(for ending: OptimisticEnding) -> Numbered? {
        let token = ending.change.txnToken
        return state.withLock { state -> Numbered? in
            if let found = state.own[token] ?? state.attached.map({ Numbered(handler: $0, number: 0) }) { return found }
            let first = min(ending.number, state.unwanted[token.hashValue] ?? ending.number)
            if state.unwanted.count < Self.mostUnwanted || state.unwanted[token.hashValue] != nil {
                state.unwanted[token.hashValue] = first
            } else {
                state.isOverfull = true
            }
            return nil
        }
    }

    /// After which number endings are of interest, and how often a handler has come that may want what was passed by. An attached handler
    /// wants all that there are: what it has taken is gone.
    var position: (after: Int64, generation: Int) { state.withLock { ($0.attached == nil ? $0.passed : 0, $0.generation) } }

    /// All up to `number` that could be seen at steady time `now` are taken or unwanted, as long as no handler has come meanwhile that may
    /// want them.
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
