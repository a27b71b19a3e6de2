import GuardianCore
import GuardianHTTP

/// What a long queue costs in memory, and whether delivering it again and again leaves something behind.
struct MemorySuite {
    static let operations = 50_000
    static let workers = 128
    /// Times that a tenth of the queue is filled and drained, to see whether memory grows by it. With 20 a leak of some 100 bytes for each
    /// operation is found at the suite's own size.
    static let rounds = 20
    static let tenth = 10
    /// Growth over all rounds that is still taken for chance, in bytes.
    static let chance = 6.0 * 1_048_576

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let watch = Stopwatch()
        let resident = Sampler(watch: watch) { [test] in Double(test.world.residentBytes()) / 1_048_576 }
        let recorder = DeliveryRecorder(watch: watch)
        try await test.withStore("memory") { open in
            let before = test.world.residentBytes()
            let emptyDisk = try await open.bytes()
            try await test.withUpstream(test.options.behaviour) { upstream, control in
                let (engine, transport) = try test.world.engine(
                    open.store, url: upstream.url, workers: test.options.workers ?? Self.workers, sinks: [recorder])
                try await LoadTest.using([transport]) {
                    try await fillAndDrain(open, engine, control, recorder, resident, (before, emptyDisk), &result)
                }
            }
        }
        result.figure("peak resident memory", (resident.samples.map(\.value).max() ?? 0), "MiB", .lower)
        result.throughput(recorder)
        result.series("resident memory", "MiB", resident)
        result.breaker = recorder.changes
    }

    /// `before` is what memory and disk held of the empty queue.
    private func fillAndDrain(
        _ open: LoadWorld.OpenStore, _ engine: SyncEngine, _ control: UpstreamControl, _ recorder: DeliveryRecorder, _ resident: Sampler,
        _ before: (memory: Int64, disk: Int64), _ result: inout SuiteResult
    ) async throws {
        let count = test.options.operations ?? Self.operations
        var ends: [(x: Double, y: Double)] = []
        var operations = Workload(seed: test.options.seed, operations: .max, entities: 1000).makeIterator()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await resident.run(everyMilliseconds: 100) }
            try await LoadTest.fill(engine, &operations, count) { test.progress($0, count, "seeded") }
            let seeded = test.world.residentBytes()
            let disk = try await open.bytes()
            result.figure("memory for each waiting operation", Double(max(0, seeded - before.memory)) / Double(count), "bytes", .neither)
            result.figure("disk for each waiting operation", Double(disk - before.disk) / Double(count), "bytes", .lower)
            try await test.deliver([engine], until: count, "processed") { recorder.processed + recorder.failed }
            var total = count
            ends.append((0, Double(test.world.residentBytes())))
            for round in 1...Self.rounds {
                let more = max(1, count / Self.tenth)
                try await LoadTest.fill(engine, &operations, more)
                total += more
                let goal = total
                try await test.deliver([engine], until: goal, "round \(round) of \(Self.rounds)") {
                    recorder.processed + recorder.failed
                }
                ends.append((Double(total - count), Double(test.world.residentBytes())))
            }
            group.cancelAll()
            judge(ends, before: before.memory, resident, &result)
            let handled = recorder.processed + recorder.failed
            result.check("all processed", recorder.failed == 0 && handled == total, "\(recorder.processed) of \(total)")
            let summary = try await control.summary()
            result.check(
                "nothing lost, nothing doubled", summary.effects == total && summary.duplicateKeys == 0,
                "\(summary.effects) effects of \(total), \(summary.duplicateKeys) doubled")
        }
    }

    private func judge(_ ends: [(x: Double, y: Double)], before: Int64, _ resident: Sampler, _ result: inout SuiteResult) {
        let peak = (resident.samples.map(\.value).max() ?? 0) * 1_048_576
        let growth = peak - Double(before)
        result.check(
            "at most \(test.options.memoryBound >> 20) MiB beside the program", growth <= Double(test.options.memoryBound),
            "\(Int(growth / 1_048_576)) MiB at the peak")
        let found = Growth(ends, chance: Self.chance)
        result.figure("growth for each operation", found.trend.slope, "bytes", .neither)
        result.check(
            "no leak", !found.isLeak,
            "\(JSONValue.decimal(found.trend.slope).text) ± \(JSONValue.decimal(found.trend.error).text) bytes for each operation "
                + "delivered; \(LoadReport.short(found.finds)) would be found")
    }
}
