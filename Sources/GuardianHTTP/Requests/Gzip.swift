import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// The content coding `gzip` (RFC 9110 section 8.4.1.3), as swift-nio-extras makes it.
enum Gzip {
    /// `body` compressed: the same bytes every time. Takes the calling thread some 20 ms for each MiB.
    ///
    /// The library has its coder in a channel handler only, so the body goes through a channel that leads nowhere, all on this thread.
    static func coded(_ body: ByteBuffer) throws -> ByteBuffer {
        let channel = EmbeddedChannel(handler: NIOHTTPRequestCompressor(encoding: .gzip))
        // A channel that nobody closes is never let go.
        defer { do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {} }
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        let pipeline = channel.pipeline.syncOperations
        // Flushed in the end only: the handler then has the whole body before it begins.
        pipeline.write(NIOAny(HTTPClientRequestPart.head(head)), promise: nil)
        pipeline.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(body))), promise: nil)
        pipeline.write(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
        pipeline.flush()
        var coded = ByteBuffer()
        while let part = try channel.readOutbound(as: HTTPClientRequestPart.self) {
            if case .body(.byteBuffer(var bytes)) = part { coded.writeBuffer(&bytes) }
        }
        return coded
    }
}
