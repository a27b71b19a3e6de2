import NIOCore
import NIOHTTP1

/// Reads of a request's head what nobody behind the codec sees: which HTTP the client speaks, and whom an absolute URI names (RFC 9112).
final class HeadReader: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// Puts a reader before the codec; a server's own handlers stand behind it.
    final class Door: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = NIOAny

        func handlerAdded(context: ChannelHandlerContext) {
            let pipeline = context.pipeline.syncOperations
            do {
                let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
                try pipeline.addHandler(HeadReader(), position: .after(decoder))
            } catch {
                context.close(promise: nil)
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        // The server knows this one spelling.
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        // Clients before HTTP/1.1 don't know the answer.
        if head.version != .http1_1 { head.headers.remove(name: "expect") }
        // The URI is believed rather than Host. None at all, and several, are left for the gate to refuse.
        if head.headers["host"].count == 1, let authority = Self.authority(of: head.uri) {
            head.headers.replaceOrAdd(name: "host", value: authority)
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    /// `host:port` of an absolute URI; nil for a path.
    private static func authority(of uri: String) -> String? {
        guard !uri.hasPrefix("/"), let start = uri.firstRange(of: "://") else { return nil }
        let authority = uri[start.upperBound...].prefix { !"/?#".contains($0) }
        return authority.split(separator: "@", omittingEmptySubsequences: false).last.map { String($0) }
    }
}
