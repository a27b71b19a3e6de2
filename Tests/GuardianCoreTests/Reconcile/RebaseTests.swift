import GuardianCore
import Testing

/// An edit is written only over a state that it knows, also when it goes out again after an outcome that is unknown.
@Suite struct RebaseTests {
    private static let base = #"{"a":0,"b":0}"#
    private static let payload = #"{"a":1,"b":0}"#
    private static let theirs = #"{"a":0,"b":2}"#
    private static let both = #"{"a":1,"b":2}"#

    /// A state that says its version, if there is one.
    private static func at(_ version: Int?, _ text: String) -> String {
        guard let version else { return text }
        return #"{"version":\#(version),"# + String(text.dropFirst())
    }

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

        init(
            isUnknown: Bool, ifMatch: String?, known: ServerState?, base: String = RebaseTests.base, payload: String = RebaseTests.payload
        ) {
            bench.processor = Processor(owner: "p", configuration: configuration)
            _ = bench.begin()
            var claim = bench.claim(1)
            claim.operation.idempotencyKey = UniqueID(high: 0x4000, low: 7)
            claim.operation.payload = payload
            claim.operation.base = base
            claim.operation.ifMatch = ifMatch
            claim.operation.server = known
            claim.operation.lastAttemptAt = bench.now.wall
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

    @Test("one that was never sent is merged without a request with what is known, where that is newer by its version")
    func first() {
        let claimed = Claimed(
            isUnknown: false, ifMatch: "v2", known: ServerState(state: Self.at(2, Self.theirs), etag: "v2"), base: Self.at(1, Self.base),
            payload: Self.at(1, Self.payload))
        #expect(claimed.revision?.payload == Self.at(2, Self.both))
        #expect(claimed.sent == nil)
    }

    @Test(
        "where the base may be newer than what is known, nothing is settled by that: an edit back to what was there before is sent",
        arguments: [(nil, nil), (2, 2), (3, 2), (3, nil)] as [(Int?, Int?)])
    func knownMayBeOlder(version: Int?, knownVersion: Int?) throws {
        // Our last answer said a = 1; another has set it to 0; the user has read that, and sets it to 1 again.
        let base = Self.at(version, Self.base)
        let known = ServerState(state: Self.at(knownVersion, Self.payload), etag: "v1")
        for payload in [Self.payload, #"{"a":1,"b":3}"#] {
            var claimed = Claimed(isUnknown: false, ifMatch: "v1", known: known, base: base, payload: Self.at(version, payload))
            #expect(claimed.actions.settlements.isEmpty)
            #expect(claimed.sent == nil)
            try claimed.fetch(.present(try Self.state(base), etag: "v2"))
            #expect(claimed.actions.settlements.isEmpty)
            #expect(claimed.sent == "v2")
        }
    }

    @Test("an edit that what is known has already is done only when it is found there", arguments: [true, false])
    func doneByOthers(isThere: Bool) throws {
        var claimed = Claimed(
            isUnknown: false, ifMatch: "v2", known: ServerState(state: Self.at(2, Self.both), etag: "v2"), base: Self.at(1, Self.base),
            payload: Self.at(1, Self.payload))
        #expect(claimed.actions.settlements.isEmpty)
        try claimed.fetch(.present(try Self.state(isThere ? Self.at(2, Self.both) : Self.at(3, Self.theirs)), etag: "v3"))
        if isThere {
            #expect(claimed.actions.settlements.map(\.result) == [.processed])
        } else {
            #expect(claimed.revision?.payload == Self.at(3, Self.both))
        }
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

    @Test("an edit that what is known has already, where nothing can be fetched, is sent over that state only, and not taken for done")
    func doneByHearsay() throws {
        var claimed = Claimed(isUnknown: false, ifMatch: "v2", known: ServerState(state: Self.both, etag: "v2"))
        try claimed.fetch(.failed(.refused(.permanent, Answer(status: 405))))
        #expect(claimed.actions.settlements.count == 1)
        #expect(claimed.revision?.payload == Self.both)
        #expect(claimed.revision?.ifMatch == "v2")
        #expect(claimed.revision?.wasRefused == false)
    }

    @Test(
        "a 401 to the fetch is no leave to write unseen: it is fetched with the next token, or with the one that has come meanwhile",
        arguments: [false, true])
    func fetchedWithTheNextToken(isThereAlready: Bool) throws {
        var claimed = Claimed(isUnknown: false, ifMatch: nil, known: nil)
        if isThereAlready { claimed.actions += claimed.bench.give(.tokenAnswered(.success("new"))) }
        try claimed.fetch(.failed(.refused(.auth, Answer(status: 401))))
        if !isThereAlready {
            #expect(claimed.actions.asksForToken)
            #expect(claimed.sent == nil)
            claimed.actions = claimed.bench.give(.tokenAnswered(.success("new")))
        }
        #expect(claimed.actions.fetches.map(\.token) == ["new"])
        #expect(claimed.sent == nil)
        try claimed.fetch(.present(try Self.state(Self.base), etag: "v1"))
        #expect(claimed.sent == "v1")
        let send = try #require(claimed.actions.sends.first)
        var ended = claimed.bench.give(.attempted(seq: 1, attempt: send.attempt, .unanswered(.timeout, detail: "")))
        ended += claimed.bench.give(.exchanged(.success(ExchangeResult())))
        guard case .retry(_, _, _, _, _, let unknownAt) = ended.settlements.first?.result else {
            Issue.record("settled as \(ended.settlements)")
            return
        }
        #expect(unknownAt == claimed.operation.lastAttemptAt, "it may have been applied")
    }

    @Test("one in doubt is looked up first, and merged with what is there when it was not applied")
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
        let fetch = try #require(actions.fetches.first, "nothing is fetched: \(actions)")
        actions += bench.give(.fetched(seq: 1, attempt: fetch.attempt, .present(try Self.state(Self.theirs), etag: "v2")))
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(actions.sends.isEmpty)
        guard case .revised(let revision) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(revision.payload == #"{"a":1,"b":2}"#)
    }
}
