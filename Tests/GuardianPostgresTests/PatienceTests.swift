import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Nobody waits longer than is said, nor gives up sooner")
struct PatienceTests {
    private static func note(_ id: String, _ type: String = "update", folds: Bool = false) -> GuardianCore.Operation {
        var operation = StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: id)
        operation.type = type
        operation.folds = folds
        return operation
    }

    /// Has a search for a text take so long for each operation.
    private static func slowSearches(_ seconds: Double, _ server: Server, _ database: String) throws {
        try server.run(
            """
            CREATE OR REPLACE FUNCTION guardian_id_text(p_id bytea) RETURNS text LANGUAGE sql VOLATILE AS
            $$ SELECT 'slow'::text FROM pg_sleep(\(seconds)) $$
            """, database: database)
    }

    /// How many operations a search finds; nil when it fails.
    private static func search(_ store: PostgresStore) async -> Int? {
        var search = OperationSearch()
        search.text = "zzz"
        do { return try await store.search(search).operations.count } catch { return nil }
    }

    /// What sessions of `database` wait for that stand where `condition` says, one entry each.
    private static func waits(_ condition: String, _ server: Server, _ database: String) throws -> [String] {
        try server.texts(
            "SELECT wait_event FROM pg_stat_activity WHERE datname = '\(database)' AND \(condition)", database: "postgres")
    }

    private static let isSearching = "wait_event = 'PgSleep'"

    private static func endSearch(_ server: Server, _ database: String) throws {
        try slowSearches(0, server, database)
        try server.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND \(isSearching)")
    }

    private static func cutOff(_ server: Server, _ database: String) throws {
        try server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)'")
    }

    /// Ends the sessions of a store that does nothing.
    private static func endSessions(_ server: Server, _ database: String) async throws {
        try cutOff(server, database)
        try await eventually("the end of the sessions") { try waits("true", server, database).isEmpty }
    }

    @Test("an enqueue does not wait behind searches, however many they are")
    func besideSearches() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        _ = try await store.enqueue([Self.note("a")])
        try Self.slowSearches(50, server, database)
        async let first = Self.search(store)
        async let second = Self.search(store)
        try await eventually("a search") { try Self.waits(Self.isSearching, server, database).count == 1 }
        let receipts = try await store.enqueue([Self.note("b")])
        #expect(receipts.map(\.outcome) == [.accepted])
        #expect(try Self.waits(Self.isSearching, server, database).count == 1, "a session is kept for those who do not look")
        try Self.endSearch(server, database)
        let found = await [first, second]
        #expect(Set(found) == [nil, 0], "one was ended, the other went on")
    }

    @Test("a call for which no connection is free fails when its patience is over, and says so")
    func busy() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) {
            $0.connections = 2
            $0.patienceMs = 1000
        }
        defer { store.close() }
        _ = try await store.enqueue([Self.note("a")])
        try Self.slowSearches(50, server, database)
        async let search = Self.search(store)
        try await eventually("the search") { try Self.waits(Self.isSearching, server, database).count == 1 }
        await #expect {
            _ = try await store.enqueue([Self.note("b")])
        } throws: { "\($0)".contains("were busy") }
        try Self.endSearch(server, database)
        let found = await search
        #expect(found == nil)
        let receipts = try await store.enqueue([Self.note("b")])
        #expect(receipts.map(\.outcome) == [.accepted])
    }

    @Test("a time that the role or the database gives to statements ends neither a migration nor what the store does")
    func statementTimeout() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let migration = try OpenTransaction(server, database, "SELECT pg_advisory_xact_lock(x'475541524449414E'::bigint)")
        try server.run("ALTER DATABASE \(database) SET statement_timeout = '200ms'")
        let isLate = "wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '400 ms'"
        async let opening = server.store(database)
        try await eventually("a migration that waits") { try !Self.waits(isLate, server, database).isEmpty }
        try migration.end()
        let store = try await opening
        defer { store.close() }
        _ = try await store.enqueue([Self.note("a")])
        try Self.slowSearches(0.5, server, database)
        let found = await Self.search(store)
        #expect(found == 0)
        let table = try OpenTransaction(server, database, "LOCK TABLE guardian_line IN ACCESS EXCLUSIVE MODE")
        async let checking = store.check()
        try await eventually("a check that waits") { try !Self.waits(isLate, server, database).isEmpty }
        try table.end()
        let report = try await checking
        #expect(report.problems == [] && report.pending == 1)
    }

    @Test("a session that takes no writes any more is given up, so that the store goes on by itself after a switchover")
    func readOnly() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 1000 }
        defer { store.close() }
        try server.run("ALTER DATABASE \(database) SET default_transaction_read_only = on")
        try await Self.endSessions(server, database)
        await #expect {
            _ = try await store.enqueue([Self.note("a")])
        } throws: { "\($0)".contains("takes no writes now") }
        try server.run("ALTER DATABASE \(database) SET default_transaction_read_only = off")
        let receipts = try await store.enqueue([Self.note("a")])
        #expect(receipts.map(\.outcome) == [.accepted])
    }

    @Test("a call whose answer was lost gets the receipt of what it has done, also where operations are folded")
    func lostAnswers() async throws {
        let server = try Server(settings: ["synchronous_standby_names=nobody", "synchronous_commit=local"])
        defer { server.end() }
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        // A commit that waits for a standby stands on this server, and whoever ends its session keeps the answer back.
        func enqueue(_ operation: GuardianCore.Operation) async throws -> Receipt {
            try server.run("ALTER DATABASE \(database) SET synchronous_commit = 'on'")
            try await Self.endSessions(server, database)
            async let receipts = store.enqueue([operation])
            try await eventually("the commit") { try !Self.waits("wait_event = 'SyncRep'", server, database).isEmpty }
            try server.run("ALTER DATABASE \(database) SET synchronous_commit = 'local'")
            try Self.cutOff(server, database)
            return try await receipts[0]
        }
        let create = Self.note("create", "create", folds: true)
        let made = try await enqueue(create)
        #expect(made.outcome == .accepted)
        let changed = try await enqueue(Self.note("update", folds: true))
        #expect(changed == Receipt(id: .text("update"), seq: made.seq, outcome: .coalesced, into: .text("create")))
        let removed = try await enqueue(Self.note("delete", "delete", folds: true))
        #expect(removed.outcome == .cancelledOut)
        let again = try await store.enqueue([create])
        #expect(again.map(\.outcome) == [.duplicate])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
        #expect(report.books.accepted == 3 && report.books.coalesced == 3)
    }
}
