import GuardianCore
import GuardianTelemetry
import GuardianTesting
import Metrics
import Testing

@Suite struct ExpositionTests {
    private let clock = TestClock()
    private let trace: UniqueID = {
        var random = SystemRandomNumberGenerator()
        return UniqueID.v4(using: &random)
    }()

    private func recorded() -> ProductionMetrics {
        let metrics = ProductionMetrics(.init(version: "9.9.9"), clock: clock)
        metrics.recordEnqueue(tookMicroseconds: 1500)
        metrics.recordProcessed(latencyMs: 42, operationType: "update", entityType: "room", traceID: trace, ageMs: 900)
        metrics.recordProcessed(latencyMs: 700, operationType: "create", entityType: "ro\"o\\m\n", traceID: nil)
        metrics.recordFailed(errorType: "permanent", operationType: "update", entityType: "room", traceID: trace)
        metrics.recordBackoff(errorType: "network", operationType: "update", entityType: "room")
        metrics.recordRetry(attempt: 2, maxAttempts: 5, operationType: "update", entityType: "room")
        metrics.recordCircuitTripped()
        metrics.recordConflictResolved(strategy: "merge")
        metrics.recordAuthRefresh(success: true)
        return metrics
    }

    /// The lines of one family, its comments left out.
    private func samples(_ text: String, _ family: String) -> [String] {
        text.split(separator: "\n").map(String.init).filter {
            $0.hasPrefix(family) && ["{", " ", "_"].contains($0.dropFirst(family.count).first)
        }
    }

    @Test("every family of the contract is there under its exact name, with its type and a help text")
    func names() {
        let text = ProductionMetrics(clock: clock).exportPrometheus()
        let expected = [
            ("pending_ops_gauge", "gauge"), ("active_processors_gauge", "gauge"), ("processed_ops_total", "counter"),
            ("failed_ops_total", "counter"), ("backoff_events_total", "counter"), ("circuit_tripped_total", "counter"),
            ("retries_total", "counter"), ("conflicts_resolved_total", "counter"), ("auth_refresh_total", "counter"),
            ("processing_latency_ms", "histogram"), ("success_rate_percent", "gauge"), ("failure_rate_per_min", "gauge"),
            ("network_health_score", "gauge"), ("sync_oldest_pending_age_seconds", "gauge"),
            ("sync_enqueue_duration_seconds", "histogram"), ("sync_circuit_state", "gauge"), ("sync_lock_takeovers_total", "counter"),
            ("sync_store_errors_total", "counter"), ("sync_build_info", "gauge"), ("sync_accounting_gap", "gauge"),
            ("sync_processing_latency_seconds", "summary"),
        ]
        for (name, type) in expected {
            #expect(text.contains("\n# TYPE \(name) \(type)\n") || text.hasPrefix("# HELP \(name) "), "\(name)")
            let help = text.split(separator: "\n").first { $0.hasPrefix("# HELP \(name) ") }
            #expect((help?.count ?? 0) > name.count + 20, "\(name) has no help")
            #expect(!samples(text, name).isEmpty, "\(name) has no sample before its first event")
        }
        #expect(!text.contains("# EOF"))
    }

    @Test("what waits as the upstream asked is told apart: all of it, or one route")
    func holds() {
        let metrics = ProductionMetrics(clock: clock)
        let sink = MetricsSink(metrics)
        let now = clock.now.wall
        sink.record(.originHeld(milliseconds: 5), about: nil, at: now)
        for _ in 0..<2 { sink.record(.routeHeld(route: "update room", milliseconds: 5), about: nil, at: now) }
        let lines = samples(metrics.exportPrometheus(), "sync_origin_holds_total")
        #expect(lines.sorted() == [#"sync_origin_holds_total{scope="origin"} 1"#, #"sync_origin_holds_total{scope="route"} 2"#])
    }

