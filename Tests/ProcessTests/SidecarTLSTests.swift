import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Commands that ask a sidecar under TLS, as in a container: on all addresses, with a certificate for a name of its own.
    @Suite(.serialized) struct SidecarTLSTests {
        /// Settings with a certificate for a name that nobody here has.
        private func certificate(_ workplace: Workplace, _ name: String) async throws -> [String: String] {
            let (certificate, key) = (workplace.path + "/\(name).pem", workplace.path + "/\(name).key")
            let made = try await Shell.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                    + ["-subj", "/CN=guardian.example", "-addext", "subjectAltName=DNS:guardian.example"]
                    + ["-keyout", key, "-out", certificate])
            try #require(made.status == 0, "\(made.errors)")
            let token = workplace.path + "/token"
            try "a-token-of-the-api-0123456789".write(toFile: token, atomically: true, encoding: .utf8)
            return ["GUARDIAN_TLS_CERTIFICATE_FILE": certificate, "GUARDIAN_TLS_KEY_FILE": key, "GUARDIAN_TOKEN_FILE": token]
        }

        @Test("metrics and events reach a sidecar under TLS on all addresses, trust its one certificate, and take no refusal for absence")
        func reaches() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (own, other) = (try await certificate(workplace, "own"), try await certificate(workplace, "other"))
            let serve = try await Guardian.start(
                ["serve", "--data-dir", workplace.path, "--listen", "0.0.0.0:0", "--upstream", Workplace.nobody],
                environment: Workplace.quick.merging(own) { $1 })
            defer { serve.kill() }
            let listen = String(serve.url.dropFirst("https://".count))
            let strange = workplace.path + "/strange-token"
            try "another-token-0123456789".write(toFile: strange, atomically: true, encoding: .utf8)
            #expect(serve.url.hasPrefix("https://0.0.0.0:"))
            let scraped = try await workplace.run("metrics", "--listen", listen, "--prometheus", environment: own)
            #expect(scraped.status == 0 && scraped.output.contains("# TYPE processed_ops_total counter\n"), "\(scraped.errors)")
            let shown = try await workplace.run("metrics", "--listen", listen, "--json", environment: own)
            #expect(shown.status == 0 && shown.json["source"] != "store", "\(shown.output)\(shown.errors)")
            // With something to deliver and nobody to take it something happens again and again.
            #expect(try await workplace.enqueue("a").status == 0)
            let told = workplace.path + "/events"
            let events = try Guardian.launch(
                ["events", "--listen", listen, "--data-dir", workplace.path], environment: own, wrapper: Guardian.writing(to: told))
            defer { events.kill() }
            try await Web.wait("an event") { FileManager.default.contents(atPath: told).map { !$0.isEmpty } ?? false }
            // It follows until it is ended.
            #expect(events.isRunning && events.errors.isEmpty, "\(events.errors)")
            events.kill()
            for command in ["metrics", "events"] {
                let stranger = try await workplace.run(command, "--listen", listen, environment: other)
                #expect(stranger.status == 1 && stranger.errors.contains("another certificate"), "\(stranger.output)\(stranger.errors)")
                let local = listen.replacing("0.0.0.0", with: "127.0.0.1")
                var tokenless = own
                tokenless["GUARDIAN_TOKEN_FILE"] = nil
                let asked = try await workplace.run(command, "--listen", local, environment: tokenless)
                #expect(asked.status == 1 && asked.errors.contains("asks for a token; name its file"), "\(asked.output)\(asked.errors)")
                let wrong = try await workplace.run(
                    command, "--listen", local, environment: own.merging(["GUARDIAN_TOKEN_FILE": strange]) { $1 })
                #expect(wrong.status == 1 && wrong.errors.contains("does not take the token"), "\(wrong.output)\(wrong.errors)")
                let plain = try await workplace.run(command, "--listen", local)
                #expect(plain.status == 1 && plain.errors.contains("under TLS"), "\(plain.output)\(plain.errors)")
            }
            #expect(serve.terminate() == 0)
            let late = try await workplace.run("metrics", "--listen", listen, environment: own)
            #expect(late.status == 0 && late.output.contains("no sidecar answers"), "\(late.output)\(late.errors)")
        }
    }
}
