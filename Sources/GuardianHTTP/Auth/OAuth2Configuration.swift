/// Where and how tokens are asked for with OAuth 2.0 (RFC 6749).
public struct OAuth2Configuration: Sendable {
    /// By what right a token is asked for.
    public enum Grant: Sendable {
        /// Section 4.4: the client acts for itself.
        case clientCredentials
        /// Section 6: the client acts for whoever signed in; the newest refresh token is in this store.
        case refreshToken(any RefreshTokenStore)
    }

    /// How the client says who it is (section 2.3.1).
    public enum ClientAuthentication: String, Sendable, CaseIterable {
        /// In the header `Authorization`, name and secret form-encoded first. A client without a secret is named in the form all the same.
        case basic
        /// In the form, for servers that do not know Basic.
        case body
    }

    /// Where the client's secret is.
    public enum ClientSecret: Sendable {
        /// A public client has none.
        case none
        /// The same for as long as the process lives.
        case value(Secret)
        /// Read anew for each request, so that it may be rotated.
        case file(path: String)
    }

    /// https, or http on loopback. May have a query, never a fragment (section 3.2).
    public var tokenURL: String
    /// As the server knows the client; must not be empty. It is shown in descriptions.
    public var clientID: String
    /// None by default, which client credentials can't do with.
    public var clientSecret: ClientSecret
    /// Client credentials by default.
    public var grant: Grant
    /// Basic by default; has no meaning without a secret.
    public var authentication: ClientAuthentication
    /// Scopes parted by spaces.
    public var scope: String?
    /// Sent as `audience`, which is not of RFC 6749 but asked for by some servers; nil, the default, sends none.
    public var audience: String?
    /// Says whose tokens these are; nil is nobody's in particular.
    public var principalFile: String?
    /// For one request, to the last byte of its answer; 30 s by default.
    public var timeoutMs: Int64
    /// PEM file of certificate authorities to trust instead of the system's.
    public var trustRootsFile: String?

    /// Checks nothing: ``OAuth2Tokens/init(_:clock:)`` does.
    public init(
        tokenURL: String, clientID: String, clientSecret: ClientSecret = .none, grant: Grant = .clientCredentials,
        authentication: ClientAuthentication = .basic, scope: String? = nil, audience: String? = nil, principalFile: String? = nil,
        timeoutMs: Int64 = 30_000, trustRootsFile: String? = nil
    ) {
        self.tokenURL = tokenURL
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.grant = grant
        self.authentication = authentication
        self.scope = scope
        self.audience = audience
        self.principalFile = principalFile
        self.timeoutMs = timeoutMs
        self.trustRootsFile = trustRootsFile
    }

    /// Throws for what can be found wrong before anything is asked.
    func check() throws(HTTPConfigurationError) {
        if let wrong = Self.defect(tokenURL: tokenURL) { throw HTTPConfigurationError(key: "upstream.auth.token_url", message: wrong) }
        guard !clientID.isEmpty else { throw HTTPConfigurationError(key: "upstream.auth.client_id", message: "is needed") }
        if case .clientCredentials = grant, case .none = clientSecret {
            throw HTTPConfigurationError(
                key: "upstream.auth.client_secret_file",
                message: "is needed for client credentials; a public client needs upstream.auth.refresh_token_file instead")
        }
    }

    /// What is wrong with the URL of a token endpoint, without repeating it; nil when nothing is.
    package static func defect(tokenURL: String) -> String? {
        guard !tokenURL.contains("#") else { return "must not have a fragment" }
        let path = String(tokenURL.prefix { $0 != "?" })
        guard !path.prefix(while: { $0 != "@" }).contains("://") || !path.dropFirst(8).prefix(while: { $0 != "/" }).contains("@") else {
            return "must not hold credentials; use upstream.auth.client_id and upstream.auth.client_secret_file"
        }
        do throws(HTTPConfigurationError) { _ = try Origin(path, allowInsecure: false) } catch {
            do throws(HTTPConfigurationError) { _ = try Origin(path, allowInsecure: true) } catch { return error.message }
            return "is plain http off this machine; credentials are sent over https only"
        }
        return nil
    }
}
