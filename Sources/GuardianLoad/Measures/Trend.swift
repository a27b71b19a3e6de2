/// A straight line through points (least squares), and how sure its slope is.
public struct Trend: Sendable, Equatable {
    /// Units of y for one of x.
    public var slope: Double
    /// Standard error of the slope; infinite for fewer than three points.
    public var error: Double
    /// y where x is 0.
    public var intercept: Double

    /// Points that share one x, or none at all, make a flat line.
    public init(_ points: [(x: Double, y: Double)]) {
        let count = Double(points.count)
        let meanX = points.reduce(0) { $0 + $1.x } / max(count, 1)
        let meanY = points.reduce(0) { $0 + $1.y } / max(count, 1)
        let spread = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
        slope = spread > 0 ? points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / spread : 0
        intercept = meanY - slope * meanX
        let (own, start) = (slope, intercept)
        let rest = points.reduce(0) { sum, point in
            let miss = point.y - start - own * point.x
            return sum + miss * miss
        }
        error = count > 2 && spread > 0 ? (rest / (count - 2) / spread).squareRoot() : .infinity
    }

    /// The least slope that the points speak for: two standard errors below the line.
    public var atLeast: Double { slope - 2 * error }
    /// The largest: two standard errors above the line.
    public var atMost: Double { slope + 2 * error }
}