    @Test("the histogram has the bounds 10, 50, 100, 500, 1000, +Inf, each with those below it")
    func bounds() {
        let lines = samples(recorded().exportPrometheus(), "processing_latency_ms")
        #expect(
            lines == [
                #"processing_latency_ms_bucket{le="10"} 0"#, #"processing_latency_ms_bucket{le="50"} 1"#,
                #"processing_latency_ms_bucket{le="100"} 1"#, #"processing_latency_ms_bucket{le="500"} 1"#,
                #"processing_latency_ms_bucket{le="1000"} 2"#, #"processing_latency_ms_bucket{le="+Inf"} 2"#,
                "processing_latency_ms_sum 742", "processing_latency_ms_count 2",
            ])
    }

    @Test("labels are escaped, and text 0.0.4 has no exemplars")
    func escaping() {
        let text = recorded().exportPrometheus()
        #expect(samples(text, "processed_ops_total").contains(#"processed_ops_total{operation_type="create",entity_type="ro\"o\\m\n"} 1"#))
        #expect(!text.contains(" # {"))
    }

    @Test("OpenMetrics: families of counters without suffix, exemplars with trace ids, an end")
    func openMetrics() {
        let text = recorded().exportPrometheus(.openMetrics)
        #expect(text.hasSuffix("\n# EOF\n"))
        #expect(text.contains("# TYPE processed_ops counter\n"))
        #expect(text.contains("# TYPE sync_build info\n"))
        #expect(text.contains("sync_build_info{version=\"9.9.9\""))
        let seconds = Double(clock.now.wall.milliseconds) / 1000
        #expect(
            samples(text, "processed_ops_total").contains(
                "processed_ops_total{operation_type=\"update\",entity_type=\"room\"} 1 # {trace_id=\"\(trace.hex)\"} 1 \(seconds)"))
        #expect(
            samples(text, "processing_latency_ms").contains(
                "processing_latency_ms_bucket{le=\"50.0\"} 1 # {trace_id=\"\(trace.hex)\"} 42 \(seconds)"))
    }

    @Test(
        "OpenMetrics goes to who asks for it, and text 0.0.4 to everyone else",
        arguments: [
            (nil, ExpositionFormat.prometheus), ("text/plain", .prometheus), ("*/*", .prometheus),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                .openMetrics
            ),
            ("text/plain;q=1, application/openmetrics-text;q=0.2", .prometheus), ("application/openmetrics-text;q=0", .prometheus),
            (";;,,q=", .prometheus),
        ])
    func negotiation(accept: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }

    @Test("JSON says the same, with the summary and the alerts")
    func json() throws {
        let metrics = recorded()
        metrics.alerts = [
            Alert(name: "latency", severity: .medium, state: .firing, value: 6000, threshold: 5000, condition: "c", action: "a")
        ]
        let json = try JSONValue(parsing: metrics.exportJSON())
        let summary = try #require(json["summary"].flatMap { MetricsSummary($0) })
        #expect(summary == metrics.summary)
        #expect((summary.processed, summary.failed, summary.retries, summary.circuitTrips) == (2, 1, 1, 1))
        #expect(summary.circuit == "open")
        #expect(json["alerts"]?.elements?.compactMap { Alert($0) } == metrics.alerts)
        let families = try #require(json["metrics"]?.elements)
        let latency = try #require(families.first { $0["name"] == "processing_latency_ms" })
        #expect(latency["series"]?.elements?.first?["count"] == 2)
        #expect(metrics.exportPrometheus().contains("sync_alert_state{alert=\"latency\",severity=\"medium\"} 2\n"))
        #expect(summary.text.contains("p50 42 ms") || summary.text.contains("p50 42"))
    }

    @Test("what other libraries record through swift-metrics is exported too, with bounded labels")
    func foreign() {
        let metrics = ProductionMetrics(clock: clock)
        Counter(label: "app.logins", dimensions: [("kind", "sso")], factory: metrics.registry).increment(by: 3)
        Timer(label: "app.render", factory: metrics.registry).recordMilliseconds(250)
        Meter(label: "app.temperature", factory: metrics.registry).set(36.6)
        Recorder(label: "app.sizes", factory: metrics.registry).record(2.5)
        for number in 0..<1000 { Counter(label: "app.users", dimensions: [("user", "\(number)")], factory: metrics.registry).increment() }
        let text = metrics.exportPrometheus()
        #expect(text.contains("app_logins_total{kind=\"sso\"} 3\n"))
        #expect(text.contains("app_render_seconds_bucket{le=\"0.5\"} 1\n"))
        #expect(text.contains("app_temperature 36.6\n"))
        #expect(text.contains("app_sizes_sum 2.5\n"))
        let users = samples(text, "app_users_total")
        #expect(users.count <= PrometheusRegistry.seriesLimit)
        #expect(users.compactMap { Int($0.split(separator: " ").last ?? "") }.reduce(0, +) == 1000)
        #expect(users.contains { $0.hasPrefix("app_users_total{user=\"other\"} ") })
    }

    @Test("a family stays within its limit, whatever the labels are called that come after it, and loses no count")
    func everNewLabels() {
        let metrics = ProductionMetrics(clock: clock)
        func count(_ dimensions: [(String, String)]) {
            Counter(label: "app.users", dimensions: dimensions, factory: metrics.registry).increment()
        }
        for number in 0..<1000 { count([("user_\(number)", "a")]) }
        for number in 0..<10 { count([("more_\(number)", "other")]) }
        count([])
        let users = samples(metrics.exportPrometheus(), "app_users_total")
        #expect(users.count == PrometheusRegistry.seriesLimit)
        #expect(users.compactMap { Int($0.split(separator: " ").last ?? "") }.reduce(0, +) == 1011)
    }
}
