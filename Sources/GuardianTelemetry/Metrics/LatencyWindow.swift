import Histogram

/// How long attempts took, over a sliding window, at native resolution: HDR histograms of three significant digits, one for each slice
/// of the window. A slice that has slid out is emptied and used again.
///
/// Time is an argument, in milliseconds of a clock that never goes back.
package struct LatencyWindow: Sendable {
    /// An hour; longer ones count as that.
    static let longestMicroseconds: UInt64 = 3_600_000_000
    static let slices = 6

    private var ring: SliceRing
    private var parts: [Histogram<UInt32>]

    /// `windowMs` is divided into ``slices``.
    package init(windowMs: Int64) {
        ring = SliceRing(windowMs: windowMs, slices: Self.slices)
        // Values from 1 µs to an hour.
        let empty = Histogram<UInt32>(
            lowestDiscernibleValue: 1, highestTrackableValue: Self.longestMicroseconds, numberOfSignificantValueDigits: .three)
        parts = Array(repeating: empty, count: Self.slices)
    }

    package mutating func record(microseconds: UInt64, now: Int64) {
        guard let (place, isFresh) = ring.enter(now: now) else { return }
        if isFresh, parts[place].totalCount > 0 { parts[place].reset() }
        parts[place].record(min(max(microseconds, 1), Self.longestMicroseconds))
    }

    /// How many were recorded in the window, and the quantiles of those, in microseconds; no quantiles when there were none.
    package func quantiles(_ quantiles: [Double], now: Int64) -> (count: UInt64, values: [UInt64]) {
        var merged: Histogram<UInt32>?
        for (place, part) in parts.enumerated() where part.totalCount > 0 && ring.isInWindow(place, now: now) {
            if merged == nil { merged = part } else { merged?.add(part) }
        }
        guard let merged else { return (0, []) }
        return (merged.totalCount, quantiles.map { merged.valueAtPercentile($0 * 100) })
    }
}
