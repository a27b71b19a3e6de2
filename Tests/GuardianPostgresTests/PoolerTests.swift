import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

/// Behind a real PgBouncer in transaction mode: each transaction may meet another session.
@Suite("Behind PgBouncer in transaction mode", .serialized)
struct PoolerTests {
    private static let pooled = Result {
        let server = try Server()
        return (server: server, port: try server.ask("pooler"))
    }

    private static func store(_ database: String, _ query: String, lonely: Bool) async throws -> PostgresStore {
        let port = try pooled.get().port
        let address = try DatabaseAddress("postgresql://postgres@127.0.0.1:\(port)/\(database)?sslmode=disable\(query)")
        var configuration = PostgresStore.Configuration(address: address, connections: 4)
        if lonely {
            configuration.processors = 1
            configuration.leaseClock = .caller
        }
        return try await PostgresStore.open(configuration)
    }

    @Test("the store keeps the contract", arguments: StoreContract.checks)
    func contract(check: StoreContract.Check) async throws {
        let store = try await Self.store(try Self.pooled.get().server.emptyDatabase(), "&pooler=transaction", lonely: true)
        defer { store.close() }
        try await StoreContract(store: store, processDied: { store.processDied(owner: $0) }).run(check)
    }

    @Test("an address that does not say that it is pooled works too: what was prepared elsewhere is noticed")
    func unannounced() async throws {
        let store = try await Self.store(try Self.pooled.get().server.emptyDatabase(), "", lonely: false)
        defer { store.close() }
        let fence = try await SharingTests.acquire(store, "a")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<25 {
                        let entity = EntityKey(type: "room", id: "\(writer)")
                        _ = try await store.enqueue([StoreContract.sample(entity: entity, id: "\(writer)-\(number)")])
                        _ = try await store.books()
                    }
                }
            }
            try await group.waitForAll()
        }
        var done = 0
        while done < 100 {
            let claims = try await SharingTests.claim(store, fence, 10).claims
            _ = try await SharingTests.claim(store, fence, 0, settling: claims)
            done += claims.count
        }
        let report = try await store.check()
        #expect(report.problems == [] && report.books.processed == 100)
    }
}
