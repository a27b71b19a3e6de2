import Foundation
import GuardianCore
import GuardianSQLite

/// The embedded store against bare C over the same SQLite.
struct StoreBenches {
    let options: BenchOptions

    /// Rows like the baseline's: 200 bytes of payload, 100 entities.
    static let payload =
        #"{"device_id":"watch-17","bpm":72,"at":"2026-01-31T09:05:00.250Z","note":""# + String(repeating: "x", count: 127) + #""}"#

    static func operation(_ number: Int, key: String? = nil) -> NewOperation {
        NewOperation("update", entityType: "heart_rate", entityID: key ?? "patient-\(1_000_000 + number % 100)", payload: payload)
    }

    private var scale: Int { options.scale }

    func run(_ table: inout Table) async throws {
        if options.runs("single") { try await single(&table) }
        if options.runs("group") { try await group(&table) }
        if options.runs("batch") { try await batch(&table) }
        if options.runs("settle") { try await settle(&table) }
        if options.runs("flat") { try await flat(&table) }
    }

    /// A fresh engine over a fresh store.
    static func withEngine<Value>(_ body: (SyncEngine, SQLiteStore) async throws -> Value) async throws -> Value {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let store = try SQLiteStore.open(.init(path: scratch.path + "/guardian.sqlite"))
        let value = try await body(SyncEngine(store: store, transport: Silent()), store)
        try store.close()
        return value
    }

    /// Short commits before a clock starts that counts such: until the log has been copied back once, at 16 MB, each makes the file longer.
    /// One writes 20 KB. The baseline warms up for the same reason.
    static let warmUp = 1000

    static func singleRate(_ count: Int) async throws -> Double {
        try await withEngine { engine, _ in
            for n in 0..<warmUp { try await engine.enqueue(operation(n)) }
            let took = try await seconds { for n in 0..<count { try await engine.enqueue(operation(n)) } }
            return Double(count) / took
        }
    }

