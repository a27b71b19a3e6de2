package import GuardianCore
package import Tracing

/// A span that has ended, as it is exported.
package struct FinishedSpan: Sendable {
    /// Something that happened within it.
    package struct Moment: Sendable {
        package var name: String
        package var nanoseconds: UInt64
        package var attributes: SpanAttributes
    }

    package var name: String
    package var identity: SpanIdentity
    package var parentID: String?
    package var kind: SpanKind
    package var start: UInt64
    package var end: UInt64
    package var attributes: SpanAttributes
    package var moments: [Moment]
    package var links: [SpanIdentity]
    package var status: SpanStatus?

    /// OTLP's JSON form of a span (opentelemetry-proto, trace/v1).
    package var json: JSONValue {
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

    package static func json(_ attributes: SpanAttributes) -> JSONValue {
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
