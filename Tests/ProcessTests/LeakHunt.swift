import Foundation
import GuardianCore
import TestServers
import Testing

/// Secrets, an upstream that repeats what it was sent, and a sidecar with all of its doors open.
enum LeakHunt {
    static let password = "cnry-Pw-83jq!x"
    static let token = "cnryTok7Zq81LmPw20"
    static let apiToken = "cnryTok7-api-token-0000000000000000"
    static let adminToken = "cnryTok7-admin-token-00000000000000"
    static let email = "cnry.person@leak-hunt.example"
    static let card = "5500 0055 5555 5559"
    static let key = "sk_live_cnry4eC39HqLyjWDarjtT1"
    static let web = "eyJhbGciOiJIUzI1NiJ9.eyJjbnJ5IjoxfQ.cnryXgL0n3I9PlFUP0THsR8U"
    static let sealKey = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 5) }).base64EncodedString()

    /// Parts of them that nobody else writes.
    static let canaries = [
        "cnry-Pw", "cnryTok7", "cnry.person", "5500 0055", "5500005555555559", "sk_live_cnry", "cnryXgL0", String(sealKey.prefix(16)),
    ]

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

    static func startUpstream() throws -> (Process, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", upstream]
        process.environment = ProcessInfo.processInfo.environment.merging(["WORDS": sentence]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let port = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
        return (process, "http://127.0.0.1:\(port)")
    }

    /// One whose payload, base and principal hold all of them.
    static func operation(_ id: String, entity: String) -> String {
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

    /// Where a sidecar runs: its data, and apart from that the files with secrets that it is given.
    struct Scene: Sendable {
        let workplace: Workplace
        let secrets: Workplace
        let environment: [String: String]

        init(sentryPort: Int, tracePort: Int) throws {
            workplace = try Workplace()
            secrets = try Workplace()
            var files: [String: String] = [:]
            for (variable, text) in [
                ("UPSTREAM_AUTH_FILE", LeakHunt.token), ("TOKEN_FILE", LeakHunt.apiToken),
                ("ADMIN_TOKEN_FILE", "admin " + LeakHunt.adminToken),
                ("SEAL_KEY_FILE", LeakHunt.sealKey), ("SENTRY_DSN_FILE", SentryListener.dsn(port: sentryPort)),
            ] {
                let file = secrets.path + "/" + variable
                #expect(FileManager.default.createFile(atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
                files["GUARDIAN_" + variable] = file
            }
            environment = Workplace.quick.merging(files) { $1 }.merging([
                "GUARDIAN_UPSTREAM_AUTH_KIND": "bearer_file", "GUARDIAN_LOG_LEVEL": "debug", "GUARDIAN_LOG_MIN_FREE": "0",
                "GUARDIAN_TRACE_ENDPOINT": "http://127.0.0.1:\(tracePort)",
            ]) { $1 }
        }

        /// Reports that wait for Sentry on disk.
        var spooled: Int { (FileManager.default.subpaths(atPath: workplace.path + "/sentry") ?? []).count { $0.hasSuffix(".json") } }

        /// The files of a directory in which a canary stands.
        static func filesWithCanary(in directory: String) async throws -> String {
            try await Shell.run(["grep", "-rlaF"] + LeakHunt.canaries.flatMap { ["-e", $0] } + [directory]).output
        }

        func remove() {
            workplace.remove()
            secrets.remove()
        }
    }
}
