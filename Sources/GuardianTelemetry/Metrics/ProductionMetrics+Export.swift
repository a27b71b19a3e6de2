package import GuardianCore

extension ProductionMetrics {
    /// All metrics for a scraper; Prometheus text format 0.0.4 by default. No call of the store is made.
    public func exportPrometheus(_ format: ExpositionFormat = .prometheus) -> String {
        refresh()
        return Exposition.write(registry.reading(), format)
    }

    /// All metrics, the summary and the alerts, as one JSON object.
    public func exportJSON() -> String { json.text }

    /// What ``exportJSON()`` writes.
    package var json: JSONValue {
        refresh()
        return [
            "at": .string(clock.now.wall.rfc3339),
            "version": .string(configuration.version),
            "started_at": .string(startedAt.rfc3339),
            "window_seconds": JSONValue(number: Double(configuration.windowMs) / 1000),
            "summary": summary.json,
            "alerts": .array(alerts.map(\.json)),
            "metrics": .array(registry.reading().filter { !$0.series.isEmpty }.map(\.json)),
        ]
    }

    /// What a person looks at first.
    public var summary: MetricsSummary {
        let recent = refresh()
        func sum(_ table: ProductionSeries.Counters) -> Int64 { table.all.reduce(0) { $0 + $1.value.count } }
        let circuits = ["closed", "half_open", "open"]
        return MetricsSummary(
            at: clock.now.wall, pending: Int64(series.pending.value), processing: Int64(series.inFlight.value),
            failedNow: Int64(series.failedNow.value), oldestPendingSeconds: series.oldestPending.value, processed: sum(series.processed),
            failed: sum(series.failed), backoffs: sum(series.backoff), retries: sum(series.retries),
            circuitTrips: series.circuitTripped.count, conflictsResolved: series.conflicts.all.reduce(0) { $0 + $1.value.count },
            authRefreshes: series.refreshed.count, activeProcessors: Int64(series.active.value),
            circuit: circuits[min(max(Int(series.circuitState.value), 0), 2)], successPercent: series.successRate.value,
            failuresPerMinute: series.failureRate.value, networkHealth: series.networkHealth.value, p50Ms: recent.p50Ms,
            p95Ms: recent.p95Ms, p99Ms: recent.p99Ms, accountingGap: Int64(series.accountingGap.value),
            paused: series.paused.filter { $0.value.value == 1 }.map(\.key.rawValue).sorted())
    }

    /// Prints the summary and the alerts that are not quiet on stdout.
    public func printSummary() {
        print(summary.text)
        for alert in alerts where alert.state != .quiet { print("alert       \(alert.line)") }
    }
}

extension FamilyReading {
    var json: JSONValue {
        [
            "name": .string(family.name), "type": .string(family.kind.rawValue), "help": .string(family.help),
            "series": .array(series.map(\.json)),
        ]
    }
}

extension FamilyReading.Series {
    var json: JSONValue {
        var members: [JSONValue.Member] = []
        if !labels.isEmpty { members.append(.init("labels", .object(labels.map { .init($0.name, .string($0.value)) }))) }
        switch value {
        case .count(let count, _): members.append(.init("value", JSONValue(count)))
        case .number(let number): members.append(.init("value", JSONValue(number: number)))
        case .histogram(let bounds, let reading):
            let buckets = reading.cumulative.enumerated().map { index, count -> JSONValue in
                ["le": .string(Exposition.number(index < bounds.count ? bounds[index] : .infinity)), "count": JSONValue(count)]
            }
            members += [
                .init("buckets", .array(buckets)), .init("sum", JSONValue(number: reading.sum)), .init("count", JSONValue(reading.count)),
            ]
        case .summary(let reading):
            let quantiles = reading.quantiles.map { quantile, value -> JSONValue in
                ["quantile": JSONValue(number: quantile), "value": JSONValue(number: value)]
            }
            members += [
                .init("quantiles", .array(quantiles)), .init("sum", JSONValue(number: reading.sum)),
                .init("count", JSONValue(reading.count)),
            ]
        }
        return .object(members)
    }
}
