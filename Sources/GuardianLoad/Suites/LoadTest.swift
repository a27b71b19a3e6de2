import GuardianCore
import GuardianHTTP

/// Runs suites one after the other and gathers their results.
public struct LoadTest: Sendable {
    /// What is done of how much, and what that is.
    public typealias Progress = @Sendable (_ done: Int, _ total: Int, _ what: String) -> Void

    /// Stores and upstreams are opened anew for each suite.
    public var world: LoadWorld
    /// The same for all suites.
    public var options: LoadOptions
    /// Called every 20 ms while delivery is waited for, from any task.
    public var progress: Progress

    /// Opens nothing before a suite runs.
    public init(world: LoadWorld, options: LoadOptions, progress: @escaping Progress = { _, _, _ in }) {
        self.world = world
        self.options = options
        self.progress = progress
    }

    /// The result of one suite. What breaks it off, a cancellation too, is a check that does not hold, so that the others still run.
    public func run(_ suite: LoadOptions.Suite) async -> SuiteResult {
        let watch = Stopwatch()
        var result = SuiteResult(name: suite.rawValue, title: Self.title(suite))
        do {
            switch suite {
            case .enqueue: try await EnqueueSuite(test: self).run(&result)
            case .latency: try await LatencySuite(test: self).run(&result)
            case .memory: try await MemorySuite(test: self).run(&result)
            case .breaker: try await BreakerSuite(test: self).run(&result)
            case .concurrency: try await ConcurrencySuite(test: self).run(&result)
            case .soak: try await SoakSuite(test: self).run(&result)
            }
        } catch {
            result.check("runs to its end", false, "\(error)")
        }
        result.seconds = watch.seconds
        return result
    }

    static func title(_ suite: LoadOptions.Suite) -> String {
        switch suite {
        case .enqueue: "Enqueue throughput"
        case .latency: "Processing latency"
        case .memory: "Memory"
        case .breaker: "Circuit breaker"
        case .concurrency: "Concurrent processing"
        case .soak: "Soak"
        }
    }

    /// A mock upstream for as long as `body` runs.
    func withUpstream<Value>(
        _ behaviour: LoadWorld.Behaviour, _ body: (LoadWorld.Upstream, UpstreamControl) async throws -> Value
    ) async throws -> Value {
        let upstream = try await world.startUpstream(behaviour)
        do {
            let value = try await body(upstream, UpstreamControl(url: upstream.url))
            await upstream.stop()
            return value
        } catch {
            await upstream.stop()
            throw error
        }
    }

    /// The store of that name for as long as `body` runs.
    func withStore<Value>(_ name: String, _ body: (LoadWorld.OpenStore) async throws -> Value) async throws -> Value {
        try await withStores(1, of: name) { try await body($0[0]) }
    }

    /// So many handles of one store for as long as `body` runs. All of them are closed, whatever comes of that.
    func withStores<Value>(
        _ count: Int, of name: String, _ body: ([LoadWorld.OpenStore]) async throws -> Value
    ) async throws -> Value {
        var opens: [LoadWorld.OpenStore] = []
        var outcome: Result<Value, any Error>
        do {
            for _ in 0..<count { opens.append(try await world.openStore(name)) }
            outcome = .success(try await body(opens))
        } catch {
            outcome = .failure(error)
        }
        for open in opens {
            do { try open.close() } catch {
                // What broke the suite off says more.
                if case .success = outcome { outcome = .failure(error) }
            }
        }
        return try outcome.get()
    }

    /// Shuts transports down when `body` is over, whatever comes of it.
    static func using<Value>(_ transports: [HTTPTransport], _ body: () async throws -> Value) async throws -> Value {
        let value: Value
        do { value = try await body() } catch {
            for transport in transports { await transport.shutdown() }
            throw error
        }
        for transport in transports { await transport.shutdown() }
        return value
    }

    /// Fills the queue from a workload; calls back after each thousand.
    static func fill(_ engine: SyncEngine, _ workload: Workload, _ stored: (Int) -> Void = { _ in }) async throws {
        var operations = workload.makeIterator()
        try await fill(engine, &operations, workload.operations, stored)
    }

    /// The next `count` operations of one that goes on.
    static func fill(
        _ engine: SyncEngine, _ operations: inout Workload.Iterator, _ count: Int, _ stored: (Int) -> Void = { _ in }
    ) async throws {
        var waiting: [NewOperation] = []
        var done = 0
        while done + waiting.count < count, let operation = operations.next() {
            waiting.append(operation)
            guard waiting.count == 1000 else { continue }
            try Task.checkCancellation()
            try await engine.enqueue(waiting)
            done += waiting.count
            stored(done)
            waiting.removeAll(keepingCapacity: true)
        }
        if !waiting.isEmpty { try await engine.enqueue(waiting) }
        stored(done + waiting.count)
    }

    /// Delivery stood still for too long.
    struct Stalled: Error, CustomStringConvertible {
        var done: Int
        var total: Int
        var description: String { "delivery stood still for \(LoadTest.patienceSeconds) s at \(done) of \(total)" }
    }

    static let patienceSeconds = 60.0

    /// Runs `engines` until `count()` has reached `total`, then drains them. Throws when nothing moves for a minute.
    ///
    /// `pulse` says whether anything moves; by default that is what is counted.
    func deliver(
        _ engines: [SyncEngine], until total: Int, _ what: String, pulse: (@Sendable () -> Int)? = nil,
        _ count: @escaping @Sendable () -> Int
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for engine in engines { group.addTask { try await engine.run() } }
            do { try await wait(until: total, what, pulse: pulse, count) } catch {
                for engine in engines { engine.drain() }
                try await group.waitForAll()
                throw error
            }
            for engine in engines { engine.drain() }
            try await group.waitForAll()
        }
    }

    func wait(until total: Int, _ what: String, pulse: (@Sendable () -> Int)? = nil, _ count: @Sendable () -> Int) async throws {
        let watch = Stopwatch()
        var (last, movedAt) = (-1, 0.0)
        while true {
            let now = count()
            progress(min(now, total), total, what)
            if now >= total { return }
            let beat = pulse?() ?? now
            if beat != last { (last, movedAt) = (beat, watch.seconds) }
            if watch.seconds - movedAt > Self.patienceSeconds { throw Stalled(done: now, total: total) }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension SuiteResult {
    /// What every suite asks in the end: all arrived, once and in order, and the books say the same.
    mutating func audit(_ audit: EffectAudit, accepted: Int, _ report: CheckReport) {
        check("nothing lost", audit.effects == accepted, "\(audit.effects) effects of \(accepted) operations")
        check("nothing doubled", audit.doubled == 0, "\(audit.doubled) doubled")
        check("everything in order", audit.outOfOrder == 0, "\(audit.outOfOrder) out of order")
        check(
            "the books balance", report.problems.isEmpty && report.books.processed == Int64(accepted) && report.failed == 0,
            report.problems.first ?? "\(report.books.processed) processed, \(report.failed) failed, gap \(report.gap)")
    }
}
