import GuardianCore
import GuardianHTTP
import Testing

@Suite struct AuthConfigurationTests {
    private func configuration(_ change: (inout AuthConfiguration) -> Void) -> AuthConfiguration {
        var configuration = AuthConfiguration()
        change(&configuration)
        return configuration
    }

    typealias Change = @Sendable (inout AuthConfiguration) -> Void

    static let cases: [(String, Change)] = [
        ("file", { $0.kind = .bearerFile }),
        ("command", { $0.kind = .command }),
        ("command", { ($0.kind, $0.command) = (.command, "'a") }),
        ("token_url", { $0.kind = .oauth2 }),
        ("client_id", { ($0.kind, $0.tokenURL) = (.oauth2, "https://a/t") }),
        ("token_url", { ($0.kind, $0.tokenURL, $0.clientID) = (.oauth2, "http://a/t", "c") }),
        ("client_secret_file", { ($0.kind, $0.tokenURL, $0.clientID) = (.oauth2, "https://a/t", "c") }),
        (
            "client_secret_file",
            { ($0.kind, $0.tokenURL, $0.clientID, $0.clientSecret, $0.clientSecretFile) = (.oauth2, "https://a/t", "c", Secret("s"), "f") }
        ),
        ("scope", { ($0.kind, $0.file, $0.scope) = (.bearerFile, "t", "x") }),
        ("principal_file", { ($0.kind, $0.command, $0.principalFile) = (.command, "a", "p") }),
    ]

    @Test("each kind has its provider")
    func kinds() throws {
        #expect(try AuthConfiguration().provider() is NoToken)
        let file = configuration { ($0.kind, $0.file) = (.bearerFile, "t") }
        #expect(try file.provider() is BearerFileTokens)
        let oauth = configuration {
            ($0.kind, $0.tokenURL, $0.clientID, $0.clientSecretFile) = (.oauth2, "https://login.example.com/token", "c", "s")
        }
        #expect(try oauth.provider() is OAuth2Tokens)
        #if os(macOS) || os(Linux)
            #expect(try configuration { ($0.kind, $0.command) = (.command, "token-helper --json") }.provider() is CommandTokens)
        #endif
    }

    @Test(
        "what is missing, too much or no use is named by its key",
        arguments: cases)
    func refuses(key: String, change: @escaping Change) {
        do throws(HTTPConfigurationError) {
            _ = try configuration(change).provider()
            Issue.record("\(key) was not missed")
        } catch {
            #expect(error.key == "upstream.auth." + key, "\(error)")
        }
    }
}
