import Foundation
import GuardianCore
import TestServers
import Testing

extension ProcessTests {
    /// Secrets go in at every way in; every byte of every way out is looked through.
    @Suite(.serialized) struct LeakHuntTests {
        private static let kinds = ["text", "page", "deep", "json"]
        private static let headers = [
            "Authorization": "Bearer " + LeakHunt.apiToken, "X-Api-Key": LeakHunt.key, "Cookie": "sid=\(LeakHunt.token)",
        ]

        /// What came out, and by which way.
        private typealias Ways = [(way: String, text: String)]

        @Test("No secret that goes in comes out: logs, exports, metrics, console, errors, settings, events, traces, Sentry, files")
        func nothingLeaks() async throws {
            // Away at first, so that reports wait on disk.
            let (sentry, collector) = (SentryListener(.answers(503)), TraceCollector())
            try await sentry.listening { sentryPort in
                try await collector.listening { tracePort in
                    let scene = try LeakHunt.Scene(sentryPort: sentryPort, tracePort: tracePort)
                    defer { scene.remove() }
                    try await Self.hunt(scene, sentry, collector)
                }
            }
            #expect(sentry.defects.isEmpty && collector.defects.isEmpty, "\(sentry.defects) \(collector.defects)")
        }

        private static func hunt(_ scene: LeakHunt.Scene, _ sentry: SentryListener, _ collector: TraceCollector) async throws {
            let (upstream, url) = try LeakHunt.startUpstream()
            defer { upstream.end() }
            let serve = try await Guardian.start(scene.workplace.arguments(upstream: url, ["--admin"]), environment: scene.environment)
            defer { serve.kill() }
            try await fail(serve)
            // Where the secrets are kept they are found.
            let control = try await LeakHunt.Scene.filesWithCanary(in: scene.secrets.path)
            #expect(!control.isEmpty)
            try await Web.wait("a report on disk") { scene.spooled > 0 }
            let filesBefore = try await LeakHunt.Scene.filesWithCanary(in: scene.workplace.path)
            #expect(filesBefore.isEmpty, "\(filesBefore)")
            sentry.set(.takesAll)
            let cookie = try await logIn(serve)
            var ways = try await streams(scene, serve, cookie)
            ways += try await console(serve, cookie)
            ways += try await answers(serve)
            ways += try await commands(scene)
            try await Web.wait("the reports") { sentry.received.count >= kinds.count }
            try await Web.wait("the spans") { collector.spans.contains { $0.name == "guardian.settle" } }
            #expect(serve.terminate() == 0)
            ways.append((way: "stderr of serve", text: serve.errors))
            for report in sentry.received { ways.append((way: "Sentry", text: String(decoding: report.bytes, as: UTF8.self))) }
            ways.append((way: "traces", text: String(decoding: collector.bytes, as: UTF8.self)))
            for (way, text) in ways {
                for canary in LeakHunt.canaries { #expect(!text.contains(canary), "\(way): \(canary) in \(around(canary, text))") }
            }
            let filesAfter = try await LeakHunt.Scene.filesWithCanary(in: scene.workplace.path)
            #expect(filesAfter.isEmpty, "\(filesAfter)")
            let bytes = ways.reduce(0) { $0 + $1.text.utf8.count }
            print("measured: \(ways.count) ways out, \(bytes) bytes, \(LeakHunt.canaries.count) canaries")
        }

        private static func around(_ canary: String, _ text: String) -> String {
            guard let found = text.range(of: canary) else { return "" }
            let start = text.index(found.lowerBound, offsetBy: -60, limitedBy: text.startIndex) ?? text.startIndex
            return String(text[start...].prefix(160))
        }
    }
}

extension ProcessTests.LeakHuntTests {
    /// Enqueues one; without its principal it is sent, for nobody is signed in under that one.
    private static func post(_ serve: Guardian, _ id: String, _ entity: String, isSent: Bool = true) async throws {
        let whole = LeakHunt.operation(id, entity: entity)
        let body = isSent ? whole.replacing("\"principal\":\"\(LeakHunt.email)\",", with: "") : whole
        #expect(try await Web.send("POST", serve.url, "/v1/operations", body: body, headers: headers).status == 202)
    }

