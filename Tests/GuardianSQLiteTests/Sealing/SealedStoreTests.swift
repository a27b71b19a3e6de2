import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

/// What is sealed, under which key, and what a wrong one does.
@Suite(.serialized) struct SealedStoreTests {
    private static let canary = "canary-4111111111111111"
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func operations(_ count: Int, from first: Int = 0) throws -> [GuardianCore.Operation] {
        var random = Xoshiro256(seed: UInt64(first))
        return try (first..<first + count).map { number in
            try Admission().admit(
                NewOperation(
                    "update", entityType: "note", entityID: "n\(number)", payload: #"{"text":"\#(Self.canary)"}"#, id: "op-\(number)",
                    base: #"{"text":"old \#(Self.canary)"}"#, txnToken: "t\(number)"), at: Self.now, random: &random)
        }
    }

    /// Something in every column that holds what a person wrote.
    private func fill(_ store: SQLiteStore, _ count: Int = 20) async throws {
        for number in 0..<2 {
            let change = OptimisticChange(
                txnToken: "t\(number)", entity: EntityKey(type: "note", id: "n\(number)"), original: #"{"text":"was \#(Self.canary)"}"#)
            try await store.register(change, now: Self.now)
        }
        _ = try await store.enqueue(try operations(count))
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.now, staleAfterMs: 1000) else { return }
        let claims = try await store.exchange(Exchange(fence: fence, now: Self.now, urgent: 9, normal: 9)).claims
        let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no: \(Self.canary)")
        let settlements = claims.enumerated().map { index, claim in
            var settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: index % 2 == 0 ? .failed(error) : .processed)
            settlement.server = ServerState(state: #"{"text":"theirs \#(Self.canary)"}"#, etag: "e", isGone: false)
            settlement.answer = index % 2 == 0 ? nil : #"{"said":"\#(Self.canary)"}"#
            return settlement
        }
        _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: settlements))
        try await store.releaseLock(fence)
    }

    private func expectReadable(_ store: SQLiteStore, _ count: Int = 20) async throws {
        let found = try await store.list(OperationFilter(limit: 1000))
        #expect(found.allSatisfy { $0.payload?.contains(Self.canary) == true && $0.base?.contains(Self.canary) == true })
        #expect(found.filter { $0.status == .failed }.allSatisfy { $0.lastError?.message.contains(Self.canary) == true })
        let view = try await store.view(of: EntityKey(type: "note", id: "n0"))
        #expect(view.server?.state?.contains(Self.canary) == true)
        #expect(try await store.endings(after: 0, limit: 9).allSatisfy { $0.change.original?.contains(Self.canary) == true })
        #expect(try await store.ending(of: .text("op-1")).map { "\($0)".contains(Self.canary) } == true)
        #expect(try await store.check().problems == [])
    }

    @Test("a sealed store shows nothing of what was written in any of its files; one in clear does")
    func hidesAll() async throws {
        for isSealed in [true, false] {
            try await withStoreDirectory { path in
                let store = try openStore(path, isSealed ? Keys(.random()) : nil)
                try await fill(store)
                #expect(try filesWith(Self.canary, at: path).isEmpty == isSealed)
                try await expectReadable(store)
                try await store.checkpoint()
                #expect(try filesWith(Self.canary, at: path).isEmpty == isSealed)
                try store.close()
            }
        }
    }

    @Test("a wrong key, or none, is an error that says so, and changes no byte of the store")
    func wrongKey() async throws {
        try await withStoreDirectory { path in
            let key = SealKey.random()
            let store = try openStore(path, Keys(key))
            try await fill(store)
            try await store.checkpoint()
            try store.close()
            let before = try #require(FileManager.default.contents(atPath: path))
            for keys in [nil, Keys(.random()), Keys(.random(), others: [.random()])] {
                let error = #expect(throws: StoreError.self) { _ = try openStore(path, keys) }
                #expect(error?.name == "wrong_key")
                #expect(error?.description.contains(key.id.description) == true)
                #expect(error?.description.contains("not touched") == true)
            }
            #expect(FileManager.default.contents(atPath: path) == before)
            let again = try openStore(path, Keys(.random(), others: [key]))
            try await expectReadable(again)
            try again.close()
        }
    }

