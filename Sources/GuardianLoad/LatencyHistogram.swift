import Histogram

/// Latencies in milliseconds at three significant digits (HdrHistogram).
public struct LatencyHistogram {
    private var histogram = Histogram<UInt64>(highestTrackableValue: 3_600_000, numberOfSignificantValueDigits: .three)

    public init() {}

    public mutating func record(_ milliseconds: Int64) { histogram.record(UInt64(clamping: max(0, min(milliseconds, 3_600_000)))) }

    public func percentile(_ percent: Double) -> Int64 { Int64(clamping: histogram.valueAtPercentile(percent)) }
}