    /// Lets operations of each kind be refused, and as many wait.
    private static func fail(_ serve: Guardian) async throws {
        for (index, kind) in (kinds + kinds).enumerated() {
            try await post(serve, "op-\(index)", "\(kind)-\(index)", isSent: index < kinds.count)
        }
        // Where nothing but refusals came, the server would be taken for the one that is wrong.
        var good = 0
        try await Web.wait("\(kinds.count) failed") {
            good += 1
            try await post(serve, "good-\(good)", "good-\(good)")
            let status = try await Web.send("GET", serve.url, "/v1/status", headers: headers)
            return Int(status.json["books"]?["failed"]?.integer ?? 0) >= kinds.count
        }
    }

    /// The cookie of a session as admin.
    private static func logIn(_ serve: Guardian) async throws -> String {
        let answer = try await Web.send(
            "POST", serve.url, "/admin/login", body: "token=" + LeakHunt.adminToken,
            headers: ["Content-Type": "application/x-www-form-urlencoded"])
        let cookie = try #require(answer.headers.range(of: "guardian_admin[_0-9]*=[^;\\s]+", options: .regularExpression))
        return String(answer.headers[cookie])
    }

    /// What is followed while it happens: events, a page of the console, the log.
    private static func streams(_ scene: LeakHunt.Scene, _ serve: Guardian, _ cookie: String) async throws -> Ways {
        // Under the name that the session was begun under.
        let curl = ["curl", "-sN", "-H", "Host: localhost", "-H"]
        let events = [Guardian.binary, "events", "--json", "--data-dir", scene.workplace.path, "--listen"]
        let failed = #""failed""#
        let followed = [
            (failed, 100, events + [String(serve.url.dropFirst("http://".count))]),
            (failed, 100, curl + ["Authorization: Bearer " + LeakHunt.apiToken, serve.url + "/v1/events"]),
            ("event: fragment", 3, curl + ["Cookie: " + cookie, serve.url + "/admin/live?of=/admin/operations/op-0"]),
            ("data: ", 600, curl + ["Cookie: " + cookie, serve.url + "/admin/logs/live?level=debug"]),
        ]
        // Until what is waited for has come so many times: how soon that is depends on what else the machine does.
        let commands = followed.map { mark, count, command in
            ["sh", "-c", "mark=$1; shift; timeout -s KILL 100 \"$@\" | grep -m \(count) -B 100000 \"$mark\"", "sh", mark] + command
        }
        let ways = try await withThrowingTaskGroup(of: (String, String)?.self) { group -> Ways in
            for command in commands {
                group.addTask { (command.joined(separator: " "), try await Shell.run(command, environment: scene.environment).output) }
            }
            group.addTask {
                try await keepPosting(serve)
                return nil
            }
            defer { group.cancelAll() }
            var found: Ways = []
            while found.count < commands.count, let answer = try await group.next() {
                if let (command, output) = answer { found.append((way: command, text: output)) }
            }
            return found
        }
        for (way, text) in ways { #expect(!text.isEmpty, "\(way)") }
        // The address of a page has no secret in it, what was called to ask for one has.
        return ways.map { (way: $0.way.components(separatedBy: " ").last ?? "", text: $0.text) }
    }

    /// Until the task is cancelled.
    private static func keepPosting(_ serve: Guardian) async throws {
        var number = 0
        while !Task.isCancelled {
            number += 1
            for kind in [kinds[number % kinds.count], "good", "good"] { try await post(serve, UUID().uuidString, "\(kind)-more-\(UUID())") }
            do { try await Task.sleep(for: .milliseconds(50)) } catch { return }
        }
    }

    /// Every page of the console, and what it exports.
    private static func console(_ serve: Guardian, _ cookie: String) async throws -> Ways {
        var ways: Ways = []
        let actions = ["force-release-lock", "rebuild-index", "export", "clear-failed", "retry-all-failed"].map { "/actions/" + $0 }
        let operations = (0..<2 * kinds.count).map { "/operations/op-\($0)" }
        let pages = ["", "/operations", "/operations?status=failed", "/failures", "/blocked", "/alerts", "/logs", "/logs?level=debug"]
        for page in pages + operations + actions + ["/jobs", "/configuration", "/audit", "/bulk?kind=cancel", "/bulk?kind=retry"] {
            let answer = try await Web.send("GET", serve.url, "/admin" + page, headers: ["Cookie": cookie])
            #expect(answer.status == 200, "\(page): \(answer.body)")
            ways.append((way: "/admin" + page, text: answer.headers + answer.body))
        }
        let missing = try await Web.send("GET", serve.url, "/admin/no/such/\(LeakHunt.email)", headers: ["Cookie": cookie])
        ways.append((way: "a page that is none", text: missing.headers + missing.body))
        let overview = try #require(ways.first?.text)
        let field = try #require(overview.range(of: "name=\"csrf\" value=\"[^\"]+", options: .regularExpression))
        let token = overview[field].dropFirst("name=\"csrf\" value=\"".count)
        for format in ["csv", "json"] {
            let answer = try await Web.send(
                "POST", serve.url, "/admin/actions/export",
                body: "csrf=\(token)&format=\(format)&payload=1",
                headers: ["Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"])
            #expect(answer.status == 200 && answer.body.contains("op-0"), "\(answer.body.prefix(300))")
            ways.append((way: "console's export as \(format)", text: answer.headers + answer.body))
        }
        return ways
    }

    /// What the API says. Errors repeat what they were given.
    private static func answers(_ serve: Guardian) async throws -> Ways {
        var ways: Ways = []
        for (method, path, body) in [
            ("POST", "/v1/operations", "{\"operation_type\":\"\(LeakHunt.sentence)\"}"), ("POST", "/v1/operations", LeakHunt.sentence),
            ("GET", "/v1/operations/\(LeakHunt.email)", ""), ("GET", "/v1/operations?status=\(LeakHunt.email)&token=\(LeakHunt.token)", ""),
            ("GET", "/metrics", ""), ("GET", "/metrics.json", ""), ("GET", "/readyz", ""), ("GET", "/healthz", ""),
            ("GET", "/v1/status", ""), ("GET", "/openapi.json", ""), ("GET", "/admin", ""), ("GET", "/admin/logs", ""),
            ("GET", "/no/such/\(LeakHunt.email)", ""), ("GET", "/v1/operations/op-0/explain", ""),
        ] {
            let answer = try await Web.send(method, serve.url, path, body: body, headers: headers)
            ways.append((way: "\(method) \(path)", text: answer.headers + answer.body))
        }
        return ways
    }

    /// What commands say, beside the sidecar.
    private static func commands(_ scene: LeakHunt.Scene) async throws -> Ways {
        var ways: Ways = []
        for command in [
            ["export", "--out", "-", "--include-payload"], ["export", "--out", "-", "--format", "json", "--include-payload"],
            ["export", "--out", "-", "--format", "ndjson"], ["config", "print"], ["config", "print", "--json"], ["status"],
            ["status", "--json"], ["list"], ["explain", "op-0"], ["explain", "op-0", "--as-request"], ["explain", "op-5", "--json"],
            ["check"], ["lock", "status"], ["doctor"], ["show", LeakHunt.email], ["enqueue", "--operation", LeakHunt.sentence],
            ["enqueue", "--operation", "update", "--entity-type", "room", "--entity-id", "x", "--payload", LeakHunt.sentence],
            ["retry", LeakHunt.email], ["logs"], ["logs", "--level", "debug"], ["metrics"],
        ] {
            let answer = try await Guardian.run(command + ["--data-dir", scene.workplace.path], environment: scene.environment)
            ways.append((way: command.prefix(2).joined(separator: " "), text: answer.output + answer.errors))
        }
        return ways
    }
}
