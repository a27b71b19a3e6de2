/// What is usual: the median of the last values and their spread, which a few odd ones do not move (P. Rousseeuw and C. Croux, 1993).
struct RobustBaseline: Sendable, Equatable {
    /// The median of the distances from the median, scaled so that it is the standard deviation where values are normal.
    static let scale = 1.4826

    private let most: Int
    private var values: [Double] = []
    private var next = 0

    /// Of the last `most` values.
    init(most: Int) { self.most = max(1, most) }

    var count: Int { values.count }

    mutating func add(_ value: Double) {
        if values.count < most {
            values.append(value)
        } else {
            values[next] = value
            next = (next + 1) % most
        }
    }

    mutating func forget() {
        values = []
        next = 0
    }

    /// nil while there are none.
    var median: Double? { Self.median(values) }

    /// The robust standard deviation; 0 when more than half of the values are the same.
    var deviation: Double {
        guard let middle = median else { return 0 }
        return Self.scale * (Self.median(values.map { abs($0 - middle) }) ?? 0)
    }

    static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let half = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
    }
}
