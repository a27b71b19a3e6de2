import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

/// Sealed values of which a byte has changed on the disk: SQLite takes them for whole, and they can't be opened.
@Suite(.serialized) struct LostContentTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// Two operations for each of ten entities.
    private func operations(_ range: Range<Int> = 0..<20) throws -> [GuardianCore.Operation] {
        var random = Xoshiro256(seed: UInt64(range.lowerBound + 1))
        return try range.map { number in
            try Admission().admit(
                NewOperation(
                    "update", entityType: "note", entityID: "n\(number % 10)", payload: #"{"text":"number \#(number)"}"#,
                    id: "op-\(number)"), at: Self.now, random: &random)
        }
    }

    private func acquire(_ store: SQLiteStore) async throws -> Fence {
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.now, staleAfterMs: 1000) else {
            throw StoreError.unavailable("not acquired")
        }
        return fence
    }

    private func opening(_ path: String, _ keys: Keys) -> SQLiteStore.Configuration {
        var configuration = SQLiteStore.Configuration(path: path)
        configuration.sealing = keys
        configuration.disk.reserve = 0
        return configuration
    }

    /// Flips a bit of a sealed value.
    private func flip(
        _ column: String, of table: String = "guardian_operation", where condition: String, byte: Int = 30, at path: String
    ) async throws {
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in
            let sealed = try Data.fetchOne(db, sql: "SELECT \(column) FROM \(table) WHERE \(condition)")
            var bytes = [UInt8](try #require(sealed))
            bytes[byte] ^= 1
            try db.execute(sql: "UPDATE \(table) SET \(column) = ? WHERE \(condition)", arguments: [Data(bytes)])
        }
        try queue.close()
    }

    @Test(
        "a flipped byte costs its own operation: it is set aside, named and shown, the rest is claimed, and a salvage mends the file",
        arguments: [0, 3, 30])
    func costsOne(byte: Int) async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            var store = try openStore(path, keys)
            _ = try await store.enqueue(try operations())
            try store.close()
            try await flip("payload", where: "id = 'op-3'", byte: byte, at: path)

            store = try openStore(path, keys)
            let lost = OperationID.text("op-3")
            let waiting = try #require(try await store.operation(lost))
            #expect(waiting.status == .pending && waiting.payload == nil && waiting.lastError?.code == SalvageReport.lostCode)
            let fence = try await acquire(store)
            let result = try await store.exchange(Exchange(fence: fence, now: Self.now, urgent: 0, normal: 50))
            #expect(result.setAside.map(\.id) == [lost])
            #expect(result.setAside.first?.reason.code == SalvageReport.lostCode)
            let claimed = Set(result.claims.map(\.operation.id.description))
            #expect(claimed == Set((0..<10).map { $0 == 3 ? "op-13" : "op-\($0)" }))
            // Retried, it is as lost as before.
            #expect(try await store.retry([lost], now: Self.now) == 1)
            try await store.releaseLock(fence)
            let again = try await store.exchange(
                Exchange(fence: try await acquire(store), now: Self.now, urgent: 0, normal: 50))
            #expect(again.setAside.map(\.id) == [lost] && again.claims.count == 10)

            #expect(try await store.list(OperationFilter(limit: 100)).count == 20)
            #expect(try await store.search(OperationSearch(status: .failed)).operations.map(\.id) == [lost])
            #expect(try await store.standing(of: lost)?.operation.status == .failed)
            #expect(try await store.operations(of: EntityKey(type: "note", id: "n3"), limit: 9).count == 2)
            let problems = try await store.check().problems
            #expect(problems.count == 1 && problems[0].contains("can't be opened"), "\(problems)")
            try store.close()

            let configuration = opening(path, keys)
            #expect(try SQLiteStore.integrityProblems(configuration) == [], "SQLite sees nothing")
            #expect(try SQLiteStore.findDamage(configuration) == nil, "nobody has met damage")
            StoreFiles(path: path).suspect()
            let damage = try #require(try SQLiteStore.findDamage(configuration))
            let report = try SQLiteStore.quarantine(configuration, problem: damage, now: Self.now)
            #expect(report.lost.map(\.id) == [lost] && report.lostUnnamed == 0 && report.recovered == 19)
            store = try openStore(path, keys)
            let check = try await store.check()
            #expect(check.problems == [] && check.failed == 1 && check.gap == 0)
            try store.close()
            #expect(try SQLiteStore.sealingDamage(configuration) == nil)
        }
    }

    @Test("when no value can be opened, nothing fails and nothing is salvaged: it is the salt that has changed")
    func costsNobody() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            var store = try openStore(path, keys)
            _ = try await store.enqueue(try operations())
            try store.close()
            let queue = try DatabaseQueue(path: path)
            try await queue.write { db in
                try db.execute(sql: "UPDATE guardian_setting SET value = 'another' WHERE name = 'seal_salt'")
            }
            try queue.close()

            store = try openStore(path, keys)
            let fence = try await acquire(store)
            let exchange = Exchange(fence: fence, now: Self.now, urgent: 0, normal: 50)
            let error = await #expect(throws: StoreError.self) { _ = try await store.exchange(exchange) }
            #expect(error?.name == "corrupt" && error?.description.contains("salt") == true)
            let books = try await store.books()
            #expect(books.failed == 0 && books.pending == 20)
            try store.close()
            StoreFiles(path: path).suspect()
            let configuration = opening(path, keys)
            let refused = #expect(throws: StoreError.self) { _ = try SQLiteStore.findDamage(configuration) }
            #expect(refused?.name == "wrong_key" && refused?.description.contains("salt") == true)
        }
    }

    @Test("what delivery can do without holds nobody up: an error's message, a known state, an answer, a snapshot")
    func isSpared() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            var store = try openStore(path, keys)
            try await store.register(
                OptimisticChange(txnToken: "t", entity: EntityKey(type: "note", id: "n0"), original: #"{"text":"before"}"#), now: Self.now)
            var all = try operations(0..<5)
            all[0].txnToken = "t"
            _ = try await store.enqueue(all)
            var fence = try await acquire(store)
            let claims = try await store.exchange(Exchange(fence: fence, now: Self.now, urgent: 0, normal: 2)).claims
            #expect(claims.map(\.operation.id) == [.text("op-0"), .text("op-1")])
            let trouble = LastError(class: .transient, code: "HTTP_500", httpStatus: 500, message: "not now")
            let retry = Settlement.Result.retry(
                due: Self.now.adding(milliseconds: 5), backoffMs: 5, error: trouble, charged: true, failureMark: 1)
            var processed = Settlement(seq: claims[1].seq, id: claims[1].operation.id, result: .processed)
            processed.server = ServerState(state: #"{"text":"theirs"}"#, etag: "e")
            processed.answer = #"{"said":"yes"}"#
            let settlements = [Settlement(seq: claims[0].seq, id: claims[0].operation.id, result: retry), processed]
            _ = try await store.exchange(Exchange(fence: fence, now: Self.now, settlements: settlements))
            try await store.releaseLock(fence)
            try store.close()

            try await flip("error_message", where: "id = 'op-0'", at: path)
            try await flip("state", of: "guardian_entity", where: "state IS NOT NULL", at: path)
            try await flip("answer", of: "guardian_ledger", where: "id = 'op-1'", at: path)
            try await flip("original", of: "guardian_optimistic", where: "token = 't'", at: path)

            store = try openStore(path, keys)
            // Of the entity whose state is lost.
            _ = try await store.enqueue(try operations(11..<12))
            fence = try await acquire(store)
            let later = Self.now.adding(milliseconds: 9)
            let result = try await store.exchange(Exchange(fence: fence, now: later, urgent: 0, normal: 50))
            #expect(Set(result.claims.map(\.operation.id.description)) == ["op-0", "op-2", "op-3", "op-4", "op-11"])
            #expect(result.claims.first { $0.operation.id == .text("op-11") }?.operation.ifMatch == "e")
            #expect(result.setAside.isEmpty)
            let no = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
            let ends = result.claims.map { claim in
                var settlement = Settlement(
                    seq: claim.seq, id: claim.operation.id, result: claim.operation.txnToken == nil ? .processed : .failed(no))
                settlement.server = ServerState(etag: "f")
                return settlement
            }
            let ended = try await store.exchange(Exchange(fence: fence, now: later, settlements: ends))
            #expect(ended.settled == ends.map { _ in true })
            #expect(ended.ended.map(\.reason) == [no])
            #expect(try await store.ending(of: .text("op-1")) == .processed(answer: nil))
            #expect(try await store.view(of: EntityKey(type: "note", id: "n1")).server?.etag == "f")
            try store.close()
        }
    }

    @Test("nothing is folded into one that can't be opened, and what else is enqueued is taken")
    func isNotFoldedInto() async throws {
        try await withStoreDirectory { path in
            let keys = Keys(.random())
            var store = try openStore(path, keys)
            _ = try await store.enqueue(try operations(0..<3))
            try store.close()
            try await flip("payload", where: "id = 'op-1'", at: path)
            store = try openStore(path, keys)
            var more = try operations(10..<13)
            for place in more.indices { more[place].folds = true }
            #expect(try await store.enqueue(more).map(\.outcome) == [.coalesced, .accepted, .coalesced])
            try store.close()
        }
    }

    @Test("a value under a key that the store names, and that is not here, is no damage")
    func missingKey() async throws {
        try await withStoreDirectory { path in
            let (old, new) = (SealKey.random(), SealKey.random())
            let store = try openStore(path, Keys(old))
            _ = try await store.enqueue(try operations(0..<2))
            let other = try openStore(path, Keys(new, others: [old]))
            _ = try await other.enqueue(try operations(2..<4))
            try other.close()
            let error = await #expect(throws: StoreError.self) { _ = try await store.list(OperationFilter()) }
            #expect(error?.name == "wrong_key")
            let refused = await #expect(throws: StoreError.self) { _ = try await store.check() }
            #expect(refused?.name == "wrong_key")
            try store.close()
            let configuration = opening(path, Keys(old))
            let unknown = #expect(throws: StoreError.self) { _ = try SQLiteStore.sealingDamage(configuration) }
            #expect(unknown?.name == "wrong_key")
        }
    }
}
