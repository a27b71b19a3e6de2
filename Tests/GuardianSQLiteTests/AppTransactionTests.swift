import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// The app's change and the operation commit together, or neither does.
@Suite(.serialized) struct AppTransactionTests {
    private struct Refused: Error {}

    private let path = NSTemporaryDirectory() + "/guardian-app-" + UUID().uuidString
    private var file: String { path + "/app.sqlite" }

    private func app() throws -> (SQLiteStore, SyncEngine, DatabasePool) {
        let store = try SQLiteStore.open(.init(path: file))
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        let pool = try DatabasePool(path: file, configuration: configuration)
        try pool.write { db in try db.execute(sql: "CREATE TABLE note (id TEXT PRIMARY KEY, text TEXT)") }
        return (store, engine, pool)
    }

    private func close(_ store: SQLiteStore, _ pool: DatabasePool) throws {
        try pool.close()
        try store.close()
        try FileManager.default.removeItem(atPath: path)
    }

    private static func note(_ n: Int) -> NewOperation {
        NewOperation("update", entityType: "note", entityID: "n\(n)", payload: #"{"n":\#(n)}"#, id: "op-\(n)")
    }

    @Test("both are written, the receipt comes back, and delivery goes on")
    func both() async throws {
        let (store, engine, pool) = try app()
        let receipts = try await engine.write(to: pool, store: store) { db in
            try db.execute(sql: "INSERT INTO note VALUES ('n1', 'text')")
            return [Self.note(1), Self.note(2)]
        }
        #expect(receipts.map(\.outcome) == [.accepted, .accepted])
        #expect(try await store.books().pending == 2)
        #expect(try await store.check().problems == [])
        #expect(try await pool.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM note") } == 1)
        let again = try await engine.write(to: pool, store: store) { _ in [Self.note(1)] }
        #expect(again.map(\.outcome) == [.duplicate])
        try close(store, pool)
    }

    @Test("an app that throws, or an operation that is refused, leaves nothing of either")
    func neither() async throws {
        let (store, engine, pool) = try app()
        await #expect(throws: Refused.self) {
            try await engine.write(to: pool, store: store) { db in
                try db.execute(sql: "INSERT INTO note VALUES ('n1', 'text')")
                _ = try engine.enqueue([Self.note(1)], in: db, store: store)
                throw Refused()
            }
        }
        await #expect(throws: SyncError.self) {
            try await engine.write(to: pool, store: store) { db in
                try db.execute(sql: "INSERT INTO note VALUES ('n1', 'text')")
                return [Self.note(1), NewOperation("update", entityType: "no type", entityID: "x", payload: "{}")]
            }
        }
        #expect(try await store.books().accepted == 0)
        #expect(try await pool.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM note") } == 0)
        #expect(try await store.check().problems == [])
        try close(store, pool)
    }

    @Test("a connection that is not durable, another file, and no transaction at all are refused by name")
    func refusals() async throws {
        let (store, engine, pool) = try app()
        await #expect(throws: SyncError.self) {
            try await pool.write { db in try engine.enqueue([Self.note(1)], in: db, store: store) }
        }
        let other = try DatabaseQueue(path: path + "/other.sqlite")
        await #expect(throws: SyncError.refused(reason: "the transaction is in another file than the store, so they can't commit as one")) {
            try await engine.write(to: other, store: store) { _ in [Self.note(1)] }
        }
        await #expect(throws: SyncError.refused(reason: "enqueue(in:) must be called inside a transaction")) {
            try await pool.writeWithoutTransaction { db in try engine.enqueue([Self.note(1)], in: db, store: store) }
        }
        #expect(try await store.books().accepted == 0)
        try other.close()
        try close(store, pool)
    }

    @Test("writers of both kinds at once: no number twice, no line broken")
    func beside() async throws {
        let (store, engine, pool) = try app()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for n in 0..<200 { _ = try await engine.enqueue(Self.note(n)) } }
            group.addTask {
                for n in 200..<400 {
                    try await engine.write(to: pool, store: store) { db in
                        try db.execute(sql: "INSERT INTO note VALUES (?, 'x')", arguments: ["n\(n)"])
                        return [Self.note(n)]
                    }
                }
            }
            try await group.waitForAll()
        }
        let check = try await store.check()
        #expect(check.problems == [] && check.pending == 400 && check.gap == 0)
        try close(store, pool)
    }
}
