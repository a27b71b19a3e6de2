import Foundation
package import GuardianCore
import GuardianSQLite
package import GuardianServer
package import GuardianTelemetry

extension Assembly {
    /// Whether `/metrics` and `/metrics.json` are there.
    private var showsMetrics: Bool { settings.text("metrics.enabled") == "true" }
    private var evaluatesAlerts: Bool { settings.text("alerts.enabled") == "true" }

    /// What is measured; nil when neither metrics nor alerts, which go by them, are wanted.
    package func metrics() -> ProductionMetrics? {
        guard showsMetrics || evaluatesAlerts else { return nil }
        return ProductionMetrics(
            .init(
                windowMs: settings.milliseconds("metrics.window"), failureWindowMs: settings.milliseconds("alerts.failed_rate.window"),
                version: BuildInfo.version))
    }

    /// What feeds `metrics` with what an engine of these settings tells.
    package func sink(_ metrics: ProductionMetrics) -> MetricsSink {
        MetricsSink(metrics, maxAttempts: settings.integer("retry.max_attempts"))
    }

    /// What `/metrics` and `/metrics.json` show; nil when they are switched off.
    package func pages(_ metrics: ProductionMetrics) -> MetricsPages? {
        guard showsMetrics else { return nil }
        return MetricsPages(
            exposition: { accept in
                let format = ExpositionFormat(accept: accept)
                return (format.contentType, metrics.exportPrometheus(format))
            }, json: { metrics.json })
    }

    /// Looks at the store, sets the gauges, evaluates the alerts.
    package func monitor(_ metrics: ProductionMetrics, engine: SyncEngine, store: any Store) -> Monitor {
        var configuration = Monitor.Configuration()
        configuration.evaluate(everyMs: settings.milliseconds("alerts.every"))
        configuration.evaluates = evaluatesAlerts
        configuration.policy = alertPolicy
        configuration.staleAfterMs = settings.milliseconds("lock.stale_after")
        configuration.freeBytes = freeBytes
        configuration.load = { [path = alertsPath] in
            FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        }
        configuration.save = { [path = alertsPath] text in
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        return Monitor(metrics, engine: engine, store: store, configuration: configuration)
    }

    var alertsPath: String { settings.text("data_dir") + "/alerts.json" }

    private var alertPolicy: AlertPolicy {
        var policy = AlertPolicy()
        policy.failedPerMinute = settings.number("alerts.failed_rate.threshold")
        policy.failedForMs = settings.milliseconds("alerts.failed_rate.for")
        policy.pending = settings.number("alerts.queue_depth.threshold")
        policy.pendingForMs = settings.milliseconds("alerts.queue_depth.for")
        policy.trips = settings.number("alerts.circuit_trips.threshold")
        policy.tripsWindowMs = settings.milliseconds("alerts.circuit_trips.window")
        policy.p95Ms = Double(settings.milliseconds("alerts.latency.threshold"))
        policy.p95ForMs = settings.milliseconds("alerts.latency.for")
        policy.successPercent = settings.number("alerts.success_rate.threshold")
        policy.successForMs = settings.milliseconds("alerts.success_rate.for")
        policy.leastTraffic = Int64(settings.integer("alerts.least_traffic"))
        policy.clearAfterMs = settings.milliseconds("alerts.clear_after")
        return policy
    }

    // MARK: For commands

    /// The alerts as the process that evaluates has saved them, and when; nil when none has.
    package func savedAlerts() -> (at: Timestamp, alerts: [Alert])? {
        guard let data = FileManager.default.contents(atPath: alertsPath) else { return nil }
        let json: JSONValue
        do { json = try JSONValue(parsing: String(decoding: data, as: UTF8.self)) } catch { return nil }
        return AlertMemory(json).map { ($0.at, $0.alerts) }
    }

    /// What a store alone says, while no process measures.
    package func summary(of store: any Store) async throws -> (json: JSONValue, text: String) {
        let reading = try await StoreReading(
            of: store, at: SystemClock().now.wall, staleAfterMs: settings.milliseconds("lock.stale_after"), freeBytes: freeBytes())
        let summary = MetricsSummary(reading, tallies: try await store.tallies())
        return (summary.json, summary.text)
    }

    /// The text that `guardian metrics` shows of what `/metrics.json` answers; nil when it is something else.
    package static func text(ofMetrics json: JSONValue) -> String? {
        guard let summary = json["summary"].flatMap({ MetricsSummary($0) }) else { return nil }
        let alerts = (json["alerts"]?.elements ?? []).compactMap { Alert($0) }.filter { $0.state != .quiet }
        return ([summary.text] + alerts.map { "alert       \($0.line)" }).joined(separator: "\n")
    }
}
