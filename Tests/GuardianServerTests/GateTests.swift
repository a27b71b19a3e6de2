import GuardianCore
import GuardianServer
import NIOHTTP1
import Testing

@Suite struct GateTests {
    @Test(
        "a Host that is not loopback's is 421: no DNS rebinding",
        arguments: [
            "evil.example", "evil.example:8080", "127.example.com", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost",
            "2130706433", "127.1", "127.0.0.256", "0.0.0.0", "[::2]", "[::]", "192.168.0.1:8080",
        ])
    func otherHosts(host: String) async throws {
        try await Sidecar.run { sidecar in
            for path in ["/healthz", "/v1/operations", "/nowhere"] {
                try await sidecar.send(.GET, path, fields: [("Host", host)]).expectProblem(421)
            }
        }
    }

    @Test(
        "loopback goes by all its names",
        arguments: ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.8.7:80", "[::1]", "[::1]:8080"])
    func loopback(host: String) async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.send(.GET, "/healthz", fields: [("Host", host)])
            #expect(answer.status == 200)
        }
    }

    @Test("a request without a Host is refused")
    func noHost() async throws {
        try await Sidecar.run { sidecar in
            let answer = try await sidecar.raw(Array("GET /v1/operations HTTP/1.1\r\nConnection: close\r\n\r\n".utf8))
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test(
        "a request that a page of another site makes is 403, and does nothing",
        arguments: ["https://evil.example", "http://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", ""])
    func otherOrigins(origin: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.post(operation("a"), fields: [("Origin", origin)]).expectProblem(403)
            try await sidecar.send(.POST, "/v1/pause", fields: [("Origin", origin)]).expectProblem(403)
            try await sidecar.send(.GET, "/v1/events", fields: [("Origin", origin)]).expectProblem(403)
            #expect(try await sidecar.store.books().accepted == 0)
            #expect(try await sidecar.store.loadControl().pauses.isEmpty)
        }
    }

    @Test("its own pages may ask")
    func ownOrigin() async throws {
        try await Sidecar.run { sidecar in
            for host in ["127.0.0.1:\(sidecar.port)", "localhost:\(sidecar.port)"] {
                let answer = try await sidecar.send(.GET, "/v1/status", fields: [("Host", host), ("Origin", "http://" + host)])
                #expect(answer.status == 200)
            }
        }
    }

    @Test("when a token is set it is asked everywhere but of health checks")
    func token() async throws {
        try await Sidecar.run(.init(port: 0, token: "s3cret")) { sidecar in
            for value in [nil, "", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cretx", "Bearer S3CRET", "Basic s3cret", "s3cret"] {
                let fields = value.map { [("Authorization", $0)] } ?? []
                for (method, path) in [(HTTPMethod.GET, "/v1/operations"), (.GET, "/v1/events"), (.POST, "/v1/pause"), (.GET, "/nowhere")] {
                    let answer = try await sidecar.send(method, path, fields: fields)
                    answer.expectProblem(401, says: "after the word Bearer")
                    #expect(answer.headers["www-authenticate"] == ["Bearer"])
                }
            }
            #expect(try await sidecar.store.loadControl().pauses.isEmpty)
            let answer = try await sidecar.send(.POST, "/v1/pause", fields: [("Authorization", "Bearer s3cret")])
            #expect(answer.status == 200)
            for path in ["/healthz", "/readyz"] { #expect(try await sidecar.get(path).status == 200) }
        }
    }

    @Test("the name of the scheme may be written in any case", arguments: ["bearer s3cret", "BEARER s3cret"])
    func scheme(value: String) async throws {
        try await Sidecar.run(.init(port: 0, token: "s3cret")) { sidecar in
            let answer = try await sidecar.send(.GET, "/v1/status", fields: [("Authorization", value)])
            #expect(answer.status == 200)
        }
    }

    @Test("a token does not open the door to other hosts and sites")
    func tokenAndHost() async throws {
        try await Sidecar.run(.init(port: 0, token: "s3cret")) { sidecar in
            let token = ("Authorization", "Bearer s3cret")
            try await sidecar.send(.GET, "/v1/status", fields: [token, ("Host", "evil.example")]).expectProblem(421)
            try await sidecar.send(.GET, "/v1/status", fields: [token, ("Origin", "http://evil.example")]).expectProblem(403)
        }
    }
}
