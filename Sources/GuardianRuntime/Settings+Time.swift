package import GuardianCore

extension Settings {
    /// Which side of now a length of time lies on that is given as a point in time.
    package enum Side: Sendable { case past, future }

    /// Reads `50ms`, `30s`, `2m`, `24h`, `7d`; nil for anything else.
    package static func duration(_ text: String) -> Duration? { Check.milliseconds(text).map { .milliseconds($0) } }

    /// Reads a point in time as people give it: RFC 3339, a date (its beginning in UTC), or how far from `now`; nil for anything else.
    package static func time(_ text: String, _ side: Side, of now: Timestamp) -> Timestamp? {
        if let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") { return time }
        return Check.milliseconds(text).map { now.adding(milliseconds: side == .past ? -$0 : $0) }
    }

    /// What ``time(_:_:of:)`` reads, for errors.
    package static func timeForms(_ side: Side) -> String {
        let length = side == .past ? "how long ago" : "how long from now"
        return "must be a time such as 2026-01-31T09:00:00Z, a date, or \(length), such as 90s, 24h or 7d"
    }
}
