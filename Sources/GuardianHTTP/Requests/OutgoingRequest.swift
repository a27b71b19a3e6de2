import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request as it goes out.
struct OutgoingRequest: Sendable {
    var url: String
    var method = HTTPMethod.GET
    var headers: HTTPHeaders
    /// nil of one that has none.
    var body: ByteBuffer?

    /// The same with its body compressed.
    func carrying(gzip coded: ByteBuffer) -> OutgoingRequest {
        var request = self
        request.headers.replaceOrAdd(name: "content-encoding", value: "gzip")
        request.body = coded
        return request
    }

    /// As the client wants it. Throws `HTTPClientError` when the URL can't be read.
    func prepared() throws -> HTTPClient.Request {
        try HTTPClient.Request(url: url, method: method, headers: headers, body: body.map { .byteBuffer($0) })
    }
}
