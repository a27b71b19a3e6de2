public import GuardianCore

/// One token that never changes; a refused one pauses delivery until there is another provider.
public struct StaticToken: TokenProvider, IssuingTokens {
    private let secret: Secret
    private let principal: String?

    /// `principal` says whose operations it may carry beside those of nobody; nil, the default, carries those of nobody only.
    public init(_ token: String, principal: String? = nil) {
        secret = Secret(token)
        self.principal = principal
    }

    public func token(refresh: Bool) async throws -> Token? { Token(secret.text, principal: principal) }

    package func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken {
        IssuedToken(Token(secret.text, principal: principal), epoch: 1, expiresAt: JWTExpiry(secret.text)?.expiresAt)
    }
}

extension StaticToken: CustomStringConvertible, CustomReflectable {
    public var description: String { "StaticToken(\(Secret.mask))" }
    public var customMirror: Mirror { Mirror(self, children: ["secret": secret]) }
}
