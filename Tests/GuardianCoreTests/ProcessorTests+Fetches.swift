import GuardianCore
import GuardianTesting
import Testing

/// What is asked of the upstream before or after a write, and what may have changed when the answer comes.
extension ProcessorTests {
    /// One that has the lock, and a token of the principal `a`.
    private func bench(_ policy: ConflictPolicy = .manual) -> ProcessorBench {
        var configuration = ProcessorConfiguration()
        configuration.conflicts = ConflictRules(standard: policy)
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.give(.tick)
        _ = bench.give(.lockAnswered(.acquired(bench.fence(1), takenOver: nil, returned: 0), Control()))
        _ = bench.give(.tokenAnswered(.success(Token("of a", principal: "a"))))
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        return bench
    }

    /// The store's answer to the exchange under way: one claim, of an update by `a` unless it is changed.
    private func claim(in bench: inout ProcessorBench, _ change: (inout Operation) -> Void = { _ in }) -> [Processor.Action] {
        var claim = bench.claim(1)
        claim.operation.principal = "a"
        claim.operation.lastAttemptAt = bench.now.wall
        change(&claim.operation)
        return bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
    }

    /// Another user signs in.
    private func switchUser(_ bench: inout ProcessorBench) {
        bench.pass(ms: 2000)
        _ = bench.give(.tokenChanged)
        _ = bench.give(.tokenAnswered(.success(Token("of b", principal: "b"))))
    }

    /// What it wants done about `input` and about the answer to the exchange under way.
    private func give(_ input: Processor.Input, _ pauses: Set<Pause> = [], to bench: inout ProcessorBench) -> [Processor.Action] {
        bench.give(input) + bench.give(.exchanged(.success(ExchangeResult(pauses: pauses))))
    }

    /// Of an operation whose outcome has been unknown for a day: whether it was applied is asked.
    private func look(in bench: inout ProcessorBench) throws -> Send {
        let dayAgo = bench.now.wall.adding(milliseconds: -86_400_000)
        let actions = claim(in: &bench) { $0.unknownAt = dayAgo }
        return try #require(actions.looks.first)
    }

    @Test("a look that ends when another user has signed in sends nothing with their token: the claim goes back unsent")
    func switchDuringALook() throws {
        var bench = bench()
        let look = try look(in: &bench)
        #expect(look.token == "of a")
        switchUser(&bench)
        let after = give(.looked(seq: 1, attempt: look.attempt, .notApplied), to: &bench)
        #expect(after.sends.isEmpty)
        #expect(after.settlements.map(\.result) == [.unsent])
    }

    @Test("a look that ends when delivery is paused, or the upstream has asked to wait, is followed by no write")
    func stopDuringALook() throws {
        var paused = bench()
        var look = try look(in: &paused)
        _ = paused.give(.exchanged(.success(ExchangeResult(pauses: [.operator]))))
        let after = give(.looked(seq: 1, attempt: look.attempt, .notApplied), [.operator], to: &paused)
        #expect(after.sends.isEmpty)
        #expect(after.settlements.map(\.result) == [.unsent])

        var held = bench()
        look = try self.look(in: &held)
        let sends = held.claims(2...2).sends
        let other = try #require(sends.first)
        _ = held.give(.attempted(seq: 2, attempt: other.attempt, .status(429, retryAfterMs: 60_000)))
        let later = give(.looked(seq: 1, attempt: look.attempt, .notApplied), to: &held)
        #expect(later.sends.isEmpty)
        #expect(later.settlements.contains { $0.seq == 1 && $0.result == .unsent })
    }

    @Test("a look that finds nothing applied, while all is as it was, is followed by the write")
    func writesAfterALook() throws {
        var bench = bench()
        let look = try look(in: &bench)
        let after = give(.looked(seq: 1, attempt: look.attempt, .notApplied), to: &bench)
        #expect(after.sends.map(\.token) == ["of a"])
    }

