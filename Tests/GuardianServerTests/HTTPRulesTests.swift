import GuardianCore
import GuardianServer
import NIOCore
import NIOPosix
import Testing

/// What HTTP asks of every server (RFC 9110, RFC 9112), on connections of their own: a client library would mend what is wrong.
@Suite(.timeLimit(.minutes(1))) struct HTTPRulesTests {
    private func head(_ line: String, _ fields: String...) -> String {
        ([line, "Host: localhost"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    private func ask(_ sidecar: Sidecar, _ heads: String...) async throws -> String { try await sidecar.raw(Array(heads.joined().utf8)) }

    @Test(
        "HEAD is answered as GET is, without the content, errors too",
        arguments: [
            "/healthz", "/readyz", "/v1/status", "/v1/operations", "/v1/operations/a", "/v1/operations/none", "/v1/operations/a/explain",
            "/v1/explain", "/openapi.json", "/metrics", "/nowhere", "/v1/pause",
        ])
    func headAsGet(path: String) async throws {
        try await Sidecar.run { sidecar in
            try await sidecar.accept(operation("a", id: "a"))
            let get = try await sidecar.get(path)
            let said = try await ask(sidecar, head("HEAD \(path) HTTP/1.1"), head("GET /healthz HTTP/1.1", "Connection: close"))
            let parts = said.split(separator: "\r\n\r\n")
            #expect(parts.first?.hasPrefix("HTTP/1.1 \(get.status) ") == true, "\(said)")
            #expect(parts.first?.lowercased().contains("content-length: \(get.body.utf8.count)") == true, "\(said)")
            // What follows the head at once is the next answer.
            #expect(parts.dropFirst().first?.hasPrefix("HTTP/1.1 200 ") == true, "\(said)")
        }
    }

    @Test("a stream takes no HEAD, and says so without content")
    func headOfStream() async throws {
        try await Sidecar.run { sidecar in
            let said = try await ask(sidecar, head("HEAD /v1/events HTTP/1.1"), head("GET /healthz HTTP/1.1", "Connection: close"))
            let parts = said.split(separator: "\r\n\r\n")
            #expect(parts.first?.hasPrefix("HTTP/1.1 405 ") == true, "\(said)")
            #expect(parts.first?.lowercased().contains("allow: get\r\n") == true, "\(said)")
            #expect(parts.dropFirst().first?.hasPrefix("HTTP/1.1 200 ") == true, "\(said)")
        }
    }

    @Test("a client that waits with its body is told to send it, if it is let in")
    func expectation() async throws {
        try await Sidecar.run(.init(port: 0, token: "s3cret")) { sidecar in
            let body = operation("a")
            func post(_ version: String, _ token: String) -> String {
                head(
                    "POST /v1/operations \(version)", "Connection: close", "Authorization: Bearer \(token)", "Expect: 100-continue",
                    "Content-Type: application/json", "Content-Length: \(body.utf8.count)")
            }
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: sidecar.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await connection.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: post("HTTP/1.1", "s3cret")))
                var heard = inbound.makeAsyncIterator()
                var said = ""
                while !said.hasSuffix("\r\n\r\n"), let part = try await heard.next() { said += String(buffer: part) }
                #expect(said == "HTTP/1.1 100 Continue\r\n\r\n")
                try await outbound.write(ByteBuffer(string: body))
                said = ""
                while let part = try await heard.next() { said += String(buffer: part) }
                #expect(said.hasPrefix("HTTP/1.1 202 "), "\(said)")
            }
            let refused = try await ask(sidecar, post("HTTP/1.1", "wrong"))
            #expect(refused.hasPrefix("HTTP/1.1 401 "), "\(refused)")
            // What is older than HTTP/1.1 does not know what 100 is.
            let old = try await ask(sidecar, post("HTTP/1.0", "s3cret"), body)
            #expect(old.hasPrefix("HTTP/1.1 202 "), "\(old)")
        }
    }

    @Test(
        "a connection that is not to be kept ends with its answer, which says so",
        arguments: [
            ("HTTP/1.0", "X: y"), ("HTTP/1.1", "Connection: close"), ("HTTP/1.1", "Connection: Close"),
            ("HTTP/1.1", "Connection: TE, close"),
        ])
    func lastAnswer(version: String, field: String) async throws {
        try await Sidecar.run { sidecar in
            let said = try await ask(sidecar, head("GET /healthz \(version)", field))
            #expect(said.hasPrefix("HTTP/1.1 200 "), "\(said)")
            #expect(said.lowercased().contains("connection: close"), "\(said)")
        }
    }

    @Test("a client of HTTP/1.0 that wants to keep its connection may")
    func kept() async throws {
        try await Sidecar.run { sidecar in
            let said = try await ask(sidecar, head("GET /healthz HTTP/1.0", "Connection: keep-alive"), head("GET /healthz HTTP/1.0"))
            #expect(said.ranges(of: "HTTP/1.1 200 ").count == 2, "\(said)")
        }
    }

    @Test(
        "an absolute URI says whom a request is meant for, whatever its Host says",
        arguments: [
            ("http://evil.example/healthz", "localhost", 421), ("http://localhost@evil.example/healthz", "localhost", 421),
            ("http://127.0.0.1:1/healthz?x=1", "evil.example", 200), ("/healthz", "localhost", 200),
        ])
    func absoluteURI(target: String, host: String, status: Int) async throws {
        try await Sidecar.run { sidecar in
            let said = try await ask(sidecar, "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
            #expect(said.hasPrefix("HTTP/1.1 \(status) "), "\(said)")
        }
    }

    @Test("a request with two Hosts is 400, also when they are the same", arguments: ["localhost", "evil.example"])
    func twoHosts(other: String) async throws {
        try await Sidecar.run { sidecar in
            let said = try await ask(sidecar, head("GET /healthz HTTP/1.1", "Host: \(other)", "Connection: close"))
            #expect(said.hasPrefix("HTTP/1.1 400 "), "\(said)")
        }
    }
}
