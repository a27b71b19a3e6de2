import Histogram

/// Latencies in milliseconds at three significant digits (HdrHistogram).
public struct LatencyHistogram {
    private var histogram = Histogram<UInt64>(highestTrackableValue: 3_600_000, numberOfSignificantValueDigits: .three)

    /// Takes what lies between 0 and an hour.
    public init() {}

    /// Below 0 counts as 0, and above an hour as an hour.
    public mutating func record(_ milliseconds: Int64) { histogram.record(UInt64(clamping: max(0, min(milliseconds, 3_600_000)))) }

    /// Milliseconds that `percent` of all values do not exceed, from 0 to 100.
    public func percentile(_ percent: Double) -> Int64 { Int64(clamping: histogram.valueAtPercentile(percent)) }
}
