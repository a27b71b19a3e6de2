import Foundation
import GuardianBackend
import GuardianCore
import GuardianHTTP
import Testing

/// The refresh token grant, with rotation.
@Suite struct RefreshTokenTests {
    @Test("each refresh token is used once, the newest stands in the file for its owner alone, and a restart goes on with it")
    func rotation() async throws {
        try await withLogin { upstream, url in
            try await withDesk { desk in
                let file = try desk.write(upstream.signIn() + "\n", to: "refresh")
                var seen: Set<String> = [try desk.read("refresh")]
                for round in 1...5 {
                    // Another provider is what a restart makes.
                    let tokens = try OAuth2Tokens(.app(url, file))
                    let first = try await tokens.issued()
                    #expect(seen.insert(try desk.read("refresh")).inserted)
                    _ = try await tokens.issued(replacing: first.epoch)
                    #expect(seen.insert(try desk.read("refresh")).inserted)
                    #expect(upstream.tokenRequests == 2 * round)
                    #expect(try desk.mode("refresh") == 0o600)
                }
                #expect(try desk.names == ["refresh", "refresh.lock"], "no temporary file is left")
            }
        }
    }

    @Test("a server that does not rotate leaves the file as it is")
    func noRotation() async throws {
        try await withLogin { upstream, url in
            var settings = TokenSettings()
            settings.rotates = false
            upstream.setTokens(settings)
            try await withDesk { desk in
                let secret = upstream.signIn()
                let tokens = try OAuth2Tokens(.app(url, try desk.write(secret, to: "refresh")))
                let first = try await tokens.issued()
                _ = try await tokens.issued(replacing: first.epoch)
                #expect(try desk.read("refresh") == secret)
            }
        }
    }

    @Test("ten providers that share one file never use a refresh token twice")
    func shared() async throws {
        try await withLogin { upstream, url in
            try await withDesk { desk in
                let file = try desk.write(upstream.signIn(), to: "refresh")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<10 { group.addTask { _ = try await OAuth2Tokens(.app(url, file)).issued() } }
                    try await group.waitForAll()
                }
                #expect(upstream.tokenRequests == 10)
            }
        }
    }

    @Test("a refresh token that was used before ends the login, and a new one in the file begins another at once")
    func reuse() async throws {
        try await withLogin { upstream, url in
            try await withDesk { desk in
                let old = upstream.signIn()
                let file = try desk.write(old, to: "refresh")
                let tokens = try OAuth2Tokens(.app(url, file), clock: HandClock())
                let first = try await tokens.issued()
                try desk.write(old, to: "refresh")
                #expect(await trouble(tokens, replacing: first.epoch) == .needsLogin)
                #expect(await trouble(tokens) == .needsLogin)
                #expect(upstream.tokenRequests == 2, "asking again with the same token has no point")
                try desk.write(upstream.signIn(), to: "refresh")
                #expect(try await tokens.issued().epoch > first.epoch)
            }
        }
    }

    @Test("another login in the file replaces a token that is still in force")
    func switchOfUser() async throws {
        try await withLogin { upstream, url in
            try await withDesk { desk in
                var configuration = OAuth2Configuration.app(url, try desk.write(upstream.signIn(), to: "refresh"))
                configuration.principalFile = try desk.write("ann\n", to: "principal")
                let tokens = try OAuth2Tokens(configuration)
                let first = try await tokens.issued()
                #expect(first.token.principal == "ann")
                try desk.write("bob\n", to: "principal")
                try desk.write(upstream.signIn(), to: "refresh")
                let second = try await tokens.issued()
                #expect(second.token.principal == "bob" && second.token.value != first.token.value)
            }
        }
    }

    @Test("nobody has signed in: no request is made")
    func missing() async throws {
        try await withLogin { upstream, url in
            try await withDesk { desk in
                try await expect(.needsLogin) { try await trouble(of: .app(url, desk.path + "/none")) }
                try await expect(.needsLogin) { try await trouble(of: .app(url, try desk.write(" \n", to: "empty"))) }
                #expect(upstream.tokenRequests == 0)
            }
        }
    }

    @Test("a refresh token that could not be kept afterwards is not used up")
    func unwritable() async throws {
        try await withLogin { upstream, url in
            let store = BrokenStore(secret: upstream.signIn(), breaks: .before)
            var configuration = OAuth2Configuration.app(url, "unused")
            configuration.grant = .refreshToken(store)
            try await expect(.unwritable) { try await trouble(of: configuration) }
            #expect(upstream.tokenRequests == 0)
        }
    }

    @Test("a store that breaks after the answer costs no login while the process lives")
    func breaksLate() async throws {
        try await withLogin { upstream, url in
            let store = BrokenStore(secret: upstream.signIn(), breaks: .after)
            var configuration = OAuth2Configuration.app(url, "unused")
            configuration.grant = .refreshToken(store)
            let tokens = try OAuth2Tokens(configuration)
            var epoch: UInt64?
            for _ in 0..<3 { epoch = try await tokens.issued(replacing: epoch).epoch }
            #expect(epoch == 3)
        }
    }

    @Test("a link to the file stays one")
    func link() async throws {
        try await withDesk { desk in
            let target = try desk.write("old", to: "target")
            try FileManager.default.createSymbolicLink(atPath: desk.path + "/link", withDestinationPath: target)
            let file = RefreshTokenFile(path: desk.path + "/link")
            try file.save(Secret("new"))
            #expect(try desk.read("target") == "new\n")
            #expect(try file.load().text == "new")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: desk.path + "/link") == target)
        }
    }

    /// A store that can't keep anything.
    private struct BrokenStore: RefreshTokenStore {
        enum Time { case before, after }

        let secret: String
        let breaks: Time

        func load() throws(TokenError) -> Secret { Secret(secret) }
        func prepare() throws(TokenError) { if breaks == .before { throw TokenError(.unwritable, "full") } }
        func save(_ secret: Secret) throws(TokenError) { throw TokenError(.unwritable, "full") }
    }
}
