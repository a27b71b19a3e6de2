/// What a token endpoint gave (RFC 6749 section 5.1).
struct TokenAnswer: Sendable {
    var accessToken: Secret
    var expiresInMs: Int64?
    /// Another refresh token, to be used from now on in the place of the one that was sent.
    var refreshToken: Secret?
}
