import GuardianCore
import GuardianTesting
import Testing

@Suite("What one processor learns of the upstream holds for all that share its store")
struct SharedHealthTests {
    private func breaker() -> CircuitBreaker { CircuitBreaker(policy: .init(failures: 2, windowMs: 1000, coolDownMs: 1000)) }

    @Test("a closed breaker opens with another's, for as long, and no answer from before counts")
    func opens() {
        var breaker = breaker()
        let before = breaker.generation
        let isSo1 = breaker.followOpen(forMs: 500, now: 100)
        #expect(isSo1 == .opened(until: 600))
        #expect(breaker.allowance(inFlight: 0) == 0)
        #expect(breaker.record(failed: false, generation: before, now: 200, unit: 0.5) == nil)
        let isSo2 = breaker.followOpen(forMs: 700, now: 200)
        #expect(isSo2 == nil)
        #expect(breaker.state == .open(until: 900))
    }

    @Test("an open breaker closes with another's probe; one whose own probe is out waits for it")
    func closes() {
        var breaker = breaker()
        _ = breaker.followOpen(forMs: 500, now: 0)
        let isSo3 = breaker.followClosed()
        #expect(isSo3 == .closed)
        _ = breaker.followOpen(forMs: 500, now: 0)
        let isSo4 = breaker.advance(now: 500)
        #expect(isSo4)
        let isSo5 = breaker.sent()
        #expect(isSo5)
        let isSo6 = breaker.followClosed()
        #expect(isSo6 == nil)
        let isSo7 = breaker.followOpen(forMs: 500, now: 500)
        #expect(isSo7 == nil)
        #expect(breaker.record(failed: false, generation: breaker.generation, now: 600, unit: 0.5) == .closed)
    }

    @Test("a hold that another has told of ends with that one's probe, and not by an answer that is older than the hold")
    func released() {
        var bench = ProcessorBench()
        var health = OriginHealth()
        health.plagueSince = bench.now.wall
        health.plagueStatus = 403
        let begun = bench.begin(control: Control(health: health))
        #expect(begun.exchanges.last?.isProbe == true)
        // Another one asks; what it has told before was of an earlier time.
        var waits = ExchangeResult()
        waits.awaitsProbe = true
        waits.shared = OriginHealth(trips: 1)
        #expect(!bench.give(.exchanged(.success(waits))).events.contains { $0.isNamed("plague_released") })
        bench.pass(ms: 500)
        #expect(bench.give(.tick).exchanges.map(\.isProbe) == [true], "it asks whether it is its turn")
        waits.awaitsProbe = false
        let free = bench.give(.exchanged(.success(waits)))
        #expect(free.events.contains { $0.isNamed("plague_released") } && free.clampsRetries)
        #expect(free.exchanges.map(\.isProbe) == [false])
    }

    private func plague(since: Timestamp) -> OriginHealth {
        var health = OriginHealth()
        (health.plagueSince, health.plagueStatus) = (since, 403)
        return health
    }

    @Test("a plague of another's holds here too: what waits for judgement goes back and does not fail")
    func joins() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...1).sends
        let refused = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(403)))
        #expect(refused.settlements.isEmpty)
        var told = ExchangeResult()
        told.shared = plague(since: bench.now.wall)
        let back = bench.give(.exchanged(.success(told)))
        #expect(back.settlements.map(\.seq) == [1] && bench.processor.plague.isHeld)
        guard case .retry(_, _, _, let charged, _, _) = back.settlements.first?.result else {
            Issue.record("it is not tried again")
            return
        }
        #expect(!charged && !back.events.contains { $0.isNamed("failed") })
    }

    @Test("that a plague has ended is said by whom it held, once its probe succeeds, and again when the store has not heard it")
    func ends() {
        var bench = ProcessorBench()
        _ = bench.begin(control: Control(health: plague(since: bench.now.wall)))
        let sends = bench.claims(1...1).sends
        var ended = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(200)))
        if ended.exchanges.isEmpty { ended = bench.give(.exchanged(.success(ExchangeResult()))) }
        let health = ended.exchanges.last?.health
        #expect(health?.endsPlague == true && health?.plagueStatus == nil)
        _ = bench.give(.exchanged(.failure(.unavailable("away"))))
        bench.pass(ms: 1000)
        let again = bench.give(.tick).exchanges.last?.health
        #expect(again?.endsPlague == true)
    }

    @Test("a plague's probe that is refused for good and asked to wait has ended: another goes when the wait is over")
    func probesAgain() {
        var bench = ProcessorBench()
        _ = bench.begin(control: Control(health: plague(since: bench.now.wall)))
        let probe = bench.claims(1...1).sends
        #expect(probe.count == 1)
        _ = bench.give(.attempted(seq: 1, attempt: probe[0].attempt, .status(403, retryAfterMs: 1000)))
        #expect(bench.processor.plague.isHeld)
        bench.pass(ms: 90_000)
        _ = bench.give(.tick)
        let next = bench.claims(2...3).sends
        #expect(next.map(\.seq) == [2])
    }

    @Test("what is learnt of the upstream while the last of it is being saved is saved too, and ends no plague")
    func learntMeanwhile() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...2).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let first = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(503, retryAfterMs: 60_000)))
        let before = try #require(first.exchanges.last?.health?.holdUntil)
        _ = bench.give(.attempted(seq: 2, attempt: sends[1].attempt, .status(503, retryAfterMs: 120_000)))
        let saved = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        let second = try #require(saved.exchanges.last?.health)
        let after = try #require(second.holdUntil)
        #expect(after > before && !second.endsPlague)
    }

    @Test("a hold on evidence of its own is not ended by another's word, and asks at once; one that was told is")
    func ownHold() {
        var own = PlagueDetector()
        for line in Int64(1)...8 { _ = own.refused(seq: line, line: line, status: 403, begun: line, now: 0) }
        let isOwn = own.isOwn
        #expect(isOwn && !own.mayProbe(now: 50))
        let isReleased = own.followReleased(heldBefore: 40, now: 50)
        #expect(!isReleased && own.isHeld && own.mayProbe(now: 50))
        var told = PlagueDetector()
        let others = told.join(status: 403, now: 0)
        #expect(others == nil && told.isHeld && !told.isOwn)
        let isOver = told.followReleased(heldBefore: 40, now: 50)
        #expect(isOver && !told.isHeld)
    }

    @Test("what has passed already opens nothing, and nothing is open longer than a cool-down")
    func bounds() {
        var breaker = breaker()
        let isSo8 = breaker.followOpen(forMs: -5, now: 100)
        #expect(isSo8 == nil)
        #expect(breaker.state == .closed)
        let isSo9 = breaker.followOpen(forMs: 1_000_000, now: 0)
        #expect(isSo9 == .opened(until: 1200))
    }
}
