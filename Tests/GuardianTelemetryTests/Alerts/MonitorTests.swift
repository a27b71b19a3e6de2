import GuardianCore
import GuardianTelemetry
import GuardianTesting
import Synchronization
import Testing

/// What the monitor does with a real engine over a memory store, on a clock that the test advances.
@Suite struct MonitorTests {
    private struct Rig {
        let clock = TestClock()
        let store = MemoryStore()
        let transport = ScriptedTransport()
        let recorder = RecordingSink()
        let metrics: ProductionMetrics
        let engine: SyncEngine

        init(workers: Int = 4, breaker: CircuitBreaker.Policy = .init()) {
            metrics = ProductionMetrics(.init(windowMs: 300_000), clock: clock)
            engine = SyncEngine(
                store: store, transport: transport, clock: clock, sinks: [MetricsSink(metrics), recorder],
                configuration: .init(processor: .init(workers: workers, breaker: breaker)))
        }
    }

    private static func operations(_ count: Int) -> [NewOperation] {
        (0..<count).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") }
    }

    @Test("what the sink counts is what the engine did")
    func counts() async throws {
        let rig = Rig()
        try await rig.engine.enqueue(Self.operations(50))
        async let run: Void = rig.engine.run()
        await rig.recorder.wait(for: 50) { if case .processed = $0 { true } else { false } }
        rig.engine.drain()
        try await run
        let summary = rig.metrics.summary
        #expect((summary.processed, summary.failed) == (50, 0))
        let text = rig.metrics.exportPrometheus()
        #expect(text.contains("processed_ops_total{operation_type=\"update\",entity_type=\"room\"} 50\n"))
        #expect(text.contains("sync_enqueued_ops_total 50\n"))
        #expect(text.contains("sync_attempts_total 50\n"))
        #expect(text.contains("sync_delivery_duration_seconds_count 50\n"))
    }

    @Test("the gauges say what the store holds, and an alert is told through the engine, saved, and taken up again")
    func alerts() async throws {
        let rig = Rig()
        var policy = AlertPolicy()
        policy.pending = 10
        policy.pendingForMs = 0
        policy.clearAfterMs = 0
        let file = SharedText()
        func monitor() -> Monitor {
            var configuration = Monitor.Configuration()
            configuration.policy = policy
            configuration.freeBytes = { 4096 }
            configuration.load = { file.text }
            configuration.save = { file.text = $0 }
            return Monitor(rig.metrics, engine: rig.engine, store: rig.store, configuration: configuration, clock: rig.clock)
        }
        try await rig.engine.enqueue(Self.operations(11))
        let first = Task { [first = monitor()] in
            var first = first
            try await first.prepare()
            await first.run()
        }
        let fired = await rig.recorder.first { if case .alertFired = $0 { true } else { false } }
        guard case .alertFired(let alert)? = fired?.event else { return }
        #expect(alert.name == "queue_depth")
        #expect(alert.value == 11)
        let text = rig.metrics.exportPrometheus()
        #expect(text.contains("pending_ops_gauge 11\n"))
        #expect(text.contains("sync_disk_free_bytes 4096\n"))
        #expect(text.contains("sync_alert_state{alert=\"queue_depth\",severity=\"high\"} 2\n"))
        first.cancel()
        _ = await first.result
        let memory = try #require(file.text)
        #expect(try JSONValue(parsing: memory)["standings"]?["queue_depth"]?["firing"] == true)

        // A restart: it still fires, and is not told twice; then the queue is emptied, and it clears.
        for operation in try await rig.store.list(.init()) { _ = try await rig.store.cancel(operation.id, now: rig.clock.now.wall) }
        let second = Task { [second = monitor()] in
            var second = second
            try await second.prepare()
            await second.run()
        }
        await rig.recorder.first { if case .alertCleared = $0 { true } else { false } }
        second.cancel()
        _ = await second.result
        #expect(rig.recorder.count { if case .alertFired = $0 { true } else { false } } == 1)
    }

    /// The right of another process that delivers, which is played by its calls of the store.
    private static func otherHolds(_ store: any LockStore, at now: Timestamp) async throws -> Fence {
        let answer = try await store.acquireLock(owner: "other", now: now, staleAfterMs: 120_000)
        guard case .acquired(let fence, _, _) = answer else { throw StoreError.stale }
        return fence
    }

    /// What a process has saved whose breaker opened `trips` times within the last hour, so that the alert fires.
    private static func saved(_ policy: AlertPolicy, trips: Int64, at now: Timestamp) -> String {
        var history = TripHistory()
        _ = history.rise(to: 0, now: now.adding(milliseconds: -3_600_000), windowMs: policy.tripsWindowMs)
        _ = history.rise(to: trips, now: now, windowMs: policy.tripsWindowMs)
        var evaluator = AlertEvaluator(rules: policy.rules)
        _ = evaluator.evaluate(AlertMeasures(trips: Double(trips)), now: now)
        return AlertMemory(at: now, evaluator: evaluator, trips: history).json.text
    }

