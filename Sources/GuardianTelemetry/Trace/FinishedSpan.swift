import GuardianCore
import Tracing

/// A span that has ended, as it is exported.
struct FinishedSpan: Sendable {
    /// Something that happened within it.
    struct Moment: Sendable {
        var name: String
        var nanoseconds: UInt64
        var attributes: SpanAttributes
    }

    var name: String
    var identity: SpanIdentity
    var parentID: String?
    var kind: SpanKind
    var start: UInt64
    var end: UInt64
    var attributes: SpanAttributes
    var moments: [Moment]
    var links: [SpanIdentity]
    var status: SpanStatus?

    /// OTLP's JSON form of a span (opentelemetry-proto, trace/v1).
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("traceId", .string(identity.traceID)), .init("spanId", .string(identity.spanID)), .init("name", .string(name)),
            .init("kind", JSONValue(kindNumber)), .init("startTimeUnixNano", .string("\(start)")),
            .init("endTimeUnixNano", .string("\(end)")), .init("attributes", Self.json(attributes)),
        ]
        if let parentID { members.append(.init("parentSpanId", .string(parentID))) }
        if !moments.isEmpty {
            let list = moments.map { moment -> JSONValue in
                [
                    "timeUnixNano": .string("\(moment.nanoseconds)"), "name": .string(moment.name),
                    "attributes": Self.json(moment.attributes),
                ]
            }
            members.append(.init("events", .array(list)))
        }
        if !links.isEmpty {
            members.append(.init("links", .array(links.map { ["traceId": .string($0.traceID), "spanId": .string($0.spanID)] })))
        }
        if let status {
            var told: [JSONValue.Member] = [.init("code", status.code == .ok ? 1 : 2)]
            if let message = status.message { told.append(.init("message", .string(Redaction.text(message)))) }
            members.append(.init("status", .object(told)))
        }
        return .object(members)
    }

    private var kindNumber: Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    static func json(_ attributes: SpanAttributes) -> JSONValue {
        var list: [JSONValue] = []
        attributes.forEach { list.append(["key": .string($0), "value": json($1)]) }
        return .array(list)
    }

    private static func json(_ attribute: SpanAttribute) -> JSONValue {
        switch attribute {
        case .int32(let value): ["intValue": .string("\(value)")]
        case .int64(let value): ["intValue": .string("\(value)")]
        case .double(let value) where value.isFinite: ["doubleValue": .number("\(value)")]
        case .bool(let value): ["boolValue": .bool(value)]
        case .string(let text): ["stringValue": .string(Redaction.text(text))]
        case .stringConvertible(let value): ["stringValue": .string(Redaction.text("\(value)"))]
        case .stringArray(let texts):
            ["arrayValue": ["values": .array(texts.map { ["stringValue": .string(Redaction.text($0))] })]]
        default: ["stringValue": .string(Redaction.text("\(attribute)"))]
        }
    }
}
