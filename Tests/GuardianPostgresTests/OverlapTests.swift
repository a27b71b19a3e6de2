import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Transactions that overlap")
struct OverlapTests {
    private static let now = StoreContract.start

    private static func note(_ id: String, _ name: String = "") -> GuardianCore.Operation {
        StoreContract.sample(entity: EntityKey(type: "note", id: id), id: "\(id)\(name)")
    }

    private static func somebodyWaits(_ server: Server, _ database: String) async throws {
        try await eventually("somebody waits") {
            let waiting = "SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'"
            return try !server.texts(waiting, database: database).isEmpty
        }
    }

    /// Numbers are drawn before the line is locked: of two writers the one that came later may have the smaller.
    private static func lineUpBehindGreater(_ store: PostgresStore, _ server: Server, _ database: String) async throws {
        for (name, last) in [("head", 100), ("late", 50)] {
            try server.run("SELECT setval('guardian_seq', \(last))", database: database)
            _ = try await store.enqueue([note("n1", name)])
        }
        try server.run("SELECT setval('guardian_seq', 200)", database: database)
    }

    @Test("who stands behind a head with a greater number is the end of the line: the newest write is folded into that one")
    func end() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        try await Self.lineUpBehindGreater(store, server, database)
        var newest = Self.note("n1", "newest")
        newest.folds = true
        newest.payload = #"{"a":1}"#
        let receipt = try #require(try await store.enqueue([newest]).first)
        #expect(receipt.outcome == .coalesced && receipt.into == .text("n1late"))
        let fence = try await SharingTests.acquire(store, "a")
        let first = try await SharingTests.claim(store, fence, 1).claims
        #expect(first.map(\.operation.id) == [.text("n1head")])
        let wrong = try await store.rebuildIndex(ordering: nil)
        #expect(wrong == 0)
        // While the head is in flight, somebody comes and goes again.
        _ = try await store.enqueue([Self.note("n1", "more")])
        _ = try await store.cancel(.text("n1more"), now: Self.now)
        let between = try await store.check()
        #expect(between.problems == [])
        let second = try await SharingTests.claim(store, fence, 1, settling: first).claims
        #expect(second.map(\.operation.id) == [.text("n1late")] && second.first?.operation.payload == #"{"a":1}"#)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("a store of before has the ends of its lines put right, and knows that it has local ids")
    func before() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let old = try await server.store(database)
        try await Self.lineUpBehindGreater(old, server, database)
        old.close()
        try server.run(
            """
            UPDATE guardian_line SET tail = head;
            INSERT INTO guardian_alias VALUES ('note', 'local', 'real', false, 0);
            DROP INDEX guardian_operation_parked;
            DELETE FROM guardian_migration WHERE name >= 'guardian-0008'
            """, database: database)
        let store = try await server.store(database)
        defer { store.close() }
        let report = try await store.check()
        #expect(report.problems == [])
        let uses = try server.texts("SELECT name FROM guardian_setting WHERE name = 'uses_local_ids'", database: database)
        #expect(uses == ["uses_local_ids"])
    }

    @Test("above READ COMMITTED an id that was settled since ends the transaction", arguments: ["REPEATABLE READ", "SERIALIZABLE"])
    func snapshot(level: String) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN ISOLATION LEVEL \(level)")
        _ = try session.texts("SELECT name FROM guardian_setting")
        _ = try await store.enqueue([Self.note("n1")])
        let fence = try await SharingTests.acquire(store, "a")
        let claims = try await SharingTests.claim(store, fence, 1).claims
        let settled = try await SharingTests.claim(store, fence, 0, settling: claims).settled
        #expect(settled == [true])
        let call = "SELECT outcome FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'n1')"
        #expect {
            try session.run(call)
        } throws: { "\($0)".contains("40001") }
        try session.run("ROLLBACK")
        // One that is new leaves nothing else behind.
        try session.run("BEGIN ISOLATION LEVEL \(level)")
        let outcomes = try session.texts(call.replacing("'n1')", with: "'n2')"))
        try session.run("COMMIT")
        #expect(outcomes == ["accepted"])
        let again = try server.texts(call, database: database)
        #expect(again == ["duplicate"])
        let remembered = try server.texts("SELECT count(*)::text FROM guardian_ledger", database: database)
        #expect(remembered == ["1"])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("a rollback waits for the app's transaction that adds to what depends on it, and sets aside what that has enqueued")
    func rollback() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        var operation = Self.note("n1")
        operation.txnToken = "first"
        let entity = operation.entity
        try await store.register(OptimisticChange(txnToken: "first", entity: entity, original: nil), now: Self.now)
        try await store.register(OptimisticChange(txnToken: "second", entity: entity, original: nil, dependsOn: "first"), now: Self.now)
        _ = try await store.enqueue([operation])
        let fence = try await SharingTests.acquire(store, "a")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let app = try OpenTransaction(
            server, database, "SELECT * FROM guardian_enqueue('update', 'note', 'n2', '{}', id => 'app', txn_token => 'second')")
        let never = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(never))
        let early = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(early.settled == [false] && early.postponed == [claim.seq])
        try app.end()
        let late = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        #expect(late.settled == [true])
        let stored = try #require(try await store.operation(.text("app")))
        #expect(stored.status == .failed && stored.lastError == .dependsOn("first"))
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("a line whose row goes while it is put right gets another: no operation is left in none")
    func rowGoes() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([Self.note("n1")])
        try server.run("UPDATE guardian_operation SET follows = true", database: database)
        let settling = try OpenTransaction(server, database, "SELECT 1 FROM guardian_line FOR UPDATE")
        async let mended: Void = AppTransactionTests.onOwnThread {
            try server.run("SELECT guardian_mend(line, 1, false) FROM guardian_operation", database: database)
        }
        try await Self.somebodyWaits(server, database)
        try settling.end("DELETE FROM guardian_line; COMMIT")
        try await mended
        let report = try await store.check()
        #expect(report.problems == [])
    }

    /// What the settlement of a create does that brings the upstream's id.
    private static let adopts = """
        INSERT INTO guardian_alias VALUES ('note', 'local', 'real', false, 0);
        INSERT INTO guardian_setting VALUES ('uses_local_ids', '1') ON CONFLICT (name) DO NOTHING;
        DELETE FROM guardian_operation;
        DELETE FROM guardian_line;
        COMMIT
        """

    @Test("an app that waits for the settlement of a create goes on under the upstream's id", arguments: ["", ", ordering_key => 'k'"])
    func adoptedForAnApp(key: String) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        try server.run("SELECT * FROM guardian_enqueue('create', 'note', 'local', '{}'\(key))", database: database)
        let settling = try OpenTransaction(server, database, "SELECT 1 FROM guardian_line FOR UPDATE")
        async let added: Void = AppTransactionTests.onOwnThread {
            try server.run("SELECT * FROM guardian_enqueue('update', 'note', 'local', '{}', id => 'app'\(key))", database: database)
        }
        try await Self.somebodyWaits(server, database)
        try settling.end(Self.adopts)
        try await added
        let stored = try #require(try await store.operation(.text("app")))
        #expect(stored.entity == EntityKey(type: "note", id: "real"))
        let lines = try server.texts(
            "SELECT (coalesce(entity_line, line) = guardian_line_of('note/real'))::text FROM guardian_operation", database: database)
        #expect(lines == ["true"])
    }

    @Test(
        "what the engine adds while it waits for the settlement of a create goes on under the upstream's id",
        arguments: [(false, false), (true, false), (false, true)])
    func adoptedForTheEngine(folds: Bool, hasPrincipal: Bool) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        try server.run("SELECT * FROM guardian_enqueue('create', 'note', 'local', '{}')", database: database)
        let settling = try OpenTransaction(server, database, "SELECT 1 FROM guardian_line FOR UPDATE")
        var changed = Self.note("local", "-update")
        changed.folds = folds
        if hasPrincipal { changed.principal = "anna" }
        let update = changed
        async let receipts = store.enqueue([update])
        try await Self.somebodyWaits(server, database)
        try settling.end(Self.adopts)
        let outcomes = try await receipts.map(\.outcome)
        #expect(outcomes == [.accepted])
        let stored = try #require(try await store.operation(update.id))
        #expect(stored.entity == EntityKey(type: "note", id: "real"))
    }

    @Test("what an app enqueues while its user signs in is delivered: it does not stay parked")
    func signIn() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        let app = try OpenTransaction(
            server, database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'app', principal_hash => 'anna')")
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, signedIn: .principal("anna")))
        try app.end()
        _ = try await store.rescue(fence, now: Self.now)
        let claims = try await SharingTests.claim(store, fence, 9).claims
        #expect(claims.map(\.operation.id) == [.text("app")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }
}
