import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// What `body` was before it was compressed. Throws when it is no gzip, or not all of one.
func gunzipped(_ body: ByteBuffer) throws -> String {
    let channel = EmbeddedChannel(handler: NIOHTTPRequestDecompressor(limit: .size(64 << 20)))
    defer { do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {} }
    let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: ["content-encoding": "gzip"])
    for part in [HTTPServerRequestPart.head(head), .body(body), .end(nil)] { try channel.writeInbound(part) }
    var inflated = ByteBuffer()
    while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
        if case .body(var bytes) = part { inflated.writeBuffer(&bytes) }
    }
    return String(buffer: inflated)
}
