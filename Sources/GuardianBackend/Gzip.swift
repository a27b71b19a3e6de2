import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// The content coding `gzip` (RFC 9110 section 8.4.1.3), as swift-nio-extras reads it.
enum Gzip {
    enum Defect: Error {
        /// More comes out of it than may.
        case tooLarge
        /// No gzip, cut short, or with something behind its end.
        case damaged
    }

    /// What `body` was before it was compressed. Stops where more than `limit` bytes have come out of it, so that a bomb takes no more
    /// memory than a body that may come.
    ///
    /// The library has its coder in a channel handler only, so the body goes through a channel that leads nowhere, all on this thread.
    static func inflated(_ body: ByteBuffer, upTo limit: Int) throws(Defect) -> ByteBuffer {
        let channel = EmbeddedChannel(handler: NIOHTTPRequestDecompressor(limit: .size(limit)))
        // A channel that nobody closes is never let go.
        defer { do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {} }
        do {
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: ["content-encoding": "gzip"])
            try channel.writeInbound(HTTPServerRequestPart.head(head))
            try channel.writeInbound(HTTPServerRequestPart.body(body))
            try channel.writeInbound(HTTPServerRequestPart.end(nil))
            var inflated = ByteBuffer()
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                if case .body(var bytes) = part { inflated.writeBuffer(&bytes) }
            }
            return inflated
        } catch {
            let isLimit = error as? NIOHTTPDecompression.DecompressionError == .limit
            throw isLimit ? Defect.tooLarge : Defect.damaged
        }
    }
}
