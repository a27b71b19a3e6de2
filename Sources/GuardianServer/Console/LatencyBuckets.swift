/// How many attempts took how long: counts in buckets that are 1/16 wide, from 1 ms to 17 minutes. Two of them can be added.
struct LatencyBuckets: Sendable, Equatable {
    private static let octaves = 20
    private static let steps = 16

    private var counts: [UInt32] = []
    private(set) var total = 0

    mutating func record(_ milliseconds: Int64) {
        if counts.isEmpty { counts = Array(repeating: 0, count: Self.octaves * Self.steps) }
        counts[Self.bucket(of: milliseconds)] += 1
        total += 1
    }

    mutating func add(_ other: LatencyBuckets) {
        guard other.total > 0 else { return }
        if counts.isEmpty { counts = Array(repeating: 0, count: Self.octaves * Self.steps) }
        for index in counts.indices { counts[index] &+= other.counts[index] }
        total += other.total
    }

    /// The milliseconds that `share` of the attempts did not exceed, within 1/16; nil when there was none.
    func percentile(_ share: Double) -> Int64? {
        guard total > 0 else { return nil }
        let wanted = max(1, Int((Double(total) * share).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += Int(count)
            if seen >= wanted { return Self.highest(of: index) }
        }
        return nil
    }

    private static func bucket(of milliseconds: Int64) -> Int {
        let value = UInt64(max(0, milliseconds))
        guard value >= steps else { return Int(value) }
        let octave = 63 - value.leadingZeroBitCount - 4
        let place = (octave + 1) * steps + Int(value >> UInt64(octave)) - steps
        return min(place, octaves * steps - 1)
    }

    private static func highest(of bucket: Int) -> Int64 {
        guard bucket >= steps else { return Int64(bucket) }
        let octave = bucket / steps - 1
        return (Int64(bucket % steps + steps + 1) << Int64(octave)) - 1
    }
}
