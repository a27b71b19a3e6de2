import GuardianCore
import GuardianTesting
import Testing

/// The judge is worth something only if it finds what is broken: each guard is switched off in turn, and that must be found out.
@Suite struct SabotageTests {
    /// Worlds that a sabotage may pass unnoticed.
    static let seeds = UInt64(2000)
    /// Worlds of each mixture of troubles in which nothing is sabotaged; `GUARDIAN_HONEST_WORLDS` says how many.
    static let honestWorlds = UInt64(SimulationTests.size("GUARDIAN_HONEST_WORLDS", 200))

    @Test("a guard of delivery that is switched off is found out", arguments: Sabotage.ofDelivery)
    func ofDelivery(sabotage: Sabotage) async { await expectFound(sabotage) }

    @Test("a guard of what two sides know is found out too", arguments: Sabotage.ofTwoSides)
    func ofTwoSides(sabotage: Sabotage) async { await expectFound(sabotage) }

    private func expectFound(_ sabotage: Sabotage) async {
        let found: (seed: UInt64, violation: String)? = await OwnThreads.run {
            for seed in 0..<Self.seeds {
                var world = sabotage.world(seed: seed)
                if let violation = await world.run().violations.first { return (seed, violation) }
            }
            return nil
        }
        guard let found else {
            Issue.record("\(sabotage.testDescription) was not noticed in \(Self.seeds) worlds")
            return
        }
        print("measured: \(sabotage.testDescription) → seed \(found.seed): \(found.violation)")
    }

    @Test("the same troubles break nothing where every guard is on", arguments: Troubles.allCases)
    func honest(troubles: Troubles) async {
        let broken = await OwnThreads.run {
            for seed in UInt64(0)..<Self.honestWorlds {
                let store = MemoryStore()
                var world = SimulatedWorld(seed: seed, script: troubles.script, store: SabotagedStore(store, .none)) {
                    store.processDied(owner: $0)
                }
                if let violation = await world.run().violations.first { return "seed \(seed): \(violation)" }
            }
            return ""
        }
        #expect(broken == "")
    }

    @Test("a seed replays exactly", arguments: [UInt64(7), 77, 777])
    func replays(seed: UInt64) async {
        var first = SimulatedWorld(seed: seed)
        var second = SimulatedWorld(seed: seed)
        var other = SimulatedWorld(seed: seed + 1)
        let digest = await first.run().digest
        #expect(await second.run().digest == digest)
        #expect(await other.run().digest != digest)
    }
}
