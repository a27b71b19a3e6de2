public import GuardianCore
import HTTPTypes
import Hummingbird
import NIOCore

/// What `/metrics` and `/metrics.json` answer with. Made without a call of the store, so that a scrape is fast whatever the queue does.
public struct MetricsPages: Sendable {
    /// The text for a scraper and its `Content-Type`, by the request's `Accept`.
    public var exposition: @Sendable (_ accept: String?) -> (contentType: String, text: String)
    /// Metrics, summary and alerts.
    public var json: @Sendable () -> JSONValue

    /// Both are called for each request, from any thread.
    public init(
        exposition: @escaping @Sendable (_ accept: String?) -> (contentType: String, text: String),
        json: @escaping @Sendable () -> JSONValue
    ) {
        self.exposition = exposition
        self.json = json
    }

    func scrape(_ request: Request) -> Response {
        let (type, text) = exposition(request.headers[.accept])
        var response = Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: text)))
        response.headers[.contentType] = type
        response.headers[.cacheControl] = "no-store"
        return response
    }

    func asJSON() -> Response {
        var response = API.json(.ok, json())
        response.headers[.cacheControl] = "no-store"
        return response
    }
}

extension APIServer {
    /// The pages, or a problem that says why there are none.
    func pages() throws -> MetricsPages {
        guard let pages = configuration.metrics else {
            throw Problem(.notFound, "not found", "metrics are switched off here; set metrics.enabled to true")
        }
        return pages
    }
}