    @Test("who stands by counts the breaker's openings, and shows it, as the store has it")
    func standsBy() async throws {
        let rig = Rig()
        let now = rig.clock.now
        let other = try await Self.otherHolds(rig.store, at: now.wall)
        var monitor = Monitor(rig.metrics, engine: rig.engine, store: rig.store, clock: rig.clock)
        try await monitor.prepare()
        let open = OriginHealth(openUntil: now.wall.adding(milliseconds: 60_000), trips: 60)
        _ = try await rig.store.exchange(Exchange(fence: other, now: now.wall, health: open))
        await monitor.turn(at: now)
        let opened = rig.metrics.summary
        #expect((opened.circuitTrips, opened.circuit, opened.networkHealth) == (60, "open", 0))
        _ = try await rig.store.exchange(Exchange(fence: other, now: now.wall, health: OriginHealth(trips: 60)))
        await monitor.turn(at: now)
        let closed = rig.metrics.summary
        #expect((closed.circuitTrips, closed.circuit, closed.networkHealth) == (60, "closed", 100))
    }

    @Test("who delivers no longer shows the breaker as the store has it, though it was open here at the end")
    func stopsDelivering() async throws {
        let rig = Rig(breaker: .init(failures: 1))
        var monitor = Monitor(rig.metrics, engine: rig.engine, store: rig.store, clock: rig.clock)
        try await monitor.prepare()
        rig.transport.answer(.status(503))
        try await rig.engine.enqueue(Self.operations(1))
        async let run: Void = rig.engine.run()
        await rig.recorder.first { if case .retryScheduled = $0 { true } else { false } }
        await monitor.turn(at: rig.clock.now)
        #expect((rig.metrics.summary.circuitTrips, rig.metrics.summary.circuit) == (1, "open"))
        rig.engine.drain()
        try await run
        let now = rig.clock.now
        let other = try await Self.otherHolds(rig.store, at: now.wall)
        _ = try await rig.store.exchange(Exchange(fence: other, now: now.wall, health: OriginHealth(trips: 1)))
        await monitor.turn(at: now)
        #expect((rig.metrics.summary.circuitTrips, rig.metrics.summary.circuit) == (1, "closed"))
    }

    @Test("who takes over goes on with the openings of the one before: the alert goes on firing, and the next opening counts")
    func takesOver() async throws {
        let rig = Rig(breaker: .init(failures: 1))
        let now = rig.clock.now
        let file = SharedText()
        var configuration = Monitor.Configuration()
        configuration.policy.clearAfterMs = 0
        configuration.load = { file.text }
        let other = try await Self.otherHolds(rig.store, at: now.wall)
        var monitor = Monitor(rig.metrics, engine: rig.engine, store: rig.store, configuration: configuration, clock: rig.clock)
        try await monitor.prepare()
        // All of it between two looks of ours.
        _ = try await rig.store.exchange(Exchange(fence: other, now: now.wall, health: OriginHealth(trips: 60)))
        file.text = Self.saved(configuration.policy, trips: 60, at: now.wall)
        rig.store.processDied(owner: "other")
        rig.transport.answer(.status(503))
        try await rig.engine.enqueue(Self.operations(1))
        async let run: Void = rig.engine.run()
        await rig.recorder.first { if case .retryScheduled = $0 { true } else { false } }
        await monitor.turn(at: now)
        #expect((rig.metrics.summary.circuitTrips, rig.metrics.summary.circuit) == (61, "open"))
        let alert = try #require(rig.metrics.alerts.first { $0.name == "circuit_trips" })
        #expect(alert.state == .firing && alert.value == 61)
        #expect(rig.recorder.count { if case .alertCleared = $0 { true } else { false } } == 0)
        rig.engine.drain()
        try await run
    }

    @Test("who delivers no longer shows no alerts, tells of no end of theirs, and saves nothing over what the other saves")
    func retires() async throws {
        let (rig, file) = (Rig(), SharedText())
        var configuration = Monitor.Configuration()
        configuration.policy.pending = 10
        configuration.policy.pendingForMs = 0
        configuration.load = { file.text }
        configuration.save = { file.text = $0 }
        var monitor = Monitor(rig.metrics, engine: rig.engine, store: rig.store, configuration: configuration, clock: rig.clock)
        try await rig.engine.enqueue(Self.operations(11))
        let now = rig.clock.now
        await monitor.turn(at: now)
        #expect(rig.metrics.alerts.filter { $0.state == .firing }.map(\.name) == ["queue_depth"])
        let saved = file.text
        _ = try await Self.otherHolds(rig.store, at: now.wall)
        await monitor.turn(at: now)
        #expect(rig.metrics.alerts.allSatisfy { $0.state == .quiet })
        #expect(rig.metrics.exportPrometheus().contains("sync_alert_state{alert=\"queue_depth\",severity=\"high\"} 0\n"))
        #expect(rig.recorder.count { if case .alertCleared = $0 { true } else { false } } == 0)
        file.text = "of the other"
        let end = Task { [monitor] in
            var monitor = monitor
            await monitor.run()
        }
        end.cancel()
        await end.value
        #expect(file.text == "of the other")

        // The other is silent for too long: this one goes on from what was saved.
        file.text = saved
        rig.clock.advance(byMilliseconds: 200_000)
        await monitor.turn(at: rig.clock.now)
        #expect(rig.metrics.alerts.filter { $0.state == .firing }.map(\.name) == ["queue_depth"])
        #expect(rig.recorder.count { if case .alertFired = $0 { true } else { false } } == 1)
    }

