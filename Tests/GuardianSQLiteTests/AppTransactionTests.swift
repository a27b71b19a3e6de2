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

    /// An app that has given GRDB no settings of its own.
    private func app(disk: DiskPolicy = DiskPolicy()) throws -> (SQLiteStore, SyncEngine, DatabasePool) {
        var opening = SQLiteStore.Configuration(path: file)
        opening.disk = disk
        let store = try SQLiteStore.open(opening)
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let pool = try DatabasePool(path: file)
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
        let stranger = try SQLiteStore.open(.init(path: path + "/stranger/guardian.sqlite"))
        await #expect {
            try await engine.write(to: pool, store: stranger) { _ in [Self.note(1)] }
        } throws: {
            "\($0)".contains("the engine delivers from another store")
        }
        try stranger.close()
        await #expect(throws: SyncError.refused(reason: "enqueue(in:) must be called inside a transaction")) {
            try await pool.writeWithoutTransaction { db in try engine.enqueue([Self.note(1)], in: db, store: store) }
        }
        #expect(try await store.books().accepted == 0)
        try other.close()
        try close(store, pool)
    }

    /// How durable and how patient a connection is.
    private static func settings(of db: Database) throws -> String {
        try ["synchronous", "fullfsync", "busy_timeout"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") ?? "none" }
            .joined(separator: " ")
    }

    /// What a transaction of the engine's in `database` has found its connection to be.
    private func found(_ number: Int, _ engine: SyncEngine, _ database: DatabasePool, _ store: SQLiteStore) async throws -> String? {
        let id = "n\(number)"
        try await engine.write(to: database, store: store) { db in
            try db.execute(sql: "INSERT INTO note VALUES (?, ?)", arguments: [id, Self.settings(of: db)])
            return [Self.note(number)]
        }
        return try await database.read { db in try String.fetchOne(db, sql: "SELECT text FROM note WHERE id = ?", arguments: [id]) }
    }

    @Test("for the call the app's connection is as durable and as patient as the store's, and then as it was")
    func durableForTheCall() async throws {
        let (store, engine, pool) = try app()
        #expect(try await found(1, engine, pool, store) == "2 1 \(store.configuration.busyTimeoutMs)")
        await #expect(throws: Refused.self) { try await engine.write(to: pool, store: store) { _ in throw Refused() } }
        #expect(try await pool.writeWithoutTransaction { db in try Self.settings(of: db) } == "1 0 0")
        var patient = Configuration()
        patient.busyMode = .timeout(3)
        let other = try DatabasePool(path: file, configuration: patient)
        #expect(try await found(2, engine, other, store) == "2 1 3000", "an app that has said how patient it is stays so")
        try other.close()
        try close(store, pool)
    }

    @Test("inside a transaction of the app's, its connection must be as durable as the store's on every platform")
    func durable() async throws {
        let (store, engine, pool) = try app()
        func enqueue(_ pragma: String) async throws {
            try await pool.writeWithoutTransaction { db in
                try db.execute(sql: pragma)
                try db.inTransaction(.immediate) {
                    _ = try engine.enqueue([Self.note(1)], in: db, store: store)
                    return .commit
                }
            }
        }
        await #expect(throws: SyncError.store(.notDurable("`PRAGMA synchronous` of the app's connection is 1, not FULL (2)"))) {
            try await enqueue("PRAGMA fullfsync = 1")
        }
        await #expect(throws: SyncError.store(.notDurable("`PRAGMA fullfsync` of the app's connection is 0, not 1"))) {
            try await enqueue("PRAGMA fullfsync = 0; PRAGMA synchronous = FULL")
        }
        try await enqueue("PRAGMA fullfsync = 1")
        #expect(try await store.books().pending == 1)
        try close(store, pool)
    }

    @Test("a volume without room is a SyncError, as it is from enqueue, and leaves nothing of either")
    func full() async throws {
        let (store, engine, pool) = try app(disk: DiskPolicy(secondWatermark: Int64.max / 2, reserve: 0))
        do {
            try await engine.write(to: pool, store: store) { db in
                try db.execute(sql: "INSERT INTO note VALUES ('n1', 'text')")
                return [Self.note(1)]
            }
            Issue.record("it was taken")
        } catch SyncError.store(.full) {}
        #expect(try await pool.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM note") } == 0)
        try close(store, pool)
    }

    @Test("an error that the app makes nothing of leaves no operation of that call, and no number that is given again")
    func swallowed() async throws {
        let (store, engine, pool) = try app()
        try await pool.write { db in
            try db.execute(
                sql: """
                    CREATE TRIGGER refuse BEFORE INSERT ON guardian_operation WHEN new.entity_id = 'n99'
                    BEGIN SELECT RAISE(ABORT, 'not this one'); END
                    """)
        }
        try await pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA fullfsync = 1; PRAGMA synchronous = FULL")
            try db.inTransaction(.immediate) {
                try db.execute(sql: "INSERT INTO note VALUES ('n1', 'text')")
                #expect(throws: SyncError.self) { try engine.enqueue((60...99).map { Self.note($0) }, in: db, store: store) }
                try engine.enqueue([Self.note(1)], in: db, store: store)
                return .commit
            }
        }
        #expect(try await store.list(OperationFilter()).map(\.id) == [.text("op-1")])
        #expect(try await pool.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM note") } == 1)
        try await engine.enqueue(Self.note(2))
        let check = try await store.check()
        #expect(check.problems == [] && check.books.accepted == 2)
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
