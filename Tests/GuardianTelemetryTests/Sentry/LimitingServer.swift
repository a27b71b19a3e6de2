import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server in Sentry's place that limits the first request by one header field, and takes all others.
final class LimitingServer: Sendable {
    private let field: (name: String, value: String)
    private let count = Mutex(0)

    init(_ name: String, _ value: String) { field = (name, value) }

    /// How many requests came.
    var requests: Int { count.withLock { $0 } }

    /// Listens on a free port of loopback for as long as `body` takes.
    func listening(_ body: (_ port: Int) async throws -> Void) async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(Clerk(server: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do { try await body(listener.localAddress?.port ?? 0) } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    private func answer() -> HTTPResponseHead {
        let number = count.withLock { count in
            count += 1
            return count
        }
        var fields: HTTPHeaders = ["content-length": "0"]
        guard number == 1 else { return HTTPResponseHead(version: .http1_1, status: .ok, headers: fields) }
        fields.add(name: field.name, value: field.value)
        return HTTPResponseHead(version: .http1_1, status: .tooManyRequests, headers: fields)
    }

    /// Answers the requests of one connection.
    private final class Clerk: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let server: LimitingServer

        init(server: LimitingServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            context.write(wrapOutboundOut(.head(server.answer())), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
