import GuardianCore
import GuardianTesting
import Testing

/// The judge is worth something only if it finds what is broken: each store here breaks one promise, and must be found out.
@Suite struct SabotageTests {
    private func violations(_ sabotage: SabotagedStore.Sabotage) async -> [String] {
        for seed in UInt64(0)..<2000 {
            let store = MemoryStore()
            var script = SimulatedWorld.Script()
            script.crashes = 0.05
            script.freezes = 2
            script.forcedReleases = 2
            script.lostAnswers = 0.2
            script.duplicates = 0.2
            script.serverErrors = 0.2
            var world = SimulatedWorld(seed: seed, script: script, store: SabotagedStore(store, sabotage)) { store.processDied(owner: $0) }
            let report = await world.run()
            if !report.violations.isEmpty { return report.violations }
        }
        return []
    }

    @Test("a store that breaks a promise is found out", arguments: SabotagedStore.Sabotage.allCases)
    func isFoundOut(sabotage: SabotagedStore.Sabotage) async {
        let found = await OwnThreads.run { await violations(sabotage) }
        #expect(!found.isEmpty, "\(sabotage) was not noticed")
        print("\(sabotage): \(found.first ?? "")")
    }

    @Test("the same troubles over an honest store break nothing")
    func honest() async {
        let found = await OwnThreads.run { await violations(.none) }
        #expect(found == [])
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
