import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// What ``follow(_:watch:)`` returns for `request` with this body, which goes compressed where it may. `path` is the route's, with its
    /// parameters unfilled.
    ///
    /// A compressed one that is refused for that is sent again at once with the body as it is, and otherwise the same, its idempotency key
    /// too. Redirects are followed anew. Only the second answer counts.
    func submit(
        _ request: HTTPClientRequest, _ body: ByteBuffer, at path: String, watch: (HTTPClientRequest) -> WireWatch? = { _ in nil }
    ) async throws -> (response: HTTPClientResponse, url: String, watch: WireWatch?) {
        var request = request
        request.body = .bytes(body)
        guard let coded = compression.coded(body) else { return try await follow(request, watch: watch) }
        let first = try await follow(request.carrying(gzip: coded), watch: watch)
        guard compression.isRefusal(first.response.status, at: path) else { return first }
        let words: ByteBuffer
        do {
            words = try await first.response.body.collect(upTo: configuration.responseBodyLimit)
        } catch {
            // Only what it says is lost; that it refuses is known from its head.
            words = ByteBuffer()
        }
        first.watch?.answered(first.response, body: words)
        let second = try await follow(request, watch: watch)
        if compression.learn(refusal: first.response.status, first.response.headers, thenPlain: second.response.status) {
            configuration.observer?.compressionRefused(by: origin.text, status: Int(first.response.status.code))
        }
        return second
    }
}

extension HTTPClientRequest {
    /// The same with its body compressed.
    func carrying(gzip coded: ByteBuffer) -> HTTPClientRequest {
        var request = self
        request.headers.replaceOrAdd(name: "content-encoding", value: "gzip")
        request.body = .bytes(coded)
        return request
    }
}
