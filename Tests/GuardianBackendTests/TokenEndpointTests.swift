import Foundation
import GuardianBackend
import NIOHTTP1
import Testing

/// The upstream's login: `POST /oauth/token`, and the pages beside it.
@Suite struct TokenEndpointTests {
    private func ask(
        _ upstream: RunningUpstream, _ body: String, basic: String? = "gateway:gateway-secret",
        type: String = "application/x-www-form-urlencoded"
    ) async throws -> RunningUpstream.Answer {
        var fields = [("Content-Type", type)]
        if let basic { fields.append(("Authorization", "Basic " + Data(basic.utf8).base64EncodedString())) }
        return try await upstream.send(.POST, "/oauth/token", body: body, fields: fields)
    }

    @Test("client credentials bring a token that nobody may keep, and no refresh token")
    func clientCredentials() async throws {
        try await RunningUpstream.run { upstream in
            let answer = try await ask(upstream, "grant_type=client_credentials&scope=a+b")
            #expect(answer.status == 200)
            #expect(answer.headers.first(name: "cache-control") == "no-store")
            #expect(answer.json.names == ["access_token", "token_type", "expires_in", "scope"])
            #expect(answer.json["token_type"]?.text == "Bearer")
            #expect(answer.json["expires_in"]?.whole == 300)
            #expect(answer.json["scope"]?.text == "a b")
        }
    }

    @Test("each fault of a request has its error of RFC 6749")
    func errors() async throws {
        let cases: [(body: String, basic: String?, type: String?, status: Int, error: String)] = [
            ("grant_type=client_credentials", "gateway:wrong", nil, 401, "invalid_client"),
            ("grant_type=client_credentials", "nobody:x", nil, 401, "invalid_client"),
            ("grant_type=client_credentials&client_id=gateway", nil, nil, 401, "invalid_client"),
            ("grant_type=client_credentials&client_id=app", nil, nil, 400, "unauthorized_client"),
            ("grant_type=password", "gateway:gateway-secret", nil, 400, "unsupported_grant_type"),
            ("grant_type=refresh_token", "gateway:gateway-secret", nil, 400, "invalid_request"),
            ("grant_type=refresh_token&refresh_token=x", "gateway:gateway-secret", nil, 400, "invalid_grant"),
            ("scope=x", "gateway:gateway-secret", nil, 400, "invalid_request"),
            ("grant_type=a&grant_type=b", "gateway:gateway-secret", nil, 400, "invalid_request"),
            ("grant_type=client_credentials&client_secret=x", "gateway:gateway-secret", nil, 400, "invalid_request"),
            ("grant_type=client_credentials", "gateway:gateway-secret", "application/json", 400, "invalid_request"),
        ]
        try await RunningUpstream.run { upstream in
            for fault in cases {
                let answer = try await ask(
                    upstream, fault.body, basic: fault.basic, type: fault.type ?? "application/x-www-form-urlencoded")
                #expect(answer.status == fault.status, "\(fault)")
                #expect(answer.json["error"]?.text == fault.error, "\(fault)")
            }
        }
    }

    @Test("a refresh token works once, and a second use ends its whole family")
    func rotation() async throws {
        try await RunningUpstream.run { upstream in
            let first = try #require(try await upstream.send(.POST, "/_tokens/login").json["refresh_token"]?.text)
            func refresh(_ token: String) async throws -> RunningUpstream.Answer {
                try await ask(upstream, "grant_type=refresh_token&client_id=app&refresh_token=\(token)", basic: nil)
            }
            let second = try #require(try await refresh(first).json["refresh_token"]?.text)
            #expect(second != first)
            #expect(try await refresh(first).json["error"]?.text == "invalid_grant")
            #expect(try await refresh(second).json["error"]?.text == "invalid_grant")
        }
    }

    @Test("the mode auth lets nobody in but with a token that is in force")
    func mode() async throws {
        try await RunningUpstream.run { upstream in
            try await upstream.setMode(#"{"mode":"auth"}"#)
            let refused = try await upstream.put("r1", key: "k1")
            #expect(refused.status == 401)
            #expect(refused.headers.first(name: "www-authenticate")?.hasPrefix("Bearer") == true)
            let token = try #require(try await ask(upstream, "grant_type=client_credentials").json["access_token"]?.text)
            func put(_ authorization: String) async throws -> Int {
                try await upstream.send(
                    .PUT, "/api/v1/rooms/r1", body: "{}", fields: [("Idempotency-Key", "k1"), ("Authorization", authorization)]
                ).status
            }
            #expect(try await put("Bearer " + token) == 200)
            #expect(try await put("Basic " + token) == 401)
            #expect(try await upstream.send(.PUT, "/_tokens", body: #"{"revoke":"access"}"#).status == 200)
            #expect(try await put("Bearer " + token) == 401)
            #expect(upstream.upstream.effects.count == 1)
        }
    }

    @Test("the page counts requests and shows no token; PUT changes what the endpoint does")
    func page() async throws {
        try await RunningUpstream.run { upstream in
            let body = try await ask(upstream, "grant_type=client_credentials")
            _ = try await ask(upstream, "grant_type=x")
            let page = try await upstream.send(.GET, "/_tokens")
            #expect(page.json["requests"]?.whole == 2 && page.json["issued"]?.whole == 1 && page.json["refused"]?.whole == 1)
            #expect(!page.body.contains(try #require(body.json["access_token"]?.text)))
            for (answer, status) in [("invalid_grant", 400), ("unavailable", 503), ("error", 500), ("garbage", 200), ("token", 200)] {
                #expect(try await upstream.send(.PUT, "/_tokens", body: #"{"answer":"\#(answer)","expires_in":2}"#).status == 200)
                #expect(try await ask(upstream, "grant_type=client_credentials").status == status, "\(answer)")
            }
            for wrong in [#"{"answer":"x"}"#, #"{"rotation":"maybe"}"#, #"{"expires_in":0}"#, #"{"revoke":1}"#, #"{"nonsense":1}"#, "[]"] {
                #expect(try await upstream.send(.PUT, "/_tokens", body: wrong).status == 400, "\(wrong)")
            }
            _ = try await upstream.send(.PUT, "/_tokens", body: #"{"answer":"drop"}"#)
            await upstream.expectNoAnswer { try await ask(upstream, "grant_type=client_credentials") }
        }
    }
}
