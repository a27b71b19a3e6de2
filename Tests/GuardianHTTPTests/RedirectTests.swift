import GuardianCore
import GuardianHTTP
import Testing

@Suite struct RedirectTests {
    /// A reply to the first path that points to `target`, and success everywhere else.
    private func moved(_ status: Int, to target: String) -> @Sendable (WireRequest) -> WireServer.Reply {
        { $0.target == "/api/v1/rooms/r1" ? .answer(status, "", fields: "Location: \(target)") : .accepted }
    }

    @Test("307 and 308 within the origin are followed with method, body, key and credentials", arguments: [307, 308])
    func follows(status: Int) async throws {
        try await WireServer.run(reply: moved(status, to: "/v2/rooms/r1?from=v1")) { server in
            let outcome = try await deliver(claimed(), to: server.url, token: "secret")
            #expect(outcome.word == "accepted")
            let (first, second) = (try #require(server.requests.first), try #require(server.requests.last))
            #expect(server.requests.map(\.target) == ["/api/v1/rooms/r1", "/v2/rooms/r1?from=v1"])
            #expect(second.method == "PUT")
            #expect(second.body == first.body && !second.body.isEmpty)
            #expect(second.fields == first.fields)
            #expect(second["authorization"] == "Bearer secret")
        }
    }

    @Test("a redirect is followed, however much it says beside its target")
    func followsLong() async throws {
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/v2" ? .accepted : .answer(307, String(repeating: "x", count: 4000), fields: "Location: /v2")
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(), to: server.url) { $0.responseBodyLimit = 1000 }
            #expect(outcome.word == "accepted")
            #expect(server.requests.last?.target == "/v2")
        }
    }

    @Test("an absolute target of the same origin is followed, in any case")
    func followsAbsolute() async throws {
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/v2" ? .accepted : .answer(307, "", fields: "Location: HTTP://\(request["host"] ?? "")/v2")
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(), to: server.url)
            #expect(outcome.word == "accepted")
            #expect(server.requests.last?.target == "/v2")
        }
    }

    @Test("an absolute target needs no path before its query")
    func followsQuery() async throws {
        let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
            request.target == "/?at=2" ? .accepted : .answer(307, "", fields: "Location: http://\(request["host"] ?? "")?at=2")
        }
        try await WireServer.run(reply: reply) { server in
            let outcome = try await deliver(claimed(), to: server.url)
            #expect(outcome.word == "accepted")
            #expect(server.requests.count == 2)
        }
    }

    /// The upstream's URL, a target, and where that leads; nil for another origin.
    static let targets: [(String, String, String?)] = [
        ("https://h:443/x", "https://H/y", "https://h/y"), ("https://h", "https://h:443/y?q", "https://h/y?q"),
        ("https://h", "https://h:/y", "https://h/y"), ("https://h", "https://h?x", "https://h/?x"),
        ("http://localhost:80", "http://LOCALHOST", "http://localhost/"), ("https://[::1]", "https://[::1]:443/y", "https://[::1]/y"),
        ("https://h", "https://h:80/y", nil), ("https://h:8443", "https://h/y", nil), ("https://h", "http://h:443/y", nil),
        ("https://h", "https://h:443@evil/y", nil), ("https://h", "https://h.evil?x", nil), ("https://h", "//h.evil/y", nil),
    ]

    @Test("the scheme's own port makes no other origin, written out or left out", arguments: targets)
    func ownPort(url: String, target: String, expected: String?) throws {
        #expect(try Origin(url, allowInsecure: false).resolve(target, from: url) == expected)
    }

    @Test(
        "a relative target is taken from the path that was asked",
        arguments: [("moved", "/api/v1/rooms/moved"), ("../devices/r1", "/api/v1/devices/r1"), ("?at=2", "/api/v1/rooms/r1?at=2")])
    func followsRelative(target: String, expected: String) async throws {
        try await WireServer.run(reply: moved(307, to: target)) { server in
            let outcome = try await deliver(claimed(), to: server.url)
            #expect(outcome.word == "accepted")
            #expect(server.requests.last?.target == expected)
        }
    }

    @Test("nothing follows a redirect to another origin, least of all the credentials", arguments: [307, 308, 301, 302, 303])
    func staysHome(status: Int) async throws {
        try await WireServer.run { stranger in
            let forms = ["\(stranger.url)/api/v1/rooms/r1", "//127.0.0.1:\(stranger.port)/x", "http://localhost:\(stranger.port)/x"]
            for form in forms {
                try await WireServer.run(reply: moved(status, to: form)) { server in
                    let outcome = try await deliver(claimed(), to: server.url, token: "secret")
                    #expect(outcome.word == (status < 304 ? "foreign" : "permanent"), "\(form)")
                    #expect(server.requests.count == 1)
                }
            }
            #expect(stranger.connections == 0)
        }
    }

    @Test("a relative target lies within the origin, so it is no portal's", arguments: [301, 302, 303])
    func relativeIsHome(status: Int) async throws {
        #expect(try await outcome(of: .answer(status, fields: "Location: login")).word == "permanent")
    }

    @Test(
        "a target that only looks like the origin is another one",
        arguments: ["http://SELF@127.0.0.1:OTHER/", "http://SELF.example/", "http://SELF0/", "https://SELF/", "http:///x", "http://"])
    func lookalikes(form: String) async throws {
        try await WireServer.run { stranger in
            let reply: @Sendable (WireRequest) -> WireServer.Reply = { request in
                let target = form.replacing("SELF", with: request["host"] ?? "").replacing("OTHER", with: "\(stranger.port)")
                return .answer(308, "", fields: "Location: \(target)")
            }
            try await WireServer.run(reply: reply) { server in
                let outcome = try await deliver(claimed(), to: server.url, token: "secret")
                #expect(outcome.word == "permanent")
                #expect(server.requests.count == 1)
            }
            #expect(stranger.connections == 0)
        }
    }

    @Test("every other redirect within the origin is permanent, and not followed", arguments: [300, 301, 302, 303, 304, 305])
    func doesNotFollow(status: Int) async throws {
        try await WireServer.run(reply: moved(status, to: "/v2/rooms/r1")) { server in
            let outcome = try await deliver(claimed(), to: server.url)
            #expect(outcome.word == "permanent")
            #expect(server.requests.count == 1)
        }
    }

    @Test("a redirect that names no target is permanent", arguments: [307, 308])
    func noTarget(status: Int) async throws {
        #expect(try await outcome(of: .answer(status)).word == "permanent")
    }

    @Test("a loop ends after five redirects")
    func loop() async throws {
        try await WireServer.run(reply: { _ in .answer(307, "", fields: "Location: /round") }) { server in
            let outcome = try await deliver(claimed(), to: server.url)
            #expect(outcome.word == "permanent")
            #expect(outcome.answer?.code == "TOO_MANY_REDIRECTS")
            #expect(server.requests.count == 6)
        }
    }
}
