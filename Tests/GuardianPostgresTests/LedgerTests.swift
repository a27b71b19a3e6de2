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

    @Test("changes that have ended are forgotten a few at a time, past those that still have operations, and from the beginning again")
    func endedChanges() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let held = (0..<10).map { number -> GuardianCore.Operation in
            var operation = StoreContract.sample(entity: EntityKey(type: "room", id: "\(number)"), id: "op-\(number)")
            operation.txnToken = "held-\(number)"
            return operation
        }
        _ = try await store.enqueue(held)
        try server.run(
            """
            INSERT INTO guardian_setting VALUES ('uses_optimistic', '1');
            INSERT INTO guardian_optimistic (token, entity_type, entity_id, registered_at, standing)
            SELECT CASE WHEN i < 10 THEN 'held-' ELSE 'done-' END || i, 'room', '1', CASE WHEN i < 10 THEN 0 ELSE 1000 END,
                CASE WHEN i < 10 THEN 1 ELSE 4 END
            FROM generate_series(0, 34) i
            """, database: database)
        func sweep() async throws -> String {
            _ = try await store.sweepLedger(before: Self.now, limit: 10)
            return try server.texts("SELECT count(*)::text FROM guardian_optimistic", database: database).first ?? ""
        }
        var counts: [String] = []
        for _ in 0..<4 { counts.append(try await sweep()) }
        #expect(counts == ["35", "25", "15", "10"])
        // Their operations go; the walk begins anew.
        for operation in held { _ = try await store.cancel(operation.id, ifStill: nil, now: Timestamp(milliseconds: 2000)) }
        _ = try await sweep()
        let last = try await sweep()
        #expect(last == "0")
    }

    @Test("a change that has ended and that somebody's open transaction holds is left for later, and keeps no other")
    func heldChange() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        try server.run(
            """
            INSERT INTO guardian_setting VALUES ('uses_optimistic', '1');
            INSERT INTO guardian_optimistic (token, entity_type, entity_id, registered_at, standing)
            SELECT 'done-' || i, 'room', '1', i, 4 FROM generate_series(1, 3) i
            """, database: database)
        let app = try OpenTransaction(server, database, "SELECT 1 FROM guardian_optimistic WHERE token = 'done-2' FOR SHARE")
        _ = try await store.sweepLedger(before: Self.now, limit: 10)
        let left = try server.texts("SELECT token FROM guardian_optimistic", database: database)
        #expect(left == ["done-2"])
        try app.end()
        _ = try await store.sweepLedger(before: Self.now, limit: 10)
        let last = try server.texts("SELECT token FROM guardian_optimistic", database: database)
        #expect(last == [])
    }
}
