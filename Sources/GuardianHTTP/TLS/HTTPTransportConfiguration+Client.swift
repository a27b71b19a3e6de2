import AsyncHTTPClient
import NIOCore
import NIOPosix

extension HTTPTransportConfiguration {
    /// A client that speaks to the upstream as delivery does: TLS 1.2 at least, pinned keys, no redirects of its own, no hidden retries.
    func makeClient() throws(HTTPConfigurationError) -> HTTPClient {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(min(max(connectTimeoutMs, 1), 86_400_000))))
        settings.httpVersion = .automatic
        // Spans are the engine's, and `traceparent` is ours (see `traceHeaders`).
        settings.tracing.tracer = nil
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, poolSize)
        settings.connectionPool.retryConnectionEstablishment = false
        try UpstreamTrust(self).apply(to: &settings)
        settings.gatherFlushes()
        // One network stack everywhere, the one that is tested: on Apple's platforms the default is Network.framework, whose errors tell
        // another story, and whose connections have no certificate to compare with pins.
        return HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: settings)
    }
}
