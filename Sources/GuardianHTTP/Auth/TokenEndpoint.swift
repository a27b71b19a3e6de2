import AsyncHTTPClient
import GuardianCore
import GuardianPrivacy
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One request to a token endpoint (RFC 6749 section 3.2): over its own connection, never redirected, bounded in time and size.
struct TokenEndpoint: Sendable {
    /// Bytes of an answer at most.
    static let answerLimit = 64 << 10

    let configuration: OAuth2Configuration
    private let timer = AttemptTimer()

    init(_ configuration: OAuth2Configuration) { self.configuration = configuration }

    /// `refreshToken` asks with it; without one the client asks for itself.
    func ask(secret: Secret?, refreshToken: Secret?) async throws(TokenError) -> TokenAnswer {
        let request = request(secret: secret, refreshToken: refreshToken)
        let mask = SecretMask(known: [secret?.text, refreshToken?.text].compactMap { $0 })
        let (result, isLate): (Result<TokenAnswer, TokenError>, Bool) = await timer.bound(milliseconds: configuration.timeoutMs) {
            do { return try await exchange(request, mask) } catch {
                return .failure(Self.error(of: error, mask))
            }
        }
        if isLate, case .failure = result { throw TokenError(.timeout, "the token endpoint gave no answer in time") }
        return try result.get()
    }

    private func exchange(_ request: HTTPClientRequest, _ mask: SecretMask) async throws -> Result<TokenAnswer, TokenError> {
        // A client for each request: they are minutes apart, and nothing is left open for anybody to close.
        try await HTTPClient.withHTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: settings) { client in
            let response = try await client.execute(request, deadline: .distantFuture)
            let status = Int(response.status.code)
            let retryAfter = response.headers.first(name: "retry-after").flatMap {
                RetryAfter.milliseconds($0, now: SystemClock().now.wall)
            }
            let body: ByteBuffer
            do { body = try await response.body.collect(upTo: Self.answerLimit) } catch is NIOTooManyBytesError {
                return .failure(TokenError(.tooLarge, "the token endpoint answered more than \(Self.answerLimit) bytes"))
            }
            let reader = TokenAnswerReader(mask: mask)
            do throws(TokenError) {
                return .success(try reader.read(status: status, body: String(buffer: body), retryAfterMs: retryAfter))
            } catch {
                return .failure(error)
            }
        }
    }

    private var settings: HTTPClient.Configuration {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(min(configuration.timeoutMs, 10_000))))
        settings.connectionPool.retryConnectionEstablishment = false
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let file = configuration.trustRootsFile { tls.trustRoots = .file(file) }
        settings.tlsConfiguration = tls
        return settings
    }

    private func request(secret: Secret?, refreshToken: Secret?) -> HTTPClientRequest {
        var fields: [(String, String)] = [("grant_type", refreshToken == nil ? "client_credentials" : "refresh_token")]
        if let refreshToken { fields.append(("refresh_token", refreshToken.text)) }
        if let scope = configuration.scope { fields.append(("scope", scope)) }
        if let audience = configuration.audience { fields.append(("audience", audience)) }
        var request = HTTPClientRequest(url: configuration.tokenURL)
        request.method = .POST
        if let secret, configuration.authentication == .basic {
            request.setBasicAuth(username: FormEncoding.encoded(configuration.clientID), password: FormEncoding.encoded(secret.text))
        } else {
            fields.append(("client_id", configuration.clientID))
            if let secret { fields.append(("client_secret", secret.text)) }
        }
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "GuardianSync")
        request.body = .bytes(ByteBuffer(string: FormEncoding.body(fields)))
        return request
    }

    private static func error(of error: any Error, _ mask: SecretMask) -> TokenError {
        switch NetworkErrors.outcome(of: error) {
        case .interrupted: TokenError(.interrupted, "the request to the token endpoint was cancelled")
        case .unanswered(.timeout, let detail): TokenError(.timeout, "the token endpoint: \(mask.masked(detail))")
        case .unanswered(let failure, let detail):
            TokenError(.unavailable, "the token endpoint: \(failure.rawValue): \(mask.masked(detail))")
        default: TokenError(.unavailable, "the token endpoint did not answer")
        }
    }
}
