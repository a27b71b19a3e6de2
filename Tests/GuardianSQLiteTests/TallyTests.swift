import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import Testing

/// What the store counts for metrics that survive a restart.
@Suite(.serialized) struct TallyTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)
    private static let refusal = LastError(class: .permanent, code: "NO", httpStatus: 422, message: "no")

    private func operations(_ entities: [(type: String, id: String)]) throws -> [GuardianCore.Operation] {
        var random = Xoshiro256(seed: UInt64(entities.count))
        return try entities.map {
            try Admission().admit(
                NewOperation("update", entityType: $0.type, entityID: $0.id, payload: "{}", id: "\($0.type)-\($0.id)"), at: Self.start,
                random: &random)
        }
    }

    private func acquire(_ store: SQLiteStore) async throws -> Fence {
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "p", now: Self.start, staleAfterMs: 1000) else {
            throw StoreError.unavailable("not acquired")
        }
        return fence
    }

    private func count(_ store: SQLiteStore, _ kind: Tally.Kind, _ labels: Tally.Labels) async throws -> Int64 {
        try await store.tallies().first { $0.kind == kind && $0.labels == labels }?.count ?? 0
    }

    private static let retry = Settlement.Result.retry(due: start, backoffMs: 0, error: refusal, charged: false, failureMark: 0)

    @Test("outcomes are counted under their labels, with the settlement and over a restart; what is not told is not counted")
    func counts() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue(try operations([("room", "a"), ("room", "b"), ("user", "c"), ("user", "d")]))
            let fence = try await acquire(store)
            let results: [Settlement.Result] = [.processed, .failed(Self.refusal), Self.retry, Self.retry]
            var claims = try await store.exchange(Exchange(fence: fence, now: Self.start, normal: 4)).claims
            var settlements = zip(claims, results).map { Settlement(seq: $0.seq, id: $0.operation.id, result: $1) }
            settlements[3].isTold = false
            let answer = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements, normal: 4))
            claims = answer.claims
            #expect(answer.settled == [true, true, true, true])
            // A second time, under a fence that is stale: refused, and counted nowhere.
            let late = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
            await #expect(throws: StoreError.stale) {
                try await store.exchange(Exchange(fence: Fence(owner: "p", epoch: fence.epoch + 1), now: Self.start, settlements: late))
            }
            // Settled twice: the second finds no claim in force.
            let settled = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: late + late)).settled
            #expect(settled == [true, true, false, false])
            let (rooms, users) = (
                Tally.Labels(operationType: "update", entityType: "room"), Tally.Labels(operationType: "update", entityType: "user")
            )
            let again = try SQLiteStore.open(.init(path: path, readOnly: true))
            for store in [store, again] {
                #expect(try await count(store, .processed, rooms) == 1)
                #expect(try await count(store, .processed, users) == 2)
                #expect(try await count(store, .failed, .init(operationType: "update", entityType: "room", errorClass: "permanent")) == 1)
                #expect(try await count(store, .backoff, users) == 1)
                // Two outcomes of a second attempt.
                #expect(try await count(store, .retry, users) == 2)
                #expect(try await count(store, .retry, rooms) == 0)
                #expect(try await store.tallies().count == 5)
            }
            try again.close()
        }
    }

    @Test("hundreds of entity types make a hundred rows, and one for the rest, also over a restart")
    func isBounded() async throws {
        try await withStore { store, path in
            var fence = try await acquire(store)
            for part in 0..<3 {
                _ = try await store.enqueue(try operations((0..<100).map { ("type-\(part)-\($0)", "x") }))
                let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, normal: 100)).claims
                let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
                _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
            }
            #expect(try await store.tallies().count == Tally.mostLabels + 1)
            #expect(try await count(store, .processed, .other) == 200)
            try await store.releaseLock(fence)
            let again = try SQLiteStore.open(.init(path: path))
            fence = try await acquire(again)
            _ = try await again.enqueue(try operations([("type-0-7", "y"), ("type-9-9", "y")]))
            let claims = try await again.exchange(Exchange(fence: fence, now: Self.start, normal: 2)).claims
            let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
            _ = try await again.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
            #expect(try await count(again, .processed, .init(operationType: "update", entityType: "type-0-7")) == 2)
            #expect(try await count(again, .processed, .other) == 201)
            #expect(try await again.tallies().reduce(0) { $0 + $1.count } == 302)
            try again.close()
        }
    }

    @Test("a store of before has its processed and failed operations counted when it is opened")
    func migrates() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        let path = directory + "/guardian.sqlite"
        let store = try SQLiteStore.open(.init(path: path))
        _ = try await store.enqueue(try operations([("room", "a"), ("room", "b"), ("user", "c")]))
        let fence = try await acquire(store)
        let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, normal: 3)).claims
        let settlements = claims.map {
            Settlement(seq: $0.seq, id: $0.operation.id, result: $0.seq == 1 ? .failed(Self.refusal) : .processed)
        }
        _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
        try await store.releaseLock(fence)
        try store.close()
        // As it was before the table was there.
        let database = try DatabaseQueue(path: path)
        try await database.write { db in
            try db.execute(
                sql: "DROP TABLE guardian_tally; DELETE FROM grdb_migrations WHERE identifier = 'guardian-0003-tallies'")
        }
        try database.close()
        let again = try SQLiteStore.open(.init(path: path))
        #expect(try await count(again, .processed, .other) == 2)
        #expect(try await count(again, .failed, .init(operationType: "update", entityType: "room", errorClass: "permanent")) == 1)
        try again.close()
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test("the oldest pending operation is found behind failed, parked and waiting ones")
    func oldest() async throws {
        try await withStore { store, _ in
            #expect(try await store.oldestPending() == nil)
            var all = try operations((0..<12).map { ("room", "\($0)") })
            for index in all.indices {
                all[index].enqueuedAt = Self.start.adding(milliseconds: Int64(index))
                all[index].priority = index % 3 - 1
                if index == 4 { all[index].notBefore = Self.start.adding(milliseconds: 1_000_000) }
                if index == 5 { all[index].principal = "somebody" }
            }
            _ = try await store.enqueue(all)
            let fence = try await acquire(store)
            // Those that may go fail, one after the other, the oldest first.
            for index in 0..<4 {
                #expect(try await store.oldestPending() == Self.start.adding(milliseconds: Int64(index)))
                let claims = try await store.exchange(Exchange(fence: fence, now: Self.start, urgent: 20, normal: 20)).claims
                #expect(try await store.oldestPending() == Self.start.adding(milliseconds: Int64(index)), "in hand it counts too")
                let settlements = claims.map { claim in
                    Settlement(
                        seq: claim.seq, id: claim.operation.id, result: claim.seq == Int64(index + 1) ? .failed(Self.refusal) : .unsent)
                }
                _ = try await store.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
            }
            // What is left in front waits for its time, then for its principal.
            #expect(try await store.oldestPending() == Self.start.adding(milliseconds: 4))
            _ = try await store.cancel(all[4].id, now: Self.start)
            #expect(try await store.oldestPending() == Self.start.adding(milliseconds: 5))
        }
    }
}
