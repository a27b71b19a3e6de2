import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Locks are taken in one order, so that nobody waits for somebody who waits for him")
struct LockOrderTests {
    private static let now = StoreContract.start

    private static func waits(_ server: Server, _ database: String) async throws {
        let waiting = "SELECT pid::text FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'"
        try await eventually("one that waits") { try !server.texts(waiting, database: database).isEmpty }
    }

    @Test("a batch that may be folded holds no line while it waits for one of a smaller number")
    func foldedLines() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        func note(_ id: String, _ name: String) -> GuardianCore.Operation {
            var operation = StoreContract.sample(entity: EntityKey(type: "note", id: id), id: "\(id)-\(name)")
            operation.folds = true
            return operation
        }
        let ids = ["a", "b"].sorted { Line.of("note/\($0)") < Line.of("note/\($1)") }
        _ = try await store.enqueue(ids.map { note($0, "first") })
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN; SELECT 1 FROM guardian_line WHERE line = \(Line.of("note/\(ids[0])")) FOR UPDATE")
        async let receipts = store.enqueue([note(ids[1], "second"), note(ids[0], "second")])
        try await Self.waits(server, database)
        let free = try session.texts(
            "SELECT 'free'::text FROM guardian_line WHERE line = \(Line.of("note/\(ids[1])")) FOR UPDATE NOWAIT")
        #expect(free == ["free"])
        try session.run("COMMIT")
        let outcomes = try await receipts.map(\.outcome)
        #expect(outcomes == [.coalesced, .coalesced])
    }

    @Test("the books come after the tallies, as where many are settled at a time")
    func booksLast() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        _ = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: "a")])
        let fence = try await SharingTests.acquire(store, "p")
        let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
        let conflict = LastError(class: .conflict, code: "HTTP_409", httpStatus: 409, message: "conflict")
        let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(conflict))
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [settlement]))
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN; LOCK TABLE guardian_tally IN ACCESS EXCLUSIVE MODE")
        async let isResolved = store.resolve(.text("a"), nil, now: Self.now)
        try await Self.waits(server, database)
        let free = try session.texts("SELECT count(*)::text FROM (SELECT 1 FROM guardian_books FOR UPDATE NOWAIT) b")
        #expect(free.first != "0")
        try session.run("COMMIT")
        let resolved = try await isResolved
        #expect(resolved)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.processed == 1)
    }

    /// How many of these rows of the tallies, in all stripes, nobody holds.
    private static func freeTallies(_ session: DirectSession, _ condition: String) throws -> [String] {
        try session.texts("SELECT count(*)::text FROM (SELECT 1 FROM guardian_tally WHERE \(condition) FOR UPDATE SKIP LOCKED) t")
    }

    @Test("whoever settles many at a time and waits for the first of the tallies that he counts in holds none of the others")
    func talliesOfMany() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        let types = (10..<30).map { "type\($0)" }
        _ = try await store.enqueue(types.map { StoreContract.sample(entity: EntityKey(type: $0, id: "1"), id: $0) })
        let fence = try await SharingTests.acquire(store, "p")
        let claims = try await SharingTests.claim(store, fence, 20).claims
        #expect(claims.count == 20)
        try server.run(
            """
            INSERT INTO guardian_tally SELECT s, 0, 'update', 'type' || t, '', 0 FROM generate_series(0, 63) s, generate_series(10, 29) t
            """, database: database)
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN; SELECT 1 FROM guardian_tally WHERE entity_type = 'type10' FOR UPDATE")
        async let result = SharingTests.claim(store, fence, 0, settling: claims)
        try await Self.waits(server, database)
        let free = try Self.freeTallies(session, "entity_type <> 'type10'")
        #expect(free == ["\(64 * 19)"])
        try session.run("COMMIT")
        _ = try await result
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("settling one by one keeps to the same order of tallies")
    func talliesOfSome() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        _ = try await store.enqueue(["a", "b"].map { StoreContract.sample(entity: EntityKey(type: "note", id: $0), id: $0) })
        let fence = try await SharingTests.acquire(store, "p")
        let claims = try await SharingTests.claim(store, fence, 2).claims
        try server.run(
            """
            INSERT INTO guardian_tally SELECT s, k, 'update', 'note', '', 0 FROM generate_series(0, 63) s, unnest(ARRAY[0, 2]) k
            """, database: database)
        let busy = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "later")
        let results: [Settlement.Result] = [
            .retry(due: Self.now, backoffMs: 1000, error: busy, charged: true, failureMark: 0), .processed,
        ]
        let settlements = zip(claims, results).map { Settlement(seq: $0.seq, id: $0.operation.id, result: $1) }
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        // What is processed comes before what is put off.
        try session.run("BEGIN; SELECT 1 FROM guardian_tally WHERE kind = 0 FOR UPDATE")
        async let result = store.exchange(Exchange(fence: fence, now: Self.now, settlements: settlements))
        try await Self.waits(server, database)
        let free = try Self.freeTallies(session, "kind = 2")
        #expect(free == ["64"])
        try session.run("COMMIT")
        _ = try await result
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("what is known of an entity comes before the tallies, as where results are settled one by one")
    func entitiesFirst() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database) { $0.patienceMs = 60_000 }
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "p")
        func claim(_ id: String) async throws -> Settlement {
            _ = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: id)])
            let claim = try #require(try await SharingTests.claim(store, fence, 1).claims.first)
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed)
            settlement.server = ServerState(etag: id)
            return settlement
        }
        let first = try await claim("a")
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [first]))
        try server.run(
            "INSERT INTO guardian_tally SELECT s, 0, 'update', 'note', '', 0 FROM generate_series(0, 63) s ON CONFLICT DO NOTHING",
            database: database)
        let second = try await claim("b")
        let session = try DirectSession(try DatabaseAddress(server.url(database)))
        try session.run("BEGIN; SELECT 1 FROM guardian_entity FOR UPDATE")
        async let result = store.exchange(Exchange(fence: fence, now: Self.now, settlements: [second]))
        try await Self.waits(server, database)
        let free = try Self.freeTallies(session, "kind = 0")
        #expect(free == ["64"])
        try session.run("COMMIT")
        _ = try await result
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }
}
