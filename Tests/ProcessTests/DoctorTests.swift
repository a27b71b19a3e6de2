import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian doctor`: one line for each thing the sidecar needs.
    @Suite(.serialized) struct DoctorTests {
        static let checks: Set<String> = [
            "config", "data_dir", "store", "sqlite", "integrity", "durability", "lock", "disk", "clock", "upstream", "token", "secrets",
        ]

        @Test("with all in order every check is ok, one a line")
        func allIsWell() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            #expect(try await workplace.enqueue("a").status == 0)
            let answer = try await workplace.run("doctor", "--upstream", backend.url)
            #expect(answer.status == 0, "\(answer.output)\(answer.errors)")
            let lines = answer.output.split(separator: "\n").map { $0.split(separator: " ") }
            for check in Self.checks { #expect(lines.count { $0.contains { $0 == check } } == 1, "\(check)") }
            let verdicts = try await examine(workplace, upstream: backend.url, status: 0)
            // A small disk is worth a warning, and no matter of this test's.
            for (check, verdict) in verdicts where check != "disk" { #expect(verdict == "ok", "\(check)") }
        }

        @Test("an upstream that is away is a warning: operations wait for it")
        func upstreamIsAway() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let verdicts = try await examine(workplace, upstream: Workplace.nobody, status: 0)
            #expect(verdicts["upstream"] == "warning")
        }

        @Test("a secret that others can read is a warning that says what to do; serve says it too")
        func openSecret() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let file = workplace.path + "/token"
            try Data("a-token-of-the-api".utf8).write(to: URL(fileURLWithPath: file))
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            let environment = ["GUARDIAN_TOKEN_FILE": file]
            let answer = try await workplace.run("doctor", "--upstream", Workplace.nobody, environment: environment)
            #expect(answer.status == 0, "\(answer.output)")
            #expect(answer.output.contains("token_file: \(file) can be read by others"))
            let serve = try await Guardian.start(workplace.arguments(upstream: Workplace.nobody), environment: environment)
            defer { serve.kill() }
            #expect(serve.errors.contains("token_file: \(file) can be read by others; run: chmod 600"))
        }

        @Test("a store that others can read is a warning that says what to do")
        func openStore() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("a").status == 0)
            let file = workplace.path + "/guardian.sqlite"
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
            let answer = try await workplace.run("doctor", "--upstream", Workplace.nobody)
            #expect(answer.status == 0 && answer.output.contains("keeps others from reading \(file); run: chmod 600 \(file)"))
        }

        @Test("a log file that is none is a failure: nothing could be searched there")
        func logIsNoFile() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let answer = try await workplace.run(
                "doctor", "--upstream", Workplace.nobody, environment: ["GUARDIAN_LOG_FILE": "/dev/null"])
            #expect(answer.status == 1, "\(answer.output)")
            #expect(answer.output.contains("/dev/null is no regular file"))
        }

        @Test("beside a running daemon it says who holds the lock")
        func daemonRuns() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let serve = try await workplace.serve(upstream: Workplace.nobody)
            defer { serve.kill() }
            try await Web.wait("the lock") { try await workplace.run("lock", "status", "--json").json["held"] == true }
            let owner = try #require(try await workplace.run("lock", "status", "--json").json["owner"]?.string)
            let answer = try await workplace.run("doctor", "--upstream", Workplace.nobody)
            #expect(answer.status == 0)
            #expect(answer.output.contains(owner))
        }

        @Test("a damaged store and a bad key are failures that say what to do")
        func isIll() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try Data(repeating: 0xA5, count: 65_536).write(to: URL(fileURLWithPath: workplace.store))
            #expect(try await examine(workplace, upstream: Workplace.nobody, status: 1)["store"] == "failed")
            let answer = try await workplace.run("doctor", "--upstream", Workplace.nobody)
            #expect(answer.status == 1)
            #expect(answer.output.contains("the store is damaged"))
            let misled = try await workplace.run("doctor", environment: ["GUARDIAN_WORKERS": "many"])
            #expect(misled.status == 1)
            #expect(misled.output.contains("workers"))
        }

        @Test("a store that was cut to nothing after a processor has worked on it is a failure, and no command makes a new one of it")
        func isEmptied() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try Data().write(to: URL(fileURLWithPath: workplace.store))
            try FileManager.default.createDirectory(atPath: workplace.store + "-processors", withIntermediateDirectories: false)
            let doctor = try await workplace.run("doctor", "--upstream", Workplace.nobody)
            #expect(doctor.status == 1 && doctor.output.contains("the file is empty, and a processor has worked on it"), "\(doctor.output)")
            for command in ["check", "status", "list"] { #expect(try await workplace.run(command).status == 4, "\(command)") }
            #expect(try Data(contentsOf: URL(fileURLWithPath: workplace.store)).isEmpty)
            let repair = try await workplace.run("check", "--repair", "--yes")
            #expect(repair.status == 1 && repair.errors.contains("how many more is not known"), "\(repair)")
            try await workplace.expectBalance()
        }

        /// The verdict on each check.
        private func examine(_ workplace: Workplace, upstream: String, status: Int32) async throws -> [String: String] {
            let answer = try await workplace.run("doctor", "--upstream", upstream, "--json")
            #expect(answer.status == status, "\(answer.output)\(answer.errors)")
            #expect(answer.json["ok"] == .bool(status == 0))
            let list = try #require(answer.json["checks"]?.elements)
            let verdicts = Dictionary(list.map { ($0["check"]?.string ?? "", $0["verdict"]?.string ?? "") }) { first, _ in first }
            if status == 0 { #expect(Self.checks.isSubset(of: verdicts.keys), "\(verdicts.keys)") }
            return verdicts
        }
    }
}
