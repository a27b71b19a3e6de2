import GuardianCore

/// A token as it came from where tokens come from.
public struct FetchedToken: Sendable, Equatable {
    /// Bytes of a token at most: more fits into no header.
    public static let longest = 16 << 10

    /// What follows `Bearer` in the header: visible ASCII characters, ``longest`` at most, or it is refused as no token.
    public var secret: Secret
    /// Whose it is; nil is nobody's in particular.
    public var principal: String?
    /// How long it may be used from now, when that was said. Otherwise a JWT's `exp` counts.
    public var expiresInMs: Int64?
    /// The ``TokenSource/stamp()`` of what it was got with.
    var stamp = 0

    /// `expiresIn` counts from now. Where it is nil, or not above zero, a JWT's `exp` says when the token ends, else nobody does.
    public init(_ token: String, principal: String? = nil, expiresIn: Duration? = nil) {
        secret = Secret(token)
        self.principal = principal
        expiresInMs = expiresIn.map { Int64(min($0 / .milliseconds(1), 1e15)) }
    }

    /// What can't be sent in a header is no token: it must be 1 to 16 384 visible ASCII characters.
    func checked(from source: String) throws(TokenError) -> FetchedToken {
        guard !secret.text.isEmpty else { throw TokenError(.badAnswer, "\(source) gave no token") }
        guard secret.text.utf8.count <= Self.longest else { throw TokenError(.tooLarge, "\(source) gave more than \(Self.longest) bytes") }
        guard secret.text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw TokenError(.badAnswer, "\(source) gave what is no token: it must be visible ASCII characters without space")
        }
        return self
    }
}

extension FetchedToken: CustomStringConvertible, CustomReflectable {
    public var description: String { "FetchedToken(\(Secret.mask))" }
    public var customMirror: Mirror { Mirror(self, children: ["secret": secret, "expiresInMs": expiresInMs as Any]) }
}