    @Test("a store in clear is sealed by rekeying, down to the last free page; under another key; and unsealed again")
    func rekeys() async throws {
        try await withStoreDirectory { path in
            let clear = try openStore(path)
            try await fill(clear)
            // What has left the queue is still in free pages.
            _ = try await clear.clearFailed()
            try clear.close()
            let (first, second) = (SealKey.random(), SealKey.random())
            var store = try openStore(path, Keys(first))
            #expect(try await store.rekey(unseals: false) { _ in }.key == first.id.description)
            #expect(try filesWith(Self.canary, at: path) == [])
            #expect(try clearValues(at: path) == [])
            try store.close()

            store = try openStore(path, Keys(second, others: [first]))
            #expect(try await store.rekey(unseals: false) { _ in }.rows > 0)
            #expect(try await store.rekey(unseals: false) { _ in }.rows == 0)
            try store.close()
            #expect(throws: StoreError.self) { _ = try openStore(path, Keys(first)) }

            store = try openStore(path, Keys(second))
            #expect(try await store.list(OperationFilter(limit: 1000)).allSatisfy { $0.payload?.contains(Self.canary) == true })
            #expect(try await store.rekey(unseals: true) { _ in }.key == nil)
            try store.close()
            store = try openStore(path)
            #expect(try await store.list(OperationFilter(limit: 1000)).allSatisfy { $0.payload?.contains(Self.canary) == true })
            #expect(try await store.check().problems == [])
            try store.close()
        }
    }

    @Test(
        "after a rotation a writer that has the new key goes on under it, and one that has not is refused: nothing is written under the old"
    )
    func rotationMeetsWriters() async throws {
        try await withStoreDirectory { path in
            let (old, new) = (SealKey.random(), SealKey.random())
            let (keys, stubborn) = (Keys(old), Keys(old))
            let (writer, refused) = (try openStore(path, keys), try openStore(path, stubborn))
            _ = try await writer.enqueue(try operations(5))
            _ = try await refused.enqueue(try operations(5, from: 5))
            let rotating = try openStore(path, Keys(new, others: [old]))
            let error = await #expect(throws: StoreError.self) { _ = try await refused.enqueue(try operations(5, from: 10)) }
            #expect(error?.name == "wrong_key")
            keys.change(to: new, others: [old])
            #expect(try await writer.enqueue(try operations(5, from: 15)).count == 5)
            #expect(try await rotating.rekey(unseals: false) { _ in }.rows == 10)
            #expect(try await writer.enqueue(try operations(5, from: 20)).count == 5)
            try rotating.close()
            try refused.close()
            try writer.close()
            let after = try openStore(path, Keys(new))
            #expect(try await after.list(OperationFilter(limit: 1000)).count == 20)
            #expect(try await after.check().problems == [])
            try after.close()
        }
    }

    @Test("who adopts no key leaves a store as it is, in clear or under its own key, and is told what was given; a new store is sealed")
    func adoptsNone() async throws {
        try await withStoreDirectory { path in
            let (old, new) = (SealKey.random(), SealKey.random())
            let serving = try openStore(path, Keys(old), adoptsKey: false)
            #expect(try await serving.sealKey() == old.id.description)
            let looking = try openStore(path, Keys(new, others: [old]), adoptsKey: false)
            #expect(try await looking.sealKey() == old.id.description)
            #expect(looking.givenKey == new.id.description)
            _ = try await looking.enqueue(try operations(2))
            _ = try await serving.enqueue(try operations(2, from: 2))
            #expect(try await serving.list(OperationFilter()).count == 4)
            #expect(try clearValues(at: path) == [])
            try looking.close()
            try serving.close()
        }
        try await withStoreDirectory { path in
            let keyless = try openStore(path)
            let looking = try openStore(path, Keys(.random()), adoptsKey: false)
            #expect(try await looking.sealKey() == nil)
            _ = try await keyless.enqueue(try operations(2))
            try looking.close()
            try keyless.close()
            try openStore(path).close()
        }
    }

