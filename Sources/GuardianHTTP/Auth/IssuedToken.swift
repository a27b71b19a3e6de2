package import GuardianCore

/// A token in force, and what is known of its life. Shown as `***`.
package struct IssuedToken: Sendable, Equatable {
    package var token: Token
    /// Another one for each token that a provider gets: who asks for a replacement names the one that was refused.
    package var epoch: UInt64
    /// When it ends, on this machine's clock; nil when nobody said.
    package var expiresAt: Timestamp?
    /// Milliseconds until it is time to ask for the next one; nil when there is no telling.
    package var renewInMs: Int64?

    package init(_ token: Token, epoch: UInt64, expiresAt: Timestamp? = nil, renewInMs: Int64? = nil) {
        self.token = token
        self.epoch = epoch
        self.expiresAt = expiresAt
        self.renewInMs = renewInMs
    }

    /// The token as delivery takes it: it asks for the next one in time.
    var renewing: Token { Token(token.value, principal: token.principal, renewInMs: renewInMs) }
}

extension IssuedToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        "token \(epoch) (\(Secret.mask))" + (expiresAt.map { ", expires \($0)" } ?? "")
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "token": Secret.mask, "epoch": epoch, "expiresAt": expiresAt?.rfc3339 ?? "unknown", "renewInMs": renewInMs as Any,
            ])
    }
}

/// A provider that knows more of its tokens than their text.
package protocol IssuingTokens: TokenProvider {
    /// The token in force. With `epoch`, another than that one: a token that has been replaced already is not replaced again.
    func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken
}

extension IssuingTokens {
    /// The token in force.
    package func issued() async throws(TokenError) -> IssuedToken { try await issued(replacing: nil) }
}
