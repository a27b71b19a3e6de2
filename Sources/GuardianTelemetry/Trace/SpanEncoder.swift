internal import GuardianCore
internal import Tracing

/// Writes spans as OTLP's JSON (opentelemetry-proto, trace/v1 and collector/trace/v1), straight into bytes: spans come as often as
/// operations.
package struct SpanEncoder {
    /// What comes before the spans of each request: who sends them.
    private let head: [UInt8]
    /// Texts that redaction left as they are: names, types, classes; they come again with each span.
    private var plain: Set<String> = []
    /// Texts kept in `plain` at most, and UTF-8 bytes of one.
    private static let (mostPlain, longestPlain) = (1024, 64)
    private var out: [UInt8] = []

    package init(serviceName: String, serviceVersion: String, instance: String) {
        func attribute(_ key: String, _ value: String) -> JSONValue { ["key": .string(key), "value": ["stringValue": .string(value)]] }
        let resource: JSONValue = [
            "attributes": [
                attribute("service.name", serviceName), attribute("service.version", serviceVersion),
                attribute("service.instance.id", instance),
            ]
        ]
        let scope: JSONValue = ["name": "guardian", "version": .string(serviceVersion)]
        head = Array(#"{"resourceSpans":[{"resource":\#(resource.text),"scopeSpans":[{"scope":\#(scope.text),"spans":["#.utf8)
    }

    /// The body of one export request.
    package mutating func encode(_ batch: [FinishedSpan]) -> [UInt8] {
        out = head
        out.reserveCapacity(head.count + batch.count * 768)
        list(batch) { $0.write($1) }
        literal("}]}]}")
        defer { out = [] }
        return out
    }

    private mutating func write(_ span: FinishedSpan) {
        write(span.identity)
        if let parent = span.parent {
            literal(#","parentSpanId":""#)
            hex(parent)
            literal("\"")
        }
        literal(#","name":"#)
        string(span.name)
        literal(#","kind":"#)
        number(Self.number(of: span.kind))
        literal(#","startTimeUnixNano":""#)
        number(span.start)
        literal(#"","endTimeUnixNano":""#)
        number(span.end)
        literal(#"","attributes":["#)
        write(span.attributes)
        if !span.moments.isEmpty {
            literal(#","events":["#)
            list(span.moments) { encoder, moment in
                encoder.literal(#"{"timeUnixNano":""#)
                encoder.number(moment.nanoseconds)
                encoder.literal(#"","name":"#)
                encoder.redacted(moment.name)
                encoder.literal(#","attributes":["#)
                encoder.write(moment.attributes)
                encoder.literal("}")
            }
        }
        if !span.links.isEmpty {
            literal(#","links":["#)
            list(span.links) { encoder, link in
                encoder.write(link)
                encoder.literal("}")
            }
        }
        if let status = span.status {
            literal(#","status":{"code":"#)
            number(status.code == .ok ? 1 : 2)
            if let message = status.message {
                literal(#","message":"#)
                redacted(message)
            }
            literal("}")
        }
        literal("}")
    }

    /// With the brace that opens an object.
    private mutating func write(_ identity: SpanIdentity) {
        literal(#"{"traceId":""#)
        hex(identity.trace.high)
        hex(identity.trace.low)
        literal(#"","spanId":""#)
        hex(identity.span)
        literal("\"")
    }

    private mutating func hex(_ number: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(number >> UInt64(shift) & 0xF)
            out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
        }
    }

    /// Attributes, with the bracket that closes their list.
    private mutating func write(_ attributes: SpanAttributes) {
        var isFirst = true
        attributes.forEach { key, value in
            literal(isFirst ? #"{"key":"# : #",{"key":"#)
            isFirst = false
            string(key)
            literal(#","value":{"#)
            write(value)
            literal("}}")
        }
        literal("]")
    }

    private mutating func write(_ attribute: SpanAttribute) {
        func integer(_ value: Int64) {
            literal(#""intValue":""#)
            if value < 0 { literal("-") }
            number(value.magnitude)
            literal("\"")
        }
        func text(_ value: String) {
            literal(#""stringValue":"#)
            redacted(value)
        }
        switch attribute {
        case .int32(let value): integer(Int64(value))
        case .int64(let value): integer(value)
        case .double(let value) where value.isFinite:
            literal(#""doubleValue":"#)
            out.append(contentsOf: "\(value)".utf8)
        case .bool(let value): literal(value ? #""boolValue":true"# : #""boolValue":false"#)
        case .string(let value): text(value)
        case .stringConvertible(let value): text("\(value)")
        case .stringArray(let texts):
            literal(#""arrayValue":{"values":["#)
            list(texts) { encoder, text in
                encoder.literal(#"{"stringValue":"#)
                encoder.redacted(text)
                encoder.literal("}")
            }
            literal("}")
        default: text("\(attribute)")
        }
    }

    /// The elements with commas between them, and the bracket that closes their list.
    private mutating func list<Element>(_ elements: [Element], _ write: (inout SpanEncoder, Element) -> Void) {
        for (index, element) in elements.enumerated() {
            if index > 0 { literal(",") }
            write(&self, element)
        }
        literal("]")
    }

    /// A text that may say anything.
    private mutating func redacted(_ text: String) {
        if plain.contains(text) { return string(text) }
        let redacted = Redaction.text(text)
        if redacted == text, text.utf8.count <= Self.longestPlain {
            if plain.count >= Self.mostPlain { plain.removeAll() }
            plain.insert(text)
        }
        string(redacted)
    }

    private mutating func string(_ text: String) { JSONValue.writeString(text, to: &out) }

    private mutating func literal(_ text: StaticString) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func number(_ value: UInt64) {
        let end = out.count
        var value = value
        repeat {
            out.append(UInt8(ascii: "0") + UInt8(value % 10))
            value /= 10
        } while value > 0
        out[end...].reverse()
    }

    private static func number(of kind: SpanKind) -> UInt64 {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
