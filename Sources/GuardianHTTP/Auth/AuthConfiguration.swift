package import GuardianCore

/// Which credentials requests carry, as settings say it (spec section 12, `upstream.auth`). Empty texts are what was not set.
package struct AuthConfiguration: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case none
        case bearerFile = "bearer_file"
        case command
        case oauth2
    }

    package var kind = Kind.none
    /// `upstream.auth.file`
    package var file = ""
    package var principalFile = ""
    package var command = ""
    package var tokenURL = ""
    package var clientID = ""
    /// From the environment only.
    package var clientSecret: Secret?
    package var clientSecretFile = ""
    package var refreshTokenFile = ""
    package var clientAuthentication = OAuth2Configuration.ClientAuthentication.basic
    package var scope = ""
    package var audience = ""
    /// PEM file of authorities that the token endpoint is trusted by, instead of the system's.
    package var authoritiesFile = ""
    /// For the command and the token endpoint.
    package var timeoutMs: Int64 = 30_000

    package init() {}

    /// What is set of `upstream.auth`, by its key.
    private var given: [(key: String, isSet: Bool)] {
        [
            ("file", !file.isEmpty), ("principal_file", !principalFile.isEmpty), ("command", !command.isEmpty),
            ("token_url", !tokenURL.isEmpty), ("client_id", !clientID.isEmpty), ("client_secret", clientSecret != nil),
            ("client_secret_file", !clientSecretFile.isEmpty), ("refresh_token_file", !refreshTokenFile.isEmpty), ("scope", !scope.isEmpty),
            ("audience", !audience.isEmpty), ("ca_file", !authoritiesFile.isEmpty),
        ]
    }

    /// The provider that this asks for. Reads no file and asks nobody; throws for what is missing, or belongs to another kind.
    package func provider(clock: any TimeSource = SystemClock()) throws(HTTPConfigurationError) -> any TokenProvider {
        switch kind {
        case .none:
            try check(needs: [], takes: [])
            return NoToken()
        case .bearerFile:
            try check(needs: ["file"], takes: ["principal_file"])
            return BearerFileTokens(path: file, principalPath: Self.set(principalFile), clock: clock)
        case .command:
            try check(needs: ["command"], takes: [])
            #if os(macOS) || os(Linux)
                return try CommandTokens(line: command, timeoutMs: timeoutMs, clock: clock)
            #else
                throw Self.refuse("kind", "command needs an operating system that runs programs")
            #endif
        case .oauth2:
            try check(
                needs: ["token_url", "client_id"],
                takes: ["client_secret", "client_secret_file", "refresh_token_file", "scope", "audience", "principal_file", "ca_file"])
            return try OAuth2Tokens(try oauth2(), clock: clock)
        }
    }

    private func oauth2() throws(HTTPConfigurationError) -> OAuth2Configuration {
        if !authoritiesFile.isEmpty { _ = try UpstreamTrust.authorities(authoritiesFile, key: "upstream.auth.ca_file") }
        guard clientSecret == nil || clientSecretFile.isEmpty else {
            throw Self.refuse("client_secret_file", "and GUARDIAN_UPSTREAM_AUTH_CLIENT_SECRET are both set; take one away")
        }
        var secret = OAuth2Configuration.ClientSecret.none
        if let clientSecret { secret = .value(clientSecret) }
        if !clientSecretFile.isEmpty { secret = .file(path: clientSecretFile) }
        return OAuth2Configuration(
            tokenURL: tokenURL, clientID: clientID, clientSecret: secret,
            grant: refreshTokenFile.isEmpty ? .clientCredentials : .refreshToken(RefreshTokenFile(path: refreshTokenFile)),
            authentication: clientAuthentication, scope: Self.set(scope), audience: Self.set(audience),
            principalFile: Self.set(principalFile), timeoutMs: timeoutMs, trustRootsFile: Self.set(authoritiesFile))
    }

    private func check(needs: [String], takes: [String]) throws(HTTPConfigurationError) {
        for (key, isSet) in given {
            if needs.contains(key), !isSet { throw Self.refuse(key, "is needed for upstream.auth.kind \(kind.rawValue)") }
            // `none` beside the rest is how credentials are switched off for a while.
            if kind != .none, isSet, !needs.contains(key), !takes.contains(key) {
                throw Self.refuse(key, "has no meaning for upstream.auth.kind \(kind.rawValue); leave it out")
            }
        }
    }

    private static func set(_ text: String) -> String? { text.isEmpty ? nil : text }

    private static func refuse(_ key: String, _ message: String) -> HTTPConfigurationError {
        HTTPConfigurationError(key: "upstream.auth." + key, message: message)
    }
}
