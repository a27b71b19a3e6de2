import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

private let start = Timestamp(milliseconds: 1_800_000_000_000)

private func operations(_ entities: [String], from first: Int = 0) throws -> [GuardianCore.Operation] {
    var random = Xoshiro256(seed: UInt64(first + 1))
    return try entities.enumerated().map { index, entity in
        try Admission().admit(
            NewOperation("update", entityType: "room", entityID: entity, payload: "{\"n\":\(index)}", id: "\(entity)-\(first + index)"),
            at: start, random: &random)
    }
}

private func acquire(_ store: SQLiteStore) async throws -> Fence {
    guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: start, staleAfterMs: 1000) else {
        throw StoreError.unavailable("not acquired")
    }
    return fence
}

private func claim(_ store: SQLiteStore, _ fence: Fence, _ count: Int = 100) async throws -> [Claim] {
    try await store.exchange(Exchange(fence: fence, now: start, urgent: 0, normal: count)).claims
}

private func settle(_ store: SQLiteStore, _ claims: [Claim], _ result: Settlement.Result, _ fence: Fence) async throws {
    let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: result) }
    _ = try await store.exchange(Exchange(fence: fence, now: start, settlements: settlements))
}

/// Lines as linked lists of rows: who joins where, and which entry of `guardian_line` still says so.
@Suite(.serialized) struct LineTests {
    private static let failure = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")

    /// Fails the first `count` of a line, one after the other.
    private func fail(_ count: Int, _ store: SQLiteStore, _ fence: Fence) async throws {
        for _ in 0..<count { try await settle(store, try await claim(store, fence, 1), .failed(Self.failure), fence) }
    }

    /// How long it takes to retry what has failed: all at once, or as a list in enqueue order.
    private func retry(_ store: SQLiteStore, asList: Bool) async throws -> Duration {
        let ids = asList ? try await store.list(OperationFilter(status: .failed, limit: 1000)).map(\.id) : nil
        let begun = ContinuousClock.now
        _ = try await store.retry(ids, now: start)
        return ContinuousClock.now - begun
    }

    /// How much longer it takes to retry many in a long line when one of it is in flight.
    private func ratio(_ ordering: Ordering, asList: Bool) async throws -> Double {
        let directory = NSTemporaryDirectory() + "/guardian-line-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite", ordering: ordering))
        let count = 300
        _ = try await store.enqueue(try operations(Array(repeating: "a", count: 4000)))
        let fence = try await acquire(store)
        try await fail(count, store, fence)
        let idle = try await retry(store, asList: asList)
        try await fail(count, store, fence)
        let inFlight = try await claim(store, fence, 1)
        #expect(inFlight.map(\.operation.id) == [.text("a-\(count)")])
        let busy = try await retry(store, asList: asList)
        #expect(try await store.check().problems == [])
        // They stand behind it, in enqueue order, until it comes back.
        try await settle(store, inFlight, .unsent, fence)
        #expect(try await claim(store, fence, 1).map(\.operation.id) == [.text("a-0")])
        try store.close()
        return busy / idle
    }

    @Test(
        "to retry many in a long line takes about as long behind one that is in flight as with none there",
        arguments: [Ordering.entity, .strict], [false, true])
    func retriesInFlight(ordering: Ordering, asList: Bool) async throws {
        var best = Double.infinity
        // A busy machine may take its time in one of them.
        for _ in 0..<5 where best > 10 { best = min(best, try await ratio(ordering, asList: asList)) }
        print("measured: \(ordering), \(asList ? "as a list" : "all"): \(best) times as long behind one in flight")
        #expect(best <= 10)
    }

    @Test("an entry that names a row of another line is none: what is enqueued leads its own line, and the other one goes on")
    func foreignEntry() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b", "b"]))
            let fence = try await acquire(store)
            let first = try await claim(store, fence)
            #expect(first.map(\.operation.id) == [.text("a-0"), .text("b-1")])
            try await settle(store, first.filter { $0.operation.entity.id == "a" }, .processed, fence)
            // As changes of the ordering, with an id that the upstream gave between them, once left it.
            let queue = try DatabaseQueue(path: path)
            try await queue.write { db in
                try db.execute(
                    sql: "UPDATE guardian_line SET last = 2 WHERE line = ?", arguments: [Line.of(EntityKey(type: "room", id: "a"))])
                #expect(db.changesCount == 1)
            }
            _ = try await store.enqueue(try operations(["a", "a"], from: 3))
            #expect(try await store.check().problems == [])
            try await settle(store, first.filter { $0.operation.entity.id == "b" }, .processed, fence)
            #expect(try await claim(store, fence).map(\.operation.id) == [.text("b-2"), .text("a-3")])

            // What is lined up anew keeps no entry of a line in which nobody stands.
            try await queue.write { db in try db.execute(sql: "INSERT INTO guardian_line VALUES (12345, 5)") }
            #expect(try await store.rebuildIndex(ordering: nil) == 0)
            let entries = try await queue.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM guardian_line") }
            #expect(entries == 2)
            try queue.close()
        }
    }

    @Test("numbers that would be given twice are mended by rebuilding the index, those of the ledger too")
    func numbers() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations(["a", "b", "c"]))
            let fence = try await acquire(store)
            try await settle(store, try await claim(store, fence, 1), .processed, fence)
            let queue = try DatabaseQueue(path: path)
            for left in [2, 0] {
                try await queue.write { db in try db.execute(sql: "UPDATE guardian_books SET next_seq = 1") }
                #expect(try await store.check().problems.count == (left > 0 ? 1 : 0), "\(left) stored")
                #expect(try await store.rebuildIndex(ordering: nil) == 1)
                let next = try await queue.read { db in try Int64.fetchOne(db, sql: "SELECT next_seq FROM guardian_books") }
                #expect(next == 4)
                #expect(try await store.rebuildIndex(ordering: nil) == 0)
                try await settle(store, try await claim(store, fence), .processed, fence)
            }
            try queue.close()
            #expect(try await store.enqueue(try operations(["d"], from: 3)).map(\.seq) == [4])
            #expect(try await store.check().problems == [])
        }
    }

    @Test("a claim goes on behind what is in hand, but never passes over an older one that has become a head meanwhile")
    func passesNobodyOver() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-line-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite"))
        let fence = try await acquire(store)
        // 1 a, 2 a, 3 b, 4 c, 5 c, 6 d … 9 g
        _ = try await store.enqueue(try operations(["a", "a", "b", "c", "c", "d", "e", "f", "g"]))
        let first = try await claim(store, fence, 4)
        #expect(first.map(\.seq) == [1, 3, 4, 6])
        // Two lines go on, with numbers below what is in hand.
        let freed = [first[0], first[2]].map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
        let next = try await store.exchange(Exchange(fence: fence, now: start, settlements: freed, urgent: 0, normal: 3)).claims
        #expect(next.map(\.seq) == [2, 5, 7])
        // One comes back unsent, and is the first again.
        try await settle(store, [first[1]], .unsent, fence)
        #expect(try await claim(store, fence, 2).map(\.seq) == [3, 8])
        // A retry by a person, too.
        try await settle(store, [first[3]], .failed(Self.failure), fence)
        #expect(try await store.retry(nil, now: start) == 1)
        #expect(try await claim(store, fence, 9).map(\.seq) == [6, 9])
        #expect(try await claim(store, fence, 9).isEmpty)
        #expect(try await store.check().problems == [])
        try store.close()
    }
}
