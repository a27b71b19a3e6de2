import AsyncHTTPClient
import NIOCore
import NIOSSL

extension HTTPTransportConfiguration {
    /// A client that speaks to the upstream as delivery does: TLS 1.2 at least, no redirects of its own, no hidden retries.
    func makeClient() -> HTTPClient {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(connectTimeoutMs)))
        settings.httpVersion = .automatic
        // Spans are the engine's, and `traceparent` is ours (see `traceHeaders`).
        settings.tracing.tracer = nil
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = poolSize
        settings.connectionPool.retryConnectionEstablishment = false
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let file = trustRootsFile { tls.trustRoots = .file(file) }
        settings.tlsConfiguration = tls
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }
}
