import AsyncHTTPClient
import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOCore
import NIOHTTP1
import Testing

@Suite struct ConsolePageTests {
    @Test("script in any field of an operation is shown, and does nothing")
    func hostileFields() async throws {
        let hostile = #"<script>alert(1)</script>"onmouseover="x' {{csrf}} </textarea>"#
        try await Visitor.enter { visitor in
            var random = Xoshiro256(seed: 1)
            var bad = GuardianCore.Operation(
                id: .text("\"><script>x</script>"), idempotencyKey: .v4(using: &random), traceID: .v4(using: &random), type: hostile,
                entity: EntityKey(type: hostile, id: hostile), customOrderingKey: hostile, payload: #"{"<script>a":"<script>b"}"#,
                base: #"{"x":"\"onmouseover=\""}"#, txnToken: hostile, principal: hostile, enqueuedAt: visitor.sidecar.clock.now.wall)
            bad.references = []
            _ = try await visitor.sidecar.store.enqueue([bad])
            let error = LastError(class: .conflict, code: hostile, httpStatus: 409, message: hostile)
            _ = try await visitor.sidecar.store.exchange(
                Exchange(fence: try await self.fence(visitor), now: visitor.sidecar.clock.now.wall, signedIn: .principal(hostile)))
            try await visitor.sidecar.settleHeads(.failed(error))
            let path = "/admin/operations/%22%3E%3Cscript%3Ex%3C%2Fscript%3E"
            for page in [
                "/admin", "/admin/operations", "/admin/failures", path, path + "/cancel", "/admin/actions/clear-failed", "/admin/logs",
            ] {
                let answer = try await visitor.get(page)
                #expect(answer.status == 200, "\(page)")
                #expect(!answer.body.contains("<script>"), "\(page)")
                #expect(!answer.body.contains("\"onmouseover"), "\(page)")
                // The engine told nothing of it, so the log has nothing.
                #expect(answer.body.contains("&lt;script&gt;") || page == "/admin/logs", "\(page)")
            }
            let query = hostile.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            for page in [
                "/admin/operations?q=\(query)", "/admin/operations?entity_id=\(query)", "/admin/logs?q=\(query)",
                "/admin/login?next=\(query)",
            ] {
                let answer = try await visitor.get(page)
                #expect(!answer.body.contains("<script>alert"), "\(page)")
                #expect(!answer.body.contains("\"onmouseover"), "\(page)")
            }
        }
    }

    private func fence(_ visitor: Visitor) async throws -> Fence {
        let now = visitor.sidecar.clock.now.wall
        guard case .acquired(let fence, _, _) = try await visitor.sidecar.store.acquireLock(owner: "test", now: now, staleAfterMs: 0) else {
            throw StoreError.stale
        }
        return fence
    }

    @Test("numbers and ids beyond 2^53 stand as they were given")
    func bigNumbers() async throws {
        try await Visitor.enter { visitor in
            try await visitor.sidecar.accept(operation("9007199254740993", id: "9007199254740993", #","payload":{"n":9007199254740993}"#))
            let list = try await visitor.get("/admin/operations").body
            #expect(list.contains("/admin/operations/9007199254740993"))
            let page = try await visitor.get("/admin/operations/9007199254740993").body
            #expect(page.matches(of: /9007199254740993/).count >= 3)
        }
    }

    @Test("a list filters by what its URL says, keeps it over pages, and says what it can't understand")
    func lists() async throws {
        try await Visitor.enter("viewer") { visitor in
            for index in 0..<7 { try await visitor.sidecar.accept(operation("r\(index)", id: "op-\(index)")) }
            try await visitor.fail(["bad"])
            func ids(_ query: String) async throws -> [String] {
                let body = try await visitor.get("/admin/operations" + query).body
                return body.matches(of: /class="open" href="\/admin\/operations\/([^"]+)"/).map { String($0.1) }
            }
            #expect(try await ids("?status=failed") == ["bad"])
            #expect(try await ids("?entity_type=room&entity_id=r3&q=") == ["op-3"])
            #expect(try await ids("?q=OP-5") == ["op-5"])
            #expect(try await ids("?q=is+gone") == ["bad"])
            #expect(try await ids("?order=asc").first == "op-0")
            #expect(try await ids("").first == "bad")
            let page = try await visitor.get("/admin/operations?operation_type=update&limit=3").body
            let next = try #require(page.firstMatch(of: /id="next" rel="next" href="([^"]+)"/)).1.replacing("&amp;", with: "&")
            #expect(next.contains("operation_type=update"))
            #expect(next.contains("limit=3"))
            let second = try await visitor.get(String(next)).body
            #expect(second.contains("op-3") || second.contains("op-4"))
            #expect(second.contains("First page"))
            #expect(try await visitor.get("/admin/operations?status=odd").status == 400)
            #expect(try await visitor.get("/admin/operations?colour=red").status == 400)
        }
    }

    @Test("the search box knows an id, a trace and an entity at sight")
    func shortcuts() async throws {
        try await Visitor.enter("viewer") { visitor in
            let trace = "0f8fad5b-d9cb-469f-a165-70867728950e"
            try await visitor.sidecar.accept(operation("r1", id: "op-1", #","payload":{},"trace_id":"\#(trace)""#))
            for (text, target) in [
                ("op-1", "/admin/operations/op-1"), (trace, "/admin/operations?trace_id=" + trace),
                ("room%2Fr1", "/admin/operations?entity_type=room&entity_id=r1"),
            ] {
                let answer = try await visitor.get("/admin/operations?q=" + text)
                #expect([302, 303].contains(answer.status))
                #expect(answer.headers["location"] == [target])
            }
            #expect(try await visitor.get("/admin/operations?q=nothing").body.contains("Nothing fits"))
        }
    }

    @Test("the page of an operation tells its attempts, its next one, and why it is not moving")
    func detail() async throws {
        try await Visitor.enter("viewer", isTimed: true) { visitor in
            try await visitor.sidecar.accept(operation("a", id: "first"))
            try await visitor.sidecar.accept(operation("a", id: "second"))
            let due = visitor.sidecar.clock.now.wall.adding(milliseconds: 90_000)
            let error = LastError(class: .transient, code: "HTTP_503", httpStatus: 503, message: "later, please")
            try await visitor.sidecar.settleHeads(.retry(due: due, backoffMs: 90_000, error: error, charged: true, failureMark: 1))
            let page = try await visitor.get("/admin/operations/first").body
            for word in ["Not moving: backoff.", "HTTP_503", "later, please", "1 min 30 s", due.rfc3339] {
                #expect(page.contains(word), "\(word)")
            }
            let behind = try await visitor.get("/admin/operations/second").body
            #expect(behind.contains("Not moving: behind."))
            #expect(behind.contains("href=\"/admin/operations/first\""))
            let blocked = try await visitor.get("/admin/blocked").body
            #expect(blocked.contains("room/a"))
            #expect(blocked.contains("<td class=\"number\">1</td>"))
            #expect(try await visitor.get("/admin/operations/none").status == 404)
        }
    }

    @Test("the page of a pending operation shows the request that it would become, or why there is none; of others it shows neither")
    func asRequest() async throws {
        let change: (inout ConsoleConfiguration) -> Void = { configuration in
            configuration.preview = { operation, _ in
                operation.id == .text("lost")
                    ? .impossible("NO_ROUTE: nothing says where <calibrate> goes")
                    : .request("PUT https://api.example/rooms/a\nidempotency-key: \(operation.idempotencyKey)", note: "its key will differ")
            }
        }
        try await Visitor.enter("viewer", change: change) { visitor in
            try await visitor.fail(["bad"])
            try await visitor.sidecar.accept(operation("a", id: "a"))
            try await visitor.sidecar.accept(operation("b", id: "lost"))
            let key = try #require(try await visitor.sidecar.store.operation(.text("a"))).idempotencyKey
            let page = try await visitor.get("/admin/operations/a").body
            for word in ["As it would be sent", "PUT https://api.example/rooms/a\nidempotency-key: \(key)", "its key will differ"] {
                #expect(page.contains(word), "\(word)")
            }
            let lost = try await visitor.get("/admin/operations/lost").body
            #expect(lost.contains("No request can be shown: NO_ROUTE: nothing says where &lt;calibrate&gt; goes"))
            #expect(try await !visitor.get("/admin/operations/bad").body.contains("As it would be sent"))
            try await visitor.sidecar.settleHeads(nil)
            #expect(try await !visitor.get("/admin/operations/a").body.contains("As it would be sent"))
        }
        try await Visitor.enter("viewer") { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            #expect(try await visitor.get("/admin/operations/a").body.contains("No request can be shown: this process does not know"))
        }
    }

    @Test("the overview names the queue, the six actions in their colours, and the last ten operations")
    func overview() async throws {
        try await Visitor.enter { visitor in
            for index in 0..<12 { try await visitor.sidecar.accept(operation("r\(index)", id: "op-\(index)")) }
            try await visitor.fail(["bad"])
            // What the pulse knows is a second old.
            var page = ""
            try await eventually("the lock") {
                page = try await visitor.get("/admin").body
                return page.contains("Heartbeat")
            }
            #expect(page.matches(of: /<tr\ class="(pending|failed)/).count == 10)
            #expect(page.contains("<tr class=\"failed\"><td><span class=\"status failed\">"))
            #expect(page.contains("<tr class=\"pending\"><td><span class=\"status pending\">"))
            for (colour, name) in [
                ("orange", "Force release lock"), ("blue", "Rebuild index"), ("green", "Export operations"), ("red", "Clear failed"),
                ("purple", "Retry all failed"), ("teal", "View logs"),
            ] {
                #expect(page.contains("<article class=\"action \(colour)\"><h3>\(name)</h3>"))
            }
            for label in ["Pending", "Processed", "Failed", "p95 latency", "Success rate", "Index entries", "Breaker", "Heartbeat"] {
                #expect(page.contains(label), "\(label)")
            }
            #expect(page.matches(of: /<svg\ /).count == 4)
            for span in ["15m", "1h", "24h"] { #expect(try await visitor.get("/admin?span=\(span)").status == 200) }
        }
    }

    @Test("a page that is open hears of what changes, and of nothing else")
    func live() async throws {
        try await Visitor.enter("viewer") { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            let request = try visitor.sidecar.request(.GET, "/admin/live?of=%2Fadmin", fields: [("Cookie", visitor.cookie)])
            let response = try await visitor.sidecar.client.execute(request, timeout: .seconds(30))
            #expect(response.headers["content-type"] == ["text/event-stream"])
            var text = ""
            var hasEnqueued = false
            for try await part in response.body {
                text += String(buffer: part)
                if !hasEnqueued, text.contains("event: beat") {
                    hasEnqueued = true
                    text = ""
                    try await visitor.sidecar.accept(operation("b", id: "new-one"))
                }
                // What the tiles count may be a second older than the list.
                if hasEnqueued, text.contains("new-one"), text.contains("\"id\":\"tiles\""), text.hasSuffix("\n\n") { break }
            }
            #expect(text.contains("\"id\":\"recent\""))
            #expect(text.contains("\"id\":\"tiles\""))
            #expect(!text.contains("\"id\":\"delivery\""), "nothing of it has changed")
        }
    }

    @Test("the live page ends when its session does")
    func liveEnds() async throws {
        try await Visitor.enter("viewer") { visitor in
            let request = try visitor.sidecar.request(.GET, "/admin/live?of=%2Fadmin", fields: [("Cookie", visitor.cookie)])
            let response = try await visitor.sidecar.client.execute(request, timeout: .seconds(30))
            var text = ""
            var isOut = false
            for try await part in response.body {
                text += String(buffer: part)
                if !isOut, text.contains("event: beat") {
                    isOut = true
                    _ = try await visitor.post("/admin/logout")
                }
            }
            #expect(text.contains("event: ended"))
        }
    }

    @Test("the log of a process that writes none shows what its engine tells, filtered, and goes on live")
    func logs() async throws {
        try await Visitor.enter("viewer") { visitor in
            _ = try await visitor.sidecar.engine.pause()
            let request = try visitor.sidecar.request(.GET, "/admin/logs/live", fields: [("Cookie", visitor.cookie)])
            let response = try await visitor.sidecar.client.execute(request, timeout: .seconds(30))
            var iterator = response.body.makeAsyncIterator()
            _ = try await iterator.next()
            visitor.sidecar.server.console?.record(.breakerOpened(forMs: 5), at: visitor.sidecar.clock.now.wall)
            visitor.sidecar.server.console?.record(.drained, at: visitor.sidecar.clock.now.wall)
            var text = ""
            while let part = try await iterator.next() {
                text += String(buffer: part)
                if text.contains("drained") { break }
            }
            #expect(text.contains("breaker_opened"))
            #expect(try await visitor.get("/admin/logs").body.contains("breaker_opened"))
            let warnings = try await visitor.get("/admin/logs?level=warning").body
            #expect(warnings.contains("breaker_opened"))
            #expect(!warnings.contains("drained"))
            #expect(try await visitor.get("/admin/logs?level=loud").status == 400)
        }
    }

    @Test("alerts, configuration and versions come from whoever put the console together")
    func facts() async throws {
        let change: (inout ConsoleConfiguration) -> Void = { configuration in
            configuration.alerts = {
                [
                    Alert(
                        name: "success_rate", severity: .high, state: .firing, value: 71, threshold: 90, since: .init(milliseconds: 0),
                        condition: "success rate < 90 %", action: "check error logs")
                ]
            }
            configuration.settings = { [ConsoleSetting(key: "upstream.url", value: "https://***@api.example", source: "file")] }
        }
        try await Visitor.enter("viewer", change: change) { visitor in
            let alerts = try await visitor.get("/admin/alerts").body
            for word in ["success_rate", "success rate &lt; 90 %", "Now: 71", "check error logs", "firing"] {
                #expect(alerts.contains(word))
            }
            try await eventually("the banner") { try await visitor.get("/admin").body.contains("class=\"banner\"") }
            #expect(try await visitor.get("/admin/configuration").body.contains("https://***@api.example"))
        }
    }

    @Test("assets are kept as long as their version is named, and asked for again by their tag")
    func assets() async throws {
        try await Visitor.withConsole { sidecar in
            let page = try await sidecar.send(.GET, "/admin/login").body
            let path = String(try #require(page.firstMatch(of: /src="(\/admin\/assets\/console\.js\?\w+)"/)).1)
            let script = try await sidecar.get(path)
            #expect(script.headers["content-type"] == ["text/javascript; charset=utf-8"])
            #expect(script.headers["cache-control"].first?.contains("immutable") == true)
            let tag = try #require(script.headers["etag"].first)
            #expect(try await sidecar.send(.GET, path, fields: [("If-None-Match", tag)]).status == 304)
            #expect(try await sidecar.get("/admin/assets/other.js").status == 404)
        }
    }

    @Test("a store in trouble shows in the banner, and the pages that can be made still are")
    func trouble() async throws {
        let store = TroubledStore()
        try await Visitor.enter(store: store) { visitor in
            store.trouble = .unavailable("by the test")
            try await eventually("the banner") { try await visitor.get("/admin/alerts").body.contains("The store does not answer") }
            #expect(try await visitor.get("/admin/configuration").status == 200)
            #expect(try await visitor.get("/admin/operations").status == 503)
            store.trouble = nil
            try await eventually("the end of it") { try await !visitor.get("/admin/alerts").body.contains("The store does not answer") }
            #expect(try await visitor.get("/admin").status == 200)
        }
    }
}
