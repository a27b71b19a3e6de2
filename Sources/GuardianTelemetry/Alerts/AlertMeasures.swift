/// What the rules look at, at one instant. nil where there is too little traffic to mean something, or nothing is known.
package struct AlertMeasures: Sendable, Equatable {
    package var failedPerMinute: Double?
    package var pending: Double?
    package var trips: Double?
    package var p95Ms: Double?
    package var successPercent: Double?
    /// Accepted operations that are not accounted for, or ones too many.
    package var accountingGap: Double?

    package init(
        failedPerMinute: Double? = nil, pending: Double? = nil, trips: Double? = nil, p95Ms: Double? = nil, successPercent: Double? = nil
    ) {
        self.failedPerMinute = failedPerMinute
        self.pending = pending
        self.trips = trips
        self.p95Ms = p95Ms
        self.successPercent = successPercent
    }

    /// What is measured for the rule of that name.
    subscript(rule: String) -> Double? {
        switch rule {
        case "failed_rate": failedPerMinute
        case "queue_depth": pending
        case "circuit_trips": trips
        case "latency": p95Ms
        case "success_rate": successPercent
        case "accounting_gap": accountingGap
        default: nil
        }
    }
}

extension AlertMeasures {
    /// From the traffic of late: latency and success rate only where `leastTraffic` operations make them mean something.
    init(_ recent: TrafficWindow.Reading, pending: Int64?, trips: Int64, leastTraffic: Int64) {
        self.init(
            failedPerMinute: recent.failedPerMinute, pending: pending.map { Double($0) }, trips: Double(trips),
            p95Ms: Int64(clamping: recent.latencies) >= leastTraffic ? recent.p95Ms : nil,
            successPercent: recent.ended >= leastTraffic ? recent.successPercent : nil)
    }
}