    static func groupRate(_ count: Int, callers: Int) async throws -> Double {
        try await withEngine { engine, _ in
            let took = try await seconds {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<callers {
                        group.addTask { for n in 0..<count / callers { try await engine.enqueue(operation(caller * 1_000_000 + n)) } }
                    }
                    try await group.waitForAll()
                }
            }
            return Double(count / callers * callers) / took
        }
    }

    private func single(_ table: inout Table) async throws {
        let count = 1000 * scale
        try await table.measure("durable enqueue, one caller, 1/s", .init(required: 0.8, aim: 0.95)) {
            try await Self.singleRate(count)
        } baseline: {
            try Baseline.rate(["single", "\(count)", "200"])
        }
    }

    private func group(_ table: inout Table) async throws {
        let count = 8000 * scale
        for callers in [16, 64] {
            try await table.measure("durable enqueue, \(callers) callers, 1/s", .init(required: 0.8, aim: 1)) {
                try await Self.groupRate(count, callers: callers)
            } baseline: {
                try Baseline.rate(["group", "\(callers)", "\(count)", "200"])
            }
        }
        try await table.measure("16 callers against one caller, both ours", .init(required: 4)) {
            try await Self.groupRate(count, callers: 16)
        } baseline: {
            try await Self.singleRate(1000 * scale)
        }
    }

    /// Operations per second of one call that takes `count`.
    static func batchRate(_ count: Int) async throws -> Double {
        try await withEngine { engine, _ in
            let operations = (0..<count).map { operation($0) }
            return Double(count) / (try await seconds { try await engine.enqueue(operations) })
        }
    }

    private func batch(_ table: inout Table) async throws {
        try await table.measure("batch of 10 000, operations/s", .init(required: 0.6, aim: 0.8)) {
            try await Self.batchRate(10_000)
        } baseline: {
            try Baseline.rate(["batch", "10000", "200"])
        }
    }

    /// Fills a store with `pending` operations.
    static func fill(_ engine: SyncEngine, pending: Int, keys: Int) async throws {
        var done = 0
        while done < pending {
            let size = min(10_000, pending - done)
            let from = done
            try await engine.enqueue((0..<size).map { operation(from + $0, key: "entity-\((from + $0) % keys)") })
            done += size
        }
    }

    /// Claims and settles `count` in batches of 100, one durable transaction each way. Returns operations per second.
    static func drain(_ store: SQLiteStore, count: Int, fence: Fence) async throws -> Double {
        var done = 0
        let took = try await seconds {
            while done < count {
                let now = SystemClock().now.wall
                let claimed = try await store.exchange(Exchange(fence: fence, now: now, normal: 100)).claims
                let results = claimed.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
                _ = try await store.exchange(Exchange(fence: fence, now: now, settlements: results))
                done += claimed.count
                if claimed.isEmpty { break }
            }
        }
        return Double(done) / took
    }

    static func lock(_ store: SQLiteStore) async throws -> Fence {
        let answer = try await store.acquireLock(owner: "bench", now: SystemClock().now.wall, staleAfterMs: 120_000)
        guard case .acquired(let fence, _, _) = answer else { throw Baseline.Failed(output: "\(answer)") }
        return fence
    }

    private static func drainRate(pending: Int, count: Int, keys: Int) async throws -> Double {
        try await withEngine { engine, store in
            try await fill(engine, pending: pending, keys: keys)
            try await store.checkpoint()  // as the baseline does: the filling's log is no part of what is measured
            return try await drain(store, count: count, fence: try await lock(store))
        }
    }

    /// Settles `claims` and claims the next batch, in one transaction.
    private static func exchange(_ claims: [Claim], _ batch: Int, _ store: SQLiteStore, _ fence: Fence) async throws -> [Claim] {
        let results = claims.map { Settlement(seq: $0.seq, id: $0.operation.id, result: .processed) }
        let exchange = Exchange(fence: fence, now: SystemClock().now.wall, settlements: results, normal: batch)
        return try await store.exchange(exchange).claims
    }

    /// The same as the engine does it: one transaction for the end of a batch and the beginning of the next.
    static func exchangeRate(_ count: Int, batch: Int) async throws -> Double {
        try await withEngine { engine, store in
            let untimed = batch == 1 ? warmUp : 0
            try await fill(engine, pending: untimed + count, keys: untimed + count)
            try await store.checkpoint()
            let fence = try await lock(store)
            var claims: [Claim] = []
            for _ in 0..<untimed { claims = try await exchange(claims, batch, store, fence) }
            let took = try await seconds {
                repeat { claims = try await exchange(claims, batch, store, fence) } while !claims.isEmpty
            }
            guard try await store.books().processed == untimed + count else { throw Baseline.Failed(output: "not all were settled") }
            return Double(count) / took
        }
    }

    private func settle(_ table: inout Table) async throws {
        let count = 5000 * scale
        try await table.measure("claim+settle in batches of 100, operations/s", .init(required: 0.6, aim: 0.9)) {
            try await Self.drainRate(pending: count, count: count, keys: count)
        } baseline: {
            try Baseline.rate(["claimsettle", "\(count)", "\(count)", "100"])
        }
    }

    /// With one key only its head can be claimed, so a batch is one operation; compared with the same at 1 000 pending.
    private func flat(_ table: inout Table) async throws {
        let long = options.long
        for (name, manyKeys) in [("a key for each", true), ("one key", false)] {
            let big = try Scratch()
            defer { big.remove() }
            let store = try SQLiteStore.open(.init(path: big.path + "/guardian.sqlite"))
            try await Self.fill(SyncEngine(store: store, transport: Silent()), pending: long.count, keys: manyKeys ? long.count : 1)
            try await store.checkpoint()
            let fence = try await Self.lock(store)
            let count = manyKeys ? 1000 : 200
            let bounds = Bounds(required: 1.3, aim: 1.2, isCost: true)
            try await table.measure("cost of claim+settle at \(long.words) pending, \(name), µs", bounds) {
                1e6 / (try await Self.drain(store, count: count, fence: fence))
            } baseline: {
                1e6 / (try await Self.drainRate(pending: 1000, count: count, keys: manyKeys ? 1000 : 1))
            }
            try store.close()
        }
    }
}

/// A transport for engines that only take operations in.
struct Silent: Transport {
    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .interrupted }
}
