import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("A switch of user over a long queue goes on in pages, while others write and deliver")
struct SignInTests {
    private static let now = StoreContract.start
    private static let parked = Int64.max / 4

    private static func notes(_ count: Int, of principal: String, key: String? = nil) -> [GuardianCore.Operation] {
        (0..<count).map { number in
            let name = "\(principal)-\(key ?? "")\(number)"
            var operation = StoreContract.sample(entity: EntityKey(type: "note", id: name), id: name, orderingKey: key)
            operation.principal = principal
            return operation
        }
    }

    /// A queue of which anna may send hers.
    private struct Scene {
        let server: Server
        let database: String
        let store: PostgresStore
        let fence: Fence

        init(_ operations: [GuardianCore.Operation]) async throws {
            server = try Server.shared.get()
            database = try server.emptyDatabase()
            store = try await server.store(database)
            fence = try await SharingTests.acquire(store, "a")
            _ = try await store.exchange(Exchange(fence: fence, now: SignInTests.now, signedIn: .principal("anna")))
            _ = try await store.enqueue(operations)
        }

        func signIn(_ principal: String) async throws {
            _ = try await store.exchange(Exchange(fence: fence, now: SignInTests.now, signedIn: .principal(principal)))
        }

        /// How many are parked and how many are not, by whose they are.
        func places() throws -> [String] {
            try server.texts(
                """
                SELECT principal || CASE WHEN due_at = \(SignInTests.parked) THEN ' waits ' ELSE ' goes ' END || count(*)
                FROM guardian_operation GROUP BY principal, due_at = \(SignInTests.parked) ORDER BY 1
                """, database: database)
        }

        var isDone: Bool {
            get throws { try server.texts("SELECT name FROM guardian_setting WHERE name = 'signing_in'", database: database) == [] }
        }
    }

    @Test("each page is a transaction of its own; in the end what others wrote is parked, and her own has come back, the oldest first")
    func pages() async throws {
        let scene = try await Scene(Self.notes(6000, of: "anna") + Self.notes(6000, of: "bob"))
        let store = scene.store
        defer { store.close() }
        let before = try scene.places()
        #expect(before == ["anna goes 6000", "bob waits 6000"])
        try await scene.signIn("bob")
        try await eventually("the last page") { try scene.isDone }
        let after = try scene.places()
        #expect(after == ["anna waits 6000", "bob goes 6000"])
        let transactions = try scene.server.texts(
            "SELECT count(DISTINCT xmin::text)::text FROM guardian_operation", database: scene.database)
        #expect(transactions == ["3"])
        let claims = try await SharingTests.claim(store, scene.fence, 3).claims
        #expect(claims.map(\.operation.id) == [.text("bob-0"), .text("bob-1"), .text("bob-2")])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("one that a process began and did not end is ended by the next rescue, whoever makes it; what is claimed meanwhile stays right")
    func crash() async throws {
        let scene = try await Scene(Self.notes(6000, of: "anna") + Self.notes(10, of: "bob"))
        scene.store.close()
        // All that the first transaction of a switch is sure to leave behind.
        try scene.server.run(
            """
            UPDATE guardian_setting SET value = 'bob' WHERE name = 'signed_in';
            INSERT INTO guardian_setting VALUES ('signing_in', '1')
            """, database: scene.database)
        let store = try await scene.server.store(scene.database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "b")
        let claims = try await SharingTests.claim(store, fence, 2).claims
        #expect(claims.map(\.operation.principal) == ["anna", "anna"])
        let unsent = Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: .unsent)
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: [unsent]))
        let standing = try await store.standing(of: claims[0].operation.id)
        #expect(standing?.isParked == true)
        _ = try await store.rescue(fence, now: Self.now)
        try await eventually("the last page") { try scene.isDone }
        // The one in hand parks as well: it was sent with her token, and goes by its result.
        let places = try scene.places()
        #expect(places == ["anna waits 6000", "bob goes 10"])
        let result = try await SharingTests.claim(store, fence, 100, settling: [claims[1]])
        #expect(result.settled == [true] && Set(result.claims.map(\.operation.principal)) == ["bob"] && result.claims.count == 10)
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.processed == 1)
    }

    @Test("a line with more than a page that an app's open transaction holds is left for later, and keeps no other from its place")
    func heldLine() async throws {
        let scene = try await Scene(Self.notes(5200, of: "anna", key: "k") + Self.notes(300, of: "anna"))
        let store = scene.store
        defer { store.close() }
        let app = try OpenTransaction(
            scene.server, scene.database, "SELECT * FROM guardian_enqueue('update', 'note', 'app', '{}', ordering_key => 'k')")
        try await scene.signIn("bob")
        try await eventually("the others") { try scene.places() == ["anna goes 5200", "anna waits 300"] }
        let isDone = try scene.isDone
        #expect(!isDone)
        try app.end()
        try await eventually("the rest") {
            _ = try await store.rescue(scene.fence, now: Self.now)
            return try scene.isDone
        }
        let places = try scene.places()
        #expect(places.contains("anna waits 5500"))
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }

    @Test("who signs in while the pages of another go on has hers back, and no page of the other's undoes that")
    func backAgain() async throws {
        let scene = try await Scene(Self.notes(6000, of: "anna") + Self.notes(6000, of: "bob"))
        let store = scene.store
        defer { store.close() }
        for principal in ["bob", "anna", "bob", "anna"] { try await scene.signIn(principal) }
        try await eventually("the end") {
            _ = try await store.rescue(scene.fence, now: Self.now)
            return try scene.isDone
        }
        let places = try scene.places()
        #expect(places == ["anna goes 6000", "bob waits 6000"])
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
    }
}
