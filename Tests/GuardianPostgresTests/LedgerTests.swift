import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("The sweep of the ledger")
struct LedgerTests {
    private static let now = StoreContract.start

    @Test("many ids that are kept, for what they were folded into waits, do not keep it from those that may go")
    func kept() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        for number in 0...30 {
            var operation = StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: "folded-\(number)")
            operation.folds = true
            _ = try await store.enqueue([operation])
        }
        let others = (0..<5).map { StoreContract.sample(entity: EntityKey(type: "room", id: "r\($0)"), id: "gone-\($0)") }
        _ = try await store.enqueue(others)
        for operation in others { _ = try await store.cancel(operation.id, ifStill: nil, now: Self.now.adding(milliseconds: 1)) }
        let after = Self.now.adding(milliseconds: 1000)
        let swept = try await store.sweepLedger(before: after, limit: 10)
        #expect(swept == 5)
        let left = try server.texts("SELECT count(*)::text FROM guardian_ledger", database: database)
        #expect(left == ["30"])
    }
}
