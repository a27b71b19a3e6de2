/// What happened of late: outcomes and answers over sliding windows, from which health and alerts are computed.
struct TrafficWindow: Sendable {
    /// What a look at the window says.
    struct Reading: Sendable, Equatable {
        /// Processed in the window.
        var processed: Int64
        /// Failed in the window.
        var failed: Int64
        /// Failed within the shorter window, as a rate.
        var failedPerMinute: Double
        /// Answers of the upstream that brought an operation on, in percent of all attempts; 100 when there were none.
        var answeredPercent: Double
        /// Processed, in percent of those that came to an end; 100 when none did.
        var successPercent: Double
        /// Latencies in milliseconds; nil when there were none.
        var p50Ms: Double?
        var p95Ms: Double?
        var p99Ms: Double?
        /// How many the latencies are of.
        var latencies: UInt64

        /// How many came to an end in the window.
        var ended: Int64 { processed + failed }
    }

    private var latency: LatencyWindow
    private var processed: SlidingCount
    private var failed: SlidingCount
    private var failedShort: SlidingCount
    private var unanswered: SlidingCount

    init(windowMs: Int64, failureWindowMs: Int64) {
        latency = LatencyWindow(windowMs: windowMs)
        processed = SlidingCount(windowMs: windowMs)
        failed = SlidingCount(windowMs: windowMs)
        failedShort = SlidingCount(windowMs: failureWindowMs)
        unanswered = SlidingCount(windowMs: windowMs)
    }

    mutating func processed(latencyMicroseconds: UInt64?, now: Int64) {
        processed.add(now: now)
        if let latencyMicroseconds { latency.record(microseconds: latencyMicroseconds, now: now) }
    }

    mutating func failed(now: Int64) {
        failed.add(now: now)
        failedShort.add(now: now)
    }

    /// An attempt that the network or the server let down.
    mutating func letDown(now: Int64) { unanswered.add(now: now) }

    func reading(now: Int64) -> Reading {
        let (good, bad, lost) = (processed.total(now: now), failed.total(now: now), unanswered.total(now: now))
        let (count, values) = latency.quantiles([0.5, 0.95, 0.99], now: now)
        let ms = values.map { Double($0) / 1000 }
        return Reading(
            processed: good, failed: bad,
            failedPerMinute: Double(failedShort.total(now: now)) * 60_000 / Double(failedShort.windowMs),
            answeredPercent: Self.percent(good + bad, of: good + bad + lost), successPercent: Self.percent(good, of: good + bad),
            p50Ms: ms.first, p95Ms: ms.count > 1 ? ms[1] : nil, p99Ms: ms.last, latencies: count)
    }

    private static func percent(_ part: Int64, of all: Int64) -> Double { all == 0 ? 100 : Double(part) * 100 / Double(all) }
}
