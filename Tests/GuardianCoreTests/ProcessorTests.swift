import GuardianCore
import GuardianTesting
import Testing

/// Delivery as a value: what happened goes in, what to do comes out.
@Suite struct ProcessorTests {
    static let ok = Outcome.status(200)

    @Test("a lock, a token, an exchange, a request, a settlement: each is asked for in its turn")
    func happyPath() {
        var bench = ProcessorBench()
        let start = bench.give(.tick)
        #expect(start.asksForLock && start.exchanges.isEmpty)
        let held = bench.give(.lockAnswered(.acquired(bench.fence(1), takenOver: nil, returned: 0), Control()))
        #expect(held.events == [.lockAcquired(epoch: 1)] && held.asksForToken)
        #expect(held.exchanges.map { $0.urgent + $0.normal } == [0])
        #expect(bench.give(.tokenAnswered(.success("t"))).isEmpty)
        let asked = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(asked.exchanges.map(\.fence) == [bench.fence(1)])
        #expect(asked.exchanges.map(\.normal) == [6] && asked.exchanges.map(\.urgent) == [8])

        let sent = bench.claims(1...1)
        #expect(sent.sends == [Send(seq: 1, attempt: 1, token: "t", timeoutMs: 30_000)])
        #expect(sent.events == [.claimed(id: .text("n1"), attempt: 1)])
        // The exchange under way brings nothing more.
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        bench.pass(ms: 42)
        let settled = bench.give(.attempted(seq: 1, attempt: 1, Self.ok))
        #expect(settled.settlements == [Settlement(seq: 1, id: .text("n1"), result: .processed)])
        #expect(settled.events.isEmpty, "told when it is committed")
        let told = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        #expect(told.events == [.processed(id: .text("n1"), latencyMs: 42, httpStatus: 200)])
    }

