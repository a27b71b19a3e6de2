import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// A server in the place of an OpenTelemetry collector: it reads OTLP over HTTP as JSON, strictly, and keeps the spans.
public final class TraceCollector: Sendable {
    public struct Span: Sendable {
        public var name: String
        public var traceID: String
        public var spanID: String
        public var parentID: String?
        public var links: [String]
        public var attributes: [String: String]
        public var start: UInt64
        public var end: UInt64
        public var isError: Bool
    }

    private let state = Mutex((spans: [Span](), defects: [String](), bytes: [UInt8](), received: 0, refusal: Int?.none, refused: 0))
    private let keeps: Bool

    /// One that keeps nothing reads nothing either, so that it takes no time from what is measured beside it.
    public init(keeps: Bool = true) { self.keeps = keeps }

    /// How many bytes came, kept or not.
    public var received: Int { state.withLock { $0.received } }
    /// How many requests were refused.
    public var refused: Int { state.withLock { $0.refused } }
    public var spans: [Span] { state.withLock { $0.spans } }
    public var defects: [String] { state.withLock { $0.defects } }
    /// Everything that came and was kept.
    public var bytes: [UInt8] { state.withLock { $0.bytes } }

    /// The status that all requests get from now on, and nothing of them is kept; nil to take them.
    public func refuse(with status: Int?) { state.withLock { $0.refusal = status } }

    public func run(port: Int = 0, onReady: @escaping @Sendable (Int) -> Void) async throws {
        let router = Router()
        router.post("v1/traces") { [self] request, _ -> Response in
            let body = try await request.body.collect(upTo: 16 << 20)
            if request.headers[.contentType] != "application/json" { state.withLock { $0.defects.append("content type") } }
            state.withLock { $0.received += body.readableBytes }
            let refusal = state.withLock { state in
                if state.refusal != nil { state.refused += 1 }
                return state.refusal
            }
            if let refusal { return Response(status: .init(code: refusal)) }
            if keeps { take(String(buffer: body)) }
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "{}")))
        }
        try await Listening.run(router, port: port, onReady: onReady)
    }

    private func take(_ text: String) {
        state.withLock { state in
            state.bytes += Array(text.utf8)
            guard let json = try? JSONValue(parsing: text), let resources = json["resourceSpans"]?.elements else {
                return state.defects.append("no resourceSpans")
            }
            for resource in resources {
                let names = resource["resource"]?["attributes"]?.elements?.compactMap { $0["key"]?.string } ?? []
                if !names.contains("service.name") { state.defects.append("no service.name") }
                for scope in resource["scopeSpans"]?.elements ?? [] {
                    for span in scope["spans"]?.elements ?? [] {
                        if let read = Self.read(span) { state.spans.append(read) } else { state.defects.append(span.text) }
                    }
                }
            }
        }
    }

    private static func read(_ span: JSONValue) -> Span? {
        guard let traceID = span["traceId"]?.string, EnvelopeReader.isHex(traceID, 32), let spanID = span["spanId"]?.string,
            EnvelopeReader.isHex(spanID, 16), let name = span["name"]?.string, (1...5).contains(span["kind"]?.integer ?? 0),
            let start = span["startTimeUnixNano"]?.string.flatMap({ UInt64($0) }),
            let end = span["endTimeUnixNano"]?.string.flatMap({ UInt64($0) }), end >= start
        else { return nil }
        let parent = span["parentSpanId"]?.string
        if let parent, !EnvelopeReader.isHex(parent, 16) { return nil }
        var attributes: [String: String] = [:]
        for attribute in span["attributes"]?.elements ?? [] {
            guard let key = attribute["key"]?.string, let value = attribute["value"]?.members?.first?.value else { return nil }
            attributes[key] = value.string ?? value.text
        }
        let links = span["links"]?.elements?.compactMap { $0["traceId"]?.string } ?? []
        return Span(
            name: name, traceID: traceID, spanID: spanID, parentID: parent, links: links, attributes: attributes, start: start, end: end,
            isError: span["status"]?["code"]?.integer == 2)
    }
}
