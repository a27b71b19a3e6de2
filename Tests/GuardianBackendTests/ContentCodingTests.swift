import Foundation
import GuardianBackend
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import Testing

@Suite("Bodies that come compressed")
struct ContentCodingTests {
    /// `text` as gzip.
    private static func gzipped(_ text: String) throws -> ByteBuffer {
        let channel = EmbeddedChannel(handler: NIOHTTPRequestCompressor(encoding: .gzip))
        defer { do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {} }
        let pipeline = channel.pipeline.syncOperations
        pipeline.write(NIOAny(HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/"))), promise: nil)
        pipeline.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        pipeline.write(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
        pipeline.flush()
        var coded = ByteBuffer()
        while let part = try channel.readOutbound(as: HTTPClientRequestPart.self) {
            if case .body(.byteBuffer(var bytes)) = part { coded.writeBuffer(&bytes) }
        }
        return coded
    }

    private static func fields(_ coding: String, key: String = "k1") -> [(String, String)] {
        [("Idempotency-Key", key), ("Trace-Id", "t-1"), ("Content-Encoding", coding)]
    }

    /// A JSON object of so many bytes.
    private static func object(_ bytes: Int) -> String { #"{"x":"\#(String(repeating: "x", count: bytes - 8))"}"# }

    @Test("gzip is read, under its old name and in any case too, logged as it was before, and is the same under a key as it is without")
    func gzip() async throws {
        try await RunningUpstream.run { upstream in
            let body = #"{"meta":{"trace_id":"t-1"},"payload":{"name":"é"}}"#
            for coding in ["gzip", "x-gzip", "GZip", "identity"] {
                let bytes = coding == "identity" ? ByteBuffer(string: body) : try Self.gzipped(body)
                let answer = try await upstream.send(.PUT, "/api/v1/rooms/r1", bytes: bytes, fields: Self.fields(coding))
                #expect(answer.status == 200, "\(coding): \(answer.body)")
            }
            #expect(upstream.upstream.effects.count == 1)
            #expect(upstream.upstream.requests().map(\.body) == [body, body, body, body])
            #expect(upstream.upstream.requests().first?.headers["content-encoding"] == "gzip")
            let read = try await upstream.send(.GET, "/api/v1/rooms/r1")
            #expect(read.json["data"]?["name"]?.text == "é")
        }
    }

    @Test(
        "a body counts by what comes out of it: the limit itself is taken, a byte more is 413, and so is a bomb",
        arguments: [0, 1, 1 << 24])
    func limit(excess: Int) async throws {
        try await RunningUpstream.run(.init(port: 0, bodyLimit: 100_000)) { upstream in
            let bytes = try Self.gzipped(Self.object(100_000 + excess))
            #expect(bytes.readableBytes < 50_000)
            let answer = try await upstream.send(.PUT, "/api/v1/rooms/r1", bytes: bytes, fields: Self.fields("gzip"))
            #expect(answer.status == (excess == 0 ? 200 : 413), "\(answer.body)")
            #expect(answer.json["error"]?["code"]?.text == (excess == 0 ? nil : "PAYLOAD_TOO_LARGE"))
            #expect(upstream.upstream.effects.count == (excess == 0 ? 1 : 0))
            #expect(upstream.upstream.requests().map { $0.body.isEmpty } == [excess > 0])
            // The connection goes on.
            #expect(try await upstream.put("r2", key: "k2").status == 200)
        }
    }

    @Test("a coding that is not known is 415, with the one that is", arguments: ["br", "deflate", "zstd", "gzip, gzip", "\"gzip\""])
    func unknown(coding: String) async throws {
        try await RunningUpstream.run { upstream in
            for path in ["/api/v1/rooms/r1", "/api/v1/batch"] {
                let method: HTTPMethod = path.hasSuffix("batch") ? .POST : .PUT
                let answer = try await upstream.send(method, path, bytes: try Self.gzipped("{}"), fields: Self.fields(coding))
                #expect(answer.status == 415)
                #expect(answer.headers["accept-encoding"] == ["gzip"])
                #expect(answer.json["error"]?["code"]?.text == "UNSUPPORTED_CODING")
                #expect(answer.json["meta"]?["trace_id"]?.text == "t-1")
            }
            #expect(upstream.upstream.effects.isEmpty)
        }
    }

    @Test("what calls itself gzip and is none, is cut short, or goes on behind its end is 400", arguments: ["none", "cut", "more"])
    func damaged(kind: String) async throws {
        try await RunningUpstream.run { upstream in
            var bytes = try Self.gzipped(Self.object(5000))
            switch kind {
            case "none": bytes = ByteBuffer(string: Self.object(100))
            case "cut": bytes = bytes.getSlice(at: bytes.readerIndex, length: bytes.readableBytes - 5) ?? ByteBuffer()
            default: bytes.writeString("more")
            }
            let answer = try await upstream.send(.PUT, "/api/v1/rooms/r1", bytes: bytes, fields: Self.fields("gzip"))
            #expect(answer.status == 400)
            #expect(answer.headers["accept-encoding"].isEmpty)
            #expect(upstream.upstream.effects.isEmpty)
        }
    }

    @Test("a request without a body may say that it is gzip")
    func empty() async throws {
        try await RunningUpstream.run { upstream in
            _ = try await upstream.put("r1", key: "k1")
            let answer = try await upstream.send(.DELETE, "/api/v1/rooms/r1", bytes: nil, fields: Self.fields("gzip", key: "k2"))
            #expect(answer.status == 200)
        }
    }

    @Test("a batch may come compressed, and is refused beyond the limit as anything else")
    func batch() async throws {
        try await RunningUpstream.run(.init(port: 0, bodyLimit: 100_000)) { upstream in
            func batch(_ payload: String) -> String {
                let operations = (1...3).map { n in
                    #"{"method":"PUT","path":"/api/v1/rooms/r\#(n)","idempotency_key":"k\#(n)","body":\#(payload)}"#
                }
                return #"{"meta":{},"operations":[\#(operations.joined(separator: ","))]}"#
            }
            for (payload, status) in [(Self.object(1000), 200), (Self.object(50_000), 413)] {
                let bytes = try Self.gzipped(batch(payload))
                let answer = try await upstream.send(.POST, "/api/v1/batch", bytes: bytes, fields: [("Content-Encoding", "gzip")])
                #expect(answer.status == status, "\(answer.body)")
            }
            #expect(upstream.upstream.effects.count == 3)
            #expect(upstream.upstream.batches == 1)
        }
    }
}
