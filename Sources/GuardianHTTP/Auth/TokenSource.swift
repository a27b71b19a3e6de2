import GuardianCore

/// What a kind of provider has to do itself; ``TokenKeeper`` does the rest.
protocol TokenSource: Sendable {
    /// One attempt to get a token. `refused` says that the upstream did not take the last one.
    func fetch(refused: Bool) async throws(TokenError) -> FetchedToken
    /// Another number when what tokens are got with (files of secrets) has changed, so that it is worth asking at once.
    func stamp() -> Int
    /// How long to wait after failures in a row; nil asks whenever somebody wants a token.
    var patience: RetryPolicy? { get }
}

extension TokenSource {
    func stamp() -> Int { 0 }
}
