import Foundation
import GuardianCore
import GuardianHTTP
import Testing

/// Nothing that holds a secret shows it.
@Suite struct SecretTests {
    static let canary = "canary-7f3a"

    /// Every way in which a value becomes text.
    private func texts(_ value: some Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        return ["\(value)", String(describing: value), String(reflecting: value), dumped, "\([value])", "\(Optional(value) as Any)"]
    }

    private func hides(_ value: some Any, at place: SourceLocation = #_sourceLocation) {
        for text in texts(value) { #expect(!text.contains(Self.canary), "\(text)", sourceLocation: place) }
    }

    @Test("descriptions, dumps and mirrors show *** in the place of a token")
    func masked() async throws {
        try await withDesk { desk in
            let canary = Self.canary
            let fetched = FetchedToken(canary, expiresIn: .seconds(60))
            let closure = ClosureTokens { _ in fetched }
            let file = BearerFileTokens(path: try desk.write(canary, to: "token"))
            var auth = AuthConfiguration()
            auth.clientSecret = Secret(canary)
            var oauth = OAuth2Configuration.gateway("https://login.example.com")
            oauth.clientSecret = .value(Secret(canary))
            hides(Secret(canary))
            hides(fetched)
            hides(try await closure.issued())
            hides(closure)
            hides(try await file.issued())
            hides(file)
            hides(StaticToken(canary))
            hides(try await StaticToken(canary).issued())
            hides(auth)
            hides(oauth)
            hides(try OAuth2Tokens(oauth))
            hides(try RefreshTokenFile(path: try desk.write(canary, to: "refresh")).load())
            #if os(macOS) || os(Linux)
                let command = try CommandTokens(["/bin/echo", canary])
                _ = try await command.issued()
                hides(command)
            #endif
            #expect(texts(Secret(canary)).allSatisfy { $0.contains("***") })
            #expect(texts(fetched).allSatisfy { $0.contains("***") })
        }
    }

    @Test(
        "an endpoint that repeats our secrets, or says tokens, is not repeated",
        arguments: [
            #"{"error":"invalid_grant","error_description":"the token canary-7f3a is over"}"#, #"{"error":"canary-7f3a"}"#,
            #"{"error":"invalid_client","error_description":"secret=canary-7f3a"}"#, #"{"access_token":"canary-7f3a","#,
            #"{"access_token":"canary-7f3a x"}"#, #"{"access_token":"t","token_type":"canary-7f3a"}"#, "canary-7f3a",
        ])
    func repeated(body: String) async throws {
        try await withDesk { desk in
            for status in [200, 400, 401, 503] {
                try await WireServer.run(reply: { _ in .answer(status, body) }) { server in
                    var configuration = OAuth2Configuration.app(server.url, try desk.write(Self.canary, to: "refresh"))
                    configuration.clientSecret = .value(Secret(Self.canary))
                    configuration.authentication = .body
                    let error = try #require(try await failure(of: configuration))
                    hides(error)
                    #expect(server.requests.first?.body.contains("client_secret=canary-7f3a") == true)
                    #expect(server.requests.first?.target == "/oauth/token")
                }
            }
        }
    }
}
