import GuardianBackend
import GuardianCore
import GuardianHTTP
import Testing

/// What becomes of each answer of a token endpoint.
@Suite struct TokenAnswerTests {
    static let answers: [(WireServer.Reply, TokenError.Code)] = [
        (.answer(400, #"{"error":"invalid_grant"}"#), .needsLogin),
        (.answer(401, #"{"error":"invalid_grant"}"#), .needsLogin),
        (.answer(401, #"{"error":"invalid_client"}"#), .misconfigured),
        (.answer(400, #"{"error":"invalid_scope"}"#), .misconfigured),
        (.answer(400, #"{"error":"unsupported_grant_type"}"#), .misconfigured),
        (.answer(404, "no such page"), .misconfigured),
        (.answer(302, "", fields: "Location: http://127.0.0.1:1/x"), .misconfigured),
        (.answer(307, "", fields: "Location: http://127.0.0.1:1/x"), .misconfigured),
        (.answer(200, #"{"access_token":"t","token_type":"mac"}"#), .misconfigured),
        (.answer(400, "<html>bad gateway</html>"), .unavailable),
        (.answer(403, "<html>the gateway lets nothing through</html>"), .unavailable),
        (.answer(400, #"{"error":"slow_down"}"#), .unavailable),
        (.answer(429, #"{"error":"invalid_request_rate"}"#, fields: "Retry-After: 7"), .unavailable),
        (.answer(500, "<html>oops</html>"), .unavailable),
        (.answer(503, #"{"error":"invalid_grant"}"#), .unavailable),
        (.answer(200, "<html>log in</html>", fields: "Content-Type: text/html"), .badAnswer),
        (.answer(200, #"{"access_token": "#), .badAnswer),
        (.answer(200, "[]"), .badAnswer),
        (.answer(200, "{}"), .badAnswer),
        (.answer(200, #"{"access_token":""}"#), .badAnswer),
        (.answer(200, #"{"access_token":"a\r\nX-Evil: b"}"#), .badAnswer),
        (.answer(200, #"{"access_token":7}"#), .badAnswer),
        (.answer(200, "{\"access_token\":\"" + String(repeating: "x", count: 20_000) + "\"}"), .tooLarge),
        (.answer(200, String(repeating: " ", count: 70_000)), .tooLarge),
        (.hangsUp(after: ""), .unavailable),
        (.hangsUp(after: "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"access_token\":\"t\""), .unavailable),
        (.resets(after: ""), .unavailable),
        (.says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), .unavailable),
    ]

    @Test("each answer has its kind of trouble", arguments: answers)
    func kinds(reply: WireServer.Reply, code: TokenError.Code) async throws {
        try await WireServer.run(reply: { _ in reply }) { server in
            let error = try await failure(of: .gateway(server.url))
            #expect(error?.code == code, "\(String(describing: error))")
            #expect(server.requests.count == 1, "no redirect is followed, nothing is sent twice")
        }
    }

    @Test(
        "silence, before the head and in the middle of the body, ends in time",
        arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
    func slow(beginning: String) async throws {
        try await WireServer.run(reply: { _ in .says(beginning) }) { server in
            let error = try await failure(of: .gateway(server.url, timeoutMs: 200))
            #expect(error?.code == .timeout)
        }
    }

    @Test("nobody there is no login that has expired")
    func down() async throws {
        var url = ""
        try await WireServer.run { url = $0.url }
        let error = try await failure(of: .gateway(url))
        #expect(error?.code == .unavailable)
        #expect(error?.isTransient == true)
    }

    @Test("a failure reaches all 50 that wait, after one request")
    func failsForAll() async throws {
        try await WireServer.run(reply: { _ in .answer(400, #"{"error":"invalid_grant"}"#) }) { server in
            let tokens = try OAuth2Tokens(.gateway(server.url), clock: HandClock())
            let codes = await withTaskGroup(of: TokenError.Code?.self) { group in
                for _ in 0..<50 { group.addTask { await trouble(tokens) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes == Array(repeating: .needsLogin, count: 50))
            #expect(server.requests.count == 1)
        }
    }

    @Test("Retry-After is kept, and nothing is asked before")
    func retryAfter() async throws {
        try await WireServer.run(reply: { _ in .answer(503, "{}", fields: "Retry-After: 900") }) { server in
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(server.url), clock: clock)
            #expect(await failure(tokens)?.retryAfterMs == 900_000)
            clock.advance(seconds: 899)
            #expect(await trouble(tokens) == .unavailable)
            #expect(server.requests.count == 1)
            clock.advance(seconds: 2)
            #expect(await trouble(tokens) == .unavailable)
            #expect(server.requests.count == 2)
        }
    }

    @Test("a token endpoint that names a date of years ahead is asked again after a day")
    func farDate() async throws {
        try await WireServer.run(reply: { _ in .answer(503, "{}", fields: "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT") }) { server in
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(server.url), clock: clock)
            #expect(await failure(tokens)?.retryAfterMs == 86_400_000)
            clock.advance(seconds: 86_399)
            #expect(await trouble(tokens) == .unavailable)
            #expect(server.requests.count == 1)
            clock.advance(seconds: 2)
            #expect(await trouble(tokens) == .unavailable)
            #expect(server.requests.count == 2)
        }
    }

    @Test("a login that has expired is asked about at most once a minute, for a day")
    func day() async throws {
        try await withLogin { upstream, url in
            var settings = TokenSettings()
            settings.answer = .invalidGrant
            upstream.setTokens(settings)
            let clock = HandClock()
            let tokens = try OAuth2Tokens(.gateway(url), clock: clock)
            for _ in 0..<43_200 {
                #expect(await trouble(tokens) == .needsLogin)
                clock.advance(seconds: 2)
            }
            #expect(upstream.tokenRequests <= 1500, "\(upstream.tokenRequests)")
            settings.answer = .token
            upstream.setTokens(settings)
            clock.advance(seconds: 60)
            _ = try await tokens.issued()
        }
    }
}
