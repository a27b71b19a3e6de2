import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `explain --as-request`: what is printed before is what the upstream hears after.
    @Suite(.serialized) struct AsRequestTests {
        /// A request, with its header names in lower case.
        struct Heard: Equatable {
            var method: String
            var path: String
            var headers: [String: String]
            var body: String
        }

        static let operations = [
            #"{"id":"u","operation_type":"update","entity_type":"room","entity_id":"a/b é","payload":{ "n" : 9007199254740993 },"txn_token":"t\"1"}"#,
            #"{"id":"c","operation_type":"create","entity_type":"battery","entity_id":"b1","payload":{"s":"é\u0001 \\n"},"priority":5}"#,
            #"{"id":"d","operation_type":"delete","entity_type":"box","entity_id":"x1"}"#,
        ]

        @Test(
            "the printed request is the one that the upstream logs: method, path, every header, body; the token is masked",
            arguments: [false, true])
        func isSent(asJSON: Bool) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let backend = try await Guardian.start(["backend", "--listen", "127.0.0.1:0"])
            defer { backend.kill() }
            let file = workplace.path + "/token"
            try "secret-token-1\n".write(toFile: file, atomically: true, encoding: .utf8)
            let login = ["GUARDIAN_UPSTREAM_AUTH_KIND": "bearer_file", "GUARDIAN_UPSTREAM_AUTH_FILE": file]
            try await workplace.enqueue(Self.operations)
            var printed: [String: Heard] = [:]
            for id in ["u", "c", "d"] {
                let flags = ["explain", id, "--as-request", "--upstream", backend.url, "--data-dir", workplace.path]
                let answer = try await Guardian.run(flags + (asJSON ? ["--json"] : []), environment: login)
                #expect(answer.status == 0, "\(answer.errors)")
                #expect(!answer.output.contains("secret-token-1"))
                let heard = try asJSON ? Self.read(answer.json, backend.url) : Self.read(answer.output, backend.url)
                #expect(heard.headers["authorization"] == "Bearer ***", "\(answer.output)")
                printed[try #require(heard.headers["idempotency-key"])] = heard
            }
            #expect(try await Web.get(backend.url, "/_requests").json["requests"] == [])

            let serve = try await Guardian.start(
                workplace.arguments(upstream: backend.url), environment: Workplace.quick.merging(login) { $1 })
            defer { serve.kill() }
            try await Web.wait("3 processed") { try await Web.processed(serve.url) == 3 }
            let logged = try #require(try await Web.get(backend.url, "/_requests").json["requests"]?.elements)
            #expect(logged.count == 3)
            for request in logged {
                var heard = Self.heard(request, path: request["path"]?.string)
                #expect(heard.headers.removeValue(forKey: "authorization") == "Bearer secret-token-1")
                heard.headers["connection"] = nil
                var expected = try #require(printed[heard.headers["idempotency-key"] ?? ""])
                expected.headers["authorization"] = nil
                #expect(heard == expected)
            }
        }

        @Test("what has no route says so with exit code 1; a request is asked of one operation")
        func unroutable() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await workplace.enqueue([#"{"id":"x","operation_type":"calibrate","entity_type":"room","entity_id":"r","payload":{}}"#])
            let answer = try await workplace.run("explain", "x", "--as-request")
            #expect(answer.status == 1 && answer.output.isEmpty, "\(answer.output)")
            #expect(answer.errors.contains("NO_ROUTE") && answer.errors.contains("upstream.routes"), "\(answer.errors)")
            #expect(try await workplace.run("explain", "nobody", "--as-request").status == 3)
            #expect(try await workplace.run("explain", "--as-request").status == 2)
        }

        @Test("a payload that up-casters change is shown as it would be sent; one that can't be cast says why")
        func cast() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/guardian.yaml"
            try "upcasters:\n  - { entity: room, from: 1, to: 2, rename: { temp: temperature } }\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            try await workplace.enqueue([
                #"{"id":"old","operation_type":"update","entity_type":"room","entity_id":"r","payload":{"temp":21}}"#,
                room("new", #","schema_version":3"#),
            ])
            let old = try await workplace.run("explain", "old", "--as-request", "--config", file)
            #expect(old.status == 0 && old.output.hasSuffix("\"payload\":{\"temperature\":21}}\n"), "\(old.output)\(old.errors)")
            #expect(old.errors.isEmpty, "\(old.errors)")
            try await workplace.sqlite("UPDATE guardian_operation SET last_attempt_at = 1 WHERE id = 'old'")
            let again = try await workplace.run("explain", "old", "--as-request", "--config", file)
            #expect(again.status == 0 && again.errors.contains("a new Idempotency-Key"), "\(again.errors)")
            let new = try await workplace.run("explain", "new", "--as-request", "--config", file)
            #expect(new.status == 1 && new.errors.contains("SCHEMA_TOO_NEW"), "\(new.errors)")
        }

        /// Reads what was printed as text.
        private static func read(_ text: String, _ upstream: String) throws -> Heard {
            let end = try #require(text.firstRange(of: "\n\n"))
            let lines = text[..<end.lowerBound].split(separator: "\n")
            let start = try #require(lines.first).split(separator: " ", maxSplits: 1)
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let colon = try #require(line.firstRange(of: ": "))
                #expect(headers.updateValue(String(line[colon.upperBound...]), forKey: String(line[..<colon.lowerBound])) == nil, "\(line)")
            }
            #expect(start[1].hasPrefix(upstream + "/"))
            return Heard(
                method: String(start[0]), path: String(start[1].dropFirst(upstream.count)), headers: headers,
                body: String(text[end.upperBound...].dropLast()))
        }

        private static func read(_ json: JSONValue, _ upstream: String) throws -> Heard {
            let url = try #require(json["url"]?.string)
            #expect(url.hasPrefix(upstream + "/"))
            return heard(json, path: String(url.dropFirst(upstream.count)))
        }

        private static func heard(_ json: JSONValue, path: String?) -> Heard {
            let headers = (json["headers"]?.members ?? []).map { ($0.name, $0.value.string ?? "") }
            return Heard(
                method: json["method"]?.string ?? "", path: path ?? "", headers: Dictionary(headers) { $0 + ", " + $1 },
                body: json["body"]?.string ?? "")
        }
    }
}
