import GuardianCore

/// How long a token may be used, and when to ask for the next one.
struct TokenLife: Sendable, Equatable {
    /// 60 s, or a fifth of the lifetime when that is shorter.
    static let longestLeewayMs: Int64 = 60_000

    var expiresAt: Timestamp
    /// Milliseconds from when it was got.
    var remainingMs: Int64
    /// Milliseconds from when it was got; nil when it was over then, by this machine's clock. That is more likely a clock that is wrong
    /// than a dead token: it is used until the upstream refuses it, rather than replaced without end.
    var renewAfterMs: Int64?

    /// `expires_in` counts before a JWT's `exp`, which needs both clocks to be right. nil when neither is there.
    init?(_ token: FetchedToken, now: Timestamp) {
        let lifetime: Int64
        if let expiresIn = token.expiresInMs, expiresIn > 0 {
            (lifetime, remainingMs) = (expiresIn, expiresIn)
            expiresAt = now.adding(milliseconds: expiresIn)
        } else if let jwt = JWTExpiry(token.secret.text) {
            expiresAt = jwt.expiresAt
            remainingMs = expiresAt.milliseconds - now.milliseconds
            lifetime = expiresAt.milliseconds - min(jwt.issuedAt ?? now, now).milliseconds
        } else {
            return nil
        }
        // One that was got late in its life (an issuer may give the same one again) is asked for again at half of what is left.
        renewAfterMs = remainingMs > 0 ? max(remainingMs - Self.leewayMs(lifetime: lifetime), remainingMs / 2) : nil
    }

    static func leewayMs(lifetime: Int64) -> Int64 { min(longestLeewayMs, max(lifetime, 0) / 5) }
}
