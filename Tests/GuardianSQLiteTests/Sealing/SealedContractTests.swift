import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import GuardianTesting
import Testing

/// All that a store must do, on one that is sealed.
@Suite(.serialized) struct SealedContractTests {
    @Test("a sealed store keeps the contract, and nothing of it is stored in clear", arguments: StoreContract.checks)
    func contract(check: StoreContract.Check) async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path, Keys(.random()))
            try await StoreContract(store: store, processDied: { store.processDied(owner: $0) }).run(check)
            #expect(try clearValues(at: path) == [])
            #expect(try await store.check().problems.filter { $0.contains("opened") } == [])
            try store.close()
        }
    }

    @Test("the simulated world keeps every promise on a sealed file", arguments: UInt64(0)..<5)
    func simulated(seed: UInt64) async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path, Keys(.random()))
            var script = SimulatedWorld.Script()
            script.operations = 8
            script.troubleMs = 60_000
            script.crashes = 0.05
            script.lostAnswers = 0.2
            script.serverErrors = 0.2
            script.poison = 0.1
            script.pollMs = 5000
            var world = SimulatedWorld(seed: seed, script: script, store: store) { store.processDied(owner: $0) }
            #expect(await world.run().violations == [], "seed \(seed)")
            #expect(try clearValues(at: path) == [])
            try store.close()
        }
    }
}
