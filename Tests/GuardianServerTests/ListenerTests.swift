import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing

/// Who may listen where, and who may connect.
@Suite struct ListenerTests {
    /// A certificate for 127.0.0.1 and its key, made with `openssl`.
    private func withCertificate(_ body: (APIServer.Configuration.Certificate) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "/guardian-api-tls-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        // Not on a thread that tasks run on: it waits for the process.
        let status: Int32 = try await withCheckedThrowingContinuation { made in
            DispatchQueue.global().async { made.resume(with: Result { try Self.makeCertificate(in: directory) }) }
        }
        try #require(status == 0)
        try await body(.init(certificateFile: directory + "/cert.pem", keyFile: directory + "/key.pem"))
    }

    /// Returns the exit code of `openssl`.
    private static func makeCertificate(in directory: String) throws -> Int32 {
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        openssl.arguments =
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=api"]
            + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory + "/key.pem", "-out", directory + "/cert.pem"]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        return openssl.terminationStatus
    }

    private func refusal(_ configuration: APIServer.Configuration) -> String? {
        do throws(APIServer.Configuration.ListenError) {
            try configuration.check()
            return nil
        } catch {
            return error.key
        }
    }

    @Test(
        "what others can reach needs a token and TLS, and is refused before it listens",
        arguments: ["0.0.0.0", "::", "192.0.2.1", "example.com"])
    func offLoopback(host: String) async throws {
        #expect(refusal(.init(host: host, port: 0)) == "token_file")
        #expect(refusal(.init(host: host, port: 0, token: "t")) == "tls.certificate_file")
        try await withCertificate { certificate in
            var configuration = APIServer.Configuration(host: host, port: 0, token: "t")
            configuration.certificate = certificate
            #expect(refusal(configuration) == nil)
            configuration.token = nil
            #expect(refusal(configuration) == "token_file")
        }
        await #expect(throws: APIServer.Configuration.ListenError.self) {
            try await APIServer(configuration: .init(host: host, port: 0)).run { _ in }
        }
    }

    @Test("a socket that others may use needs a token; one that is its owner's does not")
    func openSocket() {
        var configuration = APIServer.Configuration(socketPath: "/tmp/s")
        #expect(refusal(configuration) == nil)
        configuration.socketMode = 0o666
        #expect(refusal(configuration) == "token_file")
        configuration.token = "t"
        #expect(refusal(configuration) == nil)
    }

    @Test("files that are no certificate, no key, or not each other's are refused under their key")
    func badFiles() async throws {
        try await withCertificate { good in
            try await withCertificate { other in
                let wrong: [(APIServer.Configuration.Certificate, String)] = [
                    (.init(certificateFile: "/nowhere", keyFile: good.keyFile), "tls.certificate_file"),
                    (.init(certificateFile: good.keyFile, keyFile: good.keyFile), "tls.certificate_file"),
                    (.init(certificateFile: good.certificateFile, keyFile: "/nowhere"), "tls.key_file"),
                    (.init(certificateFile: good.certificateFile, keyFile: other.keyFile), "tls.key_file"),
                ]
                for (certificate, key) in wrong {
                    var configuration = APIServer.Configuration()
                    configuration.certificate = certificate
                    #expect(refusal(configuration) == key)
                }
            }
        }
    }

    @Test("over TLS it takes operations with a token, from its own origin only, and speaks neither plain HTTP nor TLS 1.1")
    func servesTLS() async throws {
        try await withCertificate { certificate in
            var configuration = APIServer.Configuration(port: 0, token: "s3cret")
            configuration.certificate = certificate
            try await Sidecar.run(configuration) { sidecar in
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .file(certificate.certificateFile)
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
                let base = "https://127.0.0.1:\(sidecar.port)"
                func status(_ path: String, _ fields: [(String, String)]) async throws -> Int {
                    var request = HTTPClientRequest(url: base + path)
                    for (name, value) in fields { request.headers.add(name: name, value: value) }
                    let response = try await client.execute(request, timeout: .seconds(30))
                    _ = try await response.body.collect(upTo: 1 << 20)
                    return Int(response.status.code)
                }
                do {
                    let token = ("Authorization", "Bearer s3cret")
                    #expect(try await status("/v1/status", [token]) == 200)
                    #expect(try await status("/v1/status", []) == 401)
                    #expect(try await status("/v1/status", [token, ("Origin", base)]) == 200)
                    #expect(try await status("/v1/status", [token, ("Origin", "http://127.0.0.1:\(sidecar.port)")]) == 403)
                } catch {
                    try await client.shutdown()
                    throw error
                }
                try await client.shutdown()
                tls.maximumTLSVersion = .tlsv11
                tls.minimumTLSVersion = .tlsv1
                let old = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
                await #expect(throws: (any Error).self) { _ = try await old.execute(HTTPClientRequest(url: base), timeout: .seconds(30)) }
                try await old.shutdown()
                let plain = try await sidecar.raw(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                #expect(!plain.contains("200"))
            }
        }
    }

    @Test("more wrong tokens than a person makes are answered with 429, and the right one still opens the door")
    func guesses() async throws {
        let clock = TestClock()
        var configuration = APIServer.Configuration(port: 0, token: "s3cret")
        configuration.now = { .uptimeNanoseconds(UInt64(clock.now.steady) * 1_000_000) }
        try await Sidecar.run(configuration) { sidecar in
            func status(_ token: String) async throws -> Int {
                try await sidecar.send(.GET, "/v1/status", fields: [("Authorization", "Bearer " + token)]).status
            }
            var seen: [Int] = []
            for number in 1...55 { seen.append(try await status("\(number)")) }
            seen.append(try await status("s3cret"))
            clock.advance(byMilliseconds: 1000)
            for number in 56...106 { seen.append(try await status("\(number)")) }
            let guesses = Array(repeating: 401, count: 50)
            #expect(seen == guesses + Array(repeating: 429, count: 5) + [200] + guesses + [429])
        }
    }

    @Test("a rate that is set holds, says when to come again, and leaves health checks alone")
    func rate() async throws {
        var configuration = APIServer.Configuration(port: 0)
        configuration.requestsPerSecond = 5
        try await Sidecar.run(configuration) { sidecar in
            var refused: Sidecar.Answer?
            for _ in 0..<1000 where refused == nil {
                let answer = try await sidecar.get("/v1/status")
                if answer.status != 200 { refused = answer }
            }
            refused?.expectProblem(429)
            #expect(refused?.headers["retry-after"] == ["1"])
            for _ in 0..<20 { #expect(try await sidecar.get("/healthz").status == 200) }
        }
    }

    @Test("who has no token uses nothing up of the rate of those who have one")
    func strangersRate() async throws {
        var configuration = APIServer.Configuration(port: 0, token: "s3cret")
        configuration.requestsPerSecond = 1
        try await Sidecar.run(configuration) { sidecar in
            for _ in 0..<6 {
                try await sidecar.get("/v1/status").expectProblem(401)
                _ = try await sidecar.get("/openapi.json")
            }
            #expect(try await sidecar.send(.GET, "/v1/status", fields: [("Authorization", "Bearer s3cret")]).status == 200)
        }
    }

    @Test("what can't be listened on is named, with what to do")
    func refusedAddress() async throws {
        try await Sidecar.run { sidecar in
            let taken = APIServer(configuration: .init(port: sidecar.port))
            await #expect {
                try await taken.run { _ in }
            } throws: { error in
                "\(error)".hasPrefix("listen: 127.0.0.1:\(sidecar.port) is in use; stop what listens there, or give another --listen")
            }
        }
        try await withCertificate { certificate in
            // No label of a name is that long, so that nobody is asked for it.
            let unknown = String(repeating: "x", count: 64)
            for (host, says) in [("192.0.2.1", "192.0.2.1:0 is not an address of this machine"), (unknown, "a host that nobody knows")] {
                var configuration = APIServer.Configuration(host: host, port: 0, token: "t")
                configuration.certificate = certificate
                let server = APIServer(configuration: configuration)
                await #expect {
                    try await server.run { _ in }
                } throws: { error in
                    "\(error)".hasPrefix("listen: ") && "\(error)".contains(says)
                }
            }
        }
    }

    @Test("a body larger than the limit is refused on every path")
    func bodies() async throws {
        try await Sidecar.run(.init(port: 0, bodyLimit: 1000)) { sidecar in
            for path in ["/v1/operations", "/v1/pause", "/nowhere"] {
                var request = try sidecar.request(.POST, path, fields: [("Content-Type", "application/json")])
                request.body = .bytes(ByteBuffer(repeating: 32, count: 1001))
                try await sidecar.send(request).expectProblem(413)
            }
        }
    }
}
