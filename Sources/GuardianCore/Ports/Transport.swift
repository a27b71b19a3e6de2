/// Carries one attempt to the upstream and says what came back. Never throws: whatever happens is an ``Outcome``.
public protocol Transport: Sendable {
    /// Sends `claim`'s operation; gives up after `timeoutMs`. `token` is the credential in force, if there is one.
    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome
}

/// Where tokens come from.
public protocol TokenProvider: Sendable {
    /// The credential to send, or nil when the upstream wants none. `refresh` asks for another than the last one.
    func token(refresh: Bool) async throws -> String?
}

/// No credentials.
public struct NoToken: TokenProvider {
    public init() {}
    public func token(refresh: Bool) async throws -> String? { nil }
}
