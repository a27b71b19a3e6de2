import GuardianCore
import GuardianHTTP

/// Fifty failures in a row: the breaker opens at its threshold, asks once in a while, closes when the upstream is back, and nothing else
/// suffers.
struct BreakerSuite {
    static let failures = 50
    /// However many operations are asked for: each failure waits for a probe.
    static let mostFailures = 100
    static let threshold = 10
    static let coolDownMs: Int64 = 150

    let test: LoadTest

    func run(_ result: inout SuiteResult) async throws {
        let failures = min(max(test.options.operations ?? Self.failures, Self.threshold * 2), Self.mostFailures)
        let count = failures * 2
        let watch = Stopwatch()
        let recorder = DeliveryRecorder(watch: watch)
        var behaviour = test.options.behaviour
        behaviour.failureRate = 0
        try await test.withStore("breaker") { open in
            try await test.withUpstream(behaviour) { upstream, control in
                // One request at a time, so that it can be counted which failure opens it.
                let (engine, transport) = try test.world.engine(open.store, url: upstream.url, workers: 1, sinks: [recorder]) {
                    $0.processor.breaker = .init(failures: Self.threshold, windowMs: 60_000, coolDownMs: Self.coolDownMs)
                    $0.processor.retry = RetryPolicy(baseMs: 20, maxMs: 100, maxAttempts: 5)
                    $0.processor.pollMs = 20
                }
                try await LoadTest.using([transport]) {
                    try await LoadTest.fill(engine, Workload(seed: test.options.seed, operations: count, entities: count, readings: true))
                    try await control.setMode(["mode": "status", "status": 500, "count": JSONValue(failures)])
                    try await test.deliver([engine], until: count, "processed", pulse: { recorder.processed + recorder.retries }) {
                        recorder.processed + recorder.failed
                    }
                }
                judge(recorder, failures: failures, &result)
                let summary = try await control.summary()
                result.check(
                    "no cascade: nothing is asked but what is due", summary.requests == count + failures,
                    "\(summary.requests) requests for \(count) operations and \(failures) failures")
                result.check("nothing given up", recorder.failed == 0, "\(recorder.failed) failed")
                result.audit(try await EffectAudit.of(control), accepted: count, try await open.store.check())
            }
        }
        result.breaker = recorder.changes
        result.throughput(recorder)
    }

    /// By the engine's own word and clock: when an event is heard of, or what the upstream has seen by then, is the machine's affair.
    private func judge(_ recorder: DeliveryRecorder, failures: Int, _ result: inout SuiteResult) {
        let (changes, trips) = (recorder.changes, recorder.trips)
        result.check(
            "opens at failure \(Self.threshold)", trips.first?.attempts == Self.threshold,
            trips.first.map { "opened after \($0.attempts) attempts" } ?? "it never opened")
        let probes = changes.count { $0.state == "probing" }
        // Of the failures that are left, each probe meets one.
        result.check(
            "one probe for each failure that is left", probes == failures - Self.threshold + 1,
            "\(probes) probes for \(failures - Self.threshold) failures and one success")
        result.check("closes again", changes.last?.state == "closed", "last: \(changes.last?.state ?? "nothing")")
        let meant = trips.map(\.forMs)
        let isMeant = meant.allSatisfy { abs($0 - Self.coolDownMs) <= Self.coolDownMs / 5 }
        // The engine waits by another clock than the one its events are stamped with, and both are cut to milliseconds.
        let over = trips.compactMap { trip in trip.waitedMs.map { $0 - trip.forMs } }.min()
        let isWaitedOut = over.map { $0 >= -2 } ?? false
        result.check(
            "waits out its cool-down", isMeant && isWaitedOut,
            "\(meant.min() ?? 0) to \(meant.max() ?? 0) ms of \(Self.coolDownMs) ± 20 %, "
                + (over.map { "probed \($0) ms after it at the earliest" } ?? "never probed"))
        result.figure("trips", Double(trips.count), "", .neither)
        if let first = changes.first, let last = changes.last {
            result.figure("open until recovered", last.seconds - first.seconds, "s", .lower)
        }
    }
}
