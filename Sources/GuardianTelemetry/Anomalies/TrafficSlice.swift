/// What happened within one slice of time.
package struct TrafficSlice: Sendable, Equatable {
    /// Operations taken in.
    package var accepted = 0
    /// Attempts that the upstream took.
    package var good = 0
    /// Attempts that failed, whatever came of the operation.
    package var bad = 0
    /// The median of how long good attempts took, in milliseconds; nil when there was none.
    package var latencyMs: Double?

    package init(accepted: Int = 0, good: Int = 0, bad: Int = 0, latencyMs: Double? = nil) {
        self.accepted = accepted
        self.good = good
        self.bad = bad
        self.latencyMs = latencyMs
    }

    var attempts: Int { good + bad }
}
