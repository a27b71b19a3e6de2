/// A condition that a person has to know of, evaluated in the process (spec section 8).
///
/// States: *quiet* → *pending* (the condition holds, but not for long enough) → *firing* → quiet again once the value has been on the
/// good side of its clearing threshold.
public struct Alert: Sendable, Equatable {
    /// How bad it is; the higher, the worse.
    /// In rising order `medium`, `high` (from here on they are sent to Sentry too) and `critical`.
    public enum Severity: String, Sendable, CaseIterable, Comparable, Codable {
        case medium, high, critical

        public static func < (one: Severity, other: Severity) -> Bool {
            (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
        }
    }

    /// `quiet`: the condition does not hold. `pending`: it holds, but not for long enough. `firing`: it has held for long enough, and
    /// has not cleared since; events tell when that begins and ends.
    public enum State: String, Sendable, Codable {
        case quiet, pending, firing
    }

    /// A fixed word: `failed_rate`, `queue_depth`, `circuit_trips`, `latency`, `success_rate`, `accounting_gap`, or that of an anomaly.
    public var name: String
    /// How bad it is once it fires.
    public var severity: Severity
    /// As of the last evaluation; `quiet` before the first.
    public var state: State
    /// What was measured last, in the unit of `threshold`; nil when there is too little traffic to say.
    public var value: Double?
    /// Beyond it the condition holds.
    public var threshold: Double
    /// When the condition began to hold, also of one that fires since later; nil while it is quiet.
    public var since: Timestamp?
    /// What the condition is, in words: `more than 10 failed operations a minute`.
    public var condition: String
    /// What to do about it.
    public var action: String

    /// For whoever evaluates alerts; quiet, and with nothing measured, unless it is said.
    public init(
        name: String, severity: Severity, state: State = .quiet, value: Double? = nil, threshold: Double, since: Timestamp? = nil,
        condition: String, action: String
    ) {
        self.name = name
        self.severity = severity
        self.state = state
        self.value = value
        self.threshold = threshold
        self.since = since
        self.condition = condition
        self.action = action
    }

    package var json: JSONValue {
        [
            "name": .string(name), "severity": .string(severity.rawValue), "state": .string(state.rawValue),
            "value": JSONValue(number: value),
            "threshold": JSONValue(number: threshold), "since": JSONValue(since?.rfc3339), "condition": .string(condition),
            "action": .string(action),
        ]
    }
}

extension Alert {
    /// What ``json`` wrote; nil for anything else.
    package init?(_ json: JSONValue) {
        guard let name = json["name"]?.string, let severity = json["severity"]?.string.flatMap(Severity.init(rawValue:)),
            let state = json["state"]?.string.flatMap(State.init(rawValue:)), let threshold = json["threshold"].flatMap({ Double($0.text) })
        else { return nil }
        self.init(
            name: name, severity: severity, state: state, value: json["value"].flatMap { Double($0.text) }, threshold: threshold,
            since: json["since"]?.string.flatMap(Timestamp.init(rfc3339:)), condition: json["condition"]?.string ?? "",
            action: json["action"]?.string ?? "")
    }

    /// For a terminal: `critical failed_rate firing since …: 14 (more than 10 failed operations a minute); page on-call now`.
    package var line: String {
        let since = since.map { " since \($0)" } ?? ""
        let value = value.map { ": " + Self.short($0) } ?? ""
        return "\(severity.rawValue) \(name) \(state.rawValue)\(since)\(value) (\(condition)); \(action)"
    }

    /// A number for people: one decimal, or none where it is 0.
    package static func short(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "–" }
        let tenths = Int64((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths / 10)).\(abs(tenths % 10))"
    }
}
