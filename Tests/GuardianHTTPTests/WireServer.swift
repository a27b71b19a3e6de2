import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One request as it came over the wire.
struct WireRequest: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        /// In lower case.
        var name: String
        var value: String
    }

    var method: String
    var target: String
    var fields: [Field]
    var body: String
    /// The body's bytes as they came.
    var bytes: ByteBuffer

    /// Takes one whole request off the front of `unread`; nil while it is incomplete.
    init?(reading unread: inout ByteBuffer) {
        let text = String(buffer: unread)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        let start = lines[0].split(separator: " ")
        method = String(start[0])
        target = start.count > 1 ? String(start[1]) : ""
        fields = lines.dropFirst().map { line in
            let name = line.prefix { $0 != ":" }
            return Field(name: name.lowercased(), value: String(line.dropFirst(name.count + 1).drop { $0 == " " }))
        }
        let head = text[..<end.upperBound].utf8.count
        let length = Int(fields.first { $0.name == "content-length" }?.value ?? "") ?? 0
        guard unread.readableBytes >= head + length else { return nil }
        unread.moveReaderIndex(forwardBy: head)
        bytes = unread.readSlice(length: length) ?? ByteBuffer()
        body = String(buffer: bytes)
    }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// A server that says exactly the bytes it is told, and remembers what it heard.
final class WireServer: Sendable {
    enum Reply: Sendable {
        /// These bytes, and the connection stays; none at all is silence.
        case says(String)
        /// These bytes, then the end of the connection.
        case hangsUp(after: String)
        /// These bytes, if they make it, then a reset.
        case resets(after: String)

        /// A whole answer. `fields` are header lines without their ends.
        static func answer(_ status: Int, _ body: String = #"{"meta":{},"data":{}}"#, fields: String...) -> Reply {
            let head = ["HTTP/1.1 \(status) Told", "Content-Length: \(body.utf8.count)"] + fields
            return .says(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }

        static let accepted = answer(200, fields: "Content-Type: application/json")
    }

    private let heard = Mutex((port: 0, requests: [WireRequest](), connections: 0, parts: 0))
    private let reply: @Sendable (WireRequest) -> Reply
    private let ends = AsyncStream.makeStream(of: Void.self)

    private init(_ reply: @escaping @Sendable (WireRequest) -> Reply) { self.reply = reply }

    var port: Int { heard.withLock { $0.port } }
    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [WireRequest] { heard.withLock { $0.requests } }
    var connections: Int { heard.withLock { $0.connections } }
    /// Pieces in which the requests came.
    var parts: Int { heard.withLock { $0.parts } }
    /// Tells of each connection that has ended.
    var ended: AsyncStream<Void> { ends.stream }

    /// Runs one on a free port of loopback for as long as `body` takes.
    static func run(
        tls: NIOSSLContext? = nil, reply: @escaping @Sendable (WireRequest) -> Reply = { _ in .accepted },
        _ body: (WireServer) async throws -> Void
    ) async throws {
        let server = WireServer(reply)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Ear(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.heard.withLock { $0.port = listener.localAddress?.port ?? 0 }
        do { try await body(server) } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    /// Hears one connection.
    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let server: WireServer
        private var unread = ByteBuffer()

        init(server: WireServer) { self.server = server }

        func handlerAdded(context: ChannelHandlerContext) { server.heard.withLock { $0.connections += 1 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var part = unwrapInboundIn(data)
            unread.writeBuffer(&part)
            server.heard.withLock { $0.parts += 1 }
            while let request = WireRequest(reading: &unread) {
                server.heard.withLock { $0.requests.append(request) }
                switch server.reply(request) {
                case .says(let text): say(text, context)
                case .hangsUp(let text):
                    say(text, context)
                    context.close(promise: nil)
                case .resets(let text):
                    say(text, context)
                    _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    context.close(promise: nil)
                }
            }
        }

        func channelInactive(context: ChannelHandlerContext) { server.ends.continuation.yield() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func say(_ text: String, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }
}
