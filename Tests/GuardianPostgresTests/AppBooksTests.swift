import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("What an app's own transaction adds is booked in rows of its own")
struct AppBooksTests {
    private static func adding(_ note: String, _ more: String = "") -> String {
        "SELECT * FROM guardian_enqueue('update', 'note', '\(note)', '{}', id => '\(note)'\(more))"
    }

    private static func booked(_ server: Server, _ database: String) throws -> [String] {
        try server.texts("SELECT count(*)::text FROM guardian_books_app", database: database)
    }

    @Test("one that is left open holds no row of the books: whoever counts waits for it no more than for its keys")
    func open() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let app = try OpenTransaction(server, database, Self.adding("n1"))
        let free = try server.texts(
            "SELECT count(*)::text FROM (SELECT 1 FROM guardian_books FOR UPDATE SKIP LOCKED) b", database: database)
        #expect(free == ["64"])
        let before = try await store.check()
        #expect(before.problems == [] && before.gap == 0 && before.books.accepted == 0)
        try app.end()
        let after = try await store.check()
        #expect(after.problems == [] && after.gap == 0 && after.books.accepted == 1)
    }

    @Test("what it books counts at once, and is carried over with the next rescue; what is rolled back leaves nothing")
    func carriedOver() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        try OpenTransaction(server, database, Self.adding("n0")).end("ROLLBACK")
        for number in 1...3 { try server.run(Self.adding("n\(number)"), database: database) }
        let before = try await store.books()
        #expect(before.accepted == 3 && before.pending == 3)
        // One that is open meanwhile is not seen, and in nobody's way.
        let app = try OpenTransaction(server, database, Self.adding("n4"))
        _ = try await store.rescue(fence, now: StoreContract.start)
        let left = try Self.booked(server, database)
        #expect(left == ["0"])
        let striped = try server.texts("SELECT sum(accepted)::text FROM guardian_books", database: database)
        #expect(striped == ["3"])
        try app.end()
        let after = try await store.check()
        #expect(after.problems == [] && after.gap == 0 && after.books.accepted == 4)
        let gap = try await store.accountingGap()
        #expect(gap == 0)
    }

    @Test("what is set aside is counted as failed in books and totals, before it is carried over and after", arguments: [false, true])
    func setAside(rebuilds: Bool) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        let entity = EntityKey(type: "note", id: "n1")
        try await store.register(OptimisticChange(txnToken: "gone", entity: entity, original: nil), now: StoreContract.start)
        // As one that was rolled back with what it depends on.
        try server.run("UPDATE guardian_optimistic SET standing = 3", database: database)
        for note in ["n1", "n2"] { try server.run(Self.adding(note, ", txn_token => 'gone'"), database: database) }
        func counts() async throws -> [Int64] {
            let total = try await store.tallies().filter { $0.kind == .failed && $0.labels.errorClass == "dependency" }
            let books = try await store.books()
            return total.map(\.count) + [books.failed, books.accepted]
        }
        let before = try await counts()
        #expect(before == [2, 2, 2])
        if rebuilds {
            let wrong = try await store.rebuildIndex(ordering: nil)
            #expect(wrong == 0)
        } else {
            _ = try await store.rescue(fence, now: StoreContract.start)
        }
        let left = try Self.booked(server, database)
        #expect(left == ["0"])
        let after = try await counts()
        #expect(after == [2, 2, 2])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.failed == 2)
    }

    @Test("a role of an app that has had its rights since before there were such rows goes on with them")
    func rights() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await server.store(database).close()
        let role = "app_of_\(database)"
        try server.run(
            """
            CREATE ROLE \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO \(role);
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO \(role);
            DROP TABLE guardian_books_app;
            DELETE FROM guardian_migration WHERE name >= 'guardian-0009'
            """, database: database)
        let store = try await server.store(database)
        defer { store.close() }
        try server.run("SET ROLE \(role); " + Self.adding("n1"), database: database)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.accepted == 1)
    }
}
