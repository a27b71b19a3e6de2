import NIOCore
import NIOHTTPTypes
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Asks the kernel who is at the other end of a Unix socket, and hangs up on anybody but this user and root.
///
/// The file's mode keeps others out too; but a mode can be changed, and this can't. Only for sockets that are meant for their owner: one
/// whose mode lets a group or others in is for whom the kernel lets through. On Linux only: elsewhere, as on macOS, it lets everybody in,
/// and the mode is all there is.
final class PeerCheck: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    /// `struct ucred` of Linux.
    private struct Credentials {
        var pid: Int32 = 0
        var user: UInt32 = .max
        var group: UInt32 = .max
    }

    func handlerAdded(context: ChannelHandlerContext) {
        #if os(Linux) || os(Android)
            let channel = context.channel
            guard let socket = channel as? any SocketOptionProvider else {
                context.close(promise: nil)
                return
            }
            let asked: EventLoopFuture<Credentials> = socket.unsafeGetSocketOption(
                level: NIOBSDSocket.OptionLevel(rawValue: SOL_SOCKET), name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
            asked.whenComplete { result in
                guard case .success(let peer) = result, peer.user == geteuid() || peer.user == 0 else {
                    channel.close(promise: nil)
                    return
                }
            }
        #endif
    }
}
