import GuardianBackend
import GuardianCore
import GuardianHTTP
import NIOSSL
import Testing

@Suite("OAuth 2.0") struct OAuth2Tests {
    @Test(
        "client credentials bring a token that the API takes, and says when it ends",
        arguments: OAuth2Configuration.ClientAuthentication.allCases)
    func clientCredentials(authentication: OAuth2Configuration.ClientAuthentication) async throws {
        try await withLogin { upstream, url in
            upstream.setMode(.auth)
            var configuration = OAuth2Configuration.gateway(url)
            configuration.authentication = authentication
            let tokens = try OAuth2Tokens(configuration)
            let issued = try await tokens.issued()
            #expect(issued.renewInMs.map { (200_000...240_000).contains($0) } == true)
            #expect(try await deliver(claimed(), to: url).word == "auth")
            #expect(try await deliver(claimed(), to: url, token: "made up").word == "auth")
            #expect(try await deliver(claimed(), to: url, token: issued.token.value).word == "accepted")
            #expect(try await tokens.token(refresh: false) == issued.token)
            #expect(upstream.tokenRequests == 1)
        }
    }

    @Test("an id and a secret with any character arrive as they are")
    func encoding() async throws {
        try await withLogin { upstream, url in
            let (id, secret) = ("a b:c+%é&=", "p:w %2F+ü&grant_type=x")
            upstream.registerClient(id, secret: secret)
            for authentication in OAuth2Configuration.ClientAuthentication.allCases {
                let tokens = try OAuth2Tokens(
                    .init(
                        tokenURL: url + "/oauth/token", clientID: id, clientSecret: .value(Secret(secret)), authentication: authentication,
                        scope: "read write", audience: "https://api.example.com/?x=1"))
                _ = try await tokens.issued()
            }
        }
    }

    @Test("the request is the one of RFC 6749: Basic, form, nothing of it in the URL")
    func wire() async throws {
        try await WireServer.run(reply: { _ in .answer(200, #"{"access_token":"t","token_type":"bearer"}"#) }) { server in
            var configuration = OAuth2Configuration.gateway(server.url)
            configuration.clientID = "a b"
            configuration.scope = "x y"
            let issued = try await OAuth2Tokens(configuration).issued()
            #expect(issued.expiresAt == nil && issued.renewInMs == nil)
            let request = try #require(server.requests.first)
            #expect(request.method == "POST" && request.target == "/oauth/token")
            #expect(request["content-type"] == "application/x-www-form-urlencoded")
            #expect(request["authorization"] == "Basic YStiOmdhdGV3YXktc2VjcmV0")
            #expect(request.body == "grant_type=client_credentials&scope=x+y")
        }
    }

    @Test("a token is asked for once, and again only when a fifth of its life is left")
    func renewal() async throws {
        try await withLogin { upstream, url in
            var settings = TokenSettings()
            settings.expiresIn = .seconds(100)
            upstream.setTokens(settings)
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(url), clock: clock)
            let first = try await tokens.issued()
            #expect(first.renewInMs == 80_000)
            #expect(first.expiresAt == clock.now.wall.adding(milliseconds: 100_000))
            clock.advance(seconds: 79)
            #expect(try await tokens.issued().epoch == first.epoch)
            clock.advance(seconds: 2)
            let second = try await tokens.issued()
            #expect(second.epoch == first.epoch + 1 && second.token != first.token)
            #expect(upstream.tokenRequests == 2)
        }
    }

    @Test("while the endpoint is down the token in force goes on, and is not asked for at every call; when it is over there is none")
    func renewalFails() async throws {
        try await withLogin { upstream, url in
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(url), clock: clock)
            let first = try await tokens.issued()
            var settings = TokenSettings()
            settings.answer = .error
            upstream.setTokens(settings)
            clock.advance(seconds: 250)
            for _ in 0..<20 { #expect(try await tokens.issued().epoch == first.epoch) }
            #expect(upstream.tokenRequests == 2)
            clock.advance(seconds: 100)
            #expect(await trouble(tokens) == .unavailable)
            settings.answer = .token
            upstream.setTokens(settings)
            clock.advance(seconds: 61)
            #expect(try await tokens.issued().epoch == first.epoch + 1)
        }
    }

    @Test("50 callers at once make one request, for the first token and for each replacement")
    func singleFlight() async throws {
        try await withLogin { upstream, url in
            var settings = TokenSettings()
            settings.delay = .milliseconds(50)
            upstream.setTokens(settings)
            let tokens = try OAuth2Tokens(.gateway(url))
            var epoch: UInt64?
            for round in 1...3 {
                let replaced = epoch
                let got = try await withThrowingTaskGroup(of: IssuedToken.self) { group in
                    for _ in 0..<50 { group.addTask { try await tokens.issued(replacing: replaced) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(got.map(\.epoch)).count == 1 && Set(got.map(\.token.value)).count == 1)
                #expect(upstream.tokenRequests == round)
                epoch = got.first?.epoch
            }
            let late = try await tokens.issued(replacing: 1)
            #expect(late.epoch == epoch, "one that was replaced long ago is not replaced again")
            #expect(upstream.tokenRequests == 3)
        }
    }

    @Test("a refused token is replaced by the next one, and by nothing while there is none")
    func refused() async throws {
        try await withLogin { upstream, url in
            upstream.setMode(.auth)
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(url), clock: clock)
            let first = try #require(try await tokens.token(refresh: false))
            upstream.revokeTokens()
            #expect(try await deliver(claimed(), to: url, token: first.value).word == "auth")
            var settings = TokenSettings()
            settings.answer = .drop
            upstream.setTokens(settings)
            await #expect(throws: TokenError.self) { try await tokens.token(refresh: true) }
            await #expect(throws: TokenError.self) { try await tokens.token(refresh: false) }
            #expect(upstream.tokenRequests == 2, "a failure is not repeated at every call")
            settings.answer = .token
            upstream.setTokens(settings)
            clock.advance(seconds: 60)
            let second = try #require(try await tokens.token(refresh: true))
            #expect(second != first)
            #expect(try await deliver(claimed(), to: url, token: second.value).word == "accepted")
        }
    }

    @Test("an endpoint that nobody trusts gets no credentials")
    func untrusted() async throws {
        try await withIdentity { identity in
            try await WireServer.run(tls: .init(configuration: identity.server)) { server in
                var configuration = OAuth2Configuration.gateway("https://127.0.0.1:\(server.port)")
                try await expect(.unavailable) { try await trouble(of: configuration) }
                #expect(server.requests.isEmpty)
                configuration.trustRootsFile = identity.certificate
                try await expect(.badAnswer) { try await trouble(of: configuration) }
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(
        "a token endpoint that would get credentials in clear, in its URL or after a fragment is refused",
        arguments: [
            "http://login.example.com/token", "https://u:canary@login.example.com/token", "https://login.example.com/token#x", "login", "",
        ])
    func badURL(url: String) {
        do throws(HTTPConfigurationError) {
            _ = try OAuth2Tokens(.init(tokenURL: url, clientID: "c", clientSecret: .value(Secret("s"))))
            Issue.record("\(url) was taken")
        } catch {
            #expect(error.key == "upstream.auth.token_url")
            #expect(!error.description.contains("canary"))
        }
    }
}
