import Foundation
import GRDB
import GuardianCore
import GuardianSQLite
import GuardianTesting
import Synchronization
import Testing

/// Optimistic changes on a real file: across a restart, and under concurrent enqueue and settle.
@Suite(.serialized) struct OptimisticStoreTests {
    private let room = EntityKey(type: "room", id: "1")
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func operation(_ number: Int, token: String? = nil) -> GuardianCore.Operation {
        var random = Xoshiro256(seed: UInt64(number))
        return GuardianCore.Operation(
            id: .text("op-\(number)"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: "update", entity: room,
            payload: #"{"n":\#(number),"m":\#(number)}"#, txnToken: token, enqueuedAt: Self.start)
    }

    @Test("an ending that was written before a restart is taken after it, exactly once in effect")
    func survivesRestart() async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        let path = directory + "/guardian.sqlite"
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let change = OptimisticChange(txnToken: "t", entity: room, original: #"{"n":-1}"#)

        // Settled, and nobody there to hear it: as if the process had died between the two.
        let before = try SQLiteStore.open(.init(path: path))
        try await before.register(change, now: Self.start)
        _ = try await before.enqueue([operation(0, token: "t")])
        guard case .acquired(let fence, _, _) = try await before.acquireLock(owner: "a", now: Self.start, staleAfterMs: 1000) else {
            throw SyncError.refused(reason: "no lock")
        }
        let claims = try await before.exchange(Exchange(fence: fence, now: Self.start, normal: 1)).claims
        let failure = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "never")
        let settlements = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .failed(failure)) }
        _ = try await before.exchange(Exchange(fence: fence, now: Self.start, settlements: settlements))
        try await before.releaseLock(fence)
        try before.close()

        for round in 0..<2 {
            let after = try SQLiteStore.open(.init(path: path))
            let engine = SyncEngine(store: after, transport: ScriptedTransport())
            // A token is a change's own for good, so each round has another.
            let last = "last-\(round)"
            let (taken, continuation) = AsyncStream.makeStream(of: OptimisticEnding.self)
            engine.optimistic.attach { _, ending in continuation.yield(ending) }
            // One more, so that there is something to wait for when the first is gone.
            try await engine.optimistic.register(OptimisticChange(txnToken: last, entity: room, original: nil))
            try await engine.optimistic.withdraw(txnToken: last)
            async let run: Void = engine.run()
            var heard: [OptimisticEnding] = []
            for await ending in taken {
                heard.append(ending)
                if ending.change.txnToken == last { break }
            }
            engine.drain()
            try await run
            #expect(heard.map(\.change.txnToken) == (round == 0 ? ["t", last] : [last]))
            if round == 0 { #expect(heard.first?.reason == failure && heard.first?.change == change) }
            // The engine may have stopped before it forgot the last one, never before it forgot the first.
            let kept = try await after.endings(after: 0, limit: 9)
            #expect(kept.allSatisfy { $0.change.txnToken == last })
            for ending in kept { try await after.forgetEnding(ending.number) }
            try after.close()
        }
    }

    /// The greatest number that has been begun, and that has been acknowledged; how often somebody looked.
    private final class Progress: Sendable {
        let begun = Atomic<Int>(-1)
        let acknowledged = Atomic<Int>(-1)
        let views = Atomic<Int>(0)
    }

    @Test("under concurrent enqueue and settle the overlay never shows a state that never was", arguments: [Ordering.entity, .strict])
    func isConsistent(ordering: Ordering) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-test-" + UUID().uuidString
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let store = try SQLiteStore.open(.init(path: directory + "/guardian.sqlite", ordering: ordering))
        let count = 300
        _ = try await store.saveRemote([RemoteState(room, ServerState(state: #"{"x":1,"n":-1,"m":-1}"#))], now: Self.start)
        guard case .acquired(let fence, _, _) = try await store.acquireLock(owner: "a", now: Self.start, staleAfterMs: 1000) else {
            throw SyncError.refused(reason: "no lock")
        }
        let progress = Progress()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<count {
                    progress.begun.store(number, ordering: .sequentiallyConsistent)
                    _ = try await store.enqueue([operation(number)])
                    progress.acknowledged.store(number, ordering: .sequentiallyConsistent)
                }
            }
            group.addTask {
                var settled = 0
                var results: [Settlement] = []
                while settled < count {
                    let exchange = Exchange(fence: fence, now: Self.start, settlements: results, normal: 1)
                    let answer = try await store.exchange(exchange)
                    settled += results.count
                    results = answer.claims.map { claim in
                        // Every second answer says what has come of it.
                        let state =
                            claim.seq % 2 == 0 ? nil : ServerState(state: #"{"x":1,"# + (claim.operation.payload ?? "{").dropFirst())
                        return Settlement(seq: claim.seq, id: claim.operation.id, result: .processed, server: state)
                    }
                    await Task.yield()
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    var last: Int64 = -1
                    while last < Int64(count - 1) {
                        let least = progress.acknowledged.load(ordering: .sequentiallyConsistent)
                        let state = try await store.view(of: room).overlay.state
                        let most = progress.begun.load(ordering: .sequentiallyConsistent)
                        let shown = try #require(state?["n"]?.integer)
                        #expect(state?["m"]?.integer == shown && state?["x"] == 1)
                        #expect(shown >= last && shown >= Int64(least) && shown <= Int64(most))
                        last = shown
                        progress.views.add(1, ordering: .relaxed)
                    }
                }
            }
            try await group.waitForAll()
        }
        print("measured: \(progress.views.load(ordering: .relaxed)) views of \(count) edits, ordering \(ordering.rawValue)")
        #expect(try await store.view(of: room).operations.isEmpty)
        #expect(try await store.check().problems == [])
        try store.close()
    }

    @Test("changes that have ended are forgotten a few at a time, past those that still have operations, and from the beginning again")
    func forgetsInPieces() async throws {
        try await withStore { store, path in
            _ = try await store.enqueue((0..<10).map { operation($0, token: "held-\($0)") })
            let queue = try DatabaseQueue(path: path)
            try await queue.write { db in
                for number in 0..<35 {
                    let isHeld = number < 10
                    try db.execute(
                        sql: """
                            INSERT INTO guardian_optimistic (token, entity_type, entity_id, registered_at, standing)
                            VALUES (?, 'room', '1', ?, ?)
                            """, arguments: [isHeld ? "held-\(number)" : "done-\(number)", isHeld ? 0 : 1000, isHeld ? 1 : 4])
                }
            }
            func left() async throws -> Int {
                try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM guardian_optimistic") ?? -1 }
            }
            func sweep() async throws -> Int {
                _ = try await store.sweepLedger(before: Self.start, limit: 10)
                return try await left()
            }
            var counts: [Int] = []
            for _ in 0..<4 { counts.append(try await sweep()) }
            #expect(counts == [35, 25, 15, 10])
            // Their operations go; the walk begins anew.
            for number in 0..<10 { _ = try await store.cancel(.text("op-\(number)"), now: Timestamp(milliseconds: 2000)) }
            _ = try await sweep()
            let last = try await sweep()
            #expect(last == 0)
            try queue.close()
        }
    }
}
