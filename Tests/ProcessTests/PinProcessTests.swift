import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension ProcessTests {
    /// Pins on the real binary, against the TLS server of `openssl`.
    @Suite(.serialized) struct PinProcessTests {
        /// `openssl s_server` with a certificate of its own.
        private final class TLSServer {
            let certificate: String
            let pin: String
            private let process = Process()
            let url: String

            init(in workplace: Workplace) async throws {
                certificate = workplace.path + "/cert.pem"
                let key = workplace.path + "/key.pem"
                let made = try await Shell.run(
                    [
                        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=u",
                    ]
                        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate])
                try #require(made.status == 0, "\(made.errors)")
                let printed = try await Shell.run(
                    ["sh", "-c", "openssl pkey -in '\(key)' -pubout -outform der | openssl dgst -sha256 -binary | base64"])
                pin = "sha256/" + printed.output.filter { !$0.isWhitespace }
                let port = try Self.freePort()
                url = "https://127.0.0.1:\(port)"
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments = ["openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key, "-www"]
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                process.standardInput = FileHandle.nullDevice
                try process.run()
                // It says that it listens when its buffer is full; a handshake says it at once.
                try await Web.wait("the server of openssl") {
                    // It talks until its input ends.
                    let command = "exec timeout 5 openssl s_client -connect 127.0.0.1:\(port) </dev/null"
                    return try await Shell.run(["sh", "-c", command]).status == 0
                }
            }

            /// A port that was free a moment ago.
            private static func freePort() throws -> UInt16 {
                let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                defer { close(socket) }
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let isBound = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
                    }
                }
                try #require(isBound)
                return UInt16(bigEndian: address.sin_port)
            }

            func stop() {
                process.end()
            }
        }

        private static let stranger = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

        @Test("guardian pins prints the pin that openssl makes, and none of a server that can't be trusted unless it is told to")
        func prints() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let server = try await TLSServer(in: workplace)
            defer { server.stop() }
            let trusted = try await Guardian.run(["pins", server.url, "--ca-file", server.certificate])
            #expect(trusted.status == 0 && trusted.output == server.pin + "\n", "\(trusted.output)\(trusted.errors)")
            let unknown = try await Guardian.run(["pins", server.url])
            #expect(unknown.status == 1 && unknown.output.isEmpty && unknown.errors.contains("--untrusted"), "\(unknown.errors)")
            let anyway = try await Guardian.run(["pins", server.url, "--untrusted", "--json"])
            #expect(anyway.json["pin"]?.string == server.pin && anyway.json["trusted"] == .bool(false), "\(anyway.output)")
            #expect(try await Guardian.run(["pins", "http://127.0.0.1:1"]).status == 2)
            #expect(try await Guardian.run(["pins", "https://127.0.0.1:1"]).status == 1)
        }

        @Test("a wrong key is told at once, delivery pauses after three attempts, nothing fails; with the right pin it goes on")
        func pauses() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let server = try await TLSServer(in: workplace)
            defer { server.stop() }
            var environment = Workplace.quick
            environment["GUARDIAN_UPSTREAM_CA_FILE"] = server.certificate
            // What is told at once comes of one look, for which a slow machine must have time.
            environment["GUARDIAN_UPSTREAM_CONNECT_TIMEOUT"] = "30s"
            // The server of openssl never answers a PUT.
            environment["GUARDIAN_UPSTREAM_TIMEOUT"] = "1s"
            environment["GUARDIAN_UPSTREAM_PINS"] = Self.stranger
            let serve = try await Guardian.start(workplace.arguments(upstream: server.url), environment: environment)
            defer { serve.kill() }
            #expect(serve.errors.contains("one pin only"))
            // At the start, before there is anything to deliver.
            try await Web.wait("the word at the start") { serve.errors.contains("upstream_distrusted") }
            #expect(serve.errors.contains("none of upstream.pins"))
            #expect(try await Web.post(serve.url, Web.operation) == 202)
            try await Web.wait("the pause") {
                try await workplace.run("status", "--json").json["pauses"]?.elements?.contains(.string("tls_failure")) == true
            }
            let status = try await workplace.run("status", "--json").json
            #expect(status["books"]?["failed"]?.integer == 0 && status["books"]?["pending"]?.integer == 1, "\(status.text)")
            #expect(serve.terminate() == 0)
            // With the right pin the server is believed: its page is no answer of ours, but it was asked.
            environment["GUARDIAN_UPSTREAM_PINS"] = "\(Self.stranger),\(server.pin)"
            #expect(try await workplace.run("resume").status == 0)
            let again = try await Guardian.start(workplace.arguments(upstream: server.url), environment: environment)
            defer { again.kill() }
            try await Web.wait("an attempt") {
                let listed = try await workplace.run("list", "--json")
                return listed.output.contains(#""class":"network""#) || listed.output.contains(#""class":"transient""#)
            }
            #expect(!again.errors.contains("upstream_distrusted"))
            let after = try await workplace.run("status", "--json").json
            #expect(after["books"]?["failed"]?.integer == 0, "\(after.text)")
        }
    }
}
