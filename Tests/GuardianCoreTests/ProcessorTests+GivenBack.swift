import GuardianCore
import GuardianTesting
import Testing

/// What goes back to its line without having been delivered, and what is known of its outcome then.
extension ProcessorTests {
    /// Drains until the time is up, ends the fetch as interrupted, and says what is written then.
    private func interrupt(_ attempt: Int64, in bench: inout ProcessorBench) -> [Settlement] {
        var actions = bench.give(.drain)
        bench.pass(ms: 10_000)
        actions += bench.give(.tick)
        actions += bench.give(.fetched(seq: 1, attempt: attempt, .failed(.interrupted)))
        for _ in 0..<3 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
        return actions.settlements
    }

    @Test(
        "what was refused by an answer that stops delivery goes back with what was unknown before: its own attempt had no effect",
        arguments: ["426", "401 and no other token", "401 and a shutdown"], [false, true])
    func refusedAtAStandstill(how: String, wasUnknown: Bool) throws {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        var claim = bench.claim(1)
        claim.operation.lastAttemptAt = bench.now.wall
        if wasUnknown { claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -1000) }
        let sends = bench.give(.exchanged(.success(ExchangeResult(claims: [claim])))).sends
        let send = try #require(sends.first)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let status = how == "426" ? 426 : 401
        var actions = bench.give(.attempted(seq: 1, attempt: send.attempt, .status(status)))
        if how == "401 and no other token" { actions += bench.give(.tokenAnswered(.failure(.init("away")))) }
        if how == "401 and a shutdown" { actions += bench.give(.drain) }
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        let settlement = try #require(actions.settlements.first)
        #expect(settlement.result == .returned)
        #expect(settlement.standstill?.httpStatus == status)
        #expect(settlement.unknownAt == claim.operation.unknownAt)
    }

    @Test("one that waits for judgement at a shutdown goes back with the answer that it got, and has no unknown outcome")
    func accusedAtAShutdown() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...2).sends
        #expect(sends.count == 2)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        var actions = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(403)))
        #expect(actions.settlements.isEmpty)
        actions += bench.give(.drain)
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        guard case .retry(_, _, let error, let charged, _, let unknownAt) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(error.httpStatus == 403)
        #expect(!charged)
        #expect(unknownAt == nil)
    }

    @Test("a look ahead that a shutdown interrupts has sent nothing: its operation goes back unsent")
    func interruptedLookAhead() throws {
        var configuration = ProcessorConfiguration()
        configuration.conflicts = ConflictRules(standard: .merge(ThreeWayMerge()))
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.base = #"{"a":0}"#
        claim.operation.payload = #"{"a":1}"#
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let attempt = try #require(claimed.fetches.first?.attempt)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let settlements = interrupt(attempt, in: &bench)
        #expect(settlements.map(\.result) == [.unsent])
    }

    @Test("a write that was refused as a conflict had no effect, also where a shutdown interrupts the fetch after it")
    func interruptedConflict() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...1).sends
        let send = try #require(sends.first)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .status(409)))
        let attempt = try #require(refused.fetches.first?.attempt)
        let settlements = interrupt(attempt, in: &bench)
        guard settlements.count == 1, case .retry(_, _, let error, let charged, _, let unknownAt) = settlements[0].result else {
            Issue.record("settled as \(settlements)")
            return
        }
        #expect(error.httpStatus == 409)
        #expect(!charged)
        #expect(unknownAt == nil)
    }

    @Test(
        "only a 429, and a 503 that says when to come again, tell that a write had no effect: any other 5xx may be a gateway's",
        arguments: [
            (429, 1000, false), (503, 1000, false), (503, nil, true), (500, 1000, true), (502, 1000, true), (504, 1000, true),
        ] as [(Int, Int64?, Bool)])
    func gatewayThatAsksToWait(status: Int, retryAfterMs: Int64?, isUnknown: Bool) throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.lastAttemptAt = bench.now.wall
        let sends = bench.give(.exchanged(.success(ExchangeResult(claims: [claim])))).sends
        let send = try #require(sends.first)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        var actions = bench.give(.attempted(seq: 1, attempt: send.attempt, .status(status, retryAfterMs: retryAfterMs)))
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        guard case .retry(_, _, _, _, _, let unknownAt) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(unknownAt == (isUnknown ? claim.operation.lastAttemptAt : nil))
    }
}
