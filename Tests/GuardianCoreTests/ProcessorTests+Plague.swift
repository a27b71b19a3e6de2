import GuardianCore
import GuardianTesting
import Testing

/// What a processor does while a plague holds delivery, and what looks say of it.
extension ProcessorTests {
    /// Delivery was held by a plague when the processor began.
    private func held() -> ProcessorBench {
        var bench = ProcessorBench()
        var health = OriginHealth()
        (health.plagueSince, health.plagueStatus) = (bench.now.wall, 403)
        _ = bench.begin(control: Control(health: health))
        return bench
    }

    /// A probe by this operation, `ms` later, that is refused.
    private func probeInVain(_ seq: Int64, after ms: Int64, in bench: inout ProcessorBench) -> [Processor.Action] {
        bench.pass(ms: ms)
        var actions = bench.give(.tick)
        if actions.renewsLock { actions += bench.give(.renewed(.success(()), begunAt: bench.now.steady)) }
        let sends = bench.claims(seq...seq).sends
        #expect(sends.map(\.seq) == [seq])
        for send in sends { actions += bench.give(.attempted(seq: seq, attempt: send.attempt, .status(403))) }
        return actions + bench.give(.exchanged(.success(ExchangeResult())))
    }

    /// A claim of what was sent so long ago that it is looked up first.
    private func inDoubt(_ seq: Int64, in bench: ProcessorBench) -> Claim {
        var claim = bench.claim(seq)
        claim.operation.unknownAt = bench.now.wall.adding(milliseconds: -90_000_000)
        return claim
    }

    @Test("a plague that a restart has met goes on for hours and fails nothing: those it is asked with in vain are witnesses")
    func longPlague() {
        var bench = held()
        var actions: [Processor.Action] = []
        for seq in Int64(1)...8 { actions += probeInVain(seq, after: 40_000, in: &bench) }
        actions += probeInVain(9, after: 7_200_000, in: &bench)
        #expect(bench.processor.plague.isHeld)
        actions += probeInVain(10, after: 40_000, in: &bench)
        #expect(actions.settlements.count == 10)
        #expect(actions.settlements.allSatisfy { if case .failed = $0.result { false } else { true } })
    }

    @Test("a look that finds an effect ends no hold of a plague: that asking works says nothing of writes")
    func lookWhileHeld() throws {
        var bench = held()
        let claim = inDoubt(1, in: bench)
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let attempt = try #require(claimed.looks.first?.attempt)
        var actions = bench.give(.looked(seq: 1, attempt: attempt, .applied()))
        actions += bench.give(.exchanged(.success(ExchangeResult(settled: [true]))))
        #expect(bench.processor.plague.isHeld)
        #expect(actions.settlements.map(\.result) == [.processed])
        #expect(actions.events == [.processed(id: .text("n1"), latencyMs: 0, httpStatus: 200)])
        bench.pass(ms: 40_000)
        _ = bench.give(.tick)
        let next = bench.claims(2...2).sends.map(\.seq)
        #expect(next == [2], "the next one asks")
    }

    @Test("a look that finds an effect speaks for no write: one that waits for judgement goes on waiting")
    func lookDuringJudgement() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        let sends = bench.claims(1...2).sends
        #expect(sends.count == 2)
        _ = bench.give(.exchanged(.success(ExchangeResult())))
        _ = bench.give(.attempted(seq: 1, attempt: sends[0].attempt, .status(403)))
        let claim = inDoubt(3, in: bench)
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let attempt = try #require(claimed.looks.first?.attempt)
        var actions = bench.give(.looked(seq: 3, attempt: attempt, .applied()))
        for _ in 0..<2 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
        #expect(actions.settlements.map(\.seq) == [3])
    }
}
