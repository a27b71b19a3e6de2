import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("The schema")
struct SchemaTests {
    @Test("processors that start together make the tables once")
    func together() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let store = try await server.store(database) { $0.connections = 2 }
                    store.close()
                }
            }
            try await group.waitForAll()
        }
        let names = try server.texts("SELECT name FROM guardian_migration ORDER BY name", database: database)
        #expect(names.count == Set(names).count && names.first == "guardian-0001-queue")
    }

    @Test("a store of a newer version is not touched")
    func newer() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await server.store(database).close()
        try server.run("INSERT INTO guardian_migration (name) VALUES ('guardian-9999-tomorrow')", database: database)
        await #expect(throws: StoreError.newerVersion(found: "guardian-9999-tomorrow")) { _ = try await server.store(database) }
    }

    @Test("a store that was open before the queue was lined up anew writes by the new lines")
    func writesByTheNewLines() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let early = try await server.store(database)
        defer { early.close() }
        func room(_ id: String) -> GuardianCore.Operation { StoreContract.sample(entity: EntityKey(type: "room", id: id), id: "\(id)-1") }
        _ = try await early.enqueue([room("a"), room("b")])
        let strict = try await server.store(database) { $0.ordering = .strict }
        defer { strict.close() }
        #expect(try await early.enqueue([room("c"), room("d")]).map(\.outcome) == [.accepted, .accepted])
        #expect(try await early.check().problems == [])
        #expect(try server.texts("SELECT count(DISTINCT line)::text FROM guardian_operation", database: database) == ["1"])
    }

    @Test("opened with another ordering, the queue is lined up anew, and back again")
    func reordered() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let first = try await server.store(database)
        let ids = ["a", "b", "c"]
        _ = try await first.enqueue(ids.map { StoreContract.sample(entity: EntityKey(type: "room", id: $0), id: $0) })
        first.close()
        for (ordering, heads) in [(Ordering.strict, 1), (.entity, 3)] {
            let store = try await server.store(database) { $0.ordering = ordering }
            #expect(try await store.check().problems == [], "\(ordering)")
            #expect(try server.texts("SELECT count(*)::text FROM guardian_line", database: database) == ["\(heads)"], "\(ordering)")
            store.close()
        }
    }

    @Test("what a processor of an older build calls is still there")
    func olderBuild() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "room", id: "a"), id: "a")])
        let fence = try await SharingTests.acquire(store, "old")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let settle = """
            SELECT guardian_settle('old', \(fence.epoch), 0, 0, ARRAY[line], ARRAY[head], NULL::text[])::text FROM guardian_line
            """
        let settled = try server.texts(settle, database: database)
        #expect(settled == ["{\(claim.seq)}"])
        let tenants = try server.texts("SELECT guardian_tenants(0, '', 9)::text", database: database)
        #expect(tenants.count == 1)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.processed == 1)
    }

    @Test("where an app publishes all tables, rows can be deleted from each, also in a store of before")
    func publication() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await server.store(database).close()
        // As it was before the ledger had an identity.
        try server.run(
            """
            ALTER TABLE guardian_ledger REPLICA IDENTITY DEFAULT;
            DELETE FROM guardian_migration WHERE name >= 'guardian-0014';
            CREATE PUBLICATION everything FOR ALL TABLES
            """, database: database)
        let store = try await server.store(database)
        defer { store.close() }
        let nameless = try server.texts(
            """
            SELECT c.relname::text FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_index i
                WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
            """, database: database)
        #expect(nameless == [])
        _ = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "room", id: "a"), id: "a")])
        let fence = try await SharingTests.acquire(store, "a")
        let claims = try await SharingTests.claim(store, fence, 1).claims
        let result = try await SharingTests.claim(store, fence, 1, settling: claims)
        #expect(result.settled == [true])
        // Above READ COMMITTED an id is written to the ledger and taken out again.
        try server.run(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ;
            SELECT * FROM guardian_enqueue('update', 'room', 'b', '{}', id => 'b');
            COMMIT
            """, database: database)
        let swept = try await store.sweepLedger(before: StoreContract.start.adding(milliseconds: 1000), limit: 10)
        #expect(swept == 1)
    }

    @Test("a database in whose encoding some texts can't be stored is refused, and says which", arguments: ["LATIN1", "SQL_ASCII"])
    func encoding(name: String) async throws {
        let server = try Server.shared.get()
        let database = "in_" + name.lowercased()
        try server.run("CREATE DATABASE \(database) ENCODING '\(name)' TEMPLATE template0")
        if name == "SQL_ASCII" {
            try await server.store(database).close()
        } else {
            await #expect {
                _ = try await server.store(database)
            } throws: { "\($0)".contains("encoding is \(name)") }
        }
    }

    @Test("a store that is only to be looked at is not made")
    func readOnly() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        await #expect(throws: StoreError.self) { _ = try await server.store(database) { $0.readOnly = true } }
        #expect(try server.texts("SELECT relname::text FROM pg_class WHERE relname LIKE 'guardian%'", database: database) == [])
    }
}
