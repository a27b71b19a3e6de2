/// What happened within one slice of time.
public struct TrafficSlice: Sendable, Equatable {
    /// Operations taken in.
    public var accepted = 0
    /// Attempts that the upstream took.
    public var good = 0
    /// Attempts that failed, whatever came of the operation.
    public var bad = 0
    /// The median of how long good attempts took, in milliseconds; nil when there was none.
    public var latencyMs: Double?

    public init(accepted: Int = 0, good: Int = 0, bad: Int = 0, latencyMs: Double? = nil) {
        self.accepted = accepted
        self.good = good
        self.bad = bad
        self.latencyMs = latencyMs
    }

    var attempts: Int { good + bad }
}
