import GuardianCore

/// The thresholds and durations of the five rules of spec section 8, as an operator may set them, and the one of section 3.10, which is
/// fixed.
public struct AlertPolicy: Sendable, Equatable {
    /// Failed operations a minute; 10 by default.
    public var failedPerMinute: Double = 10
    /// How long that must last before the alert fires; 0 by default, which is at once.
    public var failedForMs: Int64 = 0
    /// Pending operations; 1000 by default.
    public var pending: Double = 1000
    /// 1 h by default.
    public var pendingForMs: Int64 = 3_600_000
    /// How often the breaker may open within ``tripsWindowMs``; 50 by default.
    public var trips: Double = 50
    /// 24 h by default.
    public var tripsWindowMs: Int64 = 86_400_000
    /// Milliseconds; 5000 by default.
    public var p95Ms: Double = 5000
    /// 5 min by default.
    public var p95ForMs: Int64 = 300_000
    /// Percent; 90 by default.
    public var successPercent: Double = 90
    /// 5 min by default.
    public var successForMs: Int64 = 300_000
    /// Operations within the window below which latency and success rate mean nothing; 20 by default.
    public var leastTraffic: Int64 = 20
    /// How long a condition must be gone before its alert clears; 1 min by default.
    public var clearAfterMs: Int64 = 60_000

    /// The thresholds of spec section 8.
    public init() {}

    /// The rules, that of the books last. An alert clears a tenth on the good side of its threshold.
    package var rules: [AlertRule] {
        [
            AlertRule(
                name: "failed_rate", severity: .critical, threshold: failedPerMinute, clearing: failedPerMinute * 0.9, forMs: failedForMs,
                clearAfterMs: clearAfterMs, condition: "more than \(Self.text(failedPerMinute)) failed operations a minute",
                action: "page on-call now"),
            AlertRule(
                name: "queue_depth", severity: .high, threshold: pending, clearing: pending * 0.9, forMs: pendingForMs,
                clearAfterMs: clearAfterMs,
                condition: "more than \(Self.text(pending)) pending operations for \(Self.duration(pendingForMs))",
                action: "investigate queue depth"),
            AlertRule(
                name: "circuit_trips", severity: .medium, threshold: trips, clearing: trips * 0.9, forMs: 0, clearAfterMs: clearAfterMs,
                condition: "the circuit breaker opened more than \(Self.text(trips)) times in \(Self.duration(tripsWindowMs))",
                action: "check network stability"),
            AlertRule(
                name: "latency", severity: .medium, threshold: p95Ms, clearing: p95Ms * 0.9, forMs: p95ForMs, clearAfterMs: clearAfterMs,
                condition: "p95 latency over \(Self.text(p95Ms)) ms", action: "performance investigation"),
            AlertRule(
                name: "success_rate", severity: .high, threshold: successPercent,
                clearing: successPercent + (100 - successPercent) * 0.2, side: .below, forMs: successForMs, clearAfterMs: clearAfterMs,
                condition: "less than \(Self.text(successPercent)) % of operations succeed", action: "check error logs"),
            AlertRule(
                name: "accounting_gap", severity: .critical, threshold: 0, clearing: 0, forMs: 0, clearAfterMs: clearAfterMs,
                condition: "accepted operations are not accounted for", action: "run guardian check and keep the store as it is"),
        ]
    }

    private static func text(_ value: Double) -> String { Alert.short(value) }

    static func duration(_ milliseconds: Int64) -> String {
        for (unit, factor) in [("h", Int64(3_600_000)), ("min", 60_000), ("s", 1000)]
        where milliseconds >= factor && milliseconds % factor == 0 {
            return "\(milliseconds / factor) \(unit)"
        }
        return "\(milliseconds) ms"
    }
}
