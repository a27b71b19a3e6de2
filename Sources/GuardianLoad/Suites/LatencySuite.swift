import GuardianCore
import GuardianHTTP

/// How long operations take from their first claim to their settlement, with an upstream that is slow and fails now and then.
struct LatencySuite {
    static let operations = 1000
    static let workers = 8

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let count = test.options.operations ?? Self.operations
        let workers = test.options.workers ?? Self.workers
        let recorder = DeliveryRecorder(expectedMicroseconds: test.options.expectedMicroseconds)
        let resident = Sampler(watch: Stopwatch()) { [test] in Double(test.world.residentBytes()) / 1_048_576 }
        try await test.withStore("latency") { open in
            try await test.withUpstream(test.options.behaviour) { upstream, control in
                let (engine, transport) = try test.world.engine(open.store, url: upstream.url, workers: workers, sinks: [recorder])
                let seconds = try await LoadTest.using([transport]) {
                    try await LoadTest.fill(engine, Workload(seed: test.options.seed, operations: count))
                    let watch = Stopwatch()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await resident.run(everyMilliseconds: 250) }
                        try await test.deliver([engine], until: count, "processed") { recorder.processed + recorder.failed }
                        group.cancelAll()
                    }
                    return watch.seconds
                }
                judge(recorder, Double(count) / seconds, &result)
                let injected = try await control.summary().injectedFailures
                let wanted = Double(count) * test.options.failureRate
                result.check(
                    "the mock upstream failed about as often as asked", Double(injected) >= wanted * 0.5 || wanted < 10,
                    "\(injected) failures of about \(Int(wanted))")
                result.audit(try await EffectAudit.of(control), accepted: count, try await open.store.check())
            }
        }
        result.throughput(recorder)
        result.series("resident memory", "MiB", resident)
        result.breaker = recorder.changes
    }

    private func judge(_ recorder: DeliveryRecorder, _ throughput: Double, _ result: inout SuiteResult) {
        result.percentiles("processing", recorder.processing)
        result.percentiles("attempt", recorder.attempts)
        result.figure("throughput", throughput, "operations/s", .higher)
        result.figure("retries", Double(recorder.retries), "", .neither)
        let p95 = recorder.processing.ms(95)
        result.check(
            "p95 below \(Int(test.options.latencySLAMs)) ms", p95 < test.options.latencySLAMs, "\(JSONValue.decimal(p95).text) ms")
    }
}
