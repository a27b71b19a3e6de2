import GuardianCore

/// How the queue stands at one moment: what every page shows, read once for all who look.
struct Pulse: Sendable {
    var at: Timestamp
    var books = Books()
    var control = Control()
    /// Who delivers, longest first: one at most, but for a store that several share.
    var processors: [LockState] = []
    var oldestPending: Timestamp?
    /// Whether this process delivers, and does not stand by.
    var isDelivering = false
    var count = Count()
    var alerts: [Alert] = []
    /// Why the store did not answer, redacted; the rest is then what was known before.
    var trouble: String?

    /// What costs a walk of the index, and is counted more rarely.
    struct Count: Sendable {
        var indexEntries: Int64 = 0
        var explanation: QueueExplanation?
    }

    var firing: [Alert] { alerts.filter { $0.state == .firing } }
}

extension Pulse {
    enum Breaker: String {
        case closed
        case open
        case halfOpen = "half-open"
    }

    /// As the store knows it: open until then, and after it one probe asks.
    var breaker: Breaker {
        guard let until = control.health?.openUntil else { return .closed }
        return until > at ? .open : .halfOpen
    }

    /// Why the red banner stands at the top of every page: the gravest first.
    var warnings: [String] {
        var warnings: [String] = []
        if let trouble { warnings.append("The store does not answer: \(trouble).") }
        if control.pauses.contains(.operator) { warnings.append("Delivery is paused by a person. Resume it when you are done.") }
        if control.pauses.contains(.auth) { warnings.append("The login at the upstream has expired. Nothing fails; give it a new token.") }
        if control.pauses.contains(.upgrade) {
            warnings.append("The upstream asks for a newer version of the app. Nothing fails until then.")
        }
        if control.pauses.contains(.tls) { warnings.append("TLS to the upstream failed. Nothing is sent; look at certificates and pins.") }
        if control.pauses.contains(.rollout) {
            warnings.append("Too many errors after a change: the guard of the rollout has paused delivery. Mend it, then resume.")
        }
        if let status = control.health?.plagueStatus {
            warnings.append(
                "The upstream answers \(status) to everything. Delivery is held and nothing fails; one probe at a time asks again.")
        }
        switch breaker {
        case .open: warnings.append("The circuit breaker is open: the upstream fails. Operations wait, none is lost.")
        case .halfOpen: warnings.append("The circuit breaker is half-open: one probe asks whether the upstream is back.")
        case .closed: break
        }
        if processors.isEmpty { warnings.append("Nobody delivers: no processor holds the lock.") }
        for alert in firing.sorted(by: { $0.severity > $1.severity }) where alert.severity >= .high {
            let value = alert.value.map { " (now \(Alert.short($0)))" } ?? ""
            warnings.append("\(alert.condition)\(value): \(alert.action).")
        }
        return warnings
    }
}
