import GuardianCore
import GuardianHTTP
import NIOSSL
import Testing

/// Keys that are pinned, against servers with real certificates.
@Suite struct PinTests {
    private static let stranger = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    /// What comes of one attempt at a server with this identity, and how many requests it got.
    private func attempt(
        _ tls: TLSConfiguration, trusting file: String?, pins: [String]
    ) async throws -> (outcome: Outcome, requests: Int) {
        let list = try CertificatePin.list(pins)
        var found: (Outcome, Int) = (.interrupted, -1)
        try await WireServer.run(tls: NIOSSLContext(configuration: tls)) { server in
            let outcome = try await deliver(claimed(), to: "https://127.0.0.1:\(server.port)", token: "canary") {
                $0.trustRootsFile = file
                $0.pins = list
            }
            found = (outcome, server.requests.count)
        }
        return found
    }

    private func expectDistrust(
        _ result: (outcome: Outcome, requests: Int), says: String, at place: SourceLocation = #_sourceLocation
    ) {
        guard case .unanswered(.tls, let detail) = result.outcome else {
            Issue.record("\(result.outcome)", sourceLocation: place)
            return
        }
        #expect(detail.contains(says), sourceLocation: place)
        #expect(result.requests == 0, sourceLocation: place)
    }

    @Test("the right chain with the right pin is trusted, over HTTP/1.1 and HTTP/2; the pin is the one that openssl makes")
    func rightPin() async throws {
        try await withAuthority { authority in
            let issued = try await authority.issue()
            let pin = try await issued.pin()
            for protocols in [["http/1.1"], []] {
                var tls = try issued.server
                tls.applicationProtocols = protocols
                let result = try await attempt(tls, trusting: authority.certificate, pins: [Self.stranger, pin])
                #expect(result.outcome.word == "accepted" && result.requests == 1, "\(result)")
            }
        }
    }

    @Test("the right chain with the wrong pin gets no request, and the error says which key it has")
    func wrongPin() async throws {
        try await withAuthority { authority in
            let issued = try await authority.issue()
            let result = try await attempt(try issued.server, trusting: authority.certificate, pins: [Self.stranger])
            expectDistrust(result, says: try await issued.pin())
        }
    }

    @Test("a server that moves to the backup key is trusted; one that renews its certificate under the same key too")
    func rotation() async throws {
        try await withAuthority { authority in
            let first = try await authority.issue()
            let spare = try await authority.issue()
            let renewed = try await authority.issue(key: first.key)
            let pins = [try await first.pin(), try await spare.pin()]
            for identity in [first, spare, renewed] {
                let result = try await attempt(try identity.server, trusting: authority.certificate, pins: pins)
                #expect(result.outcome.word == "accepted", "\(result)")
            }
            expectDistrust(
                try await attempt(try spare.server, trusting: authority.certificate, pins: [pins[0]]), says: pins[1])
        }
    }

    @Test("a pin makes no certificate good that is expired, for another host, self-signed or of TLS 1.1, and each is told apart")
    func pinIsNoTrust() async throws {
        try await withAuthority { authority in
            let expired = try await authority.issue(isExpired: true)
            let other = try await authority.issue("DNS:api.example.com,IP:127.0.0.2")
            let good = try await authority.issue()
            let pins = [try await expired.pin(), try await other.pin(), try await good.pin()]
            let trusted = authority.certificate
            expectDistrust(try await attempt(try expired.server, trusting: trusted, pins: pins), says: "expired")
            expectDistrust(try await attempt(try other.server, trusting: trusted, pins: pins), says: "another host")
            expectDistrust(try await attempt(try good.server, trusting: nil, pins: pins), says: "no known authority")
            try await withIdentity { own in
                let pin = try await OpenSSL.pin(ofKey: own.key)
                expectDistrust(try await attempt(try own.server, trusting: trusted, pins: [pin]), says: "no known authority")
            }
            var old = try good.server
            (old.minimumTLSVersion, old.maximumTLSVersion) = (.tlsv1, .tlsv11)
            expectDistrust(try await attempt(old, trusting: trusted, pins: pins), says: "no TLS 1.2")
        }
    }

    @Test("TLS 1.3 is spoken with a server that knows it")
    func prefersNewest() async throws {
        try await withAuthority { authority in
            var tls = try await authority.issue().server
            tls.minimumTLSVersion = .tlsv13
            #expect(try await attempt(tls, trusting: authority.certificate, pins: []).outcome.word == "accepted")
        }
    }

    @Test("many requests at once to a server with a wrong key: none goes out, each is told why, and the transport closes in order")
    func crowd() async throws {
        try await withAuthority { authority in
            let issued = try await authority.issue()
            let pins = try CertificatePin.list([Self.stranger])
            try await WireServer.run(tls: NIOSSLContext(configuration: issued.server)) { server in
                try await withTransport(
                    to: "https://127.0.0.1:\(server.port)",
                    configure: {
                        $0.trustRootsFile = authority.certificate
                        $0.pins = pins
                    },
                    { transport in
                        await withTaskGroup(of: Outcome.self) { group in
                            for number in 0..<50 {
                                group.addTask {
                                    do {
                                        return await transport.send(try claimed(id: "r\(number)"), token: "canary", timeoutMs: 20_000)
                                    } catch {
                                        return .interrupted
                                    }
                                }
                            }
                            for await outcome in group { #expect(outcome.word == "tls", "\(outcome)") }
                        }
                    })
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test("a look at a server's keys needs no trust, says whether there is any, and sends nothing")
    func keys() async throws {
        try await withAuthority { authority in
            let issued = try await authority.issue()
            let pin = try await issued.pin()
            try await WireServer.run(tls: NIOSSLContext(configuration: issued.server)) { server in
                let url = "https://127.0.0.1:\(server.port)"
                let known = try await ServerKeys.of(url: url, authoritiesFile: authority.certificate)
                #expect(known.distrust == nil)
                #expect(known.chain.first?.pin.description == pin)
                #expect(known.chain.first?.subject.contains("guardian-test") == true)
                let unknown = try await ServerKeys.of(url: url)
                #expect(unknown.distrust?.contains("no known authority") == true)
                #expect(unknown.chain.first?.pin.description == pin)
                #expect(server.requests.isEmpty)
            }
        }
        await #expect(throws: HTTPConfigurationError.self) { _ = try await ServerKeys.of(url: "http://127.0.0.1:1") }
        await #expect(throws: (any Error).self) { _ = try await ServerKeys.of(url: "https://127.0.0.1:1") }
    }

    static let bad = [
        "", "sha256/", "sha256/AAAA", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "SHA256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ]

    @Test("what is no pin of 32 bytes is refused under its key", arguments: bad)
    func badPin(text: String) {
        let error = #expect(throws: HTTPConfigurationError.self) { _ = try CertificatePin.list([text]) }
        #expect(error?.key == "upstream.pins")
    }

    @Test("settings that can't be used are refused under their key: pins for plain http, authorities that are none")
    func badSettings() throws {
        var plain = HTTPTransportConfiguration(url: "http://127.0.0.1:1", deviceID: "d")
        plain.pins = try CertificatePin.list([Self.stranger])
        #expect(throws: HTTPConfigurationError.self) { try HTTPTransport.check(plain) }
        for file in ["/nowhere/ca.pem", #filePath] {
            let configuration = HTTPTransportConfiguration(url: "https://127.0.0.1:1", deviceID: "d", trustRootsFile: file)
            let error = #expect(throws: HTTPConfigurationError.self) { try HTTPTransport.check(configuration) }
            #expect(error?.key == "upstream.ca_file")
        }
    }
}
