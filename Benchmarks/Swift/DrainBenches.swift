import Foundation
import GuardianCore

/// The whole engine over a transport that says yes at once: what it adds to the store's own work, and what callers feel meanwhile.
struct DrainBenches {
    let options: BenchOptions

    /// Nothing but the store bounds it: as much in flight, and as many results in one transaction, as helps.
    static let atFullSpeed = ProcessorConfiguration(workers: 512, settleBatch: 512)

    /// Milliseconds from one call to the next, on average: they come by chance, whether or not those before have been answered.
    private static let everyMs = 1.0
    /// What a call may take, in milliseconds.
    private static let boundMs = 10.0

    func run(_ table: inout Table) async throws {
        if options.runs("drain") { try await drain(&table) }
        if options.runs("latency") { try await latency(&table) }
    }

    private func drain(_ table: inout Table) async throws {
        let count = 10_000 * options.scale
        let bounds = Bounds(required: 0.6, aim: 0.9)
        try await table.measure("drain by the whole engine, C claim+settle at its best batch, 1/s", bounds) {
            try await EngineRun.rate(count, Agreeing(), Self.atFullSpeed)
        } baseline: {
            try Baseline.rate(["claimsettle", "\(count)", "\(count)", "best"])
        }
    }

    private func latency(_ table: inout Table) async throws {
        let count = 20_000 * options.scale
        try await table.measure("enqueue p99 while it drains at full speed, ms of 10", .init(required: 1, isCost: true)) {
            try await Self.enqueueTail(count)
        } baseline: {
            Self.boundMs
        }
    }

    /// The 99th percentile, in milliseconds, of calls that come at times of their own until `count` operations are drained.
    private static func enqueueTail(_ count: Int) async throws -> Double {
        try await EngineRun.withQueue(count, Agreeing(), atFullSpeed) { engine, _, counter in
            async let running: Void = engine.run()
            let waits = try await withThrowingTaskGroup(of: Double.self) { group in
                var random = Xoshiro256(seed: 7)
                var due = ContinuousClock.now
                var calls = 0
                while !counter.isReached {
                    // Exponential, so that calls come singly and in bursts.
                    let unit = Double(random.next() >> 11) / Double(1 << 53 as UInt64)
                    due = due.advanced(by: .milliseconds(-everyMs * log(1 - unit)))
                    if ContinuousClock.now < due { try await Task.sleep(until: due, clock: .continuous) }
                    let number = calls
                    group.addTask { try await call(engine, number) }
                    calls += 1
                }
                var all: [Double] = []
                for try await wait in group { all.append(wait) }
                return all.sorted()
            }
            engine.drain()
            try await running
            guard waits.count >= 100 else { throw Baseline.Failed(output: "it drained before \(waits.count + 1) calls were made") }
            return waits[waits.count * 99 / 100]
        }
    }

    /// How long a call took.
    private static func call(_ engine: SyncEngine, _ number: Int) async throws -> Double {
        let begin = ContinuousClock.now
        try await engine.enqueue(StoreBenches.operation(0, key: "caller-\(number)"))
        return (ContinuousClock.now - begin) / .milliseconds(1)
    }
}

/// A transport that takes everything at once.
struct Agreeing: Transport {
    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome { .accepted(Answer(status: 200)) }
}
