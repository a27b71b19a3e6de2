/// Carries one attempt to the upstream and says what came back. Never throws: whatever happens is an ``Outcome``.
public protocol Transport: Sendable {
    /// Looks whether `claim`'s operation has had its effect already, without changing anything (spec section 4, doubt).
    func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look
    /// Sends `claim`'s operation; gives up after `timeoutMs`. `token` is the credential in force, if there is one.
    func send(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Outcome
}

extension Transport {
    /// A transport that can't look can't tell.
    public func look(_ claim: Claim, token: String?, timeoutMs: Int64) async -> Look { .unclear("this transport can't look") }
}

/// What a look at the upstream found.
public enum Look: Sendable, Equatable {
    /// The effect is there.
    case applied
    /// It is not, so that sending again does it once.
    case notApplied
    /// It can't be told: a person has to.
    case unclear(String)
    /// The upstream did not answer, or not now.
    case failed(Outcome)
}

/// A credential, and whose it is.
public struct Token: Sendable, Equatable, ExpressibleByStringInterpolation {
    public var value: String
    /// Whose operations it may carry beside those of nobody; nil means those of nobody only.
    public var principal: String?

    public init(_ value: String, principal: String? = nil) {
        self.value = value
        self.principal = principal
    }

    public init(stringLiteral value: String) { self.init(value) }
}

/// Where tokens come from.
public protocol TokenProvider: Sendable {
    /// The credential to send, or nil when the upstream wants none. `refresh` asks for another than the last one.
    func token(refresh: Bool) async throws -> Token?
}

/// No credentials.
public struct NoToken: TokenProvider {
    public init() {}
    public func token(refresh: Bool) async throws -> Token? { nil }
}
