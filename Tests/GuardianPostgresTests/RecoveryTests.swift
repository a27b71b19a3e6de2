import GuardianCore
import GuardianPostgres
import GuardianTesting
import Testing

@Suite("A database that dies", .serialized)
struct RecoveryTests {
    @Test("three crashes of the server under load: what was acknowledged is delivered once, in order, and nobody needs help")
    func crashes() async throws {
        let server = try Server()
        defer { server.end() }
        let database = try server.emptyDatabase()
        let store = try await server.store(database) {
            $0.connections = 6
            $0.patienceMs = 60_000
        }
        defer { store.close() }
        let scene = Scene()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 { group.addTask { try await Self.write(store, writer, scene) } }
            for name in ["a", "b"] { group.addTask { try await Self.deliver(store, name, scene) } }
            for _ in 0..<3 {
                let goal = scene.settled + 200
                try await eventually("progress") { scene.settled >= goal }
                try server.ask("immediate")
            }
            let goal = scene.settled + 200
            try await eventually("progress after the last crash") { scene.settled >= goal }
            scene.end()
            try await group.waitForAll()
        }
        let report = try await store.check()
        #expect(report.problems == [] && report.gap == 0)
        #expect(report.pending == 0 && report.processing == 0)
        #expect(report.books.processed == Int64(scene.accepted))
        #expect(scene.orders.values.allSatisfy { $0 == $0.sorted() }, "an order was broken")
    }

    private static func write(_ store: PostgresStore, _ writer: Int, _ scene: Scene) async throws {
        var number = 0
        scene.beginWriting()
        defer { scene.endWriting() }
        while !scene.isOver {
            let batch = (0..<20).map { index in
                StoreContract.sample(
                    entity: EntityKey(type: "room", id: "\(writer)-\((number + index) % 7)"), id: "w\(writer)-\(number + index)")
            }
            number += 20
            let receipts = try await store.enqueue(batch)
            scene.accept(receipts)
            guard receipts.allSatisfy({ $0.outcome == .accepted }) else {
                throw Server.Trouble(description: "an operation of ours was taken for a duplicate")
            }
        }
    }

    /// Claims and settles until nothing is left; a call that fails is made again with the same settlements, as a processor does.
    private static func deliver(_ store: PostgresStore, _ name: String, _ scene: Scene) async throws {
        let fence = try await SharingTests.acquire(store, name)
        var open: [Claim] = []
        let end = ContinuousClock.now + .seconds(240)
        while true {
            guard ContinuousClock.now < end else { throw Server.Trouble(description: "some were never delivered") }
            let result: ExchangeResult
            do { result = try await SharingTests.claim(store, fence, 10, settling: open) } catch {
                guard case .unavailable = error as? StoreError else { throw error }
                continue
            }
            open = try scene.settle(open, result) + result.claims
            scene.hold(result.claims)
            if open.isEmpty, scene.isQuiet, try await store.books().pending == 0 { return }
        }
    }

    @Test("while the server is away a call fails when its patience ends, and works again once the server is back")
    func away() async throws {
        let server = try Server()
        defer { server.end() }
        let store = try await server.store(try server.emptyDatabase()) { $0.patienceMs = 700 }
        defer { store.close() }
        try server.ask("stop")
        await #expect {
            _ = try await store.books()
        } throws: { error in
            if case .unavailable = error as? StoreError { return true }
            return false
        }
        try server.ask("start")
        try await eventually("the store's return") {
            do {
                _ = try await store.books()
                return true
            } catch { return false }
        }
    }

    @Test("a server that would lose acknowledged writes in a power cut is refused")
    func notDurable() async throws {
        let server = try Server(settings: ["synchronous_commit=off"])
        defer { server.end() }
        let database = try server.emptyDatabase()
        await #expect {
            _ = try await server.store(database)
        } throws: { error in
            if case .notDurable = error as? StoreError { return true }
            return false
        }
    }

    @Test("TLS: the server's certificate is checked, and what can't be checked is refused")
    func tls() async throws {
        let server = try Server()
        defer { server.end() }
        try server.ask("tls")
        let database = try server.emptyDatabase()
        func open(_ query: String) async throws {
            let url = "postgresql://postgres@localhost:\(server.port)/\(database)?\(query)"
            let store = try await PostgresStore.open(.init(address: try DatabaseAddress(url), patienceMs: 500))
            store.close()
        }
        try await open("sslmode=verify-full&sslrootcert=\(server.directory)/server.crt")
        try await open("sslmode=require")
        await #expect(throws: StoreError.self) { try await open("sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt") }
    }
}
