import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian logs`, and what the sidecar writes.
    @Suite(.serialized) struct LogsCommandTests {
        static let members = ["timestamp", "level", "message", "trace_id", "operation_type", "error_class", "fields"]

        /// What must never get out.
        static let secrets = [
            "jane.doe@example.com", "4111 1111 1111 1111", "4111111111111111", "+1 415 555 2671",
            "(415) 555-2671",
            "078-05-1120", "sk_live_51HxTOKENtokenTOKENtoken",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        ]

        /// Expects that every line of a log is an object with every member, and that none holds a secret.
        static func expectClean(_ text: String, atLeast count: Int, secrets: [String] = secrets) throws {
            let lines = text.split(separator: "\n")
            #expect(lines.count >= count, "\(lines.count) lines")
            for line in lines {
                let json = try JSONValue(parsing: String(line))
                #expect(json.members?.map(\.name) == members, "\(line)")
                #expect(json["timestamp"]?.string.flatMap(Timestamp.init(rfc3339:)) != nil, "\(line)")
                #expect(["debug", "info", "warning", "error", "fatal"].contains(json["level"]?.string), "\(line)")
                #expect(json["message"]?.string?.isEmpty == false && json["fields"]?.members != nil, "\(line)")
            }
            for secret in secrets + ["jane.doe%40", "hunter2secret"] { #expect(!text.contains(secret), "\(secret)") }
        }

        @Test("every line of a full demo run parses, has every member, and holds no secret; every operation can be followed by its trace")
        func demo() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (file, out) = (workplace.path + "/demo.log", workplace.path + "/demo.json")
            let demo = try await Guardian.start(
                ["demo", "--operations", "200", "--json"],
                environment: ["GUARDIAN_LOG_LEVEL": "debug", "GUARDIAN_LOG_FILE": file, "GUARDIAN_LOG_MIN_FREE": "0"],
                wrapper: Guardian.writing(to: out), ready: "Up until Ctrl-C.")
            defer { demo.kill() }
            #expect(demo.terminate() == 0, "\(demo.errors)")
            let told = try JSONValue(parsing: try String(contentsOfFile: out, encoding: .utf8))
            #expect(told["holds"] == true && told["delivered"]?.integer == 200, "\(told.text)")
            #expect(demo.errors.contains("duplicate effects 0"), "\(demo.errors)")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try Self.expectClean(text, atLeast: 200 * 5)
            let lines = try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            func traces(_ message: String) -> [String] {
                lines.filter { $0["message"]?.string == message }.compactMap { $0["trace_id"]?.string }
            }
            let processed = Set(traces("operation processed"))
            #expect(processed.count == 200)
            for message in ["operation enqueued", "attempt begun", "request sent", "answer received"] {
                #expect(Set(traces(message)).isSuperset(of: processed), "\(message)")
            }
            #expect(lines.first?["message"] == "process started" && lines.last?["message"] == "process ended")
        }

        @Test("with secrets in payloads, ids and tokens, in requests and answers, no line of the log holds one")
        func isRedacted() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let token = workplace.path + "/token"
            try "sk_live_51HxTOKENtokenTOKENtoken\n".write(toFile: token, atomically: true, encoding: .utf8)
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url),
                environment: Workplace.quick.merging([
                    "GUARDIAN_LOG_LEVEL": "debug", "GUARDIAN_LOG_FORMAT": "json", "GUARDIAN_LOG_MIN_FREE": "0",
                    "GUARDIAN_UPSTREAM_AUTH_KIND": "bearer_file", "GUARDIAN_UPSTREAM_AUTH_FILE": token,
                ]) { $1 })
            defer { serve.kill() }
            try await Web.poison(backend.url, ["poisoned"])
            for (number, secret) in Self.secrets.enumerated() {
                let payload: JSONValue = [
                    "note": .string("about \(secret)"), "password": .string("hunter2secret"), "nested": ["list": [.string(secret)]],
                ]
                let operation: JSONValue = [
                    "operation_type": "update", "entity_type": "user", "entity_id": .string(number % 2 == 0 ? secret : "u\(number)"),
                    "id": .string("\(number)-\(Self.secrets[0])"), "payload": payload,
                ]
                #expect(try await Web.post(serve.url, operation.text) == 202)
            }
            #expect(try await Web.post(serve.url, Web.operation.replacing("r1", with: "poisoned")) == 202)
            try await Web.wait("all sent") { try await Web.processed(serve.url) == Self.secrets.count }
            try await Web.wait("one failed") { try await Web.failed(serve.url) == 1 }
            #expect(serve.terminate() == 0)
            let text = try String(contentsOfFile: workplace.path + "/logs/guardian.log", encoding: .utf8)
            try Self.expectClean(text, atLeast: Self.secrets.count * 5)
            #expect(text.contains("HTTP PUT /api/v1/users/"))
            #expect(text.contains("HTTP 200"))
            // The same lines went to stderr, beside those for people.
            let told = serve.errors.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(separator: "\n")
            try Self.expectClean(told, atLeast: Self.secrets.count * 5)
        }

        @Test("lines are found by trace, type, level, class, text and time, and followed as they are written")
        func searches() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let settings = ["GUARDIAN_LOG_LEVEL": "debug", "GUARDIAN_LOG_MIN_FREE": "0"]
            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(settings) { $1 })
            defer { serve.kill() }
            try await Web.poison(backend.url, ["bad"])
            let out = workplace.path + "/followed"
            let command = "\(Guardian.binary) logs --follow --json --class permanent --data-dir \(workplace.path) | head -n 1 | tee \(out)"
            async let following = Shell.run(["timeout", "60", "bash", "-c", command], environment: settings)
            // Following begins at the end of what is there, so operations are sent until it has found one, and then one more, by which the
            // follower sees that its reader has gone.
            var sent = 0
            var isFound = false
            while sent < 2000, !isFound {
                isFound = FileManager.default.contents(atPath: out).map { !$0.isEmpty } ?? false
                sent += 2
                for room in ["bad", "good-\(sent)"] {
                    #expect(try await Web.post(serve.url, Web.operation.replacing("r1", with: room)) == 202)
                }
                try await Web.wait("so many done") { try await Web.processed(serve.url) + Web.failed(serve.url) == sent }
            }
            let followed = try await following
            #expect(followed.json["message"] == "operation given up on", "\(followed.output)\(followed.errors)")
            let trace = try #require(followed.json["trace_id"]?.string)

            func found(_ flags: String...) async throws -> [JSONValue] {
                let answer = try await Guardian.run(["logs", "--json", "--data-dir", workplace.path] + flags)
                #expect(answer.status == 0, "\(answer.errors)")
                return try answer.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            }
            let one = try await found("--trace", trace)
            let messages = one.compactMap { $0["message"]?.string }
            // It is claimed when it is stored, before or after whoever has enqueued it says so.
            let delivery = ["attempt begun", "request sent", "answer received", "operation given up on"]
            #expect(Set(messages) == Set(delivery + ["operation enqueued"]) && messages.count == 5, "\(messages)")
            #expect(messages.filter { $0 != "operation enqueued" } == delivery, "\(messages)")
            #expect(try await found("--level", "error").allSatisfy { $0["level"] == "error" })
            #expect(try await found("--type", "update", "--limit", "5").count == 5)
            #expect(try await found("--type", "delete").isEmpty)
            try await Web.wait("the last to be logged") { try await found("--class", "permanent", "--since", "10m").count == sent / 2 }
            #expect(try await found("--since", "2099-01-01T00:00:00Z").isEmpty)
            #expect(try await found("--grep", "breaker").isEmpty)
            let people = try await workplace.run("logs", "--level", "error", "--limit", "1")
            #expect(people.output.contains("ERROR") && people.output.contains("operation given up on"), "\(people.output)")
        }

        @Test("no log is exit code 3, a wrong flag 2, and each says what to do")
        func refuses() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let none = try await workplace.run("logs")
            #expect(none.status == 3 && none.errors.contains("guardian serve"), "\(none.errors)")
            let off = try await workplace.run("logs", environment: ["GUARDIAN_LOG_FILE": "off"])
            #expect(off.status == 3 && off.errors.contains("log.file"), "\(off.errors)")
            for flags in [["--level", "loud"], ["--since", "yesterday"], ["--trace", "x"], ["--limit", "0"]] {
                let answer = try await Guardian.run(["logs", "--data-dir", workplace.path] + flags)
                #expect(answer.status == 2 || (answer.status == 3 && flags[0] == "--limit"), "\(flags): \(answer.status)")
            }
            #expect(try await Guardian.run(["logs", "--help"]).output.contains("Example: guardian logs"))
        }

        @Test("a log file of the operator's own choice takes the place of stderr, and rotates by its settings")
        func choosesFile() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/own/place.log"
            let serve = try await Guardian.start(
                workplace.arguments(upstream: Workplace.nobody),
                environment: Workplace.quick.merging([
                    "GUARDIAN_LOG_FILE": file, "GUARDIAN_LOG_LEVEL": "debug", "GUARDIAN_LOG_MAX_SIZE": "4KiB",
                    "GUARDIAN_LOG_MAX_FILES": "3",
                    "GUARDIAN_LOG_MIN_FREE": "0",
                ]) { $1 })
            defer { serve.kill() }
            for number in 0..<100 { #expect(try await Web.post(serve.url, Web.operation.replacing("r1", with: "r\(number)")) == 202) }
            let directory = workplace.path + "/own"
            try await Web.wait("three files") { try FileManager.default.contentsOfDirectory(atPath: directory).count == 3 }
            #expect(serve.terminate() == 0)
            #expect(!serve.errors.contains("{"), "\(serve.errors)")
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                let text = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
                #expect(text.utf8.count <= 4096)
                try Self.expectClean(text, atLeast: 1)
            }
        }
    }
}
