import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Testing

/// A newer build brings the schema up to date while a process of this one has the store open.
@Suite(.serialized) struct LaterBuildTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func enqueue(_ id: String, _ store: SQLiteStore) async throws {
        var random = Xoshiro256(seed: 1)
        let new = NewOperation("update", entityType: "room", entityID: "r", payload: "{}", id: id)
        _ = try await store.enqueue([try Admission().admit(new, at: Self.start, random: &random)])
    }

    @Test("once a newer build has brought the schema up to date this one writes nothing more, says why, and still reads")
    func writesNoMore() async throws {
        try await withStore { store, path in
            try await enqueue("first", store)
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.start, staleAfterMs: 1000) else {
                throw StoreError.unavailable("not acquired")
            }
            let newer = try DatabaseQueue(path: path)
            try await newer.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('guardian-9999-later')") }
            let expected = StoreError.newerVersion(found: "guardian-9999-later")
            for _ in 0..<2 {
                let refused = await #expect(throws: StoreError.self) { try await enqueue("second", store) }
                #expect(refused == expected)
            }
            let exchange = Exchange(fence: fence, now: Self.start, normal: 1)
            let refused = await #expect(throws: StoreError.self) { _ = try await store.exchange(exchange) }
            #expect(refused == expected)
            #expect(try await store.list(OperationFilter()).map(\.id) == [.text("first")])

            try await newer.write { try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'guardian-9999-later'") }
            try newer.close()
            try await enqueue("second", store)
            #expect(try await store.exchange(exchange).claims.count == 1)
            #expect(try await store.check().problems == [])
        }
    }

    @Test("what an app has in the same list of migrations is no newer build")
    func leavesAppsAlone() async throws {
        try await withStore { store, path in
            let app = try DatabaseQueue(path: path)
            try await app.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('notes-0001'), ('zz-last')") }
            try app.close()
            try await enqueue("first", store)
        }
    }

    @Test("a store whose tables have more columns keeps the contract", arguments: StoreContract.checks)
    func moreColumns(check: StoreContract.Check) async throws {
        try await withStore { store, path in
            let newer = try DatabaseQueue(path: path)
            try await newer.write { db in
                let tables = try String.fetchAll(
                    db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'guardian_*' ORDER BY name")
                for table in tables { try db.execute(sql: "ALTER TABLE \(table) ADD COLUMN later TEXT") }
            }
            try newer.close()
            try await StoreContract(store: store, processDied: { store.processDied(owner: $0) }).run(check)
        }
    }
}
