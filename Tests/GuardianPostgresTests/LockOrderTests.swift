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
}
