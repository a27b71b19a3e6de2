import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ConsoleAccessTests {
    static let pages = [
        "/admin", "/admin/operations", "/admin/operations/a", "/admin/failures", "/admin/blocked", "/admin/alerts", "/admin/logs",
        "/admin/jobs", "/admin/configuration", "/admin/audit",
    ]
    static let forms = [
        "/admin/actions/force-release-lock", "/admin/actions/rebuild-index", "/admin/actions/export", "/admin/actions/clear-failed",
        "/admin/actions/retry-all-failed", "/admin/actions/pause", "/admin/actions/resume", "/admin/bulk", "/admin/jobs/1/stop",
        "/admin/operations/a/retry", "/admin/operations/a/cancel", "/admin/operations/a/resolve",
    ]
    private static let adminOnly: Set = [
        "/admin/actions/force-release-lock", "/admin/actions/rebuild-index", "/admin/actions/clear-failed",
    ]

    @Test("without a login every page leads to the login, and everything else is 401", arguments: pages)
    func needsLogin(path: String) async throws {
        try await Visitor.withConsole { sidecar in
            let page = try await sidecar.send(.GET, path, fields: [("Accept", "text/html")])
            #expect([302, 303].contains(page.status))
            #expect(page.headers["location"].first?.hasPrefix("/admin/login") == true)
            try await sidecar.get(path).expectProblem(401)
            try await sidecar.send(.GET, path, fields: [("Cookie", "guardian_admin_\(sidecar.port)=guess")]).expectProblem(401)
        }
    }

    @Test("without a console nothing of it is there")
    func off() async throws {
        try await Sidecar.run { sidecar in
            for path in ["/admin", "/admin/login", "/admin/assets/console.js"] { try await sidecar.get(path).expectProblem(404) }
        }
    }

    @Test("a viewer sees every page, and every one of its posts is refused and changes nothing", arguments: forms)
    func viewer(path: String) async throws {
        try await Visitor.enter("viewer") { visitor in
            try await visitor.fail(["a", "b"])
            for page in Self.pages {
                let answer = try await visitor.get(page)
                #expect(answer.status == 200, "\(page)")
                #expect(!answer.body.contains("<form method=\"post\" action=\"/admin/actions"))
            }
            let before = try await visitor.sidecar.store.books()
            let answer = try await visitor.post(path, [("total", "2"), ("phrase", "clear 2"), ("kind", "cancel"), ("through", "9")])
            answer.expectProblem(403, says: "viewer")
            #expect(try await visitor.sidecar.store.books() == before)
            #expect(try await visitor.sidecar.store.loadControl().pauses.isEmpty)
            #expect(try await visitor.sidecar.store.lockState() != nil)
        }
    }

    @Test("an operator may do all but what can hurt the whole queue", arguments: forms)
    func operatorRole(path: String) async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.fail(["a"])
            let answer = try await visitor.post(path)
            #expect((answer.status == 403) == Self.adminOnly.contains(path), "\(answer.status)")
            if Self.adminOnly.contains(path) { #expect(try await visitor.get(path).status == 403) }
        }
    }

    @Test("a post without the session's token, or with another one's, is refused", arguments: forms + ["/admin/logout"])
    func forgedPost(path: String) async throws {
        try await Visitor.enter { visitor in
            try await visitor.fail(["a"])
            let before = try await visitor.sidecar.store.books()
            let other = try await Visitor.logIn("admin", visitor.sidecar)
            for form in [[], [("csrf", "")], [("csrf", other.csrf)], [("csrf", visitor.csrf + "0")]] {
                let answer = try await Visitor.post(visitor.sidecar, path, form, fields: [("Cookie", visitor.cookie)])
                answer.expectProblem(403)
            }
            #expect(try await visitor.sidecar.store.books() == before)
        }
    }

    @Test("a post that a page of another site makes is refused, whatever it carries", arguments: forms + ["/admin/login"])
    func crossSite(path: String) async throws {
        try await Visitor.enter { visitor in
            let form = [("token", Visitor.tokens["admin"] ?? "")]
            try await visitor.post(path, form, fields: [("Origin", "https://evil.example")]).expectProblem(403)
            try await visitor.post(path, form, fields: [("Origin", "null")]).expectProblem(403)
            try await visitor.post(path, form, fields: [("Sec-Fetch-Site", "cross-site")]).expectProblem(403)
            try await visitor.post(path, form, fields: [("Sec-Fetch-Site", "same-site")]).expectProblem(403)
        }
    }

    @Test("a forged Host is refused before anything is looked at", arguments: ["/admin", "/admin/login", "/admin/assets/console.js"])
    func forgedHost(path: String) async throws {
        try await Visitor.enter { visitor in
            let answer = try await visitor.sidecar.send(.GET, path, fields: [("Host", "evil.example"), ("Cookie", visitor.cookie)])
            answer.expectProblem(421)
        }
    }

    @Test("after a logout the old cookie opens nothing")
    func replay() async throws {
        try await Visitor.enter { visitor in
            let answer = try await visitor.post("/admin/logout")
            #expect([302, 303].contains(answer.status))
            #expect(answer.headers["set-cookie"].first?.contains("Max-Age=0") == true)
            try await visitor.get("/admin", accept: "*/*").expectProblem(401)
            try await visitor.post("/admin/actions/pause").expectProblem(401)
        }
    }

    @Test("a session ends after half an hour without a request, and after twelve hours in any case")
    func expiry() async throws {
        try await Visitor.withConsole(isTimed: true) { sidecar in
            let idle = try await Visitor.logIn("viewer", sidecar)
            sidecar.clock.advance(byMilliseconds: 30 * 60_000 - 1)
            #expect(try await idle.get("/admin/alerts").status == 200)
            sidecar.clock.advance(byMilliseconds: 30 * 60_000)
            try await idle.get("/admin/alerts", accept: "*/*").expectProblem(401)
            let busy = try await Visitor.logIn("viewer", sidecar)
            for _ in 0..<35 {
                sidecar.clock.advance(byMilliseconds: 20 * 60_000)
                #expect(try await busy.get("/admin/alerts").status == 200)
            }
            sidecar.clock.advance(byMilliseconds: 20 * 60_000)
            try await busy.get("/admin/alerts", accept: "*/*").expectProblem(401)
        }
    }

    @Test("guessing is slowed: after five wrong tokens the right one waits a minute too")
    func rateLimit() async throws {
        try await Visitor.withConsole(isTimed: true) { sidecar in
            for _ in 0..<5 {
                let refused = try await Visitor.post(sidecar, "/admin/login", [("token", "wrong")])
                #expect(refused.status == 401)
            }
            let right = [("token", Visitor.tokens["admin"] ?? "")]
            let refused = try await Visitor.post(sidecar, "/admin/login", right)
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"].first.flatMap { Int($0) }.map { (1...61).contains($0) } == true)
            sidecar.clock.advance(byMilliseconds: 60_000)
            #expect([302, 303].contains(try await Visitor.post(sidecar, "/admin/login", right).status))
        }
    }

    @Test("a login of more than 8 KiB is refused before it is looked at, and any form of more fields than a person fills in")
    func largeForms() async throws {
        try await Visitor.enter { visitor in
            let right = ("token", Visitor.tokens["admin"] ?? "")
            let large = [right, ("next", "/admin/" + String(repeating: "x", count: 8 << 10))]
            try await Visitor.post(visitor.sidecar, "/admin/login", large).expectProblem(413, says: "8192 bytes")
            let many = (0..<10_001).map { ("f\($0)", "") }
            try await visitor.post("/admin/actions/pause", many).expectProblem(413, says: "10000 fields")
            #expect(try await visitor.sidecar.store.loadControl().pauses.isEmpty)
        }
    }

    @Test("while an address has to wait, not even the form of its login is read")
    func unreadForms() async throws {
        try await Visitor.withConsole(isTimed: true) { sidecar in
            for _ in 0..<5 {
                let refused = try await Visitor.post(sidecar, "/admin/login", [("token", "wrong")])
                #expect(refused.status == 401)
            }
            let large = [("token", String(repeating: "x", count: 9 << 10))]
            #expect(try await Visitor.post(sidecar, "/admin/login", large).status == 429)
            sidecar.clock.advance(byMilliseconds: 60_000)
            #expect(try await Visitor.post(sidecar, "/admin/login", large).status == 413)
        }
    }

    @Test("the cookie is HttpOnly, SameSite and bound to the console")
    func cookie() async throws {
        try await Visitor.withConsole { sidecar in
            let answer = try await Visitor.post(sidecar, "/admin/login", [("token", Visitor.tokens["viewer"] ?? "")])
            let cookie = try #require(answer.headers["set-cookie"].first)
            for part in ["HttpOnly", "SameSite=Lax", "Path=/admin"] { #expect(cookie.contains(part)) }
        }
        try await Visitor.withConsole(change: { $0.isSecure = true }) { sidecar in
            let answer = try await Visitor.post(sidecar, "/admin/login", [("token", Visitor.tokens["viewer"] ?? "")])
            #expect(answer.headers["set-cookie"].first?.contains("Secure") == true)
            #expect(answer.headers["strict-transport-security"].isEmpty == false)
        }
    }

    @Test("consoles that are reached at two ports of one host have a session each, side by side")
    func ports() async throws {
        try await Visitor.withConsole { sidecar in
            let token = [("token", Visitor.tokens["viewer"] ?? "")]
            let hosts = ["localhost:8080", "localhost:8081", "[::1]:8082", "localhost", "[::1]"]
            var jar: [String] = []
            for host in hosts {
                let answer = try await Visitor.post(sidecar, "/admin/login", token, fields: [("Host", host)])
                jar.append(String(try #require(answer.headers["set-cookie"].first).prefix { $0 != ";" }))
            }
            let names = jar.map { String($0.prefix { $0 != "=" }) }
            #expect(names == ["guardian_admin_8080", "guardian_admin_8081", "guardian_admin_8082", "guardian_admin", "guardian_admin"])
            for (host, name) in zip(hosts, names) {
                let all = jar.joined(separator: "; ")
                let page = try await sidecar.send(.GET, "/admin/alerts", fields: [("Host", host), ("Cookie", all)])
                #expect(page.status == 200, "\(host)")
                let others = jar.filter { !$0.hasPrefix(name + "=") }.joined(separator: "; ")
                let lacking = try await sidecar.send(.GET, "/admin/alerts", fields: [("Host", host), ("Cookie", others)])
                lacking.expectProblem(401)
            }
        }
    }

    @Test("a login leads on to where its visitor wanted to go, and nowhere else")
    func next() async throws {
        try await Visitor.withConsole { sidecar in
            let token = ("token", Visitor.tokens["viewer"] ?? "")
            for (wanted, target) in [
                ("/admin/failures?x=1", "/admin/failures?x=1"), ("https://evil.example", "/admin"), ("//evil.example", "/admin"),
                ("/admin//evil.example", "/admin"), ("/admin\\evil", "/admin"), ("/v1/pause", "/admin"), ("/admin\r\nX: y", "/admin"),
            ] {
                let answer = try await Visitor.post(sidecar, "/admin/login", [token, ("next", wanted)])
                #expect(answer.headers["location"] == [target], "\(wanted)")
            }
        }
    }

    @Test("every page carries a policy that lets in nothing inline and nothing from elsewhere")
    func policy() async throws {
        try await Visitor.enter { visitor in
            try await visitor.fail(["a"])
            for path in Self.pages + ["/admin/login", "/admin/operations/none", "/admin/assets/console.js", "/admin/nowhere"] {
                let answer = try await visitor.get(path)
                let policy = try #require(answer.headers["content-security-policy"].first, "\(path)")
                #expect(policy.contains("default-src 'none'"))
                #expect(!policy.contains("unsafe"))
                #expect(policy.contains("frame-ancestors 'none'"))
                #expect(answer.headers["x-content-type-options"] == ["nosniff"])
                #expect(!answer.body.contains(" style="), "\(path)")
                #expect(!answer.body.contains("<style"), "\(path)")
                #expect(!answer.body.contains("<script>"), "\(path)")
                #expect(!answer.body.contains("http://") || path.hasSuffix(".js"), "\(path)")
            }
        }
    }

    @Test(
        "a method that a page does not take is 405 there, with those that it does, under the console's policy",
        arguments: [
            (HTTPMethod.POST, "/admin", "GET, HEAD"), (.POST, "/admin/failures", "GET, HEAD"), (.PUT, "/admin/login", "GET, HEAD, POST"),
            (.DELETE, "/admin/operations/a", "GET, HEAD"), (.GET, "/admin/operations/a/retry", "POST"),
            (.GET, "/admin/actions/pause", "POST"), (.HEAD, "/admin/logout", "POST"), (.OPTIONS, "/admin/assets/console.js", "GET, HEAD"),
            (.HEAD, "/admin/live", "GET"), (.PATCH, "/admin/logs/live", "GET"),
        ])
    func wrongMethod(method: HTTPMethod, path: String, allowed: String) async throws {
        try await Visitor.withConsole { sidecar in
            for accept in ["text/html", "*/*"] {
                let answer = try await sidecar.send(method, path, fields: [("Accept", accept)])
                #expect(answer.status == 405, "\(answer.body)")
                #expect(answer.headers["allow"] == [allowed])
                #expect(answer.headers["content-security-policy"].first?.contains("default-src 'none'") == true)
            }
            for method in [HTTPMethod.GET, .POST, .DELETE] {
                let nowhere = try await sidecar.send(method, "/admin/nowhere")
                nowhere.expectProblem(404)
                #expect(nowhere.headers["content-security-policy"].isEmpty == false)
            }
        }
    }

    @Test("the API's token and the console's login are two things")
    func apiToken() async throws {
        let file = "admin \(Visitor.tokens["admin"] ?? "")"
        let console = ConsoleConfiguration(tokens: try AdminTokens(file: file))
        try await Sidecar.run(.init(port: 0, token: "api-token"), console: { _ in Console(console) }) { sidecar in
            #expect(try await sidecar.get("/admin/login").status == 200)
            try await sidecar.send(.GET, "/admin", fields: [("Authorization", "Bearer api-token")]).expectProblem(401)
            let visitor = try await Visitor.logIn("admin", sidecar)
            #expect(try await visitor.get("/admin").status == 200)
            try await visitor.get("/v1/status", accept: "*/*").expectProblem(401)
        }
    }

    @Test(
        "a token file that can't be used says in which line",
        arguments: [
            ("", 0), ("# nothing\n\n", 0), ("admin short", 1), ("root 0123456789abcdef", 1), ("admin", 1),
            ("viewer 0123456789abcdef\nadmin 0123456789abcdef", 2), ("admin 0123456789abcdef a b", 1),
        ])
    func badTokenFiles(content: String, line: Int) throws {
        do throws(AdminTokens.Defect) {
            _ = try AdminTokens(file: content)
            Issue.record("\(content) was taken")
        } catch {
            #expect(error.line == line)
        }
    }
}
