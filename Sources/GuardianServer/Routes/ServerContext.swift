import Hummingbird
import NIOCore

/// What a request brings along: beside the usual, the address that it came from.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The peer's IP address; `socket` for one on a Unix socket.
    let address: String

    init(source: Source) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "socket"
    }
}
