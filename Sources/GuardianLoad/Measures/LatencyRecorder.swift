import Histogram

/// Durations in microseconds at three significant digits (HdrHistogram), as they were and corrected for coordinated omission.
///
/// A caller that waits for a slow answer does not send what it would have sent meanwhile, and so measures one slow answer where a steady
/// stream would have met many. The corrected histogram adds those: one for each interval that a value is longer than the expected one
/// (G. Tene, "How NOT to Measure Latency"; `recordCorrectedValue` of HdrHistogram).
public struct LatencyRecorder: Sendable {
    /// Longer durations count as this: one hour.
    public static let longest: UInt64 = 3_600_000_000

    private var raw = Histogram<UInt64>(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    private var corrected = Histogram<UInt64>(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    /// Microseconds between two calls of one caller when nothing is slow; 0 corrects nothing.
    public let expectedMicroseconds: UInt64
    /// How many values there are, those of ``add(_:)`` too.
    public private(set) var count = 0
    private var sum = 0.0

    /// What is expected can't be said later: each value is corrected as it comes.
    public init(expectedMicroseconds: UInt64 = 0) { self.expectedMicroseconds = expectedMicroseconds }

    /// Below 0 counts as 0, and above ``longest`` as that.
    public mutating func record(microseconds: Int64) {
        let value = UInt64(clamping: max(0, microseconds))
        let bounded = min(value, Self.longest)
        raw.record(bounded)
        corrected.recordCorrectedValue(bounded, expectedInterval: expectedMicroseconds)
        count += 1
        sum += Double(bounded)
    }

    /// Takes in what another has recorded.
    public mutating func add(_ other: LatencyRecorder) {
        raw.add(other.raw)
        corrected.add(other.corrected)
        count += other.count
        sum += other.sum
    }

    /// As measured, without the correction; 0 when there is nothing.
    public var meanMs: Double { count == 0 ? 0 : sum / Double(count) / 1000 }

    /// Milliseconds at a percentile from 0 to 100, as measured.
    public func ms(_ percentile: Double) -> Double { Double(raw.valueAtPercentile(percentile)) / 1000 }

    /// The same with the correction; as measured where ``expectedMicroseconds`` is 0.
    public func correctedMs(_ percentile: Double) -> Double { Double(corrected.valueAtPercentile(percentile)) / 1000 }

    /// Percentile and milliseconds, for a curve: ever closer to 100.
    public func curve(corrected isCorrected: Bool) -> [(percentile: Double, ms: Double)] {
        let points: [Double] = [0, 10, 25, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100]
        return points.map { ($0, isCorrected ? correctedMs($0) : ms($0)) }
    }

    /// How many values fell into each of `buckets` equal spans from 0 to the 99.5th percentile; the last one takes what is beyond.
    public func buckets(_ buckets: Int = 40) -> [(upToMs: Double, count: Int)] {
        let top = max(Double(raw.valueAtPercentile(99.5)), 1)
        let width = top / Double(buckets)
        var below: UInt64 = 0
        return (1...buckets).map { number in
            let upper = number == buckets ? Self.longest : UInt64(width * Double(number))
            let upTo = raw.count(within: 0...max(upper, 1))
            defer { below = UInt64(upTo) }
            return (Double(number) * width / 1000, Int(clamping: UInt64(upTo) - min(below, UInt64(upTo))))
        }
    }
}

/// When things happened, for measures: microseconds since it was made.
public struct Stopwatch: Sendable {
    private let start = ContinuousClock.now
    /// Begins to count: it can't be stopped, or set back.
    public init() {}

    /// Whole ones, cut. Time goes on while the machine sleeps.
    public var microseconds: Int64 {
        let took = ContinuousClock.now - start
        return took.components.seconds * 1_000_000 + took.components.attoseconds / 1_000_000_000_000
    }

    /// As ``microseconds``, and as fine.
    public var seconds: Double { Double(microseconds) / 1e6 }
}
