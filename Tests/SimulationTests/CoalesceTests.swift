import GuardianCore
import GuardianTesting
import Testing

/// Worlds in which most operations may be folded: nothing that may have reached the upstream is changed, and no edit is lost by it.
@Suite struct CoalesceTests {
    /// A rule for folding in which one guard is switched off.
    struct Sabotage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var rule: @Sendable (Operation, Operation) -> Folding.Decision

        static let all = [
            Sabotage(testDescription: "it folds into one whose first answer was lost") { new, waiting in
                var clean = waiting
                clean.forgetAttempts()
                return restoring(waiting, Folding().decide(new, behind: clean))
            },
            Sabotage(testDescription: "it folds into one that is on the wire") { new, waiting in
                guard waiting.status == .processing else { return Folding().decide(new, behind: waiting) }
                var clean = waiting
                clean.forgetAttempts()
                clean.status = .pending
                return restoring(waiting, Folding().decide(new, behind: clean))
            },
            Sabotage(testDescription: "the older edit is lost") { new, waiting in
                guard case .fold(var folded) = Folding().decide(new, behind: waiting) else { return Folding().decide(new, behind: waiting) }
                folded.payload = new.payload
                return .fold(folded)
            },
            Sabotage(testDescription: "the newer edit is lost") { new, waiting in
                guard case .fold = Folding().decide(new, behind: waiting) else { return Folding().decide(new, behind: waiting) }
                return .fold(waiting)
            },
            Sabotage(testDescription: "the key changes") { new, waiting in
                guard case .fold(var folded) = Folding().decide(new, behind: waiting) else { return Folding().decide(new, behind: waiting) }
                folded.idempotencyKey = new.idempotencyKey
                return .fold(folded)
            },
            Sabotage(testDescription: "one user's edit is folded into another's") { new, waiting in
                var own = new
                own.principal = waiting.principal
                return Folding().decide(own, behind: waiting)
            },
            Sabotage(testDescription: "it folds what nobody asked it to") { new, waiting in
                var asked = new
                asked.folds = true
                return Folding().decide(asked, behind: waiting)
            },
        ]

        private static func restoring(_ waiting: Operation, _ decision: Folding.Decision) -> Folding.Decision {
            guard case .fold(let folded) = decision else { return decision }
            var whole = waiting
            whole.type = folded.type
            whole.payload = folded.payload
            return .fold(whole)
        }
    }

    /// `GUARDIAN_FOLDING_WORLDS` says how many.
    static let worlds = SimulationTests.size("GUARDIAN_FOLDING_WORLDS", 500)

    static var script: SimulatedWorld.Script {
        var script = SimulatedWorld.Script()
        script.operations = 40
        script.entities = 4
        script.troubleMs = 60_000
        script.pollMs = 5000
        script.lostAnswers = 0.3
        script.lostRequests = 0.2
        script.serverErrors = 0.3
        script.duplicates = 0.2
        script.crashes = 0.02
        script.cancellations = 4
        script.outages = [20_000..<40_000]
        script.owned = 0.3
        script.userSwitches = 2
        script.folds = 0.8
        return script
    }

    @Test("every promise holds where operations are folded, and many are")
    func everySeed() async {
        let coalesced = await OwnThreads.run {
            var coalesced = 0
            for seed in UInt64(0)..<UInt64(Self.worlds) {
                var world = SimulatedWorld(seed: seed, script: Self.script)
                let report = await world.run()
                if let violation = report.violations.first { Issue.record("seed \(seed): \(violation)") }
                coalesced += report.coalesced
            }
            return coalesced
        }
        print(
            "measured: \(Self.worlds) worlds of \(Self.script.operations) operations with lost answers and an outage: \(coalesced) folded")
        #expect(coalesced > Self.worlds)
    }

    @Test("a rule with one guard off is found out", arguments: Sabotage.all)
    func isFoundOut(sabotage: Sabotage) async {
        let found: (seed: UInt64, violation: String)? = await OwnThreads.run {
            for seed in UInt64(0)..<200 {
                let store = MemoryStore(folding: sabotage.rule)
                var world = SimulatedWorld(seed: seed, script: Self.script, store: store) { store.processDied(owner: $0) }
                if let violation = await world.run().violations.first { return (seed, violation) }
            }
            return nil
        }
        guard let found else {
            Issue.record("\(sabotage.testDescription), and nobody noticed")
            return
        }
        print("measured: coalescing: \(sabotage.testDescription) → seed \(found.seed): \(found.violation)")
    }
}

extension Operation {
    /// As if nothing had ever been sent.
    fileprivate mutating func forgetAttempts() {
        lastAttemptAt = nil
        nextRetryAt = nil
        tries = 0
        attemptCount = 0
        crashes = 0
        unknownAt = nil
        lastError = nil
        rounds = 0
    }
}
