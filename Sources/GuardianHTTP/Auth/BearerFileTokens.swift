public import GuardianCore
import Synchronization

/// A bearer token in a file that is read anew each time, so that whoever rotates it need tell nobody.
///
/// The file holds the token alone, or JSON `{"token", "principal"?}`. The second says both at one instant; a principal in a file of its own
/// may be seen with the token of the one before for as long as it takes to replace both.
public final class BearerFileTokens: TokenProvider, IssuingTokens {
    package let path: String
    /// A file that says whose token it is. Where it is nil the token's own file does, if it is JSON that names a principal; else the token
    /// is nobody's in particular.
    package let principalPath: String?

    private struct Seen {
        var secret = Secret("")
        var epoch: UInt64 = 0
    }

    private let clock: any TimeSource
    private let seen = Mutex(Seen())

    /// Reads nothing yet: a file that is missing shows when a token is wanted. Without a `principalPath` the token's file says whose it is,
    /// where it is JSON.
    public init(path: String, principalPath: String? = nil, clock: any TimeSource = SystemClock()) {
        self.path = path
        self.principalPath = principalPath
        self.clock = clock
    }

    public func token(refresh: Bool) async throws -> Token? { try await issued(replacing: nil).renewing }

    /// What the file says now, whatever was asked for: nobody here can make another token.
    package func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken {
        let fetched = try read()
        let life = TokenLife(fetched, now: clock.now.wall)
        let epoch = seen.withLock { seen in
            if seen.secret != fetched.secret { seen = Seen(secret: fetched.secret, epoch: seen.epoch + 1) }
            return seen.epoch
        }
        let token = Token(fetched.secret.text, principal: fetched.principal)
        return IssuedToken(token, epoch: epoch, expiresAt: life?.expiresAt, renewInMs: life?.renewAfterMs)
    }

    private func read() throws(TokenError) -> FetchedToken {
        // Both files twice: a pair that changed in between is read again.
        for _ in 0..<3 {
            let principal: String? = if let principalPath { try SecretFile.word(principalPath) } else { nil }
            let bytes = try SecretFile.bytes(path)
            var fetched: FetchedToken
            do throws(TokenError) {
                fetched = try TokenDocument.read(bytes, from: path) { $0.filter { !$0.isWhitespace && !$0.isNewline } }
            } catch {
                throw TokenError(.unreadable, error.message)
            }
            // A file is read at any time of the token's life: only a JWT can say when that ends.
            fetched.expiresInMs = nil
            guard let principalPath else { return fetched }
            if let named = fetched.principal, named != principal {
                throw TokenError(.misconfigured, "\(path) and \(principalPath) name different principals")
            }
            fetched.principal = principal
            if try SecretFile.word(principalPath) == principal, try SecretFile.bytes(path) == bytes { return fetched }
        }
        throw TokenError(.unreadable, "\(path) and its principal change while they are read")
    }
}

extension BearerFileTokens: CustomStringConvertible, CustomReflectable {
    public var description: String { "BearerFileTokens(\(path))" }
    public var customMirror: Mirror { Mirror(self, children: ["path": path, "principalPath": principalPath as Any]) }
}
