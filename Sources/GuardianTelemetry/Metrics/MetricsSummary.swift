public import GuardianCore

/// The few numbers that a person on call looks at first.
public struct MetricsSummary: Sendable, Equatable {
    /// When it was made, by the clock of who made it.
    public var at: Timestamp
    /// Operations that wait, as of the last look at the store.
    public var pending: Int64
    /// Operations that are claimed, as of the same look.
    public var processing: Int64
    /// Those that stand in `failed` now.
    public var failedNow: Int64
    /// Since the enqueue of the one that has waited longest; 0 where nothing waits or is claimed.
    public var oldestPendingSeconds: Double
    /// Over restarts, as the next four.
    public var processed: Int64
    /// Given up on, conflicts too; those that were retried by hand or cleared since are still counted.
    public var failed: Int64
    /// Attempts that ended in a wait for the next one.
    public var backoffs: Int64
    /// Attempts after the first of their operation.
    public var retries: Int64
    /// How often the breaker has opened.
    public var circuitTrips: Int64
    /// Since this process began; 0 where no process measures.
    public var conflictsResolved: Int64
    /// Refreshes that brought a credential, since this process began; 0 where no process measures.
    public var authRefreshes: Int64
    /// How many deliver from the store, in all processes together.
    public var activeProcessors: Int64
    /// `closed`, `half_open` or `open`.
    public var circuit: String
    /// Of the operations that ended within the window, 5 min by default; 100 when none did, NaN where no process measures.
    public var successPercent: Double
    /// Over the last minute by default; NaN where no process measures.
    public var failuresPerMinute: Double
    /// Percent of attempts that neither the network nor the server has let down; at most 50 while the breaker probes, 0 while it is open,
    /// NaN where no process measures.
    public var networkHealth: Double
    /// Milliseconds; nil when nothing was delivered of late.
    public var p50Ms: Double?
    /// 95 of 100 took no longer; nil as ``p50Ms`` is.
    public var p95Ms: Double?
    /// 99 of 100 took no longer; nil as ``p50Ms`` is.
    public var p99Ms: Double?
    /// Accepted operations that the books do not account for: anything but 0 is a defect.
    public var accountingGap: Int64
    /// Reasons for which delivery stands still.
    public var paused: [String]

    package var json: JSONValue {
        [
            "at": .string(at.rfc3339), "pending": JSONValue(pending), "processing": JSONValue(processing),
            "failed_now": JSONValue(failedNow), "oldest_pending_age_seconds": JSONValue(number: oldestPendingSeconds),
            "processed": JSONValue(processed), "failed": JSONValue(failed), "backoffs": JSONValue(backoffs),
            "retries": JSONValue(retries), "circuit_trips": JSONValue(circuitTrips),
            "conflicts_resolved": JSONValue(conflictsResolved), "auth_refreshes": JSONValue(authRefreshes),
            "active_processors": JSONValue(activeProcessors), "circuit": .string(circuit),
            "success_rate_percent": JSONValue(number: successPercent), "failure_rate_per_min": JSONValue(number: failuresPerMinute),
            "network_health_score": JSONValue(number: networkHealth), "p50_ms": JSONValue(number: p50Ms),
            "p95_ms": JSONValue(number: p95Ms), "p99_ms": JSONValue(number: p99Ms), "accounting_gap": JSONValue(accountingGap),
            "paused": .array(paused.map { .string($0) }),
        ]
    }

    /// For a terminal: one fact a line.
    package var text: String {
        func ms(_ value: Double?) -> String { value.map { Alert.short($0) + " ms" } ?? "–" }
        let latency = p50Ms == nil ? "nothing delivered of late" : "p50 \(ms(p50Ms)), p95 \(ms(p95Ms)), p99 \(ms(p99Ms))"
        let delivery =
            switch activeProcessors {
            case 0: "nobody delivers"
            case 1: "active"
            default: "active, \(activeProcessors) processors"
            }
        let network = Alert.short(networkHealth)
        let stands = paused.isEmpty ? "" : ", paused: \(paused.joined(separator: ", "))"
        return """
            queue       \(pending) pending, \(processing) processing, \(failedNow) failed; oldest \(Alert.short(oldestPendingSeconds)) s
            totals      \(processed) processed, \(failed) failed, \(retries) retries, \(backoffs) put off
            latency     \(latency)
            health      success \(Alert.short(successPercent)) %, failures \(Alert.short(failuresPerMinute))/min, network \(network)
            breaker     \(circuit), opened \(circuitTrips) times
            conflicts   \(conflictsResolved) settled
            logins      \(authRefreshes) refreshed
            delivery    \(delivery)\(stands)
            books       gap \(accountingGap)
            """
    }
}

extension MetricsSummary {
    /// What another process has written as ``json``; nil when it is something else.
    package init?(_ json: JSONValue) {
        func number(_ name: String) -> Int64? { json[name]?.integer }
        func real(_ name: String) -> Double? { json[name].flatMap { Double($0.text) } }
        guard let at = json["at"]?.string.flatMap(Timestamp.init(rfc3339:)), let pending = number("pending"),
            let processed = number("processed"), let failed = number("failed")
        else { return nil }
        self.init(
            at: at, pending: pending, processing: number("processing") ?? 0, failedNow: number("failed_now") ?? 0,
            oldestPendingSeconds: real("oldest_pending_age_seconds") ?? 0, processed: processed, failed: failed,
            backoffs: number("backoffs") ?? 0, retries: number("retries") ?? 0, circuitTrips: number("circuit_trips") ?? 0,
            conflictsResolved: number("conflicts_resolved") ?? 0, authRefreshes: number("auth_refreshes") ?? 0,
            activeProcessors: number("active_processors") ?? 0, circuit: json["circuit"]?.string ?? "closed",
            successPercent: real("success_rate_percent") ?? 100, failuresPerMinute: real("failure_rate_per_min") ?? 0,
            networkHealth: real("network_health_score") ?? 100, p50Ms: real("p50_ms"), p95Ms: real("p95_ms"), p99Ms: real("p99_ms"),
            accountingGap: number("accounting_gap") ?? 0, paused: json["paused"]?.elements?.compactMap(\.string) ?? [])
    }

    /// What a store alone can say, while no process measures.
    package init(_ reading: StoreReading, tallies: [Tally]) {
        func sum(_ kind: Tally.Kind) -> Int64 { tallies.filter { $0.kind == kind }.reduce(0) { $0 + $1.count } }
        let isOpen = (reading.health?.openUntil).map { $0 > reading.at } ?? false
        self.init(
            at: reading.at, pending: reading.books.pending, processing: reading.books.processing, failedNow: reading.books.failed,
            oldestPendingSeconds: reading.oldestAgeSeconds, processed: sum(.processed), failed: sum(.failed), backoffs: sum(.backoff),
            retries: sum(.retry), circuitTrips: reading.health?.trips ?? 0, conflictsResolved: 0, authRefreshes: 0,
            activeProcessors: Int64(reading.processors), circuit: isOpen ? "open" : "closed", successPercent: .nan,
            failuresPerMinute: .nan, networkHealth: .nan, accountingGap: Int64(reading.accountingGap),
            paused: reading.pauses.map(\.rawValue).sorted())
    }
}
