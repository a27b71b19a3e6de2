import Foundation
import GuardianCore
import GuardianPostgres
import GuardianTesting
import Synchronization
import Testing

@Suite("A server that does not answer")
struct GivenUpTests {
    private final class Progress: Sendable {
        let isConnected = Atomic<Bool>(false)
        let isGivenUp = Atomic<Bool>(false)
    }

    @Test("is given up in time, also when its main process is frozen")
    func frozen() async throws {
        let server = try Server()
        defer { server.end() }
        let address = try DatabaseAddress(server.url("postgres"))
        let progress = Progress()
        Thread.detachNewThread {
            do {
                let session = try DirectSession(address, patienceMs: 1000)
                progress.isConnected.store(true, ordering: .releasing)
                try session.run("SELECT pg_sleep(60)")
            } catch {
                progress.isGivenUp.store(true, ordering: .releasing)
            }
        }
        try await eventually("the session") { progress.isConnected.load(ordering: .acquiring) }
        try server.freeze()
        defer { do { try server.thaw() } catch {} }
        try await eventually("the end of its patience") { progress.isGivenUp.load(ordering: .acquiring) }
    }

    @Test("keeps what it was told to commit from everybody until its standby has it")
    func replicated() async throws {
        let server = try Server(settings: ["synchronous_standby_names=nobody", "synchronous_commit=local"])
        defer { server.end() }
        let database = try server.emptyDatabase()
        let session = try DirectSession(try DatabaseAddress(server.url(database)), patienceMs: 1000)
        try session.run("SET synchronous_commit = 'on'")
        #expect(throws: (any Error).self) { try session.run("CREATE TABLE given_up ()") }
        for _ in 0..<5 {
            let seen = try server.texts("SELECT (to_regclass('given_up') IS NOT NULL)::text", database: database)
            #expect(seen == ["false"])
        }
        let waiting = "SELECT wait_event FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event = 'SyncRep'"
        try await eventually("the wait for a standby") { try server.texts(waiting, database: "postgres") == ["SyncRep"] }
    }

    @Test("is passed over for the next host of the URL")
    func nextHost() async throws {
        let (silent, live) = (try Server(), try Server.shared.get())
        defer { silent.end() }
        let database = try live.emptyDatabase()
        try silent.freeze()
        defer { do { try silent.thaw() } catch {} }
        let hosts = "127.0.0.1:\(silent.port),127.0.0.1:\(live.port)"
        var configuration = PostgresStore.Configuration(
            address: try DatabaseAddress("postgresql://postgres@\(hosts)/\(database)"), connections: 2)
        configuration.patienceMs = 8000
        let store = try await PostgresStore.open(configuration)
        defer { store.close() }
        let receipts = try await store.enqueue([StoreContract.sample(entity: EntityKey(type: "note", id: "n1"), id: "a")])
        #expect(receipts.map(\.outcome) == [.accepted])
    }
}
