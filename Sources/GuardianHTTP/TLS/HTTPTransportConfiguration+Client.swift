import AsyncHTTPClient
import NIOCore

extension HTTPTransportConfiguration {
    /// A client that speaks to the upstream as delivery does: TLS 1.2 at least, pinned keys, no redirects of its own, no hidden retries.
    func makeClient() throws(HTTPConfigurationError) -> HTTPClient {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(connectTimeoutMs)))
        settings.httpVersion = .automatic
        // Spans are the engine's, and `traceparent` is ours (see `traceHeaders`).
        settings.tracing.tracer = nil
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = poolSize
        settings.connectionPool.retryConnectionEstablishment = false
        try UpstreamTrust(self).apply(to: &settings)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }
}
