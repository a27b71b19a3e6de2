import AsyncHTTPClient
package import GuardianCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Posts envelopes, and reads what Sentry says to them.
package struct SentryClient: Sendable {
    /// What came back.
    package struct Answer: Sendable {
        package enum Meaning: Sendable, Equatable {
            case taken
            /// Never will be: it is dropped.
            case unwanted
            /// Too many at present.
            case limited
            /// It may be another time; slowly, when the key or the project are the trouble, which a person has to see to.
            case later(slowly: Bool)
        }

        /// nil when there was no answer.
        package var status: Int?
        package var limits: [String] = []
        package var retryAfter: String?
        /// In words, for people; never with the key.
        package var text: String

        package var meaning: Meaning {
            switch status {
            case .some(200..<300): .taken
            case 429: .limited
            case 400, 413, 415, 422: .unwanted
            case nil, 408, .some(500...): .later(slowly: false)
            default: .later(slowly: true)
            }
        }

        /// `Retry-After` in milliseconds: seconds only, which is what Sentry sends.
        package func retryAfterMs(now: Timestamp) -> Int64? {
            guard let seconds = retryAfter.flatMap({ Double($0) }), seconds >= 0, seconds.isFinite else { return nil }
            return Int64(min(seconds, 86_400) * 1000)
        }
    }

    private let configuration: SentryConfiguration
    private let client: HTTPClient

    package init(_ configuration: SentryConfiguration) {
        self.configuration = configuration
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(min(5000, configuration.timeoutMs))))
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        settings.tlsConfiguration = tls
        settings.connectionPool.retryConnectionEstablishment = false
        // Reports make no spans of their own.
        settings.tracing.tracer = nil
        client = HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: settings)
    }

    package func post(_ envelope: [UInt8]) async -> Answer {
        var request = HTTPClientRequest(url: configuration.dsn.envelopeURL)
        request.method = .POST
        request.headers = [
            "content-type": SentryEnvelope.contentType, "user-agent": SentryEnvelope.client,
            "x-sentry-auth": configuration.dsn.authentication(client: SentryEnvelope.client),
        ]
        request.body = .bytes(ByteBuffer(bytes: envelope))
        do {
            let response = try await client.execute(request, timeout: .milliseconds(configuration.timeoutMs))
            let body = try await response.body.collect(upTo: 64 << 10)
            let text = "\(response.status.code) \(Redaction.text(String(buffer: body)).prefix(200))"
            return Answer(
                status: Int(response.status.code), limits: response.headers["x-sentry-rate-limits"],
                retryAfter: response.headers.first(name: "retry-after"), text: text)
        } catch {
            return Answer(text: "no answer from \(configuration.dsn.destination): \(String(describing: type(of: error)))")
        }
    }

    package func shutdown() async { do { try await client.shutdown() } catch {} }
}
