/// How the upstream's token endpoint behaves; changed with `PUT /_tokens`.
public struct TokenSettings: Sendable, Equatable {
    /// What `POST /oauth/token` says.
    public enum Answer: String, Sendable, CaseIterable {
        /// What was asked for, if it may be had.
        case token
        /// 400 `invalid_grant`, whatever is asked for; but a client that is unknown, or has another secret, gets 401 `invalid_client`
        /// first, and what is no token request 400 `invalid_request`.
        case invalidGrant = "invalid_grant"
        /// 503 with `Retry-After: 1`.
        case unavailable
        /// 500 with a page.
        case error
        /// 200 with what is no JSON.
        case garbage
        /// The connection is closed.
        case drop
    }

    /// How long an access token works; 5 min by default.
    public var expiresIn = Duration.seconds(300)
    /// Whether a refresh token works once only, and brings the next one.
    public var rotates = true
    /// ``Answer/token`` by default.
    public var answer = Answer.token
    /// Before each answer.
    public var delay = Duration.zero

    /// Tokens for 5 min, given at once; refresh tokens rotate.
    public init() {}
}
