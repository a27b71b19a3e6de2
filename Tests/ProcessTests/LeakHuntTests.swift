import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Secrets go in at every way in; every byte of every way out is looked through.
    @Suite(.serialized) struct LeakHuntTests {
        static let password = "cnry-Pw-83jq!x"
        static let token = "cnryTok7Zq81LmPw20"
        static let email = "cnry.person@leak-hunt.example"
        static let card = "5500 0055 5555 5559"
        static let key = "sk_live_cnry4eC39HqLyjWDarjtT1"
        static let web = "eyJhbGciOiJIUzI1NiJ9.eyJjbnJ5IjoxfQ.cnryXgL0n3I9PlFUP0THsR8U"

        /// Parts of them that nobody else writes.
        static let canaries = ["cnry-Pw", "cnryTok7", "cnry.person", "5500 0055", "5500005555555559", "sk_live_cnry", "cnryXgL0"]

        static let sentence = "login with password=\(password) token: \(token) by \(email), card \(card), key \(key), jwt \(web)"

        /// Refuses operations with words that repeat what it was sent, as upstreams do; takes those of an entity `good-…`.
        static let upstream = #"""
            import http.server, json, os, sys
            words = os.environ["WORDS"]
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def answer(self):
                    body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "replace")
                    kind = self.path.rsplit("/", 1)[-1]
                    if kind.startswith("good"): return self.send(200, "application/json", json.dumps({"meta": {}, "data": {}}))
                    if kind.startswith("text"): out = words + " " + body
                    elif kind.startswith("page"): out = "<p>" + words + "</p><password>" + words + "</password>"
                    elif kind.startswith("deep"): out = json.dumps({"error": {"code": "BAD", "message": words, "details": {"got": body, "auth": self.headers.get("authorization")}}})
                    else: out = json.dumps({"meta": {}, "error": {"code": "BAD", "message": body + words}})
                    self.send(422, "text/plain" if kind.startswith(("text", "page")) else "application/json", out)
                def send(self, status, kind, out):
                    data = out.encode()
                    self.send_response(status)
                    self.send_header("content-type", kind)
                    self.send_header("content-length", str(len(data)))
                    self.send_header("x-debug", self.headers.get("authorization") or "")
                    self.end_headers()
                    self.wfile.write(data)
                do_PUT = do_POST = do_GET = do_DELETE = answer
                def log_message(self, *a): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            print(server.server_port, flush=True)
            server.serve_forever()
            """#

        private func startUpstream(_ workplace: Workplace) throws -> (Process, String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["python3", "-c", Self.upstream]
            process.environment = ProcessInfo.processInfo.environment.merging(["WORDS": Self.sentence]) { $1 }
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let port = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self).trimmingCharacters(
                in: .whitespacesAndNewlines)
            return (process, "http://127.0.0.1:\(port)")
        }

        private static func operation(_ id: String, entity: String) -> String {
            let payload: JSONValue = [
                "password": .string(password), "user": ["apiKey": .string(key), "contacts": [.string(email)]], "card": .string(card),
                "note": .string(sentence), "authToken": .string(token), "session": ["jwt": .string(web)],
            ]
            let operation: JSONValue = [
                "id": .string(id), "operation_type": "update", "entity_type": "room", "entity_id": .string(entity), "payload": payload,
                "base": payload, "principal": .string(email), "txn_token": "change-1",
            ]
            return operation.text
        }

        @Test("No secret that goes in comes out of logs, exports, metrics, pages, errors or settings")
        func nothingLeaks() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let (upstream, url) = try startUpstream(workplace)
            defer { upstream.end() }
            let (login, api) = (workplace.path + "/login", workplace.path + "/api-token")
            try Self.token.write(toFile: login, atomically: true, encoding: .utf8)
            try "cnryTok7-api-token-0000000000000000".write(toFile: api, atomically: true, encoding: .utf8)
            let settings = [
                "GUARDIAN_UPSTREAM_AUTH_KIND": "bearer_file", "GUARDIAN_UPSTREAM_AUTH_FILE": login, "GUARDIAN_TOKEN_FILE": api,
                "GUARDIAN_LOG_LEVEL": "debug",
            ]
            let serve = try await Guardian.start(workplace.arguments(upstream: url), environment: Workplace.quick.merging(settings) { $1 })
            defer { serve.kill() }
            let headers = [
                "Authorization": "Bearer cnryTok7-api-token-0000000000000000", "X-Api-Key": Self.key, "Cookie": "sid=\(Self.token)",
            ]
            var ways: [(String, String)] = []
            let kinds = ["text", "page", "deep", "json"]
            for (index, kind) in (kinds + kinds).enumerated() {
                let body = Self.operation("op-\(index)", entity: "\(kind)-\(index)")
                // Nobody is signed in under that principal, so half of them go out without one.
                let sent = index < kinds.count ? body.replacing("\"principal\":\"\(Self.email)\",", with: "") : body
                #expect(try await Web.send("POST", serve.url, "/v1/operations", body: sent, headers: headers).status == 202)
            }
            // Where nothing but refusals came, the server would be taken for the one that is wrong.
            var good = 0
            try await Web.wait("\(kinds.count) failed") {
                good += 1
                let body = Self.operation("good-\(good)", entity: "good-\(good)").replacing("\"principal\":\"\(Self.email)\",", with: "")
                #expect(try await Web.send("POST", serve.url, "/v1/operations", body: body, headers: headers).status == 202)
                let status = try await Web.send("GET", serve.url, "/v1/status", headers: headers)
                return Int(status.json["books"]?["failed"]?.integer ?? 0) >= kinds.count
            }
            // Errors repeat what they were given.
            for (method, path, body) in [
                ("POST", "/v1/operations", "{\"operation_type\":\"\(Self.sentence)\"}"), ("POST", "/v1/operations", Self.sentence),
                ("GET", "/v1/operations/\(Self.email)", ""), ("GET", "/v1/operations?status=\(Self.email)&token=\(Self.token)", ""),
                ("GET", "/metrics", ""), ("GET", "/metrics.json", ""), ("GET", "/readyz", ""), ("GET", "/healthz", ""),
                ("GET", "/v1/status", ""), ("GET", "/openapi.json", ""),
                ("GET", "/admin", ""), ("GET", "/admin/logs", ""), ("GET", "/no/such/\(Self.email)", ""),
                ("GET", "/v1/operations/op-0/explain", ""),
            ] {
                let answer = try await Web.send(method, serve.url, path, body: body, headers: headers)
                ways.append(("\(method) \(path)", answer.headers + answer.body))
            }
            for command in [
                ["export", "--out", "-", "--include-payload"], ["export", "--out", "-", "--format", "json", "--include-payload"],
                ["export", "--out", "-", "--format", "ndjson"],
                ["config", "print"], ["config", "print", "--json"], ["status"], ["status", "--json"], ["list"], ["explain", "op-0"],
                ["explain", "op-0", "--as-request"],
                ["explain", "op-5", "--json"], ["check"], ["lock", "status"], ["doctor"], ["show", Self.email],
                ["enqueue", "--operation", Self.sentence],
                ["enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "x", "--payload", Self.sentence],
                ["retry", Self.email], ["logs"], ["metrics"],
            ] {
                let answer = try await Guardian.run(command + ["--data-dir", workplace.path], environment: settings)
                ways.append((command.prefix(2).joined(separator: " "), answer.output + answer.errors))
            }
            #expect(serve.terminate() == 0)
            ways.append(("stderr of serve", serve.errors))
            var looked = 0
            for (way, text) in ways {
                looked += text.utf8.count
                for canary in Self.canaries { #expect(!text.contains(canary), "\(way): \(canary) in \(Self.around(canary, text))") }
            }
            print("measured: \(ways.count) ways out, \(looked) bytes, \(Self.canaries.count) canaries")
        }

        private static func around(_ canary: String, _ text: String) -> String {
            guard let found = text.range(of: canary) else { return "" }
            let start = text.index(found.lowerBound, offsetBy: -60, limitedBy: text.startIndex) ?? text.startIndex
            return String(text[start...].prefix(160))
        }
    }
}
