import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("The look that tells whether a queue is worth counting")
struct StallTests {
    private static let now = StoreContract.start
    private static let patienceMs: Int64 = 2000

    private static func note(_ id: String) -> GuardianCore.Operation {
        StoreContract.sample(entity: EntityKey(type: "note", id: id), id: id)
    }

    private static func mayStall(_ store: PostgresStore, afterMs: Int64) async throws -> Bool {
        try await store.mayStall(at: now.adding(milliseconds: afterMs), patienceMs: patienceMs)
    }

    @Test("what is due for long enough is seen, what waits for a time, for its user or in a processor's hands is none")
    func due() async throws {
        let server = try Server.shared.get()
        let store = try await server.store(try server.emptyDatabase())
        defer { store.close() }
        let empty = try await Self.mayStall(store, afterMs: 90_000)
        #expect(!empty)
        var (ofAnna, early) = (Self.note("n1"), Self.note("n2"))
        ofAnna.principal = "anna"
        early.notBefore = Self.now.adding(milliseconds: 3_600_000)
        _ = try await store.enqueue([ofAnna, early])
        let waiting = try await Self.mayStall(store, afterMs: 90_000)
        #expect(!waiting)
        _ = try await store.enqueue([Self.note("n3")])
        let young = try await Self.mayStall(store, afterMs: 1999)
        let old = try await Self.mayStall(store, afterMs: 2000)
        #expect(!young && old)
        let census = try await store.census(at: Self.now.adding(milliseconds: 2000))
        #expect(census.dueSince == Self.now)
        let fence = try await SharingTests.acquire(store, "a")
        _ = try await SharingTests.claim(store, fence, 9)
        let inHand = try await Self.mayStall(store, afterMs: 90_000)
        #expect(!inHand)
    }

    @Test("a line that an app's open transaction holds is passed over, and what stands behind it in the order of tenants is seen")
    func held() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        _ = try await store.enqueue([Self.note("n1")])
        let app = try OpenTransaction(server, database, "SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}')")
        let alone = try await Self.mayStall(store, afterMs: 90_000)
        #expect(!alone)
        _ = try await store.enqueue([
            StoreContract.sample(entity: EntityKey(type: "note", id: "n2"), id: "n2", orderingKey: "tenant:acme/n2")
        ])
        let beside = try await Self.mayStall(store, afterMs: 90_000)
        #expect(beside)
        try app.end()
    }

    @Test("operations of which none leads a line are seen at once")
    func headless() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        try server.run("SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{}')", database: database)
        try server.run("DELETE FROM guardian_line", database: database)
        let lost = try await Self.mayStall(store, afterMs: 0)
        #expect(lost)
        _ = try await store.rebuildIndex(ordering: nil)
        let mended = try await store.mayStall(at: Timestamp(milliseconds: 0), patienceMs: Self.patienceMs)
        #expect(!mended)
    }

    @Test("where very many tenants have nothing due it says yes, rather than look at each")
    func tenants() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        func wait(_ count: Int) throws {
            try server.run(
                """
                DELETE FROM guardian_line;
                INSERT INTO guardian_line (line, head, tail, due_at, updated_at, priority, tenant)
                SELECT i, i, i, \(Int64.max / 4), 0, 0, 't' || i FROM generate_series(1, \(count)) i
                """, database: database)
        }
        try wait(1500)
        let few = try await Self.mayStall(store, afterMs: 90_000)
        #expect(!few)
        try wait(2500)
        let many = try await Self.mayStall(store, afterMs: 90_000)
        #expect(many)
    }

    @Test("lines that lost their rows are noticed, told, lined up anew, and delivered", .timeLimit(.minutes(5)))
    func repairs() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let sink = RecordingSink()
        let engine = SyncEngine(store: store, transport: ScriptedTransport(), sinks: [sink])
        try await engine.enqueue(NewOperation("update", entityType: "room", entityID: "1", payload: "{}"))
        try server.run("DELETE FROM guardian_line", database: database)
        async let running: Void = engine.run()
        await sink.wait(for: 1) { if case .processed = $0 { true } else { false } }
        #expect(engine.stallCount > 0)
        engine.drain()
        try await running
        let report = try await store.check()
        #expect(report.problems == [])
    }
}
