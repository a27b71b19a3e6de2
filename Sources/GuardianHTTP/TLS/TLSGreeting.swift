import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// A handshake for its own sake: the connection ends as soon as it is over.
struct TLSGreeting: Sendable {
    let host: String
    let port: Int
    let context: NIOSSLContext
    let timeoutMs: Int64

    /// The certificates that the server shows, whoever it is.
    func shown() async throws -> [NIOSSLCertificate] {
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: [NIOSSLCertificate].self)
        let ended = try await greet { context in
            let look: NIOSSLCustomVerificationCallback = { certificates, verdict in
                promise.succeed(certificates)
                verdict.succeed(.failed)
            }
            return try NIOSSLClientHandler(context: context, serverHostname: name, customVerificationCallback: look)
        }
        // It was refused after it had shown them; when it has not, this is why.
        promise.fail(ended ?? ChannelError.eof)
        return try await promise.futureResult.get()
    }

    /// Throws when the server can't be trusted: its chain, its name, its version of TLS.
    func verify() async throws {
        if let error = try await greet({ try NIOSSLClientHandler(context: $0, serverHostname: name) }) { throw error }
    }

    /// SNI takes no addresses (RFC 6066 section 3).
    private var name: String? {
        do {
            _ = try SocketAddress(ipAddress: host, port: 0)
            return nil
        } catch {
            return host
        }
    }

    /// What the handshake ended with; nil for success. Throws when there is no connection.
    private func greet(_ handler: @escaping @Sendable (NIOSSLContext) throws -> NIOSSLClientHandler) async throws -> (any Error)? {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let end = loop.makePromise(of: Void.self)
        let late = loop.scheduleTask(in: .milliseconds(timeoutMs)) { end.fail(ChannelError.connectTimeout(.milliseconds(timeoutMs))) }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop).connectTimeout(.milliseconds(timeoutMs))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(try handler(context), Listener(end: end))
                    }
                }
                .connect(host: host, port: port).get()
        } catch {
            late.cancel()
            end.fail(error)
            throw error
        }
        var ended: (any Error)?
        do { try await end.futureResult.get() } catch { ended = error }
        late.cancel()
        // Whoever closes first: it is over.
        do { try await channel.close() } catch {}
        return ended
    }

    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let end: EventLoopPromise<Void>

        init(end: EventLoopPromise<Void>) { self.end = end }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case TLSUserEvent.handshakeCompleted = event { end.succeed() }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            end.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { end.fail(ChannelError.eof) }
    }
}
