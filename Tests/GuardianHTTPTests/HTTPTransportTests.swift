import GuardianBackend
import GuardianCore
import GuardianHTTP
import Testing

@Suite struct HTTPTransportTests {
    /// A running upstream and a transport to it.
    private func withUpstream(_ body: (ReferenceUpstream, HTTPTransport) async throws -> Void) async throws {
        let upstream = try ReferenceUpstream(.init(port: 0))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let server = Task { try await upstream.run { ready.yield($0) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let transport = try HTTPTransport(configuration: .init(url: "http://127.0.0.1:\(port)", deviceID: "d"))
        try await body(upstream, transport)
        await transport.shutdown()
        server.cancel()
        _ = await server.result
    }

    private func claim(_ type: String = "update", payload: String? = #"{"seq":1}"#) throws -> Claim {
        var random = Xoshiro256.fromSystem()
        let new = NewOperation(type, entityType: "room", entityID: "r 1/x", payload: payload)
        return Claim(operation: try Admission().admit(new, at: SystemClock().now.wall, random: &random), fence: Fence(owner: "o", epoch: 1))
    }

    @Test("the same attempt sent twice has one effect, under a path that the entity can't leave")
    func idempotent() async throws {
        try await withUpstream { upstream, transport in
            let claim = try claim()
            for _ in 0..<2 {
                guard case .accepted = await transport.send(claim, token: nil, timeoutMs: 5000) else {
                    Issue.record("not accepted")
                    return
                }
            }
            #expect(upstream.effects.map(\.path) == ["/api/v1/rooms/r%201%2Fx"])
            #expect(upstream.duplicateEffects == 0)
        }
    }

    @Test("a create whose answer was lost is found by the id that was sent; without one it is a person's, and not sent again")
    func lostCreate() async throws {
        try await withUpstream { upstream, transport in
            let found = try await lookForLost(try claim("create", payload: #"{"id":"r 1/x","seq":1}"#), upstream, transport)
            guard case .applied(let state?, _) = found else {
                Issue.record("\(found)")
                return
            }
            #expect(state["seq"] == 1)
        }
        try await withUpstream { upstream, transport in
            guard case .unclear = try await lookForLost(try claim("create"), upstream, transport) else {
                Issue.record("what stands under another id was taken for not applied")
                return
            }
        }
    }

    /// Sends what is applied without an answer, and looks for it.
    private func lookForLost(_ claim: Claim, _ upstream: ReferenceUpstream, _ transport: HTTPTransport) async throws -> Look {
        upstream.setMode(.drop(share: 1, remaining: 1))
        _ = await transport.send(claim, token: nil, timeoutMs: 5000)
        upstream.setMode(.up)
        #expect(upstream.effects.count == 1)
        return await transport.look(claim, token: nil, timeoutMs: 5000)
    }

    @Test("a stranger's page settles nothing")
    func portal() async throws {
        try await withUpstream { upstream, transport in
            upstream.setMode(.status(200, remaining: nil, retryAfter: nil, body: "<html>log in</html>", contentType: "text/html"))
            guard case .unanswered(.foreign, _) = await transport.send(try claim(), token: nil, timeoutMs: 5000) else {
                Issue.record("a portal was believed")
                return
            }
        }
    }

    @Test("a refusal carries its class, code and Retry-After")
    func refusal() async throws {
        try await withUpstream { upstream, transport in
            upstream.setMode(.status(503, remaining: nil, retryAfter: "7", body: nil, contentType: nil))
            guard case .refused(.transient, let answer) = await transport.send(try claim(), token: nil, timeoutMs: 5000) else {
                Issue.record("not transient")
                return
            }
            #expect(answer.retryAfterMs == 7000)
            #expect(answer.code == "FORCED")
        }
    }

    @Test(
        "plain http off this machine, credentials in the URL and other schemes are refused before anything is sent",
        arguments: ["http://example.com", "https://user:secret@example.com", "ftp://example.com", "https://", "https://example.com/?q=1"])
    func refusesURL(url: String) {
        #expect(throws: HTTPConfigurationError.self) { _ = try HTTPTransport(configuration: .init(url: url, deviceID: "d")) }
    }

    @Test("plain http to this machine is taken, by any name", arguments: ["http://LocalHost:8090", "http://127.9.8.7", "http://[::1]"])
    func takesLoopback(url: String) {
        #expect(throws: Never.self) { _ = try Origin(url, allowInsecure: false) }
    }

    @Test("an operation without a route, or without a parameter, fails before any request")
    func unroutable() async throws {
        try await withUpstream { upstream, transport in
            guard case .unsendable(let error) = await transport.send(try claim("archive"), token: nil, timeoutMs: 5000) else {
                Issue.record("sent")
                return
            }
            #expect(error.code == "NO_ROUTE")
            #expect(upstream.effects.isEmpty)
        }
    }
}
