import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("Answers that tell an ETag are settled many at a time")
struct ETagTests {
    private static let now = StoreContract.start

    private static func room(_ id: String, _ name: String) -> GuardianCore.Operation {
        StoreContract.sample(entity: EntityKey(type: "room", id: id), id: "\(id)-\(name)")
    }

    /// Claims all that there is, and settles it with what the upstream says of each.
    private static func deliver(
        _ store: PostgresStore, _ fence: Fence, _ said: (GuardianCore.Operation) -> ServerState?
    ) async throws -> [GuardianCore.Operation] {
        let claims = try await SharingTests.claim(store, fence, 100).claims
        let settlements = claims.map {
            Settlement(seq: $0.seq, id: $0.operation.id, result: .processed, server: said($0.operation))
        }
        let result = try await store.exchange(Exchange(fence: fence, now: now, settlements: settlements))
        guard result.settled.allSatisfy({ $0 }) else { throw Server.Trouble(description: "not settled") }
        return claims.map(\.operation)
    }

    private static func known(_ store: PostgresStore, _ id: String) async throws -> ServerState? {
        try await store.view(of: EntityKey(type: "room", id: id)).server
    }

    /// From now on nothing can be settled one by one.
    private static func forbidOneByOne(_ server: Server, _ database: String) throws {
        try server.run("DROP FUNCTION guardian_mend(bigint, bigint, boolean)", database: database)
    }

    @Test("each ETag is kept for what comes next, the last one of an entity, and nothing is done one by one for it")
    func kept() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        try Self.forbidOneByOne(server, database)
        var keyed = Self.room("c", "keyed")
        keyed.customOrderingKey = "elsewhere"
        _ = try await store.enqueue([Self.room("a", "1"), Self.room("b", "1"), Self.room("c", "1"), keyed])
        let first = try await Self.deliver(store, fence) { $0.entity.id == "b" ? nil : ServerState(etag: "v-\($0.id)") }
        #expect(first.count == 4 && first.allSatisfy { $0.ifMatch == nil })
        _ = try await store.enqueue(["a", "b", "c"].map { Self.room($0, "2") })
        let second = try await Self.deliver(store, fence) { ServerState(etag: "v-\($0.id)") }
        #expect(second.map(\.ifMatch) == ["v-a-1", nil, "v-c-keyed"])
        for id in ["a", "b", "c"] {
            let known = try await Self.known(store, id)
            #expect(known == ServerState(etag: "v-\(id)-2"))
        }
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0 && report.books.processed == 7)
    }

    @Test("an entity of which more is known is settled one by one, and the others many at a time again")
    func moreIsKnown() async throws {
        let server = try Server.shared.get()
        let database = try server.emptyDatabase()
        let store = try await server.store(database)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        _ = try await store.enqueue([Self.room("a", "1"), Self.room("gone", "1")])
        _ = try await Self.deliver(store, fence) {
            $0.entity.id == "gone" ? ServerState(isGone: true) : ServerState(state: #"{"n":1}"#, etag: "v1")
        }
        _ = try await store.enqueue([Self.room("a", "2"), Self.room("gone", "2"), Self.room("b", "1")])
        _ = try await Self.deliver(store, fence) { _ in ServerState(etag: "v2") }
        let (a, gone) = (try await Self.known(store, "a"), try await Self.known(store, "gone"))
        #expect(a?.etag == "v2" && a?.state == #"{"n":1}"#)
        #expect(gone?.etag == "v2" && gone?.isGone == false)
        try Self.forbidOneByOne(server, database)
        _ = try await store.enqueue([Self.room("b", "2"), Self.room("new", "1")])
        _ = try await Self.deliver(store, fence) { _ in ServerState(etag: "v3") }
        let b = try await Self.known(store, "b")
        #expect(b == ServerState(etag: "v3"))
    }
}
