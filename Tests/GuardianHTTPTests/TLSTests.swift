import GuardianBackend
import GuardianHTTP
import NIOSSL
import Testing

@Suite struct TLSTests {
    @Test("HTTP/1.1 is spoken over TLS with an upstream that knows no other")
    func http1() async throws {
        try await withIdentity { identity in
            var tls = try identity.server
            tls.applicationProtocols = ["http/1.1"]
            try await WireServer.run(tls: NIOSSLContext(configuration: tls)) { server in
                let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(server.port)", token: "secret") {
                    $0.trustRootsFile = identity.certificate
                }
                #expect(outcome.word == "accepted")
                #expect(server.requests.map { $0["authorization"] } == ["Bearer secret"])
            }
        }
    }

    /// Sends to a TLS server that must not be trusted, and expects that it got nothing but a handshake.
    private func refuses(_ tls: TLSConfiguration, trusting file: String?) async throws {
        try await WireServer.run(tls: NIOSSLContext(configuration: tls)) { server in
            let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(server.port)", token: "secret") {
                $0.trustRootsFile = file
            }
            #expect(outcome.word == "tls", "\(outcome)")
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a certificate that nobody vouches for is a TLS failure, and nothing is sent")
    func untrusted() async throws {
        try await withIdentity { identity in
            try await refuses(identity.server, trusting: nil)
            try await withIdentity { other in try await refuses(identity.server, trusting: other.certificate) }
        }
    }

    @Test("a certificate for another host is a TLS failure, and nothing is sent")
    func otherHost() async throws {
        try await withIdentity(names: "DNS:api.example.com,IP:127.0.0.2") { identity in
            try await refuses(identity.server, trusting: identity.certificate)
        }
    }

    @Test("TLS older than 1.2 is refused")
    func oldTLS() async throws {
        try await withIdentity { identity in
            var tls = try identity.server
            (tls.minimumTLSVersion, tls.maximumTLSVersion) = (.tlsv1, .tlsv11)
            try await refuses(tls, trusting: identity.certificate)
        }
    }

    @Test("TLS 1.2 is enough")
    func tls12() async throws {
        try await withIdentity { identity in
            var tls = try identity.server
            tls.maximumTLSVersion = .tlsv12
            try await WireServer.run(tls: NIOSSLContext(configuration: tls)) { server in
                let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(server.port)") {
                    $0.trustRootsFile = identity.certificate
                }
                #expect(outcome.word == "accepted")
            }
        }
    }

    @Test("a port that speaks no TLS is a TLS failure")
    func plain() async throws {
        let upstream = try ReferenceUpstream(.init(port: 0))
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { ready.finish() }
                try await upstream.run { ready.yield($0) }
            }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(port)")
            #expect(outcome.word == "tls", "\(outcome)")
            group.cancelAll()
        }
    }

    @Test("a port that never ends the handshake is out of reach, and gets no request")
    func silent() async throws {
        try await WireServer.run { server in
            let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(server.port)") { $0.connectTimeoutMs = 200 }
            #expect(["unreachable", "timeout"].contains(outcome.word), "\(outcome)")
            #expect(server.requests.isEmpty)
        }
    }
}
