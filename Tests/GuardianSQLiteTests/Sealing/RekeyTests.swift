import Foundation
import GRDB
import GuardianCore
import GuardianPrivacy
import GuardianSQLite
import Testing

/// Rekeying goes on beside writers.
@Suite(.serialized) struct RekeyTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// How long at a stretch nobody else could begin a write, until the task is cancelled.
    private func longestRefusal(at path: String) async throws -> Duration {
        let queue = try DatabaseQueue(path: path)
        var longest = Duration.zero
        var refusedSince: ContinuousClock.Instant?
        while !Task.isCancelled {
            let isFree = try mayWrite(queue)
            let now = ContinuousClock.now
            if isFree {
                refusedSince = nil
            } else {
                let since = refusedSince ?? now
                refusedSince = since
                longest = max(longest, now - since)
            }
            await Task.yield()
        }
        try queue.close()
        return longest
    }

    private func mayWrite(_ queue: DatabaseQueue) throws -> Bool {
        do {
            try queue.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE; COMMIT") }
            return true
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            return false
        }
    }

    /// Some 180 MB of answers in the ledger, all under the key of what is in the store already.
    private func fill(_ path: String) async throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        try await DatabaseQueue(path: path, configuration: configuration).write { db in
            let sealed = try Data.fetchOne(db, sql: "SELECT payload FROM guardian_operation")
            let answer = try #require(sealed) + Data(count: 300_000)
            for number in 0..<600 {
                try db.execute(
                    sql: "INSERT INTO guardian_ledger (id, seq, idempotency_key, at, ending, answer) VALUES (?, ?, ?, ?, 0, ?)",
                    arguments: ["old-\(number)", 1000 + number, Data(count: 16), Self.now.milliseconds, answer])
            }
        }
    }

    @Test("a walk past what is in order already keeps no writer waiting")
    func walksBesideWriters() async throws {
        try await withStoreDirectory { path in
            let store = try openStore(path, Keys(.random()))
            var random = Xoshiro256(seed: 1)
            let one = NewOperation("update", entityType: "note", entityID: "n", payload: "{}", id: "one")
            _ = try await store.enqueue([try Admission().admit(one, at: Self.now, random: &random)])
            try await fill(path)
            try await withThrowingTaskGroup(of: Duration.self) { group in
                group.addTask { try await longestRefusal(at: path) }
                let start = ContinuousClock.now
                let done = try await store.rekey(unseals: false) { _ in }
                let took = ContinuousClock.now - start
                group.cancelAll()
                let refused = try await group.next() ?? .zero
                print("measured: a walk of \(took), others refused for \(refused) at most")
                #expect(done.rows == 0)
                #expect(refused * 4 < took)
            }
            try store.close()
        }
    }

    @Test("rows between others that are in order, and great ones, are all sealed anew, in order and once")
    func findsWhatIsStale() async throws {
        try await withStoreDirectory { path in
            let (first, second) = (SealKey.random(), SealKey.random())
            let keys = Keys(first)
            let store = try openStore(path, keys)
            var random = Xoshiro256(seed: 2)
            func operations(_ range: Range<Int>) throws -> [GuardianCore.Operation] {
                try range.map { number in
                    // Every fiftieth is so long that few go into one transaction.
                    let text = String(repeating: "x", count: number % 50 == 0 ? 900_000 : 10)
                    let one = NewOperation(
                        "update", entityType: "note", entityID: "n\(number)", payload: #"{"text":"\#(text)"}"#, id: "op-\(number)")
                    return try Admission().admit(one, at: Self.now, random: &random)
                }
            }
            _ = try await store.enqueue(try operations(0..<450))
            keys.change(to: second, others: [first])
            let rotating = try openStore(path, keys)
            _ = try await rotating.enqueue(try operations(450..<500))
            #expect(try await rotating.rekey(unseals: false) { _ in }.rows == 450)
            #expect(try await rotating.rekey(unseals: false) { _ in }.rows == 0)
            try rotating.close()
            try store.close()
            let alone = try openStore(path, Keys(second))
            #expect(try await alone.check().problems == [])
            #expect(try await alone.operation(.text("op-400"))?.payload?.utf8.count ?? 0 > 900_000)
            try alone.close()
        }
    }

    @Test("a store that another has sealed under a key that is not here can't be written, as whoever asks hears, until the key is here")
    func probesWithTheKey() async throws {
        try await withStoreDirectory { path in
            let (first, second) = (SealKey.random(), SealKey.random())
            let keys = Keys(first)
            let store = try openStore(path, keys)
            try await store.probeWrite()
            let other = try openStore(path, Keys(second, others: [first]))
            let refused = await #expect(throws: StoreError.self) { try await store.probeWrite() }
            #expect(refused?.name == "wrong_key")
            keys.change(to: first, others: [second])
            try await store.probeWrite()
            try other.close()
            try store.close()
        }
    }
}
