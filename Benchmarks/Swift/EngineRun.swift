import Foundation
import GuardianCore
import GuardianSQLite
import Synchronization

/// A whole engine that empties a full queue.
enum EngineRun {
    /// Operations per second from a full queue to an empty one: claimed, sent by `transport`, settled on disk. Each has a key of its own.
    static func rate(_ count: Int, _ transport: any Transport, _ processor: ProcessorConfiguration) async throws -> Double {
        try await withQueue(count, transport, processor) { engine, store, counter in
            let took = try await seconds {
                async let running: Void = engine.run()
                await counter.reached()
                engine.drain()  // settles what was answered last
                try await running
            }
            guard try await store.books().processed == count else { throw Baseline.Failed(output: "not all were settled") }
            return Double(count) / took
        }
    }

    /// An engine over a store of its own with `count` operations, none of them claimed yet.
    static func withQueue(
        _ count: Int, _ transport: any Transport, _ processor: ProcessorConfiguration,
        _ body: (SyncEngine, SQLiteStore, ProcessedCounter) async throws -> Double
    ) async throws -> Double {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let store = try SQLiteStore.open(.init(path: scratch.path + "/guardian.sqlite"))
        let counter = ProcessedCounter(count)
        let engine = SyncEngine(store: store, transport: transport, sinks: [counter], configuration: .init(processor: processor))
        try await StoreBenches.fill(engine, pending: count, keys: count)
        try await store.checkpoint()
        let value = try await body(engine, store, counter)
        try store.close()
        return value
    }
}

/// Says when so many operations were processed.
final class ProcessedCounter: EventSink {
    private let left: Mutex<Int>
    private let done = AsyncStream.makeStream(of: Void.self)

    init(_ count: Int) { left = Mutex(count) }

    func record(_ event: Event, at time: Timestamp) {
        guard case .processed = event else { return }
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { done.continuation.finish() }
    }

    func reached() async { for await _ in done.stream {} }

    var isReached: Bool { left.withLock { $0 <= 0 } }
}