    @Test("a restart does not begin the time anew for which latency has been bad, though the new process has measured nothing")
    func restarts() async throws {
        let (first, second, file) = (Rig(), Rig(), SharedText())
        var configuration = Monitor.Configuration()
        configuration.load = { file.text }
        configuration.save = { file.text = $0 }
        func turn(_ monitor: inout Monitor, _ rig: Rig, seconds: Int64) async {
            rig.clock.advance(byMilliseconds: seconds * 1000 - rig.clock.now.steady)
            await monitor.turn(at: rig.clock.now)
        }
        var before = Monitor(first.metrics, engine: first.engine, store: first.store, configuration: configuration, clock: first.clock)
        for _ in 0..<30 { first.metrics.recordProcessed(latencyMs: 9000) }
        let start = first.clock.now.wall
        await turn(&before, first, seconds: 0)
        await turn(&before, first, seconds: 240)
        var after = Monitor(second.metrics, engine: second.engine, store: second.store, configuration: configuration, clock: second.clock)
        await turn(&after, second, seconds: 250)
        for _ in 0..<30 { second.metrics.recordProcessed(latencyMs: 9000) }
        await turn(&after, second, seconds: 290)
        let pending = try #require(second.metrics.alerts.first { $0.name == "latency" })
        #expect(pending.state == .pending && pending.since == start)
        await turn(&after, second, seconds: 310)
        #expect(second.metrics.alerts.first { $0.name == "latency" }?.state == .firing)
    }

    @Test("while the store can't be read, no alert that was saved clears; it goes on with the first look that succeeds")
    func cannotRead() async throws {
        let rig = Rig()
        let (store, file, now) = (TroubledStore(), SharedText(), rig.clock.now)
        let other = try await Self.otherHolds(store, at: now.wall)
        _ = try await store.exchange(Exchange(fence: other, now: now.wall, health: OriginHealth(trips: 60)))
        try await store.releaseLock(other)
        var configuration = Monitor.Configuration()
        configuration.policy.clearAfterMs = 0
        configuration.load = { file.text }
        file.text = Self.saved(configuration.policy, trips: 60, at: now.wall)
        var monitor = Monitor(rig.metrics, engine: rig.engine, store: store, configuration: configuration, clock: rig.clock)
        store.trouble = .unavailable("nobody answers")
        await monitor.turn(at: now)
        store.trouble = nil
        await monitor.turn(at: now)
        let alert = try #require(rig.metrics.alerts.first { $0.name == "circuit_trips" })
        #expect(alert.state == .firing && alert.value == 60)
        #expect(rig.recorder.events.isEmpty)
    }

    @Test("10 000 entity types leave the exports small, and lose no count")
    func cardinality() {
        let metrics = ProductionMetrics()
        let sink = MetricsSink(metrics)
        var random = Xoshiro256(seed: 9)
        let now = SystemClock().now.wall
        for number in 0..<10_000 {
            let operation = Operation(
                id: .uuid(.v4(using: &random)), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random),
                type: "custom-\(number % 500)", entity: EntityKey(type: "type-\(number)", id: "1"), payload: "{}", enqueuedAt: now)
            let subject = Event.Subject(operation, attempt: 2)
            let error = LastError(class: ErrorClass.allCases[number % ErrorClass.allCases.count], code: "X", message: "x")
            sink.record(.enqueued(id: operation.id, seq: 1), about: subject, at: now)
            sink.record(.processed(id: operation.id, latencyMs: 5, httpStatus: 200), about: subject, at: now)
            sink.record(.failed(id: operation.id, error: error), about: subject, at: now)
            sink.record(.retryScheduled(id: operation.id, due: now, backoffMs: 1, error: error), about: subject, at: now)
        }
        let summary = metrics.summary
        #expect((summary.processed, summary.failed, summary.backoffs, summary.retries) == (10_000, 10_000, 10_000, 30_000))
        let text = metrics.exportPrometheus(.openMetrics)
        let lines = text.split(separator: "\n").count { !$0.hasPrefix("#") }
        print("measured: \(lines) series in \(text.utf8.count) bytes after 10 000 entity types")
        #expect(lines < 700)
        #expect(text.utf8.count < 150_000)
    }
}

/// A text that stands for a file.
private final class SharedText: Sendable {
    private let content = Mutex<String?>(nil)
    var text: String? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
