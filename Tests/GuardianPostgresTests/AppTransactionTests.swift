import Foundation
import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Enqueue in the app's own transaction")
struct AppTransactionTests {
    @Test("SQL finds the same line for a key as Swift does")
    func lines() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        for key in ["room/a", "", "ä/€ \u{1F600}", String(repeating: "x", count: 256), "tenant:acme/invoice/7"] {
            #expect(try server.texts("SELECT guardian_line_of('\(key)')::text", database: database) == ["\(Line.of(key))"], "\(key)")
        }
    }

    @Test("both commit, or neither; the operation is as any other")
    func together() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        try server.run("CREATE TABLE note (id text)", database: database)
        let call = "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{\"text\":\"x\"}', id => 'note-1')"
        try server.run("BEGIN; INSERT INTO note VALUES ('n1'); \(call); ROLLBACK", database: database)
        #expect(try await store.operation(.text("note-1")) == nil)
        #expect(try await store.books().accepted == 0)
        try server.run("BEGIN; INSERT INTO note VALUES ('n1'); \(call); \(call); COMMIT", database: database)
        #expect(try server.texts("SELECT outcome FROM (\(call)) again", database: database) == ["duplicate"])
        #expect(try await store.books().accepted == 1)
        let stored = try #require(try await store.operation(.text("note-1")))
        #expect(stored.entity == EntityKey(type: "note", id: "n1"))
        #expect(stored.payload == "{\"text\":\"x\"}")
        #expect(stored.idempotencyKey.version == 4)
        #expect(try await store.check().problems == [])
        // It stands in the same line as what Swift adds.
        let more = StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: "note-2")
        _ = try await store.enqueue([more])
        #expect(try await store.standing(of: .text("note-2"))?.behind == .text("note-1"))
    }

    @Test(
        "bad input is refused with the name of its field, and takes the app's change with it",
        arguments: [
            ("'up date', 'note', 'n', '{}'", "operation_type"), ("'update', 'no te', 'n', '{}'", "entity_type"),
            ("'update', 'note', '', '{}'", "entity_id"), ("'update', 'note', 'n', '[]'", "payload"), ("'update', 'note', 'n'", "payload"),
            ("'update', 'note', 'n', '{}', id => 'a b'", "id"), ("'update', 'note', 'n', '{}', priority => 101", "priority"),
            ("'update', 'note', 'n', '{}', base => '3'", "base"), ("'update', 'note', 'n', '{}', ordering_key => ''", "ordering_key"),
            ("'update', 'note', 'n', '{'", "payload"), ("'update', 'note', 'n', repeat('[', 100000)", "payload"),
            ("'update', 'note', 'n', '{}', base => '{\"a\":'", "base"),
        ])
    func refused(arguments: String, field: String) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        #expect {
            try server.run("SELECT * FROM guardian_enqueue(\(arguments))", database: database)
        } throws: { "\($0)".contains("\(field): must") || "\($0)".contains("\(field): is required") }
        #expect(try await store.books().accepted == 0)
    }

    /// On a thread of its own, where it may wait for another transaction.
    static func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    @Test("two transactions with one id at once: the second is a duplicate, and goes on", arguments: [false, true])
    func sameID(sameKey: Bool) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let first = try OpenTransaction(
            server, database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}', id => 'one')")
        let call = "SELECT outcome FROM guardian_enqueue('update', 'note', 'n\(sameKey ? 1 : 2)', '{}', id => 'one')"
        async let second = Self.onOwnThread { try server.texts(call, database: database) }
        try await eventually("the second to wait") {
            let waiting = "SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'"
            return try !server.texts(waiting, database: database).isEmpty
        }
        try first.end()
        let outcomes = try await second
        #expect(outcomes == ["duplicate"])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.accepted == 1)
    }

    @Test("what is enqueued for a change that was rolled back with what it depends on is set aside, also in a store of before")
    func refusedChange() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        try await server.store(database).close()
        try server.run(
            "DELETE FROM guardian_migration WHERE name >= 'guardian-0004'; DROP FUNCTION guardian_refuse", database: database)
        let store = try await server.store(database)
        defer { store.close() }
        let (entity, now) = (EntityKey(type: "note", id: "n1"), StoreContract.start)
        try await store.register(OptimisticChange(txnToken: "first", entity: entity, original: nil), now: now)
        try await store.register(OptimisticChange(txnToken: "second", entity: entity, original: nil, dependsOn: "first"), now: now)
        var operation = StoreContract.sample(entity: entity, id: "a")
        operation.txnToken = "first"
        _ = try await store.enqueue([operation])
        let fence = try await SharingTests.acquire(store, "p")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let never = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(never))
        _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: [settlement]))
        for (id, token, entity) in [("b", "second", "n2"), ("c", "third", "n2"), ("d", "second", "n2")] {
            try server.run(
                "SELECT * FROM guardian_enqueue('update', 'note', '\(entity)', '{}', id => '\(id)', txn_token => '\(token)')",
                database: database)
        }
        #expect(try await SharingTests.claim(store, fence, 9).claims.map(\.operation.id) == [.text("c")])
        for id in ["b", "d"] {
            let stored = try #require(try await store.operation(.text(id)))
            #expect(stored.status == .failed && stored.lastError == .dependsOn("first"))
        }
        let failed = try await store.tallies().filter { $0.kind == .failed && $0.labels.errorClass == "dependency" }
        #expect(failed.map(\.count) == [2])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("the id of what a create by SQL has made is known to whatever comes later, also in a store of before", arguments: [false, true])
    func assignedID(isOld: Bool) async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let first = try await server.store(database)
        defer { first.close() }
        try server.run("SELECT * FROM guardian_enqueue('create', 'note', 'local', '{}', id => 'made')", database: database)
        let fence = try await SharingTests.acquire(first, "p")
        let claim = try #require(try await SharingTests.claim(first, fence, 1).claims.first)
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed, assignedID: "s-1")
        let settled = try await first.exchange(Exchange(fence: fence, now: StoreContract.start, settlements: [settlement])).settled
        #expect(settled == [true])
        if isOld { try server.run("DELETE FROM guardian_setting WHERE name = 'uses_local_ids'", database: database) }
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "note", id: "local"), id: "changed")])
        let stored = try #require(try await store.operation(.text("changed")))
        #expect(stored.entity.id == "s-1")
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("one that is given no id is written in the app's transaction itself, not in a subtransaction")
    func noSubtransaction() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN; SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}')")
        let isItself = try session.texts(
            "SELECT (xmin::text::bigint = txid_current() % 4294967296)::text FROM guardian_operation")
        try session.run("COMMIT")
        #expect(isItself == ["true"])
    }

    @Test("the Swift API hands the app one statement for its own driver, and the engine hears of the commit")
    func swift() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let call = try engine.enqueueCall([
            NewOperation("update", entityType: "note", entityID: "n'1", payload: #"{"a":"it's"}"#),
            NewOperation("delete", entityType: "note", entityID: "n'1"),
        ])
        let quoted = call.parameter.replacing("'", with: "''")
        let statement = call.sql.replacing("$1", with: "'\(quoted)'")
        let receipts = try server.texts("SELECT receipt_id || ' ' || outcome FROM (\(statement)) r", database: database)
        #expect(receipts == call.ids.map { "\($0) accepted" })
        let found = try await store.operations(of: EntityKey(type: "note", id: "n'1"), limit: 9)
        #expect(found.map(\.payload) == [#"{"a":"it's"}"#, nil])
    }
}

extension StoreContract {
    /// One operation with a key of its own.
    static func sample(entity: EntityKey, id: String, orderingKey: String? = nil) -> GuardianCore.Operation {
        var random = SystemRandomNumberGenerator()
        return GuardianCore.Operation(
            id: .text(id), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update", entity: entity,
            customOrderingKey: orderingKey, payload: "{}", enqueuedAt: StoreContract.start)
    }
}
