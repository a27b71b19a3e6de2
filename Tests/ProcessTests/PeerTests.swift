import Foundation
import GuardianCore
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension ProcessTests {
    /// Who may use the Unix socket of a real `serve`.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "to be somebody else needs root")) struct PeerTests {
        private func ask(_ socket: String, as user: String) async throws -> Guardian.Answer {
            try await Shell.run(
                ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
                    + ["--max-time", "20", "--unix-socket", socket, "http://localhost/healthz"])
        }

        private func serve(_ workplace: Workplace, mode: String? = nil) async throws -> Guardian {
            let environment = mode.map { ["GUARDIAN_API_SOCKET_MODE": $0] } ?? [:]
            let path = workplace.path + "/api.sock"
            return try await Guardian.start(
                ["serve", "--data-dir", workplace.path + "/data", "--listen", "unix:" + path, "--upstream", Workplace.nobody],
                environment: Workplace.quick.merging(environment) { $1 })
        }

        @Test("another user gets no answer, also when the socket's mode has been opened to all; its owner does")
        func othersAreRefused() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await serve(workplace)
            defer { serve.kill() }
            let socket = workplace.path + "/api.sock"
            #expect(chmod(workplace.path, 0o755) == 0)
            #expect(try await ask(socket, as: "65534").output != "200")
            #expect(chmod(socket, 0o666) == 0)
            #expect(try await ask(socket, as: "65534").output != "200")
            #expect(try await ask(socket, as: "0").output == "200")
        }

        @Test("a socket that is meant for others has that mode from its first moment, and lets them in")
        func othersAreLetIn() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await serve(workplace, mode: "0660")
            defer { serve.kill() }
            let socket = workplace.path + "/api.sock"
            let attributes = try FileManager.default.attributesOfItem(atPath: socket)
            #expect(attributes[.posixPermissions] as? Int == 0o660)
            #expect(!FileManager.default.fileExists(atPath: socket + ".d"))
            #expect(chmod(workplace.path, 0o755) == 0 && chown(socket, 0, 65534) == 0)
            #expect(try await ask(socket, as: "65534").output == "200")
        }
    }
}
