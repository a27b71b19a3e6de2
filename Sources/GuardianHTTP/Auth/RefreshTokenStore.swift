/// Where the newest refresh token is kept: a file (``RefreshTokenFile``), or an app's keychain.
public protocol RefreshTokenStore: Sendable {
    /// The newest one. Throws ``TokenError/Code/needsLogin`` when there is none yet.
    func load() throws(TokenError) -> Secret
    /// Called before a request that may bring another one: throws when that could not be kept.
    func prepare() throws(TokenError)
    /// Keeps `secret` in the old one's place, for good: after a restart it is what ``load()`` returns.
    func save(_ secret: Secret) throws(TokenError)
    /// Keeps others that use the same store away until ``unlock()``, so that no refresh token is used twice. false when they have it now.
    func tryLock() throws(TokenError) -> Bool
    /// Called once after each ``tryLock()`` that returned true, also when the request between them has failed.
    func unlock()
}

extension RefreshTokenStore {
    /// Nothing: of a store that can always keep what it gets.
    public func prepare() throws(TokenError) {}
    /// For a store that nobody else uses.
    public func tryLock() throws(TokenError) -> Bool { true }
    /// Nothing, as ``tryLock()`` has kept nobody away.
    public func unlock() {}
}
