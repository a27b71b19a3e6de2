import GuardianCore
import GuardianTesting
import Testing

extension ProcessorTests {
    /// Ten failures in a row. Returns what it wants done then.
    private func openBreaker(_ bench: inout ProcessorBench) -> [Processor.Action] {
        let sends = bench.claims(1...10).sends
        #expect(sends.count == 10)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        var actions: [Processor.Action] = []
        for send in sends { actions += bench.give(.attempted(seq: send.seq, attempt: send.attempt, .unanswered(.refused, detail: ""))) }
        return actions + bench.give(.exchanged(.success(ExchangeResult())))
    }

    private func coolDown(_ actions: [Processor.Action]) -> Int64? {
        for case .breakerOpened(let milliseconds) in actions.events { return milliseconds }
        return nil
    }

    @Test("an open breaker is saved with its time, and the next processor waits for what is left of it, then probes once")
    func adoptsTheBreaker() throws {
        var old = ProcessorBench(workers: 16)
        _ = old.begin()
        let actions = openBreaker(&old)
        let coolDownMs = try #require(coolDown(actions))
        let health = try #require(actions.exchanges.compactMap(\.health).last)
        #expect(health == OriginHealth(openUntil: old.now.wall.adding(milliseconds: coolDownMs), trips: 1))

        var next = ProcessorBench(workers: 16, owner: "q")
        next.pass(ms: 20_000)
        let begun = next.begin(epoch: 2, control: Control(health: health))
        #expect(begun.exchanges.allSatisfy { $0.urgent + $0.normal == 0 })
        #expect(next.processor.breaker.state == .open(until: coolDownMs))
        next.pass(ms: coolDownMs - 20_001)
        #expect(next.give(.tick).exchanges.allSatisfy { $0.urgent + $0.normal == 0 })
        _ = next.give(.exchanged(.success(ExchangeResult())))
        next.pass(ms: 1)
        let probing = next.give(.tick)
        #expect(probing.events == [.breakerProbing])
        #expect(probing.exchanges.map(\.normal) == [1])
        let probe = next.claims(1...3, epoch: 2)
        #expect(probe.sends.count == 1)
        let closed = next.give(.attempted(seq: 1, attempt: probe.sends[0].attempt, Self.ok))
        #expect(closed.events.contains(.breakerClosed))
        let saved = closed + next.give(.exchanged(.success(ExchangeResult())))
        #expect(saved.exchanges.compactMap(\.health).last == OriginHealth(trips: 1))
    }

    @Test("a breaker that was open when its processor died is probed, not taken for closed, although its time has passed since")
    func adoptsAnOverdueBreaker() {
        var bench = ProcessorBench(workers: 16)
        bench.pass(ms: 3_600_000)
        let health = OriginHealth(openUntil: bench.now.wall.adding(milliseconds: -1), trips: 1)
        let actions = bench.begin(control: Control(health: health)) + bench.claims(1...10)
        #expect(actions.events.contains(.breakerProbing))
        #expect(actions.sends.count == 1)
    }

    @Test("a hold is saved, and kept by the next processor for what is left of it")
    func adoptsTheHold() throws {
        var old = ProcessorBench()
        _ = old.begin()
        let send = old.claims(1...1).sends[0]
        _ = old.give(.exchanged(.success(ExchangeResult())))
        let held = old.give(.attempted(seq: 1, attempt: send.attempt, .status(503, retryAfterMs: 60_000)))
        let until = try #require(held.exchanges.compactMap(\.health).last?.holdUntil)
        #expect((60_000...65_000).contains(until.milliseconds - old.now.wall.milliseconds))

        var next = ProcessorBench(owner: "q")
        next.pass(ms: 1000)
        _ = next.begin(epoch: 2, control: Control(health: OriginHealth(holdUntil: until)))
        #expect(next.processor.holdUntil == until.milliseconds - old.now.wall.milliseconds)
    }