    @Test("an exchange that comes back stale gives the lease up: old claims are forgotten, and never settled under a new one")
    func staleExchange() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...5).sends
        #expect(sends.count == 3)
        let lost = bench.give(.exchanged(.failure(.stale)))
        #expect(lost.events == [.lockLost(epoch: 1)] && lost.interruptsAll)
        #expect(bench.processor.lease == nil)
        #expect(bench.give(.attempted(seq: sends[0].seq, attempt: sends[0].attempt, Self.ok)).isEmpty)

        bench.pass(ms: 500)
        let again = bench.begin(epoch: 2)
        #expect(again.events.contains(.lockAcquired(epoch: 2)))
        let late = bench.give(.attempted(seq: sends[1].seq, attempt: sends[1].attempt, Self.ok))
        #expect((again + late).settlements.isEmpty)
        #expect((again + late).exchanges.allSatisfy { $0.fence.epoch == 2 })
        #expect((again + late).sends.isEmpty)
    }

    @Test("a result that was not written when the lease was lost is dropped: the next lease settles nothing of the old one")
    func unwrittenResult() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let send = bench.claims(1...1).sends[0]
        #expect(bench.give(.attempted(seq: 1, attempt: send.attempt, Self.ok)).exchanges.isEmpty, "one exchange at a time")
        let lost = bench.give(.exchanged(.failure(.stale)))
        bench.pass(ms: 500)
        let again = bench.begin(epoch: 2) + bench.give(.exchanged(.success(ExchangeResult())))
        #expect((lost + again).settlements.isEmpty)
        #expect(!(lost + again).events.contains { $0.isNamed("processed") })
    }

    @Test("a settlement that found its claim no longer in force is not told as an end")
    func refusedSettlement() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...2).sends
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        let first = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, Self.ok))
        #expect(first.settlements.count == 1)
        let refused = bench.give(.exchanged(.success(ExchangeResult(settled: [false]))))
        #expect(!refused.events.contains { $0.isNamed("processed") })
        var second = bench.give(.attempted(seq: 2, attempt: sends[1].attempt, Self.ok))
        second += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(second.settlements.map(\.seq) == [2])
    }

    @Test("a pause in force when the lock is taken is told and holds before anything is claimed")
    func adoptsPauses() {
        var bench = ProcessorBench()
        _ = bench.give(.tick)
        let control = Control(pauses: [.operator])
        let held = bench.give(.lockAnswered(.acquired(bench.fence(1), takenOver: nil, returned: 0), control))
        #expect(held.events == [.lockAcquired(epoch: 1), .paused(.operator)])
        #expect(bench.processor.pauses == [.operator])
        let next = bench.give(.tokenAnswered(.success(nil))) + bench.give(.exchanged(.success(ExchangeResult(pauses: [.operator]))))
        #expect((held + next).exchanges.allSatisfy { $0.urgent + $0.normal == 0 })
    }

    @Test("the answer to an exchange of a lease that is over brings no claims, even when its fence is ours again")
    func lateExchange() {
        var bench = ProcessorBench()
        _ = bench.begin()
        bench.pass(ms: 10_000)
        #expect(bench.give(.tick).renewsLock)
        #expect(bench.give(.renewed(.failure(.stale), begunAt: bench.now.steady)).events == [.lockLost(epoch: 1)])
        bench.pass(ms: 500)
        #expect(bench.give(.tick).asksForLock)
        let held = bench.give(.lockAnswered(.acquired(bench.fence(2), takenOver: nil, returned: 2), Control()))
        #expect(held.exchanges.isEmpty, "one exchange at a time")
        let late = bench.claims(1...2, epoch: 1)
        #expect(late.sends.isEmpty && late.settlements.isEmpty)
        #expect(late.exchanges.map(\.fence.epoch) == [2])
    }

    @Test("an answer to an old attempt changes nothing, although the same operation is on the wire again")
    func lateAnswer() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let first = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.failure(.stale)))
        bench.pass(ms: 500)
        _ = bench.begin(epoch: 2)
        let second = bench.claims(1...1, epoch: 2).sends[0]
        #expect(second.seq == first.seq && second.attempt > first.attempt)
        _ = bench.give(.exchanged(.success(ExchangeResult())))

        let late = bench.give(.attempted(seq: 1, attempt: first.attempt, .status(422)))
        #expect(late.events.isEmpty && late.settlements.isEmpty)
        let answer = bench.give(.attempted(seq: 1, attempt: second.attempt, Self.ok))
        #expect(answer.settlements.map(\.result) == [.processed])
        #expect(bench.give(.attempted(seq: 1, attempt: second.attempt, .status(422))).settlements.isEmpty)
    }

    @Test("a request that waits for a token is gone with its lease: the token sends it only under the new claim, once")
    func tokenAfterTakeover() {
        var bench = ProcessorBench()
        _ = bench.begin()
        let first = bench.claims(1...1).sends[0]
        #expect(bench.give(.attempted(seq: 1, attempt: first.attempt, .status(401))).asksForToken)
        _ = bench.give(.exchanged(.failure(.stale)))
        bench.pass(ms: 500)
        _ = bench.give(.tick)
        _ = bench.give(.lockAnswered(.acquired(bench.fence(2), takenOver: nil, returned: 1), Control()))
        let claimed = bench.claims(1...1, epoch: 2)
        let answered = bench.give(.tokenAnswered(.success("new")))
        #expect((claimed + answered).sends.map(\.seq) == [1])
        #expect((claimed + answered).settlements.isEmpty)
    }

    @Test("numbers that were set out of their range after init are taken as the nearest that is in it")
    func clamps() {
        var configuration = ProcessorConfiguration()
        configuration.workers = 0
        configuration.settleBatch = 0
        configuration.pollMs = 0
        (configuration.drainMs, configuration.attemptTimeoutMs) = (-1, .max)
        configuration.retry = RetryPolicy(baseMs: 0, maxMs: .max, maxAttempts: -1)
        configuration.breaker = .init(failures: 0, windowMs: -1, coolDownMs: .max)
        configuration.lease = .init(heartbeatMs: 0, staleAfterMs: 50)
        let yearMs: Int64 = 31_536_000_000
        let nearest = ProcessorConfiguration(
            workers: 1, retry: RetryPolicy(baseMs: 1, maxMs: yearMs, maxAttempts: 1),
            breaker: .init(failures: 1, windowMs: 1, coolDownMs: yearMs), lease: .init(heartbeatMs: 100, staleAfterMs: 200),
            attemptTimeoutMs: 86_400_000, pollMs: 10, drainMs: 0, settleBatch: 1)
        #expect(Processor(owner: "p", configuration: configuration).configuration == nearest)

        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        #expect(bench.begin().exchanges.contains { $0.normal > 0 })
        let send = bench.claims(1...1).sends[0]
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.give(.attempted(seq: 1, attempt: send.attempt, Self.ok)).settlements.map(\.result) == [.processed])
        _ = bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.processor.deadline(now: bench.now) == bench.now.steady + 10)
    }

    @Test(
        "the upstream remembers keys for 0…1 year, whatever is set, for a processor and for whoever explains what it does",
        arguments: [Int64.min, -1, 0, 31_536_000_000, 31_536_000_001, .max])
    func clampsWindow(windowMs: Int64) async throws {
        var configuration = ProcessorConfiguration()
        configuration.idempotencyWindowMs = windowMs
        let nearest = min(max(windowMs, 0), 31_536_000_000)
        #expect(Processor(owner: "p", configuration: configuration).configuration.idempotencyWindowMs == nearest)
        let situation = try await Explanation.Situation(of: MemoryStore(), at: Timestamp(milliseconds: 0), for: configuration)
        #expect(situation.idempotencyWindowMs == nearest)
    }

    @Test("an engine takes its configuration so too, and remembers ids for ten years at most", arguments: [Int64.min, -1, 0, 24, .max])
    func engineClamps(hours: Int64) {
        var configuration = SyncEngine.Configuration(ledgerHours: hours)
        configuration.processor.lease.heartbeatMs = .min
        let engine = SyncEngine(store: MemoryStore(), transport: ScriptedTransport(), configuration: configuration)
        #expect(engine.configuration.ledgerHours == min(max(hours, 0), 87_600))
        #expect(engine.configuration.processor.lease.heartbeatMs == 100)
    }

    @Test("a request never outlives the lease, and none starts when the lease has no time left")
    func distrusts() {
        var bench = ProcessorBench()
        _ = bench.begin()
        // Distrusted a tenth before another may take over, at 108 s.
        bench.pass(ms: 100_000)
        _ = bench.give(.tick)
        #expect(bench.claims(1...1).sends.map(\.timeoutMs) == [8000])
        bench.pass(ms: 8000)
        let late = bench.claims(2...3)
        #expect(late.sends.isEmpty)
        #expect(late.settlements.map(\.result) == [.unsent, .unsent])
        #expect(late.exchanges.allSatisfy { $0.urgent + $0.normal == 0 })

        let renewed = bench.give(.renewed(.success(()), begunAt: bench.now.steady))
        #expect(renewed.sends.isEmpty)
        let answered = bench.give(.exchanged(.success(ExchangeResult())))
        #expect(answered.exchanges.map { $0.normal > 0 } == [true])
    }

    @Test("a lease counts from when its renewal was begun, not from when it was heard of")
    func renewsFromTheBeginning() {
        var bench = ProcessorBench()
        _ = bench.begin()
        bench.pass(ms: 10_000)
        #expect(bench.give(.tick).renewsLock)
        bench.pass(ms: 50_000)
        #expect(!bench.give(.tick).renewsLock, "one lock call at a time")
        #expect(bench.give(.renewed(.success(()), begunAt: 10_000)).renewsLock)
        #expect(bench.processor.lease?.trustedUntil == 118_000)
    }
}
