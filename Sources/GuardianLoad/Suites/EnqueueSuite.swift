import GuardianCore
import GuardianHTTP
import Synchronization

/// How fast operations are taken in: each load by one caller, and by 16 at once; every one on disk before its receipt.
struct EnqueueSuite {
    static let loads = [100, 1000, 5000, 10_000]
    static let callers = 16
    /// The mean of one caller must stay below so many milliseconds; a disk that syncs in 20 ms still holds it.
    static let meanBoundMs = 50.0

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let most = test.options.operations ?? Self.loads[Self.loads.count - 1]
        let loads = Self.loads.filter { $0 < most } + [most]
        var last = LatencyRecorder()
        for load in loads {
            for callers in [1, Self.callers] {
                let (seconds, recorder) = try await measure(load, callers: callers, &result)
                let label = "\(load) operations, \(callers == 1 ? "1 caller" : "\(callers) callers")"
                result.figure("\(label)", Double(load) / seconds, "operations/s", .higher)
                result.figure("\(label), mean", recorder.meanMs, "ms", .lower)
                if callers == 1 { last = recorder }
            }
        }
        result.percentiles("enqueue, 1 caller", last)
        result.check(
            "mean latency of one caller below \(Int(Self.meanBoundMs)) ms", last.meanMs < Self.meanBoundMs,
            "\(JSONValue.decimal(last.meanMs).text) ms")
    }

    private func measure(_ load: Int, callers: Int, _ result: inout SuiteResult) async throws -> (Double, LatencyRecorder) {
        let name = "enqueue-\(load)-\(callers)"
        let measured = try await test.withStore(name) { open in
            let (engine, transport) = try test.world.engine(open.store, url: "http://127.0.0.1:1", workers: 1, sinks: [])
            return try await LoadTest.using([transport]) { try await measure(load, callers: callers, engine) }
        }
        test.progress(1, 1, "\(load) operations, \(callers) callers")
        try await verify(name, load, callers, &result)
        return measured
    }

    private func measure(_ load: Int, callers: Int, _ engine: SyncEngine) async throws -> (Double, LatencyRecorder) {
        let workload = Array(Workload(seed: test.options.seed, operations: load))
        // What a call takes when nothing is slow: the median of the first hundred.
        let warm = try await time(workload.prefix(min(100, load / 2)), engine)
        let expected = UInt64(max(1, warm.ms(50) * 1000))
        let rest = Array(workload.dropFirst(min(100, load / 2)))
        let recorder = Mutex(LatencyRecorder(expectedMicroseconds: expected))
        let watch = Stopwatch()
        try await withThrowingTaskGroup(of: LatencyRecorder.self) { group in
            for caller in 0..<callers {
                let own = stride(from: caller, to: rest.count, by: callers).map { rest[$0] }
                group.addTask { try await time(own[...], engine, expected) }
            }
            for try await part in group { recorder.withLock { $0.add(part) } }
        }
        let seconds = watch.seconds * Double(load) / Double(max(rest.count, 1))
        return (seconds, recorder.withLock { $0 })
    }

    private func time(_ operations: ArraySlice<NewOperation>, _ engine: SyncEngine, _ expected: UInt64 = 0) async throws -> LatencyRecorder
    {
        var recorder = LatencyRecorder(expectedMicroseconds: expected)
        let watch = Stopwatch()
        for operation in operations {
            try Task.checkCancellation()
            let start = watch.microseconds
            try await engine.enqueue(operation)
            recorder.record(microseconds: watch.microseconds - start)
        }
        return recorder
    }

    /// What was acknowledged is there when the store is opened again.
    private func verify(_ name: String, _ load: Int, _ callers: Int, _ result: inout SuiteResult) async throws {
        let report = try await test.withStore(name) { try await $0.store.check() }
        result.check(
            "\(load) by \(callers): every acknowledged operation is stored", report.pending == Int64(load) && report.problems.isEmpty,
            report.problems.first ?? "\(report.pending) stored")
    }
}
