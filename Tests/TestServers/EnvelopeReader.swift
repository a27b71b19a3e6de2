public import GuardianCore

/// Reads what Sentry is sent, strictly by the public description of its protocol (develop.sentry.dev: "Envelopes", "Event Payloads",
/// "Client Reports"). Anything that the description does not allow, or that we do not use, is a defect.
public struct EnvelopeReader: Sendable {
    public struct Item: Sendable {
        public var type: String
        public var payload: JSONValue
    }

    public struct Defect: Error, Sendable, CustomStringConvertible {
        public var description: String
        init(_ description: String) { self.description = description }
    }

    public private(set) var headers: JSONValue = .null
    public private(set) var items: [Item] = []

    /// Reads one whole envelope.
    public init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        headers = try Self.object(try Self.line(&rest), "envelope headers")
        while !rest.isEmpty {
            let head = try Self.object(try Self.line(&rest), "item headers")
            guard let type = head["type"]?.string else { throw Defect("an item has no type") }
            let payload: ArraySlice<UInt8>
            if let length = head["length"] {
                guard let count = length.integer, count >= 0, count <= rest.count else { throw Defect("an item's length is wrong") }
                payload = rest.prefix(Int(count))
                rest = rest.dropFirst(Int(count))
                guard rest.isEmpty || rest.first == UInt8(ascii: "\n") else { throw Defect("no line end after \(count) bytes") }
                rest = rest.dropFirst()
            } else {
                payload = try Self.line(&rest)
            }
            items.append(Item(type: type, payload: try Self.object(payload, "the payload of \(type)")))
        }
        try check()
    }

    /// The one event of it.
    public var event: JSONValue? { items.first { $0.type == "event" }?.payload }

    private func check() throws {
        guard !items.isEmpty else { throw Defect("no items") }
        guard let sent = headers["sent_at"]?.string, Timestamp(rfc3339: sent) != nil else { throw Defect("sent_at is no RFC 3339 time") }
        guard items.count(where: { $0.type == "event" }) <= 1 else { throw Defect("more than one event") }
        for item in items {
            switch item.type {
            case "event":
                guard let id = headers["event_id"]?.string, Self.isHex(id, 32) else { throw Defect("the headers have no event_id") }
                guard item.payload["event_id"]?.string == id else { throw Defect("the event's id is not that of the headers") }
                try EventReader(item.payload).check()
            case "client_report": try Self.check(report: item.payload)
            default: throw Defect("an item of type \(item.type)")
            }
        }
    }

    private static func check(report: JSONValue) throws {
        let reasons: Set = [
            "queue_overflow", "cache_overflow", "buffer_overflow", "ratelimit_backoff", "network_error", "sample_rate", "before_send",
            "event_processor", "send_error", "internal_sdk_error", "insufficient_data", "backpressure", "invalid",
        ]
        guard let events = report["discarded_events"]?.elements, !events.isEmpty else { throw Defect("a client report of nothing") }
        for event in events {
            guard let reason = event["reason"]?.string, reasons.contains(reason) else { throw Defect("a reason nobody knows") }
            guard event["category"]?.string == "error", let quantity = event["quantity"]?.integer, quantity > 0 else {
                throw Defect("a client report without category or quantity")
            }
        }
    }

    private static func line(_ rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        defer { rest = rest[end...].dropFirst() }
        return rest[..<end]
    }

    private static func object(_ bytes: ArraySlice<UInt8>, _ what: String) throws -> JSONValue {
        guard let text = String(validating: bytes, as: UTF8.self), let json = try? JSONValue(parsing: text), json.members != nil else {
            throw Defect("\(what): no JSON object")
        }
        return json
    }

    static func isHex(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

/// Checks the attributes of one event.
struct EventReader {
    private typealias Defect = EnvelopeReader.Defect

    static let known: Set = [
        "event_id", "timestamp", "platform", "level", "logger", "release", "environment", "server_name", "fingerprint", "tags", "exception",
        "breadcrumbs", "extra", "contexts",
    ]
    static let levels: Set = ["fatal", "error", "warning", "info", "debug"]

    private let event: JSONValue

    init(_ event: JSONValue) { self.event = event }

    func check() throws {
        guard event.text.utf8.count <= 1 << 20 else { throw Defect("an event of more than a mebibyte") }
        for member in event.members ?? [] where !Self.known.contains(member.name) { throw Defect("unknown attribute \(member.name)") }
        guard let time = event["timestamp"]?.string, Timestamp(rfc3339: time) != nil else { throw Defect("timestamp is no RFC 3339 time") }
        guard let platform = event["platform"]?.string, ["native", "other", "cocoa"].contains(platform) else { throw Defect("platform") }
        guard let level = event["level"]?.string, Self.levels.contains(level) else { throw Defect("level") }
        try text("release", 200, without: "\n\r\t/\\")
        try text("environment", 64, without: "\n\r\t/ ")
        try text("server_name", 200, without: "\n")
        try text("logger", 64, without: "\n")
        guard let prints = event["fingerprint"]?.elements, !prints.isEmpty, prints.allSatisfy({ $0.string?.isEmpty == false }) else {
            throw Defect("fingerprint is no list of texts")
        }
        try tags()
        try exception()
        try breadcrumbs()
        guard event["extra"] == nil || event["extra"]?.members != nil else { throw Defect("extra is no object") }
        guard let contexts = event["contexts"] else { return }
        guard let trace = contexts["trace"], let traceID = trace["trace_id"]?.string, EnvelopeReader.isHex(traceID, 32),
            let span = trace["span_id"]?.string, EnvelopeReader.isHex(span, 16)
        else { throw Defect("the trace context has no ids") }
    }

    private func text(_ name: String, _ most: Int, without banned: String) throws {
        guard let text = event[name]?.string, !text.isEmpty, text.count <= most, !text.contains(where: { banned.contains($0) }) else {
            throw Defect("\(name) is not 1 to \(most) characters without control characters")
        }
    }

    private func tags() throws {
        guard let tags = event["tags"]?.members else { throw Defect("tags are no object") }
        for tag in tags {
            let isName = (1...32).contains(tag.name.count) && tag.name.allSatisfy { $0.isLetter || $0.isNumber || "_.:-".contains($0) }
            guard isName, let value = tag.value.string, (1...200).contains(value.count), !value.contains("\n") else {
                throw Defect("the tag \(tag.name)")
            }
        }
    }

    private func exception() throws {
        guard let values = event["exception"]?["values"]?.elements, !values.isEmpty else { throw Defect("no exception") }
        for value in values {
            guard value["type"]?.string?.isEmpty == false, value["value"]?.string != nil else { throw Defect("an exception without type") }
            guard let frames = value["stacktrace"]?["frames"] else { continue }
            guard let list = frames.elements, !list.isEmpty else { throw Defect("a stack without frames") }
            for frame in list {
                guard frame["function"]?.string != nil || frame["instruction_addr"]?.string?.hasPrefix("0x") == true else {
                    throw Defect("a frame that says nothing")
                }
                if let line = frame["lineno"] { guard let number = line.integer, number >= 0 else { throw Defect("lineno") } }
            }
        }
    }

    private func breadcrumbs() throws {
        guard let crumbs = event["breadcrumbs"] else { return }
        guard let values = crumbs["values"]?.elements, values.count <= 100 else { throw Defect("breadcrumbs are no list of at most 100") }
        for crumb in values {
            guard let time = crumb["timestamp"]?.string, Timestamp(rfc3339: time) != nil, crumb["message"]?.string?.isEmpty == false,
                let level = crumb["level"]?.string, Self.levels.contains(level), let type = crumb["type"]?.string,
                ["default", "error", "http", "debug", "info"].contains(type), crumb["data"] == nil || crumb["data"]?.members != nil
            else { throw Defect("a breadcrumb") }
        }
    }
}