    @Test("until a store is rekeyed it says that what is old may stand in it in clear, or under an older key")
    func saysWhatIsDue() async throws {
        try await withStoreDirectory { path in
            let (first, second) = (SealKey.random(), SealKey.random())
            var store = try openStore(path)
            try await fill(store)
            #expect(try await store.needsRekey() == false)
            for keys in [Keys(first), Keys(second, others: [first])] {
                try store.close()
                store = try openStore(path, keys)
                #expect(try await store.needsRekey())
                // In clear or under the old key even where no page is to be wiped.
                try await DatabaseQueue(path: path).write { db in
                    try db.execute(sql: "DELETE FROM guardian_setting WHERE name = 'seal_wipe'")
                }
                #expect(try await store.needsRekey())
                _ = try await store.rekey(unseals: false) { _ in }
                #expect(try await store.needsRekey() == false)
            }
            // Nothing is left in a row, and something may be on a page.
            try await DatabaseQueue(path: path).write { db in
                try db.execute(sql: "INSERT INTO guardian_setting VALUES ('seal_wipe', '1')")
            }
            #expect(try await store.needsRekey())
            try store.close()
        }
    }

    @Test("a process without a key is refused once the store is sealed, and writes nothing in clear")
    func keylessWriter() async throws {
        try await withStoreDirectory { path in
            let keyless = try openStore(path)
            _ = try await keyless.enqueue(try operations(2))
            let sealing = try openStore(path, Keys(.random()))
            await #expect(throws: StoreError.self) { _ = try await keyless.enqueue(try operations(2, from: 2)) }
            _ = try await sealing.rekey(unseals: false) { _ in }
            await #expect(throws: StoreError.self) { _ = try await keyless.enqueue(try operations(2, from: 4)) }
            await #expect(throws: StoreError.self) { _ = try await keyless.list(OperationFilter()) }
            #expect(try clearValues(at: path) == [])
            try keyless.close()
            try sealing.close()
        }
    }

    @Test("a payload that was moved to another row, or changed, is not delivered and is found by check")
    func noticesMoves() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            var store = try openStore(path, keys)
            _ = try await store.enqueue(try operations(3))
            try store.close()
            try await DatabaseQueue(path: path).write { db in
                try db.execute(
                    sql:
                        "UPDATE guardian_operation SET payload = (SELECT payload FROM guardian_operation WHERE id = 'op-1') WHERE id = 'op-0'"
                )
            }
            store = try openStore(path, keys)
            let moved = try #require(try await store.operation(.text("op-0")))
            #expect(moved.payload == nil && moved.lastError?.code == SalvageReport.lostCode)
            #expect(moved.base?.contains(Self.canary) == true, "what opens is shown")
            #expect(try await store.operation(.text("op-1"))?.payload?.contains(Self.canary) == true)
            #expect(try await store.check().problems.contains { $0.contains("can't be opened") })
            try store.close()
        }
    }

    @Test("values of another store under the same key can't be opened here")
    func notAcrossStores() async throws {
        let keys = Keys(.random())
        try await withStoreDirectory { one in
            try await withStoreDirectory { other in
                for path in [one, other] {
                    let store = try openStore(path, keys)
                    _ = try await store.enqueue(try operations(1))
                    try store.close()
                }
                let foreign = try await DatabaseQueue(path: one).read { db in
                    try Data.fetchOne(db, sql: "SELECT payload FROM guardian_operation")
                }
                try await DatabaseQueue(path: other).write { db in
                    try db.execute(sql: "UPDATE guardian_operation SET payload = ?", arguments: [foreign])
                }
                let store = try openStore(other, keys)
                let foreignOne = try #require(try await store.operation(.text("op-0")))
                #expect(foreignOne.payload == nil && foreignOne.lastError?.code == SalvageReport.lostCode)
                try store.close()
            }
        }
    }
}
