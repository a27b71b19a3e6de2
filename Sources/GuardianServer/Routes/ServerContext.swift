import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes

/// What a request brings along: beside the usual, the address that it came from.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The peer's IP address; `socket` for one on a Unix socket.
    let address: String
    private let channel: any Channel

    init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
        address = source.channel.remoteAddress?.ipAddress ?? "socket"
    }

    /// Says that the body may come, to a client that waits for this (`Expect`, RFC 9110 section 10.1.1).
    func askForBody(of request: Request) {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return }
        channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
    }
}
