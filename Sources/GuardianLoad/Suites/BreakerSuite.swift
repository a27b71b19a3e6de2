import GuardianCore
import GuardianHTTP
import Synchronization

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
        let open = try await test.world.openStore("breaker")
        let watch = Stopwatch()
        let recorder = DeliveryRecorder(watch: watch)
        var behaviour = test.options.behaviour
        behaviour.failureRate = 0
        try await test.withUpstream(behaviour) { upstream, control in
            // One request at a time, so that it can be counted which failure opens it.
            let (engine, transport) = try test.world.engine(open.store, url: upstream.url, workers: 1, sinks: [recorder]) {
                $0.processor.breaker = .init(failures: Self.threshold, windowMs: 60_000, coolDownMs: Self.coolDownMs)
                $0.processor.retry = RetryPolicy(baseMs: 20, maxMs: 100, maxAttempts: 5)
                $0.processor.pollMs = 20
            }
            try await LoadTest.fill(engine, Workload(seed: test.options.seed, operations: count, entities: count, readings: true))
            try await control.setMode(["mode": "status", "status": 500, "count": JSONValue(failures)])
            let opened = FirstTrip()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let events = engine.events
                group.addTask {
                    for await event in events {
                        guard case .breakerOpened = event else { continue }
                        let seen = try await control.summary().requests
                        opened.note(seen)
                    }
                }
                try await test.deliver([engine], until: count, "processed", pulse: { recorder.processed + recorder.retries }) {
                    recorder.processed + recorder.failed
                }
                group.cancelAll()
            }
            await transport.shutdown()
            judge(recorder.changes, openedAt: opened.requests, failures: failures, &result)
            let summary = try await control.summary()
            result.check(
                "no cascade: nothing is asked but what is due", summary.requests == count + failures,
                "\(summary.requests) requests for \(count) operations and \(failures) failures")
            result.check("nothing given up", recorder.failed == 0, "\(recorder.failed) failed")
            result.audit(try await EffectAudit.of(control), accepted: count, try await open.store.check())
        }
        result.breaker = recorder.changes
        result.throughput(recorder)
        try open.close()
    }

    private func judge(_ changes: [DeliveryRecorder.Change], openedAt: Int?, failures: Int, _ result: inout SuiteResult) {
        result.check(
            "opens at failure \(Self.threshold)", openedAt == Self.threshold,
            openedAt.map { "opened after \($0) requests" } ?? "it never opened")
        let probes = changes.count { $0.state == "probing" }
        // Of the failures that are left, each probe meets one.
        result.check(
            "one probe for each failure that is left", probes == failures - Self.threshold + 1,
            "\(probes) probes for \(failures - Self.threshold) failures and one success")
        result.check("closes again", changes.last?.state == "closed", "last: \(changes.last?.state ?? "nothing")")
        let waits = zip(changes, changes.dropFirst()).filter { $0.state == "opened" && $1.state == "probing" }.map {
            ($1.seconds - $0.seconds) * 1000
        }
        let shortest = waits.min() ?? 0
        result.check(
            "waits out its cool-down", shortest >= Double(Self.coolDownMs) * 0.8 - 2,
            "at least \(JSONValue.decimal(shortest).text) ms of \(Self.coolDownMs) ± 20 %")
        result.figure("trips", Double(changes.count { $0.state == "opened" }), "", .neither)
        if let first = changes.first, let last = changes.last {
            result.figure("open until recovered", last.seconds - first.seconds, "s", .lower)
        }
    }
}

/// How many requests the upstream had seen when the breaker opened first.
private final class FirstTrip: Sendable {
    private let seen = Mutex<Int?>(nil)
    var requests: Int? { seen.withLock { $0 } }
    func note(_ requests: Int) { seen.withLock { $0 = $0 ?? requests } }
}
