import GuardianCore
import GuardianTesting
import Testing

/// What a processor does while a plague holds delivery, and what looks say of it.
extension ProcessorTests {
    /// Delivery was held by a plague when the processor began.
    private func held(_ policy: ConflictPolicy = .manual) -> ProcessorBench {
        var configuration = ProcessorConfiguration()
        configuration.conflicts = ConflictRules(standard: policy)
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin(control: Control(health: plague(in: bench)))
        return bench
    }

    /// What another processor says that holds delivery.
    private func plague(in bench: ProcessorBench) -> OriginHealth {
        var health = OriginHealth()
        (health.plagueSince, health.plagueStatus) = (bench.now.wall, 403)
        return health
    }

    /// The store's answer to the exchange under way: another processor holds delivery.
    private func hold(_ bench: inout ProcessorBench) -> [Processor.Action] {
        var told = ExchangeResult()
        told.shared = plague(in: bench)
        return bench.give(.exchanged(.success(told)))
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

    @Test(
        "a probe that was out when the lease was lost holds nothing for ever: the hold goes on, or is over, as the store has it",
        arguments: [false, true])
    func leaseLostDuringAProbe(isOver: Bool) {
        var bench = held()
        let probe = bench.claims(1...1).sends
        #expect(probe.count == 1)
        _ = bench.give(.exchanged(.failure(.stale)))
        bench.pass(ms: 500)
        let again = bench.begin(epoch: 2, control: isOver ? Control() : Control(health: plague(in: bench)))
        #expect(bench.processor.plague.isHeld == !isOver)
        #expect(again.events.contains { $0.isNamed("plague_released") } == isOver)
        #expect(again.exchanges.last?.isProbe == !isOver)
        let next = bench.claims(2...2, epoch: 2).sends
        #expect(next.map(\.seq) == [2])
    }

    @Test("looks that are refused accuse no write and hold nothing: each operation is left to a person, as one that may have been applied")
    func refusedLooks() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        var settlements: [Settlement] = []
        for seq in Int64(1)...8 {
            let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [inDoubt(seq, in: bench)]))))
            let look = try #require(claimed.looks.first)
            var actions = bench.give(.looked(seq: seq, attempt: look.attempt, .failed(.status(405))))
            for _ in 0..<2 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
            settlements += (claimed + actions).settlements
        }
        #expect(!bench.processor.plague.isHeld)
        #expect(settlements.count == 8)
        for settlement in settlements {
            guard case .failed(let error) = settlement.result else {
                Issue.record("settled as \(settlement)")
                continue
            }
            #expect(error.class == .inDoubt && error.code == "IN_DOUBT")
            #expect(error.message.contains("the look was refused with 405"), "\(error.message)")
        }
    }

    @Test("a look that is refused while a plague is held leaves nothing to a person: it is asked again later, and others meanwhile")
    func refusedLookWhileHeld() throws {
        var bench = held()
        let claim = inDoubt(1, in: bench)
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let look = try #require(claimed.looks.first)
        var actions = bench.give(.looked(seq: 1, attempt: look.attempt, .failed(.status(403))))
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(bench.processor.plague.isHeld)
        guard case .retry(let due, _, let error, false, _, let unknownAt) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(due > bench.now.wall && error.httpStatus == 403)
        #expect(unknownAt == claim.operation.unknownAt)
        bench.pass(ms: 40_000)
        _ = bench.give(.tick)
        let next = bench.claims(2...2).sends.map(\.seq)
        #expect(next == [2], "the next one asks")
    }

    @Test("a probe that was found wrong before it was sent has asked nothing: the next goes as soon as this one had")
    func unsendableProbe() {
        var bench = held()
        let probe = bench.claims(1...1).sends
        #expect(probe.count == 1)
        let wrong = LastError(class: .permanent, code: "NO_ROUTE", message: "no route")
        for send in probe { _ = bench.give(.attempted(seq: 1, attempt: send.attempt, .unsendable(wrong))) }
        #expect(bench.processor.plague.isHeld)
        bench.pass(ms: PlagueDetector.firstProbeMs)
        #expect(bench.processor.plague.mayProbe(now: bench.now.steady))
    }

    @Test("of those that wait for a token when delivery is held one goes out, as the probe, and the others go back")
    func tokenWhileHeld() {
        var bench = ProcessorBench()
        _ = bench.begin(token: "old")
        let sends = bench.claims(1...3).sends
        #expect(sends.count == 3)
        for send in sends { _ = bench.give(.attempted(seq: send.seq, attempt: send.attempt, .status(401))) }
        _ = hold(&bench)
        #expect(bench.processor.plague.isHeld)
        var actions = bench.give(.tokenAnswered(.success("new")))
        for _ in 0..<2 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
        #expect(actions.sends.map(\.seq) == [1])
        #expect(actions.settlements.map(\.seq) == [2, 3] && actions.settlements.allSatisfy { $0.result == .returned })
    }

    @Test("a look that ends when delivery is held meanwhile is followed by no write beside what is on the wire")
    func heldDuringALook() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [inDoubt(1, in: bench), bench.claim(2)]))))
        let look = try #require(claimed.looks.first)
        #expect(claimed.sends.map(\.seq) == [2])
        _ = hold(&bench)
        var actions = bench.give(.looked(seq: 1, attempt: look.attempt, .notApplied))
        actions += bench.give(.exchanged(.success(ExchangeResult())))
        #expect(actions.sends.isEmpty)
        #expect(actions.settlements.map(\.result) == [.unsent])
    }

    @Test("a crash suspect that is refused keeps nobody waiting: it is one no more, and is asked again in company")
    func refusedSuspect() throws {
        var bench = ProcessorBench()
        _ = bench.begin()
        _ = bench.give(.wake)
        var suspect = bench.claim(1)
        suspect.operation.crashes = 1
        var told = ExchangeResult(claims: [suspect])
        told.isAlone = true
        let claimed = bench.give(.exchanged(.success(told)))
        let send = try #require(claimed.sends.first)
        #expect(claimed.exchanges.allSatisfy { $0.urgent + $0.normal == 0 })
        told.claims = []
        _ = bench.give(.exchanged(.success(told)))

        let refused = bench.give(.attempted(seq: 1, attempt: send.attempt, .status(422)))
        let asked = try #require(refused.exchanges.first)
        #expect(asked.settlements.map(\.seq) == [1])
        #expect(asked.settlements.allSatisfy { if case .retry(bench.now.wall, _, _, false, _, _) = $0.result { true } else { false } })
        #expect(asked.normal > 0 && asked.held == 0)
        // Its outcome is written, and with that it is no suspect.
        var actions = bench.claims(1...3)
        #expect(actions.sends.map(\.seq) == [1, 2, 3])
        for send in actions.sends {
            actions += bench.give(.attempted(seq: send.seq, attempt: send.attempt, send.seq == 1 ? .status(422) : Self.ok))
        }
        for _ in 0..<4 { actions += bench.give(.exchanged(.success(ExchangeResult()))) }
        let failed = actions.settlements.filter { if case .failed = $0.result { true } else { false } }
        #expect(failed.map(\.seq) == [1])
    }

    @Test("a probe that has to be looked up and merged first is sent as the probe after that, and ends the hold")
    func probeAfterAsking() throws {
        var bench = held(.merge(ThreeWayMerge()))
        var claim = inDoubt(1, in: bench)
        (claim.operation.payload, claim.operation.base) = (#"{"n":1}"#, #"{"n":0}"#)
        let claimed = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        let look = try #require(claimed.looks.first)
        let looked = bench.give(.looked(seq: 1, attempt: look.attempt, .notApplied))
        let fetch = try #require(looked.fetches.first)
        let fetched = bench.give(.fetched(seq: 1, attempt: fetch.attempt, .present(["n": 0], etag: "\"v1\"")))
        let send = try #require(fetched.sends.first)
        let ended = bench.give(.attempted(seq: 1, attempt: send.attempt, Self.ok))
        #expect(ended.events.contains { $0.isNamed("plague_released") })
        #expect(!bench.processor.plague.isHeld)
    }
}