    @Test("what is fetched before the first write is not written with the token of who has signed in meanwhile")
    func switchDuringAFetch() throws {
        var bench = bench(.merge(ThreeWayMerge()))
        let claimed = claim(in: &bench) { ($0.payload, $0.base) = (#"{"n":1}"#, #"{"n":0}"#) }
        let fetch = try #require(claimed.fetches.first)
        #expect(fetch.token == "of a")
        switchUser(&bench)
        let after = give(.fetched(seq: 1, attempt: fetch.attempt, .present(["n": 0], etag: "v1")), to: &bench)
        #expect(after.sends.isEmpty)
        #expect(after.settlements.map(\.result) == [.unsent])
    }

    @Test("the other side of a conflict is not fetched with the token of who has signed in meanwhile: a delete is not taken for done")
    func switchBeforeAConflict() throws {
        var bench = bench()
        let claimed = claim(in: &bench) { ($0.type, $0.payload) = ("delete", nil) }
        let send = try #require(claimed.sends.first)
        switchUser(&bench)
        let after = give(.attempted(seq: 1, attempt: send.attempt, .refused(.conflict, Answer(status: 409))), to: &bench)
        #expect(after.fetches.isEmpty)
        guard case .retry(let due, _, let error, false, _, nil) = after.settlements.first?.result else {
            Issue.record("settled as \(after.settlements)")
            return
        }
        #expect(due == bench.now.wall && error.class == .conflict)
    }

    @Test("a 401 to the fetch of a conflict's other side is no reason to write again: it is fetched with the next token")
    func fetchesWithTheNextToken() throws {
        var bench = bench()
        let claimed = claim(in: &bench) { ($0.type, $0.payload) = ("delete", nil) }
        let send = try #require(claimed.sends.first)
        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .refused(.conflict, Answer(status: 409))))
        let first = try #require(refused.fetches.first)
        let asks = bench.give(.fetched(seq: 1, attempt: first.attempt, .failed(.refused(.auth, Answer(status: 401)))))
        #expect(asks.asksForToken)
        let answered = bench.give(.tokenAnswered(.success(Token("next of a", principal: "a"))))
        #expect((asks + answered).sends.isEmpty)
        let second = try #require(answered.fetches.first)
        #expect(second.token == "next of a")
        let ended = give(.fetched(seq: 1, attempt: second.attempt, .gone), to: &bench)
        #expect(ended.settlements.map(\.result) == [.processed])
    }

    @Test("a fetch that gets no answer leaves no write in doubt: the refusal has shown that it had no effect")
    func unansweredFetch() throws {
        var bench = bench()
        let claimed = claim(in: &bench)
        let send = try #require(claimed.sends.first)
        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .refused(.conflict, Answer(status: 412))))
        let fetch = try #require(refused.fetches.first)
        let timedOut = Fetch.failed(.unanswered(.timeout, detail: ""))
        let ended = give(.fetched(seq: 1, attempt: fetch.attempt, timedOut), to: &bench)
        guard case .retry(_, _, _, _, _, nil) = ended.settlements.first?.result else {
            Issue.record("settled as \(ended.settlements)")
            return
        }
    }

    @Test("an edit of what is there, refused only for the ETag that we knew, is not dropped: it names the one that is there")
    func onlyOurETagWasOld() throws {
        var bench = bench(.serverWins)
        let claimed = claim(in: &bench) { ($0.payload, $0.base, $0.ifMatch) = (#"{"n":1}"#, #"{"n":0}"#, "\"v1\"") }
        let send = try #require(claimed.sends.first)
        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .refused(.conflict, Answer(status: 412))))
        let fetch = try #require(refused.fetches.first)
        let ended = give(.fetched(seq: 1, attempt: fetch.attempt, .present(["n": 0], etag: "\"v2\"")), to: &bench)
        guard case .revised(let revision) = ended.settlements.first?.result else {
            Issue.record("settled as \(ended.settlements)")
            return
        }
        #expect(revision.payload == #"{"n":1}"# && revision.ifMatch == "\"v2\"" && revision.wasRefused)
    }

    /// Whether it is to be tried again after as long as was asked, with no outcome unknown.
    private func waits(_ settlement: Settlement?, askedMs: Int64, in bench: ProcessorBench) -> Bool {
        guard case .retry(let due, _, _, _, _, nil) = settlement?.result else { return false }
        return due >= bench.now.wall.adding(milliseconds: askedMs)
    }

    @Test("a fetch that is refused and asked to wait is made again later: no conflict is left to a person for it", arguments: [403, 409])
    func conflictAskedToWait(status: Int) throws {
        var bench = bench()
        let claimed = claim(in: &bench)
        let send = try #require(claimed.sends.first)
        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .refused(.conflict, Answer(status: 409))))
        let fetch = try #require(refused.fetches.first)
        let asked = Fetch.failed(.status(status, retryAfterMs: 20_000))
        let ended = give(.fetched(seq: 1, attempt: fetch.attempt, asked), to: &bench)
        #expect(waits(ended.settlements.first, askedMs: 20_000, in: bench), "settled as \(ended.settlements)")
        #expect(bench.processor.holdUntil >= bench.now.steady + 20_000)
    }

    @Test("a fetch before the first write that is refused and asked to wait is followed by no write unseen", arguments: [403, 409])
    func lookAheadAskedToWait(status: Int) throws {
        var bench = bench(.merge(ThreeWayMerge()))
        let claimed = claim(in: &bench) { ($0.payload, $0.base) = (#"{"n":1}"#, #"{"n":0}"#) }
        let fetch = try #require(claimed.fetches.first)
        let asked = Fetch.failed(.status(status, retryAfterMs: 20_000))
        let ended = give(.fetched(seq: 1, attempt: fetch.attempt, asked), to: &bench)
        #expect(ended.sends.isEmpty)
        #expect(waits(ended.settlements.first, askedMs: 20_000, in: bench), "settled as \(ended.settlements)")
    }
}
