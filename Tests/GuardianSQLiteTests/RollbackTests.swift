import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// After an error the writer is as it was before.
@Suite(.serialized) struct RollbackTests {
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func operation(_ n: Int) throws -> GuardianCore.Operation {
        var random = Xoshiro256(seed: UInt64(n))
        return try Admission().admit(
            NewOperation("update", entityType: "room", entityID: "r\(n)", payload: "{}"), at: start, random: &random)
    }

    @Test("a settlement that breaks off in the middle of a row leaves nothing behind: others can write, rebuild, and settle it later")
    func leavesNothingBehind() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue([try operation(1)])
            guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 120_000) else {
                Issue.record("no lock")
                return
            }
            let claims = try await store.exchange(Exchange(fence: fence, now: start, normal: 1)).claims
            let claim = try #require(claims.first)
            let settlement = Settlement(seq: claim.seq, id: claim.operation.id, result: .processed)
            let exchange = Exchange(fence: fence, now: start, settlements: [settlement])
            let other = try DatabaseQueue(path: path)
            let key = try await other.write { db in
                let key = try Data.fetchOne(db, sql: "SELECT idempotency_key FROM guardian_operation")
                try db.execute(sql: "UPDATE guardian_operation SET idempotency_key = x'00'")
                return key
            }
            let whole = try #require(key)

            let failure = await #expect(throws: StoreError.self) { _ = try await store.exchange(exchange) }
            #expect(failure?.name == "corrupt")
            // Twice: what the first leaves behind would be in the way of the second.
            for _ in 0..<2 { _ = try await store.rebuildIndex(ordering: nil) }
            try await other.write { db in try db.execute(sql: "UPDATE guardian_operation SET idempotency_key = ?", arguments: [whole]) }
            _ = try await store.enqueue([try operation(2)])
            let settled = try await store.exchange(exchange).settled
            #expect(settled == [true])
            let check = try await store.check()
            #expect(check.problems == [] && check.pending == 1 && check.books.processed == 1)
            try other.close()
        }
    }
}
