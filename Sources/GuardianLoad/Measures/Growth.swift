/// Whether something grows with the work done, told from chance: a line through what was left after each round.
///
/// The first third of the rounds is left out: it still fills pools and caches.
public struct Growth: Sendable, Equatable {
    /// Of the rounds that count.
    public let trend: Trend
    /// Work between the first and the last round that count.
    public let span: Double
    /// Growth over the whole span that is still taken for chance.
    public let chance: Double

    /// `ends` are work done so far, and what there was then.
    public init(_ ends: [(x: Double, y: Double)], chance: Double) {
        let settled = Array(ends.dropFirst(ends.count / 3))
        trend = Trend(settled)
        span = (settled.last?.x ?? 0) - (settled.first?.x ?? 0)
        self.chance = chance
    }

    /// Whether even the least slope that the points speak for comes to ``chance`` over the span. With fewer than three rounds it
    /// never does.
    public var isLeak: Bool { trend.atLeast * span >= chance }

    /// The least growth for one unit of work that is found, so that who reads "no leak" knows how small a one that is.
    public var finds: Double { span > 0 ? chance / span + 2 * trend.error : .infinity }
}
