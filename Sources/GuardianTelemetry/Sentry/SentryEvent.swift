public import GuardianCore

/// One event for Sentry, by the attributes that its protocol names (develop.sentry.dev, "Event Payloads").
public struct SentryEvent: Sendable, Equatable {
    /// Sentry's levels are ours.
    public typealias Level = LogLevel

    /// What led to it.
    package struct Breadcrumb: Sendable, Equatable {
        package var at: Timestamp
        package var level: Level
        package var message: String
        package var data: [JSONValue.Member]

        package var json: JSONValue {
            [
                "timestamp": .string(at.rfc3339), "type": .string(level >= .error ? "error" : "default"), "category": "guardian",
                "level": .string(level.rawValue), "message": .string(message), "data": .object(data),
            ]
        }
    }

    /// One frame of a stack.
    package struct Frame: Sendable, Equatable {
        package var function: String?
        package var file: String?
        package var line: Int?
        package var address: String?
        package var image: String?

        package var json: JSONValue {
            var members: [JSONValue.Member] = []
            func add(_ name: String, _ value: JSONValue?) { if let value { members.append(.init(name, value)) } }
            add("function", function.map { .string($0) })
            add("filename", file.map { .string($0) })
            add("lineno", line.map { JSONValue($0) })
            add("instruction_addr", address.map { .string($0) })
            add("package", image.map { .string($0) })
            add("in_app", .bool(image?.contains("guardian") ?? true))
            return .object(members)
        }
    }

    /// Whose attempt it is about, as W3C writes it.
    package struct Trace: Sendable, Equatable {
        package var traceID: String
        package var spanID: String

        package init(traceID: String, spanID: String) {
            self.traceID = traceID
            self.spanID = spanID
        }
    }

    /// 32 hexadecimal digits, made once: what makes a repeated event one.
    public var id: String
    /// When it happened, by the wall clock of this machine.
    public var at: Timestamp
    /// Sentry shows it, and its alert rules may go by it.
    public var level: Level
    /// The type of the error, by which events are grouped.
    public var type: String
    /// What happened.
    public var value: String
    package var tags: [String: String] = [:]
    package var extra: [JSONValue.Member] = []
    package var trace: Trace?
    package var breadcrumbs: [Breadcrumb] = []
    /// The oldest call first, as the protocol wants it; empty when there is no stack.
    package var frames: [Frame] = []
    /// Whether somebody caught it: a crash nobody did.
    package var isHandled = true

    package init(id: UniqueID, at: Timestamp, level: Level, type: String, value: String) {
        self.id = id.hex
        self.at = at
        self.level = level
        self.type = type
        self.value = value
    }

    /// What the place it comes from is called.
    package struct Origin: Sendable {
        package var release: String
        package var environment: String
        package var serverName: String
    }

    /// The payload, redacted; sizes are those that Sentry takes.
    package func payload(from origin: Origin) -> JSONValue {
        let safeType = Self.tag(type)
        var exception: [JSONValue.Member] = [
            .init("type", .string(safeType)), .init("value", .string(Redaction.text(value))),
            .init("mechanism", ["type": "generic", "handled": .bool(isHandled)]),
        ]
        if !frames.isEmpty { exception.append(.init("stacktrace", ["frames": .array(frames.map(\.json))])) }
        let tags = self.tags.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string(Self.tag($0.value))) }
        var members: [JSONValue.Member] = [
            .init("event_id", .string(id)), .init("timestamp", .string(at.rfc3339)), .init("platform", "native"),
            .init("level", .string(level.rawValue)), .init("logger", "guardian"), .init("release", .string(origin.release)),
            .init("environment", .string(origin.environment)), .init("server_name", .string(origin.serverName)),
            .init("fingerprint", ["guardian", .string(safeType)]), .init("tags", .object(tags)),
            .init("exception", ["values": [.object(exception)]]),
            .init("breadcrumbs", ["values": .array(breadcrumbs.map { Redaction.json($0.json) })]),
            .init("extra", Redaction.json(.object(extra))),
        ]
        if let trace {
            members.append(
                .init(
                    "contexts", ["trace": ["trace_id": .string(trace.traceID), "span_id": .string(trace.spanID), "op": "guardian.attempt"]])
            )
        }
        return .object(members)
    }

    /// Tags have 200 characters at most, and no line ends.
    private static func tag(_ text: String) -> String {
        String(Redaction.text(text).map { $0.isNewline ? " " : $0 }.prefix(200))
    }
}
