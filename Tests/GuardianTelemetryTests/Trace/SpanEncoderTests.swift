import GuardianCore
import GuardianTelemetry
import Testing
import Tracing

/// OTLP's JSON form: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
struct SpanEncoderTests {
    private let span: FinishedSpan

    init() throws {
        let ended = Dial<FinishedSpan?>(nil)
        GuardianTracer { span in ended.update { $0 = span } }.startSpan("guardian.attempt", context: .topLevel, ofKind: .client).end()
        var span = try #require(ended.value)
        span.identity = try #require(SpanIdentity(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        (span.parent, span.start, span.end) = (0x00f0_67aa_0ba9_02b7, 1_700_000_000_000_000_001, 1_700_000_000_000_000_100)
        self.span = span
    }

    private func encoded(_ spans: [FinishedSpan]) throws -> JSONValue {
        var encoder = SpanEncoder(serviceName: "guardian \"1\"", serviceVersion: "1.2.3", instance: "host:1")
        return try JSONValue(parsing: String(decoding: encoder.encode(spans), as: UTF8.self))
    }

    private func only(_ span: FinishedSpan) throws -> JSONValue {
        let spans = try encoded([span])["resourceSpans"]?.elements?.first?["scopeSpans"]?.elements?.first?["spans"]?.elements
        #expect(spans?.count == 1)
        return try #require(spans?.first)
    }

    @Test("a request says who sends, and holds its spans in their order, also when there are none")
    func envelope() throws {
        var second = span
        second.name = "second \u{1} \\ \"line\"\n"
        for spans in [[], [span], [span, second]] {
            let resource = try #require(try encoded(spans)["resourceSpans"]?.elements?.first)
            let attributes = resource["resource"]?["attributes"]?.elements ?? []
            #expect(attributes.map { $0["value"]?["stringValue"]?.string } == ["guardian \"1\"", "1.2.3", "host:1"])
            let scope = try #require(resource["scopeSpans"]?.elements?.first)
            #expect(scope["scope"]?["version"]?.string == "1.2.3")
            #expect(scope["spans"]?.elements?.map { $0["name"]?.string } == spans.map(\.name))
        }
    }

    @Test("a span is told with all that it has, integers of 64 bits as text")
    func whole() throws {
        var span = span
        span.moments = [.init(name: "exception", nanoseconds: 5, attributes: ["exception.type": .string("NIOError")])]
        span.links = [try #require(SpanIdentity(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))]
        span.status = .init(code: .error, message: "TIMEOUT")
        #expect(
            try only(span) == [
                "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "parentSpanId": "00f067aa0ba902b7",
                "name": "guardian.attempt", "kind": 3, "startTimeUnixNano": "1700000000000000001",
                "endTimeUnixNano": "1700000000000000100", "attributes": [],
                "events": [
                    [
                        "timeUnixNano": "5", "name": "exception",
                        "attributes": [["key": "exception.type", "value": ["stringValue": "NIOError"]]],
                    ]
                ],
                "links": [["traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7"]],
                "status": ["code": 2, "message": "TIMEOUT"],
            ])
    }

    @Test(
        "each kind of attribute has its own form",
        arguments: [
            (.int64(.min), #"{"intValue":"-9223372036854775808"}"#), (.int32(7), #"{"intValue":"7"}"#), (.int64(0), #"{"intValue":"0"}"#),
            (.bool(true), #"{"boolValue":true}"#), (.double(0.5), #"{"doubleValue":0.5}"#),
            (.double(.nan), #"{"stringValue":"double(nan)"}"#), (.string("a\tb"), #"{"stringValue":"a\tb"}"#),
            (.stringArray(["a", "b"]), #"{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}"#),
            (.stringArray([]), #"{"arrayValue":{"values":[]}}"#),
        ] as [(SpanAttribute, String)])
    func attributes(_ attribute: SpanAttribute, _ expected: String) throws {
        var span = span
        span.attributes.set("key", value: attribute)
        #expect(try only(span)["attributes"]?.text == #"[{"key":"key","value":\#(expected)}]"#)
    }

    @Test("what must not be told is masked each time it comes, wherever it stands")
    func masked() throws {
        var encoder = SpanEncoder(serviceName: "guardian", serviceVersion: "1", instance: "a")
        var span = span
        span.attributes.set("text", value: .string(Sample.talkative))
        span.attributes.set("list", value: .stringArray(["plain", Sample.talkative]))
        span.moments = [.init(name: Sample.talkative, nanoseconds: 1, attributes: ["text": .string(Sample.talkative)])]
        span.status = .init(code: .error, message: Sample.talkative)
        for _ in 0..<3 {
            let text = String(decoding: encoder.encode([span, span]), as: UTF8.self)
            for secret in Sample.secrets { #expect(!text.contains(secret), "\(secret)") }
            #expect(text.contains(#""plain""#))
        }
    }
}
