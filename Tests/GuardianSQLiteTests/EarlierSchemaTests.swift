import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// Stores of every schema that there has been (`Tests/Stores`), each with its tables as a build of that time made them and a few operations
/// in every state: pending, in hand, failed, parked, and from the second on in conflict and waiting for a create.
@Suite(.serialized) struct EarlierSchemaTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Stores")
    /// Long after all of it was written.
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// Their names: that of the last migration each has seen.
    static let names: [String] = {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
                .map { String($0.dropLast(4)) }.sorted()
        } catch {
            return []
        }
    }()

    @Test("there is a store of every schema that there has been")
    func isComplete() async throws {
        try await withStore { _, path in
            let database = try DatabaseQueue(path: path)
            let migrations = try await database.read { db in
                try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations ORDER BY identifier")
            }
            try database.close()
            #expect(Self.names == migrations)
        }
    }

    @Test("a store of an earlier schema opens, checks and balances, and all that is in it is delivered in order", arguments: names)
    func delivers(_ name: String) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let path = try await restore(name, in: directory)
        let isFirst = name == Self.names.first
        let (accepted, failed): (Int64, Int64) = isFirst ? (9, 2) : (12, 3)

        let store = try SQLiteStore.open(.init(path: path))
        let before = try await store.check()
        #expect(before.problems == [] && before.gap == 0)
        #expect(before.books.accepted == accepted && before.books.processed == 1 && before.failed == failed && before.processing == 1)
        let groups = try await store.failureGroups(limit: 10)
        #expect(groups.reduce(0) { $0 + $1.count } == failed)
        #expect(try await store.deviceID() == "0d5b1f9e-3f0c-4c8e-9a57-6f2f6a6d2c11")
        #expect(try await store.ending(of: .text("delivered")) == .processed(answer: #"{"ok":true}"#))

        #expect(try await store.retry(nil, now: Self.now) == Int(failed))
        #expect(try await store.check().problems == [])
        let delivered = try await deliver(all: store)
        #expect(Set(delivered.map(\.seq)) == Set(2...accepted))
        expectOrder(delivered, isFirst)
        let after = try await store.check()
        #expect(after.problems == [] && after.gap == 0)
        #expect(after.books.processed == accepted && after.pending == 0 && after.processing == 0 && after.failed == 0)
        let tallies = try await store.tallies()
        #expect(tallies.filter { $0.kind == .processed }.reduce(0) { $0 + $1.count } == accepted)
        if !isFirst { try await expectTwoSides(store) }
        #expect(try await store.feedCursor(of: "changes") == (name < "guardian-0006" ? nil : "42"))
        try store.close()
    }

    /// Writes the store anew from its text, and returns where it is.
    private func restore(_ name: String, in directory: String) async throws -> String {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = directory + "/guardian.sqlite"
        let text = try String(contentsOf: Self.folder.appendingPathComponent(name + ".sql"), encoding: .utf8)
        let database = try DatabaseQueue(path: path)
        // The text begins and commits by itself.
        try await database.writeWithoutTransaction { db in try db.execute(sql: text) }
        try database.close()
        return path
    }

    /// Takes the queue over from who held it last, signs in, and delivers until nothing is left. What was claimed, in that order.
    private func deliver(all store: SQLiteStore) async throws -> [Claim] {
        let answer = try await store.acquireLock(owner: "p", now: Self.now, staleAfterMs: 1000)
        guard case .acquired(let fence, _, let returned) = answer else { throw StoreError.unavailable("not acquired") }
        #expect(returned == 1 && fence.epoch == 4)
        var delivered: [Claim] = []
        var next = Exchange(fence: fence, now: Self.now, signedIn: .principal("7e1f2c"), urgent: 10, normal: 10)
        while true {
            let claims = try await store.exchange(next).claims
            if claims.isEmpty { return delivered }
            delivered += claims
            let settlements = claims.map { claim in
                Settlement(
                    seq: claim.seq, id: claim.operation.id, result: .processed, assignedID: claim.operation.type == "create" ? "501" : nil)
            }
            next = Exchange(fence: fence, now: Self.now, settlements: settlements, urgent: 10, normal: 10)
        }
    }

    private func expectOrder(_ delivered: [Claim], _ isFirst: Bool) {
        #expect(delivered.filter { $0.operation.entity.id == "r1" }.map(\.seq) == [2, 3])
        #expect(delivered.filter { $0.operation.entity.id == "r3" }.map(\.seq) == [5, 8])
        let own = delivered.first { $0.seq == 7 }?.operation
        #expect(own?.customOrderingKey == "ward/7" && own?.priority == 5)
        #expect(own?.base == #"{"temperature":19}"# && own?.payload == #"{"temperature":20}"#)
        #expect(delivered.first { $0.seq == 2 }?.operation.ifMatch == (isFirst ? nil : "\"7\""))
        // It waited for the create, and goes to the entity under the id that the upstream has given to it.
        if !isFirst { #expect(delivered.last { $0.seq == 11 }?.operation.entity.id == "501") }
    }

    /// What is known of local ids and optimistic changes, from the second schema on.
    private func expectTwoSides(_ store: SQLiteStore) async throws {
        #expect(try await store.resolve(EntityKey(type: "room", id: "local-0")).id == "77")
        #expect(try await store.resolve(EntityKey(type: "room", id: "local-1")).id == "501")
        let endings = try await store.endings(after: 0, limit: 10)
        #expect(endings.map(\.change.txnToken) == ["edit-0", "edit-1"])
        #expect(endings.allSatisfy { $0.result == .committed })
    }
}