    @Test("late answers of attempts from before the breaker opened neither close it nor open it again")
    func ignoresLateAnswers() {
        var bench = ProcessorBench(workers: 16)
        _ = bench.begin()
        let sends = bench.claims(1...12).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        for send in sends.prefix(10) { _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(503))) }
        let state = bench.processor.breaker.state
        let late = bench.give(.attempted(seq: sends[10].seq, attempt: sends[10].attempt, Self.ok))
        #expect(bench.processor.breaker.state == state)
        #expect(late.events.isEmpty)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        bench.pass(ms: 72_000)
        _ = bench.give(.tick)
        _ = bench.give(.attempted(seq: sends[11].seq, attempt: sends[11].attempt, .status(503)))
        #expect(bench.processor.breaker.state == .halfOpen(probing: false))
    }

    @Test("a create whose outcome was unknown, and which a look finds applied, gets the id that the upstream has given it")
    func lookBringsTheID() throws {
        var configuration = ProcessorConfiguration()
        configuration.assignsIDs = ["room"]
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.type = "create"
        claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -2 * 86_400_000)
        var attempt: Int64?
        for case .look(_, let number, _, _) in bench.give(.exchanged(.success(ExchangeResult(claims: [claim])))) { attempt = number }
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let found = Look.applied(["id": "s1", "n": 1], etag: "\"v1\"")
        let told = bench.give(.looked(seq: 1, attempt: try #require(attempt, "no look"), found))
        let settlement = try #require(told.settlements.first)
        #expect(settlement.result == .processed && settlement.assignedID == "s1")
        #expect(settlement.server?.etag == "\"v1\"")
    }

    @Test("a 4xx never opens the breaker, also one that is asked again", arguments: [408, 425, 429])
    func tripsForNoRequest(status: Int) {
        var bench = ProcessorBench(workers: 32)
        _ = bench.begin()
        let sends = bench.claims(1...20).sends
        #expect(sends.count == 20)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        for send in sends { _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(status))) }
        #expect(bench.processor.breaker.state == .closed)
    }

    @Test("where a route says that a 429, or one with Retry-After, is final, the write fails and nobody waits", arguments: [429, 503])
    func overriddenWait(status: Int) {
        var bench = ProcessorBench()
        _ = bench.begin()
        let send = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        var answer = Answer(status: status, retryAfterMs: 60_000)
        answer.isOverridden = true
        let told = bench.give(.attempted(seq: 1, attempt: send.attempt, .refused(.permanent, answer)))
        let error = LastError(class: .permanent, code: "HTTP_\(status)", httpStatus: status, message: "")
        #expect(told.settlements.map(\.result) == [.failed(error)])
        #expect(bench.processor.holdUntil <= bench.now.steady && bench.processor.pacer.rate == nil)
    }

    @Test("a late 401 for an old token does not lift the pause that the new one brought about")
    func staysPaused() {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        let sends = bench.claims(1...2).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(401))).asksForToken)
        let again = bench.give(.tokenAnswered(.success("new"))).sends
        #expect(again.map(\.token) == ["new"])
        #expect(bench.give(.attempted(seq: 1, attempt: again[0].attempt, .status(401))).events.isEmpty)
        // One exchange may have been under way before; the next one writes the pause.
        var told = bench.give(.exchanged(.success(ExchangeResult(pauses: [.auth])))).events
        told += bench.give(.exchanged(.success(ExchangeResult(pauses: [.auth])))).events
        #expect(told == [.paused(.auth)])
        _ = bench.give(.attempted(seq: 2, attempt: sends[1].attempt, .status(401)))
        let after = bench.give(.tokenAnswered(.success("new")))
        #expect(!after.events.contains(.resumed(.auth)) && after.sends.isEmpty)
    }

    @Test("a renewal that fails before its token has ended is told with its cause, and delivery goes on")
    func earlyRenewalFails() {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        _ = bench.give(.tokenAnswered(.success(Token("old", renewInMs: 30_000))))
        bench.pass(ms: 30_000)
        #expect(bench.give(.tick).asksForToken)
        let failed = bench.give(.tokenAnswered(.failure(.init("timeout: no answer"))))
        #expect(failed.events == [.tokenRefreshed(success: false, reason: "timeout: no answer")])
        #expect(bench.processor.pauses.isEmpty)
        bench.pass(ms: 9_999)
        #expect(!bench.give(.tick).asksForToken)
        bench.pass(ms: 1)
        #expect(bench.give(.tick).asksForToken)
    }

    @Test("a pause of the engine's own is told when it is on disk, so that whoever lifts it then is heard")
    func tellsPausesAfterTheCommit() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let send = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let decided = bench.give(.attempted(seq: 1, attempt: send.attempt, .status(426)))
        #expect(decided.exchanges.map(\.pauses) == [[.upgrade: true]])
        #expect(decided.events.isEmpty)
        let failed = bench.give(.exchanged(.failure(.unavailable("busy"))))
        #expect(!failed.events.contains(.paused(.upgrade)))
        bench.pass(ms: 6000)
        #expect(bench.give(.tick).exchanges.map(\.pauses) == [[.upgrade: true]])
        #expect(bench.give(.exchanged(.success(ExchangeResult(pauses: [.upgrade])))).events == [.paused(.upgrade)])
        // A person has lifted it in the meantime.
        _ = bench.give(.wake)
        bench.pass(ms: 6000)
        _ = bench.give(.tick)
        #expect(bench.give(.exchanged(.success(ExchangeResult()))).events == [.resumed(.upgrade)])
        #expect(bench.processor.pauses.isEmpty)
    }

    @Test("while its store fails, a processor that has results to write sleeps until it may ask again")
    func sleepsWhileTheStoreFails() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let send = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        _ = bench.give(.attempted(seq: 1, attempt: send.attempt, Self.ok))
        bench.pass(ms: 50)
        _ = bench.give(.exchanged(.failure(.unavailable("busy"))))
        #expect(bench.processor.deadline(now: bench.now) >= bench.now.steady + 100)
    }

    @Test("a wall clock that was set back asks for retries to be clamped; one set forward or a slow one does not")
    func clampsAfterAStep() {
        var bench = ProcessorBench()
        _ = bench.begin()
        bench.now.wall = bench.now.wall.adding(milliseconds: -1999)
        #expect(!bench.give(.tick).clampsRetries)
        bench.now.wall = bench.now.wall.adding(milliseconds: -10_000)
        let back = bench.give(.tick)
        #expect(back.clampsRetries && back.events == [.clockStepped(milliseconds: -10_000)])
        bench.now.wall = bench.now.wall.adding(milliseconds: 3_600_000)
        let forward = bench.give(.tick)
        #expect(!forward.clampsRetries && forward.events == [.clockStepped(milliseconds: 3_600_000)])
        bench.pass(ms: 3_600_000)
        #expect(bench.give(.tick).events.allSatisfy { !$0.isNamed("clock_stepped") })
    }

    @Test("a look is told whether the upstream may have given what was created another id", arguments: [false, true])
    func looksKnowWhoGivesIDs(assigns: Bool) {
        var configuration = ProcessorConfiguration()
        if assigns { configuration.assignsIDs = ["room"] }
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.type = "create"
        claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -86_400_000)
        let actions = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let told: [Bool] = actions.compactMap { if case .look(let claim, _, _, _) = $0 { claim.operation.opensLocalID } else { nil } }
        #expect(told == [assigns])
    }

    @Test("an id that no store could hold is not taken from an answer", arguments: [("s1", "s1"), ("s\0", nil)])
    func takesIDs(given: String, taken: String?) {
        var configuration = ProcessorConfiguration()
        configuration.assignsIDs = ["room"]
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.type = "create"
        let sends = bench.give(.exchanged(.success(ExchangeResult(claims: [claim])))).sends
        var actions = bench.give(.exchanged(.success(ExchangeResult())))
        for send in sends {
            let answer = Answer(status: 201, data: ["id": .string(given)])
            actions += bench.give(.attempted(seq: send.seq, attempt: send.attempt, .accepted(answer)))
        }
        #expect(actions.settlements.map(\.assignedID) == [taken])
    }

    @Test("drained, it gives back what it has not sent as unsent and what was interrupted as returned, then frees the lock")
    func drains() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...5).sends
        #expect(sends.count == 3)
        _ = bench.give(.drain)
        var actions = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(actions.settlements.map(\.result) == [.unsent, .unsent])
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        bench.pass(ms: 10_000)
        let late = bench.give(.tick)
        #expect(late.interruptsAll && late.renewsLock)
        actions = bench.give(.renewed(.success(()), begunAt: bench.now.steady))
        for send in sends { actions += bench.give(.attempted(seq: send.seq, attempt: send.attempt, .interrupted)) }
        for _ in 0..<3 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
        #expect(actions.settlements.map(\.result) == [.returned, .returned, .returned])
        #expect(actions.contains { if case .releaseLock(let fence) = $0 { fence == bench.fence(1) } else { false } })
        #expect(bench.give(.lockReleased).events == [.drained])
        #expect(bench.processor.isFinished && bench.processor.deadline(now: bench.now) == .max)
        #expect(bench.give(.wake).isEmpty)
    }
}
