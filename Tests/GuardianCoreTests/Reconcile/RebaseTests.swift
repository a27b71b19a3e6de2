import GuardianCore
import Testing

/// An edit is written only over a state that it knows, also when it goes out again after an outcome that is unknown.
@Suite struct RebaseTests {
    private static let base = #"{"a":0,"b":0}"#
    private static let payload = #"{"a":1,"b":0}"#
    private static let theirs = #"{"a":0,"b":2}"#

    private static var configuration: ProcessorConfiguration {
        var configuration = ProcessorConfiguration()
        configuration.conflicts = ConflictRules(standard: .merge(ThreeWayMerge()))
        return configuration
    }

    /// What a processor does with a claim of the edit of `a`.
    private struct Claimed {
        var bench = ProcessorBench()
        var actions: [Processor.Action]
        var operation: Operation

        init(isUnknown: Bool, ifMatch: String?, known: ServerState?) {
            bench.processor = Processor(owner: "p", configuration: configuration)
            _ = bench.begin()
            var claim = bench.claim(1)
            claim.operation.idempotencyKey = UniqueID(high: 0x4000, low: 7)
            claim.operation.payload = payload
            claim.operation.base = base
            claim.operation.ifMatch = ifMatch
            claim.operation.server = known
            if isUnknown { claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -1000) }
            operation = claim.operation
            actions = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        }

        /// The If-Match of what is sent, if something is.
        var sent: String?? {
            for case .send(let claim, _, _, _) in actions { return claim.operation.ifMatch }
            return nil
        }

        var revision: Settlement.Revision? {
            for settlement in actions.settlements { if case .revised(let revision) = settlement.result { return revision } }
            return nil
        }

        mutating func fetch(_ fetch: Fetch) throws {
            var attempt: Int64?
            for case .fetch(_, let number, _, _) in actions { attempt = number }
            actions = bench.give(.fetched(seq: 1, attempt: try #require(attempt, "nothing is fetched: \(actions)"), fetch))
            actions += bench.give(.exchanged(.success(ExchangeResult())))
        }
    }

    private static func state(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

    @Test("one that was never sent is merged with what is known, without a request")
    func first() {
        let claimed = Claimed(isUnknown: false, ifMatch: "v2", known: ServerState(state: Self.theirs, etag: "v2"))
        #expect(claimed.revision?.payload == #"{"a":1,"b":2}"#)
        #expect(claimed.sent == nil)
    }

    @Test("one that may have been applied goes out as it was under an ETag that it knows, or that is no more")
    func again() {
        #expect(Claimed(isUnknown: true, ifMatch: "v1", known: ServerState(state: Self.base, etag: "v1")).sent == "v1")
        #expect(Claimed(isUnknown: true, ifMatch: "v1", known: ServerState(state: Self.theirs, etag: "v2")).sent == "v1")
        #expect(Claimed(isUnknown: true, ifMatch: "v1", known: nil).sent == "v1")
    }

    @Test("it never goes out under the ETag of a state that it does not know; unchanged since, it is merged under a new key")
    func unseen() throws {
        var claimed = Claimed(isUnknown: true, ifMatch: "v2", known: ServerState(state: Self.theirs, etag: "v2"))
        #expect(claimed.sent == nil)
        try claimed.fetch(.present(try Self.state(Self.theirs), etag: "v2"))
        #expect(claimed.sent == nil)
        #expect(claimed.revision?.payload == #"{"a":1,"b":2}"#)
        #expect(claimed.revision?.ifMatch == "v2")
        #expect(claimed.revision?.newKey != claimed.operation.idempotencyKey)
    }

    @Test("changed since, it goes out as it was under the ETag that is no more: its key brings the answer, or it meets a conflict")
    func changedSince() throws {
        var claimed = Claimed(isUnknown: true, ifMatch: "v2", known: ServerState(state: Self.theirs, etag: "v2"))
        try claimed.fetch(.present(try Self.state(#"{"a":1,"b":2}"#), etag: "v3"))
        #expect(claimed.sent == "v2")
    }

    @Test("where nothing is known it is fetched first, also after an outcome that is unknown", arguments: [false, true])
    func nothingKnown(isUnknown: Bool) throws {
        var unchanged = Claimed(isUnknown: isUnknown, ifMatch: nil, known: nil)
        #expect(unchanged.sent == nil)
        try unchanged.fetch(.present(try Self.state(Self.base), etag: "v1"))
        #expect(unchanged.sent == "v1")
        var changed = Claimed(isUnknown: isUnknown, ifMatch: nil, known: nil)
        try changed.fetch(.present(try Self.state(Self.theirs), etag: "v2"))
        #expect(changed.revision?.payload == #"{"a":1,"b":2}"#)
        var done = Claimed(isUnknown: isUnknown, ifMatch: nil, known: nil)
        try done.fetch(.present(try Self.state(#"{"a":1,"b":2}"#), etag: "v3"))
        #expect(done.actions.settlements.map(\.result) == [.processed])
    }

    @Test("a weak ETag keeps nobody from writing: what is there is fetched before the first write, and merged", arguments: [false, true])
    func weakETag(isUnknown: Bool) throws {
        var claimed = Claimed(isUnknown: isUnknown, ifMatch: "W/\"1\"", known: ServerState(state: Self.base, etag: "W/\"1\""))
        #expect(claimed.sent == nil)
        try claimed.fetch(.present(try Self.state(Self.theirs), etag: "W/\"2\""))
        #expect(claimed.sent == nil)
        #expect(claimed.revision?.payload == #"{"a":1,"b":2}"#)
    }

    @Test("what can't be fetched is merged with what is known: had it been applied, that ETag would be no more")
    func noFetch() throws {
        var claimed = Claimed(isUnknown: true, ifMatch: "v2", known: ServerState(state: Self.theirs, etag: "v2"))
        try claimed.fetch(.failed(.refused(.permanent, Answer(status: 405))))
        #expect(claimed.sent == nil)
        #expect(claimed.revision?.payload == #"{"a":1,"b":2}"#)
    }

    @Test("one in doubt is looked up first, and merged when it was not applied")
    func doubt() throws {
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: Self.configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.payload = Self.payload
        claim.operation.base = Self.base
        claim.operation.ifMatch = "v2"
        claim.operation.server = ServerState(state: Self.theirs, etag: "v2")
        claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -86_400_000)
        var attempt: Int64?
        for case .look(_, let number, _, _) in bench.give(.exchanged(.success(ExchangeResult(claims: [claim])))) { attempt = number }
        var actions = bench.give(.looked(seq: 1, attempt: try #require(attempt), .notApplied))
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(actions.sends.isEmpty)
        guard case .revised(let revision) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(revision.payload == #"{"a":1,"b":2}"#)
    }
}
