import GuardianHTTP
import HTTPTypes
import Hummingbird
import HummingbirdHTTP2
import NIOCore
import Synchronization
import Testing

/// Knows over which channel each request came.
private struct ChannelContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

@Suite struct HTTP2Tests {
    /// What a server saw of each request: the kind of channel, the client's port, and whether its body was compressed.
    private final class Seen: Sendable {
        private let channels = Mutex<[(kind: String, port: Int?, isCompressed: Bool)]>([])

        func note(_ channel: any Channel, isCompressed: Bool) {
            let connection = channel.parent.flatMap { $0.remoteAddress == nil ? nil : $0 } ?? channel
            channels.withLock { $0.append((String(describing: type(of: channel)), connection.remoteAddress?.port, isCompressed)) }
        }

        var compressed: Int { channels.withLock { $0.count { $0.isCompressed } } }

        var kinds: Set<String> { Set(channels.withLock { $0.map(\.kind) }) }
        var ports: Set<Int?> { Set(channels.withLock { $0.map(\.port) }) }
        var count: Int { channels.withLock { $0.count } }
    }

    /// A server that speaks HTTP/2 to whoever can, and HTTP/1.1 to others.
    private func withHTTP2(_ identity: Identity, _ body: (String, Seen) async throws -> Void) async throws {
        let seen = Seen()
        let router = Router(context: ChannelContext.self)
        router.on("**", method: .put) { request, context in
            let isCompressed = request.headers[.contentEncoding] == "gzip"
            seen.note(context.channel, isCompressed: isCompressed)
            let body = try await request.body.collect(upTo: 1 << 20)
            let text = try isCompressed ? gunzipped(body) : String(buffer: body)
            return text.contains("payload") ? #"{"meta":{},"data":{}}"# : "no payload"
        }
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, server: try .http2Upgrade(tlsConfiguration: identity.server),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { ready.yield($0.localAddress?.port ?? 0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { ready.finish() }
                try await application.runService(gracefulShutdownSignals: [])
            }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            try await body("https://127.0.0.1:\(port)", seen)
            group.cancelAll()
        }
    }

    @Test("HTTP/2 is spoken over TLS with an upstream that can, and all attempts share one connection")
    func http2() async throws {
        try await withIdentity { identity in
            try await withHTTP2(identity) { url, seen in
                try await withTransport(to: url, configure: { $0.trustRootsFile = identity.certificate }) { transport in
                    let first = await transport.send(try claimed(), token: "secret", timeoutMs: 20_000)
                    #expect(first.word == "accepted")
                    let words = try await withThrowingTaskGroup(of: String.self) { group in
                        for _ in 0..<30 {
                            let claim = try claimed()
                            group.addTask { await transport.send(claim, token: nil, timeoutMs: 20_000).word }
                        }
                        return try await group.reduce(into: Set()) { $0.insert($1) }
                    }
                    #expect(words == ["accepted"])
                }
                #expect(seen.count == 31)
                #expect(seen.kinds == ["HTTP2StreamChannel"])
                #expect(seen.ports.count == 1)
            }
        }
    }

    @Test("over HTTP/2 a long body goes compressed as over HTTP/1.1, and a short one as it is")
    func compressed() async throws {
        let long = #"{"x":"\#(String(repeating: "guardian ", count: 500))"}"#
        try await withIdentity { identity in
            try await withHTTP2(identity) { url, seen in
                func configure(_ configuration: inout HTTPTransportConfiguration) {
                    configuration.trustRootsFile = identity.certificate
                    configuration.compression = .gzip
                }
                try await withTransport(to: url, configure: configure) { transport in
                    for payload in [long, #"{"n":1}"#] {
                        let outcome = await transport.send(try claimed(payload: payload), token: nil, timeoutMs: 20_000)
                        #expect(outcome.word == "accepted")
                    }
                }
                #expect(seen.kinds == ["HTTP2StreamChannel"])
                #expect(seen.count == 2 && seen.compressed == 1)
            }
        }
    }
}
