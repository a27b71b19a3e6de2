import GuardianCore
import GuardianHTTP
import Testing

@Suite struct NetworkTests {
    /// Answers that break off, by what is missing.
    static let fragments: [(String, WireServer.Reply)] = [
        ("the whole answer", .hangsUp(after: "")),
        ("the end of the head", .hangsUp(after: "HTTP/1.1 200 OK\r\nContent-Le")),
        ("the body", .hangsUp(after: "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n")),
        ("the end of the body", .hangsUp(after: "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"meta\":{},\"data\":{}}")),
        ("a chunk", .hangsUp(after: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n{\"meta\":{},\"data\":{}}")),
        ("the last chunk", .hangsUp(after: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{\"meta\":{},\"data\":{}}\r\n")),
        ("HTTP", .says("SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        ("a status", .says("HTTP/1.1 yes\r\n\r\n")),
    ]

    @Test("an answer that breaks off settles nothing", arguments: fragments)
    func broken(missing: String, reply: WireServer.Reply) async throws {
        #expect(try await outcome(of: reply).word == "reset", "without \(missing)")
    }

    @Test("a connection that is reset before, or in the middle of, an answer is a reset")
    func reset() async throws {
        for text in ["", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"meta\""] {
            #expect(try await outcome(of: .resets(after: text)).word == "reset")
        }
    }

    @Test(
        "a server that stops talking is a timeout, whatever it has said before", .timeLimit(.minutes(5)),
        arguments: [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{\"meta\":{},\"data\":{}}\r\n",
            "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 21\r\n\r\n",
        ])
    func silence(said: String) async throws {
        #expect(try await outcome(of: .says(said), timeoutMs: 200).word == "timeout")
    }

    @Test("nobody at the port is refused, and nothing was sent")
    func refused() async throws {
        let outcome = try await deliver(claimed(), to: "http://127.0.0.1:1")
        #expect(outcome.word == "refused")
    }

    @Test("a name that does not exist is a DNS failure")
    func dns() async throws {
        let outcome = try await deliver(claimed(), to: "https://nonexistent.invalid") { $0.connectTimeoutMs = 60_000 }
        #expect(outcome.word == "dns")
    }

    @Test("an attempt that is cancelled says that it was interrupted, before the answer and in the middle of it", .timeLimit(.minutes(5)))
    func interrupted() async throws {
        for said in ["", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"] {
            let (heard, hear) = AsyncStream.makeStream(of: Void.self)
            let reply: @Sendable (WireRequest) -> WireServer.Reply = { _ in
                hear.yield()
                return .says(said)
            }
            try await WireServer.run(reply: reply) { server in
                let claim = try claimed()
                let attempt = Task { try await deliver(claim, to: server.url, timeoutMs: 30_000) }
                for await _ in heard { break }
                attempt.cancel()
                #expect(try await attempt.value.word == "interrupted")
            }
        }
    }

    @Test("an upstream that has closed a kept connection is asked again over a new one by the next attempt")
    func reconnects() async throws {
        try await WireServer.run(reply: { _ in
            .hangsUp(after: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 21\r\n\r\n{\"meta\":{},\"data\":{}}")
        }) { server in
            try await withTransport(to: server.url) { transport in
                for _ in 0..<3 {
                    let outcome = await transport.send(try claimed(), token: nil, timeoutMs: 20_000)
                    #expect(outcome.word == "accepted")
                }
            }
            #expect(server.connections == 3)
        }
    }

    @Test("attempts one after the other share a connection")
    func keepsAlive() async throws {
        try await WireServer.run { server in
            try await withTransport(to: server.url) { transport in
                for _ in 0..<5 {
                    let outcome = await transport.send(try claimed(), token: nil, timeoutMs: 20_000)
                    #expect(outcome.word == "accepted")
                }
            }
            #expect(server.requests.count == 5)
            #expect(server.connections == 1)
        }
    }

    @Test("head and body of a request leave in one piece")
    func onePiece() async throws {
        try await WireServer.run { server in
            try await withTransport(to: server.url) { transport in
                for _ in 0..<20 {
                    let outcome = await transport.send(try claimed(), token: nil, timeoutMs: 20_000)
                    #expect(outcome.word == "accepted")
                }
            }
            #expect(server.requests.allSatisfy { !$0.body.isEmpty })
            #expect(server.parts == 20)
        }
    }

    @Test("a transport that is let go of without a shutdown closes its connections, and brings nobody down", .timeLimit(.minutes(5)))
    func letGo() async throws {
        func send(to url: String) async throws -> Outcome {
            let transport = try HTTPTransport(configuration: .init(url: url, deviceID: "6f1d1c0e-7a43-4f0e-9c1b-3f6a1f1c2d3e"))
            return await transport.send(try claimed(), token: nil, timeoutMs: 20_000)
        }
        try await WireServer.run { server in
            let outcome = try await send(to: server.url)
            #expect(outcome.word == "accepted")
            let start = ContinuousClock.now
            for await _ in server.ended { break }
            // One that is merely idle ends after a minute.
            #expect(ContinuousClock.now - start < .seconds(30))
        }
    }

    @Test("a probe takes any answer for a sign of life, and sends no credentials and no body")
    func probe() async throws {
        try await WireServer.run(reply: { _ in .says("HTTP/1.1 404 Told\r\nContent-Length: 99\r\n\r\n") }) { server in
            let outcome = try await HTTPTransport.probe(url: server.url + "/base", allowInsecure: false, timeoutMs: 20_000)
            #expect(outcome.word == "accepted")
            #expect(server.requests.map { "\($0.method) \($0.target)\($0.body)" } == ["HEAD /base/"])
            #expect(server.requests.first?["authorization"] == nil)
        }
        let nobody = try await HTTPTransport.probe(url: "http://127.0.0.1:1", allowInsecure: false, timeoutMs: 20_000)
        #expect(nobody.word == "refused")
        await #expect(throws: HTTPConfigurationError.self) {
            _ = try await HTTPTransport.probe(url: "http://example.com", allowInsecure: false, timeoutMs: 20_000)
        }
    }
}
