public import GuardianCore
import Synchronization

/// Tokens from an OAuth 2.0 token endpoint, with client credentials or a refresh token (RFC 6749 sections 4.4 and 6).
///
/// A refresh token that the server replaces is kept before the new access token is used. Between the server's answer and that write lies
/// the only instant at which a crash costs the login, when the server rotates refresh tokens.
///
/// Another login shows in the refresh token, the client's secret or the file of the principal: they are looked at whenever somebody wants a
/// token, so that there is nothing to forget when the engine hears `tokenChanged()`.
public final class OAuth2Tokens: TokenProvider, IssuingTokens {
    private let keeper: TokenKeeper
    private let clientID: String

    /// Throws when the configuration can't work; asks nobody.
    public init(_ configuration: OAuth2Configuration, clock: any TimeSource = SystemClock()) throws(HTTPConfigurationError) {
        try configuration.check()
        clientID = configuration.clientID
        keeper = TokenKeeper(Source(configuration), clock: clock)
    }

    /// How many callers wait for one request.
    var followers: Int { keeper.followers }

    public func token(refresh: Bool) async throws -> Token? { try await keeper.token(refresh: refresh) }

    package func issued(replacing epoch: UInt64?) async throws(TokenError) -> IssuedToken { try await keeper.issued(replacing: epoch) }
}

extension OAuth2Tokens: CustomStringConvertible, CustomReflectable {
    public var description: String { "OAuth2Tokens(\(clientID))" }
    public var customMirror: Mirror { Mirror(self, children: ["clientID": clientID]) }
}

extension OAuth2Tokens {
    private final class Source: TokenSource {
        /// How often a store that others have is tried again, and for how long.
        private static let lockTry = Duration.milliseconds(50)
        private static let lockTries = 600

        private let configuration: OAuth2Configuration
        private let endpoint: TokenEndpoint
        /// A refresh token that could not be saved, and the one that the store still holds.
        private let unsaved = Mutex<(stored: Secret, newest: Secret)?>(nil)

        init(_ configuration: OAuth2Configuration) {
            self.configuration = configuration
            endpoint = TokenEndpoint(configuration)
        }

        var patience: RetryPolicy? { RetryPolicy(baseMs: 1000, maxMs: 60_000) }

        func stamp() -> Int {
            let refresh: Secret?
            do throws(TokenError) { refresh = try storedRefreshToken() } catch { refresh = nil }
            let secret: Secret?
            do throws(TokenError) { secret = try clientSecret() } catch { secret = nil }
            return Self.stamp(secret, refresh, configuration.principalFile.map(SecretFile.stamp))
        }

        func fetch(refused: Bool) async throws(TokenError) -> FetchedToken {
            guard case .refreshToken(let store) = configuration.grant else { return try await fetch(nil) }
            try await lock(store)
            defer { store.unlock() }
            return try await fetch(store)
        }

        private func fetch(_ store: (any RefreshTokenStore)?) async throws(TokenError) -> FetchedToken {
            let secret = try clientSecret()
            let principalStamp = configuration.principalFile.map(SecretFile.stamp)
            let principal: String? = if let file = configuration.principalFile { try SecretFile.word(file) } else { nil }
            let stored = try store?.load()
            try store?.prepare()
            let newest = stored.map { stored in unsaved.withLock { $0?.stored == stored ? $0?.newest ?? stored : stored } }
            let answer = try await endpoint.ask(secret: secret, refreshToken: newest)
            var kept = stored
            if let store, let stored, let next = answer.refreshToken ?? newest, next != stored {
                do throws(TokenError) {
                    try store.save(next)
                    unsaved.withLock { $0 = nil }
                    kept = next
                } catch {
                    // The token is good, and the login goes on as long as this process does: the next fetch tries to save it again.
                    unsaved.withLock { $0 = (stored, next) }
                }
            }
            var fetched = FetchedToken(answer.accessToken.text, principal: principal)
            fetched.expiresInMs = answer.expiresInMs
            fetched.stamp = Self.stamp(secret, kept, principalStamp)
            return fetched
        }

        private static func stamp(_ secret: Secret?, _ refresh: Secret?, _ principal: Int?) -> Int {
            var hasher = Hasher()
            hasher.combine(secret)
            hasher.combine(refresh)
            hasher.combine(principal)
            return hasher.finalize()
        }

        private func storedRefreshToken() throws(TokenError) -> Secret? {
            guard case .refreshToken(let store) = configuration.grant else { return nil }
            return try store.load()
        }

        private func clientSecret() throws(TokenError) -> Secret? {
            switch configuration.clientSecret {
            case .none: nil
            case .value(let secret): secret
            case .file(let path): Secret(try SecretFile.word(path))
            }
        }

        private func lock(_ store: any RefreshTokenStore) async throws(TokenError) {
            for _ in 0..<Self.lockTries {
                if try store.tryLock() { return }
                do { try await Task.sleep(for: Self.lockTry) } catch { throw TokenError(.interrupted, "the caller gave up") }
            }
            throw TokenError(.unavailable, "another process holds the refresh token")
        }
    }
}
