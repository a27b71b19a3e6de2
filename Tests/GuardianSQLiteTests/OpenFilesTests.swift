import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// Nothing is acknowledged into files that the next start would not find.
@Suite(.serialized) struct OpenFilesTests {
    private let folder = NSTemporaryDirectory() + "/guardian-files-" + UUID().uuidString
    private var path: String { folder + "/guardian.sqlite" }
    private var aside: String { path + ".aside" }

    private func remove() { do { try FileManager.default.removeItem(atPath: folder) } catch {} }

    private static func new(_ n: Int) -> NewOperation {
        NewOperation("update", entityType: "room", entityID: "r\(n)", payload: #"{"n":\#(n)}"#, id: "op-\(n)")
    }

    private func enqueue(_ n: Int, _ store: SQLiteStore) async throws {
        var random = Xoshiro256(seed: UInt64(n))
        let operation = try Admission().admit(Self.new(n), at: Timestamp(milliseconds: 1_800_000_000_000), random: &random)
        _ = try await store.enqueue([operation])
    }

    /// Expects that nothing is taken, since the file that ends like that is no longer where it was.
    private func expectRefusal(_ store: SQLiteStore, _ end: String) async throws {
        do {
            try await enqueue(9, store)
            Issue.record("it was taken")
        } catch StoreError.readOnly(let what) {
            #expect(what.contains("/guardian.sqlite\(end) was moved, replaced or deleted"), "\(what)")
        }
        let probe = await #expect(throws: StoreError.self) { try await store.probeWrite() }
        #expect(probe?.name == "read_only")
    }

    @Test("once a file of the store is deleted nothing is acknowledged, and the error names it", arguments: ["", "-wal", "-shm"])
    func deleted(_ end: String) async throws {
        defer { remove() }
        let store = try SQLiteStore.open(.init(path: path))
        try await enqueue(1, store)
        try FileManager.default.removeItem(atPath: path + end)
        try await expectRefusal(store, end)
        try store.close()
        guard !end.isEmpty else { return }
        // The end of a process that is stopped brings what was in its log into the file.
        let next = try SQLiteStore.open(.init(path: path))
        #expect(try await next.books().pending == 1)
        #expect(try await next.check().problems == [])
        try next.close()
    }

    @Test("a file that was moved away and put back is used again", arguments: ["", "-wal", "-shm"])
    func putBack(_ end: String) async throws {
        defer { remove() }
        let store = try SQLiteStore.open(.init(path: path))
        try await enqueue(1, store)
        try FileManager.default.moveItem(atPath: path + end, toPath: aside)
        try await expectRefusal(store, end)
        try FileManager.default.moveItem(atPath: aside, toPath: path + end)
        try await enqueue(2, store)
        #expect(try await store.books().pending == 2)
        #expect(try await store.check().problems == [])
        try store.close()
    }

    @Test("a store that another file has taken the place of takes nothing, and leaves that one as it is, also when it is closed")
    func replaced() async throws {
        defer { remove() }
        let store = try SQLiteStore.open(.init(path: path))
        try await enqueue(1, store)
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        let other = Data(repeating: 0x41, count: 8192)
        try other.write(to: URL(fileURLWithPath: path))
        try await expectRefusal(store, "")
        try store.close()
        let left = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(left == other)
    }

    @Test("the transaction of an app whose file was replaced is refused, and leaves nothing of either")
    func replacedUnderTheApp() async throws {
        defer { remove() }
        let store = try SQLiteStore.open(.init(path: path))
        let engine = SyncEngine(store: store, transport: ScriptedTransport())
        let pool = try DatabasePool(path: path)
        try await pool.write { db in try db.execute(sql: "CREATE TABLE note (id TEXT PRIMARY KEY)") }
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
        do {
            try await engine.write(to: pool, store: store) { db in
                try db.execute(sql: "INSERT INTO note VALUES ('n1')")
                return [Self.new(1)]
            }
            Issue.record("it was taken")
        } catch SyncError.store(.readOnly) {}
        let notes = try await pool.writeWithoutTransaction { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM note") }
        #expect(notes == 0)
        try pool.close()
        try store.close()
    }
}
