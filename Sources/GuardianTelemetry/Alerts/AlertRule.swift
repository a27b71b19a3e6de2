package import GuardianCore

/// One rule: beyond which value an alert fires, for how long, and from which value on it clears.
package struct AlertRule: Sendable, Equatable {
    package enum Side: Sendable, Equatable {
        /// Too much is bad.
        case above
        /// Too little is bad.
        case below
    }

    package var name: String
    package var severity: Alert.Severity
    /// The condition holds beyond it.
    package var threshold: Double
    /// The condition no longer holds once the value is on the good side of it; between the two nothing changes.
    package var clearing: Double
    package var side: Side
    /// Milliseconds for which the condition must hold before the alert fires.
    package var forMs: Int64
    /// Milliseconds for which it must not hold before the alert clears.
    package var clearAfterMs: Int64
    package var condition: String
    package var action: String

    package init(
        name: String, severity: Alert.Severity, threshold: Double, clearing: Double, side: Side = .above, forMs: Int64,
        clearAfterMs: Int64 = 60_000, condition: String, action: String
    ) {
        self.name = name
        self.severity = severity
        self.threshold = threshold
        self.clearing = clearing
        self.side = side
        self.forMs = forMs
        self.clearAfterMs = clearAfterMs
        self.condition = condition
        self.action = action
    }

    /// Whether `value` is a reason to fire.
    func isBad(_ value: Double) -> Bool { side == .above ? value > threshold : value < threshold }

    /// Whether `value` is a reason to clear.
    func isGood(_ value: Double) -> Bool { side == .above ? value <= clearing : value >= clearing }
}
