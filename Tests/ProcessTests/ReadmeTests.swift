import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// What the README tells somebody to do who has just built it.
    @Suite(.serialized) struct ReadmeTests {
        @Test("its first commands hand an operation in, and show that it has arrived", .timeLimit(.minutes(2)))
        func firstCommands() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            let page = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
            let block = try #require(Runbook(page).blocks.first { $0.role == "try" })
            // On ports that are free here, with the binary that was built on the `PATH`.
            let ports = try await freePorts()
            #expect(block.commands.contains(":8080") && block.commands.contains(":8090"))
            let commands = block.commands.replacingOccurrences(of: ":8080", with: ":\(ports[0])")
                .replacingOccurrences(of: ":8090", with: ":\(ports[1])")
            let script = "cd '\(workplace.path)' && set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n" + commands
            let folder = URL(fileURLWithPath: Guardian.binary).deletingLastPathComponent().path
            let environment = [
                "PATH": folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
                "GUARDIAN_LISTEN": "127.0.0.1:\(ports[0])",
            ]
            let begun = ContinuousClock.now
            let answer = try await Shell.run(["timeout", "60", "bash", "-c", script], environment: environment)
            print("measured: the README's first commands took \(ContinuousClock.now - begun)")
            #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
            #expect(answer.output.contains(#""outcome":"accepted""#), "\(answer.output)")
            #expect(answer.output.contains(#"{"temperature":21}"#), "\(answer.output)")
            let check = try await Guardian.run(["check", "--json", "--data-dir", workplace.path + "/guardian-data"])
            #expect(check.status == 0 && check.json["books"]?["processed"]?.integer == 1, "\(check)")
        }

        /// Two ports of loopback on which nobody listens.
        private func freePorts() async throws -> [Int] {
            let program = """
                import socket
                free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
                print(*[one.getsockname()[1] for one in free])
                """
            let answer = try await Shell.run(["python3", "-c", program])
            let ports = answer.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            try #require(ports.count == 2, "\(answer.output)\(answer.errors)")
            return ports
        }
    }
}
