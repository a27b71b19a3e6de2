import Foundation
import GuardianCore
import GuardianPrivacy
import GuardianSQLite

/// What sealing costs, beside the same work in clear.
struct SealingBenches {
    let options: BenchOptions

    func run(_ table: inout Table) async throws {
        guard options.runs("sealing") else { return }
        let (count, drained) = (1000 * options.scale, 5000 * options.scale)
        try await table.measure("durable enqueue, one caller, sealed beside in clear", .init(required: 0.8)) {
            try await Self.singleRate(count, isSealed: true)
        } baseline: {
            try await Self.singleRate(count, isSealed: false)
        }
        try await table.measure("batch of 10 000, sealed beside in clear", .init(required: 0.4)) {
            try await Self.batchRate(isSealed: true)
        } baseline: {
            try await Self.batchRate(isSealed: false)
        }
        try await table.measure("claim+settle in batches of 100, sealed beside in clear", .init(required: 0.6)) {
            try await Self.drainRate(drained, isSealed: true)
        } baseline: {
            try await Self.drainRate(drained, isSealed: false)
        }
    }

    private static func withEngine(isSealed: Bool, _ body: (SyncEngine, SQLiteStore) async throws -> Double) async throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        var configuration = SQLiteStore.Configuration(path: scratch.path + "/guardian.sqlite")
        if isSealed { configuration.sealing = SealKeysInMemory(SealKeyring(.random())) }
        let store = try SQLiteStore.open(configuration)
        let value = try await body(SyncEngine(store: store, transport: Silent()), store)
        try store.close()
        return value
    }

    private static func singleRate(_ count: Int, isSealed: Bool) async throws -> Double {
        try await withEngine(isSealed: isSealed) { engine, _ in
            for n in 0..<1000 { try await engine.enqueue(StoreBenches.operation(n)) }
            return Double(count) / (try await seconds { for n in 0..<count { try await engine.enqueue(StoreBenches.operation(n)) } })
        }
    }

    private static func batchRate(isSealed: Bool) async throws -> Double {
        try await withEngine(isSealed: isSealed) { engine, _ in
            let operations = (0..<10_000).map { StoreBenches.operation($0) }
            return 10_000 / (try await seconds { try await engine.enqueue(operations) })
        }
    }

    private static func drainRate(_ count: Int, isSealed: Bool) async throws -> Double {
        try await withEngine(isSealed: isSealed) { engine, store in
            try await StoreBenches.fill(engine, pending: count, keys: count)
            try await store.checkpoint()
            return try await StoreBenches.drain(store, count: count, fence: try await StoreBenches.lock(store))
        }
    }
}
