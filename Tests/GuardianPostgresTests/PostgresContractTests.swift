import Foundation
import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite(.serialized) struct PostgresContractTests {
    /// `GUARDIAN_POSTGRES_WORLDS` says how many are simulated.
    static let worlds = ProcessInfo.processInfo.environment["GUARDIAN_POSTGRES_WORLDS"].flatMap { UInt64($0) } ?? 20

    private func withStore(_ body: (PostgresStore) async throws -> Void) async throws {
        let store = try await Server.shared.get().lonelyStore()
        do { try await body(store) } catch {
            store.close()
            throw error
        }
        store.close()
    }

    @Test("the PostgreSQL store keeps the contract", arguments: StoreContract.checks)
    func contract(check: StoreContract.Check) async throws {
        try await withStore { store in try await StoreContract(store: store, processDied: { store.processDied(owner: $0) }).run(check) }
    }

    @Test("the simulated world keeps every promise on a real server", arguments: UInt64(0)..<worlds)
    func simulated(seed: UInt64) async throws {
        try await withStore { store in
            var script = SimulatedWorld.Script()
            script.operations = 8
            script.troubleMs = 60_000
            script.crashes = 0.05
            script.storeErrors = 0.05
            script.lostAnswers = 0.2
            script.lostRequests = 0.2
            script.duplicates = 0.2
            script.serverErrors = 0.2
            script.forcedReleases = 1
            script.freezes = 1
            script.poison = 0.1
            script.owned = 0.4
            script.userSwitches = 2
            script.killers = seed % 4 == 0 ? 1 : 0
            script.pollMs = 5000
            var world = SimulatedWorld(seed: seed, script: script, store: store) { store.processDied(owner: $0) }
            let report = await world.run()
            #expect(report.violations == [], "seed \(seed)")
        }
    }
}
