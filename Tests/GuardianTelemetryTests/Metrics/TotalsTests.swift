import GuardianCore
import GuardianTelemetry
import GuardianTesting
import Testing

/// What processes show that share a store.
@Suite struct TotalsTests {
    @Test("totals that follow the store rise by what it says alone, exactly, though labels that came too late share a counter")
    func follow() {
        let metrics = ProductionMetrics()
        metrics.followStore()
        for _ in 0..<5 {
            metrics.recordProcessed(latencyMs: 5, operationType: "update", entityType: "room")
            metrics.recordFailed(errorType: "permanent", operationType: "update", entityType: "room")
            metrics.recordBackoff(operationType: "update", entityType: "room")
            metrics.recordRetry(attempt: 2, maxAttempts: 5, operationType: "update", entityType: "room")
        }
        let before = metrics.summary
        #expect((before.processed, before.failed, before.backoffs, before.retries) == (0, 0, 0, 0))
        #expect(metrics.exportPrometheus().contains("processing_latency_ms_count 5\n"), "what is of this process is counted")
        let tallies = (0..<150).map {
            Tally(.processed, labels: .init(operationType: "update", entityType: "type-\($0)"), count: 2)
        }
        for _ in 0..<3 { metrics.restore(tallies) }
        #expect(metrics.summary.processed == 300)
    }

    @Test("an app's own backend counts what this process does, though the totals follow the store")
    func backend() {
        let other = PrometheusRegistry()
        let metrics = ProductionMetrics(.init(backend: other))
        metrics.followStore()
        metrics.recordProcessed(latencyMs: 5, operationType: "update", entityType: "room")
        #expect(other.exportPrometheus().contains("processed_ops_total{operation_type=\"update\",entity_type=\"room\"} 1\n"))
        #expect(metrics.summary.processed == 0)
    }

    @Test("one that delivers and one that stands by show the same, each operation once, however often they look")
    func shared() async throws {
        let (store, clock, recorder) = (MemoryStore(), TestClock(), RecordingSink())
        let both = [ProductionMetrics(clock: clock), ProductionMetrics(clock: clock)]
        let engines = both.map {
            SyncEngine(store: store, transport: ScriptedTransport(), clock: clock, sinks: [MetricsSink($0), recorder])
        }
        var monitors = (0..<2).map { Monitor(both[$0], engine: engines[$0], store: store, clock: clock) }
        for index in 0..<2 { try await monitors[index].prepare() }
        try await engines[0].enqueue((0..<50).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") })
        async let run: Void = engines[0].run()
        await recorder.wait(for: 50) { if case .processed = $0 { true } else { false } }
        for _ in 0..<3 {
            for index in 0..<2 { await monitors[index].turn(at: clock.now) }
            #expect(both.map(\.summary.processed) == [50, 50])
            #expect(both.map(\.summary.activeProcessors) == [1, 1])
        }
        engines[0].drain()
        try await run
    }

    @Test("over a store that keeps no tallies the totals are what this process has done, however often it looks")
    func withoutTallies() async throws {
        let (store, clock, recorder) = (TroubledStore(), TestClock(), RecordingSink())
        let metrics = ProductionMetrics(clock: clock)
        let engine = SyncEngine(
            store: store, transport: ScriptedTransport(), clock: clock, sinks: [MetricsSink(metrics), recorder])
        var monitor = Monitor(metrics, engine: engine, store: store, clock: clock)
        try await monitor.prepare()
        try await engine.enqueue((0..<5).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") })
        async let run: Void = engine.run()
        await recorder.wait(for: 5) { if case .processed = $0 { true } else { false } }
        for _ in 0..<3 {
            await monitor.turn(at: clock.now)
            #expect(metrics.summary.processed == 5)
        }
        engine.drain()
        try await run
    }

    @Test("gauges are as of each look, alerts as of each evaluation, which may be rarer")
    func rareEvaluations() async throws {
        let (store, clock) = (MemoryStore(), TestClock())
        let metrics = ProductionMetrics(clock: clock)
        let engine = SyncEngine(store: store, transport: ScriptedTransport(), clock: clock, sinks: [MetricsSink(metrics)])
        var configuration = Monitor.Configuration()
        configuration.evaluate(everyMs: 3000)
        configuration.policy.pending = 10
        configuration.policy.pendingForMs = 0
        var monitor = Monitor(metrics, engine: engine, store: store, configuration: configuration, clock: clock)
        await monitor.turn(at: clock.now)
        try await engine.enqueue((0..<11).map { NewOperation("update", entityType: "room", entityID: "r\($0)", payload: "{}") })
        for look in 1...3 {
            clock.advance(byMilliseconds: configuration.everyMs)
            await monitor.turn(at: clock.now)
            #expect(metrics.exportPrometheus().contains("pending_ops_gauge 11\n"))
            let firing = metrics.alerts.filter { $0.state == .firing }.map(\.name)
            #expect(firing == (look == 3 ? ["queue_depth"] : []), "look \(look)")
        }
        #expect(clock.now.steady == 3000)
    }

    @Test("each that has a seat, and was heard of lately, counts as a processor")
    func seats() async throws {
        let store = TroubledStore()
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        store.otherProcessors = [Int64(0), 60_000, 600_000].map { silenceMs in
            LockState(
                fence: Fence(owner: "silent for \(silenceMs)", epoch: 1), heartbeatAt: now.adding(milliseconds: -silenceMs),
                acquiredAt: now.adding(milliseconds: -600_000))
        }
        let reading = try await StoreReading(of: store, at: now)
        #expect(reading.processors == 2)
        let metrics = ProductionMetrics()
        metrics.update(reading)
        #expect(metrics.exportPrometheus().contains("active_processors_gauge 2\n"))
        #expect(metrics.summary.text.contains("active, 2 processors"))
        #expect(MetricsSummary(reading, tallies: []).activeProcessors == 2)
    }
}
