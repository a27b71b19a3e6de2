import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ConsoleActionTests {
    @Test("clearing says how many and which, wants them typed, and clears exactly them")
    func clearFailed() async throws {
        try await Visitor.enter { visitor in
            try await visitor.fail(["a", "b", "c"])
            let page = try await visitor.get("/admin/actions/clear-failed").body
            #expect(page.contains("data-phrase=\"clear 3\""))
            #expect(page.contains("failed operations are removed for good"))
            for entity in ["a", "b", "c"] { #expect(page.contains("room \(entity) <span class=\"id\">\(entity)</span>")) }
            for phrase in ["", "clear", "clear 2", "CLEAR 3", "clear 3 x"] {
                let answer = try await visitor.post("/admin/actions/clear-failed", [("total", "3"), ("phrase", phrase)])
                answer.expectProblem(400, says: "clear 3")
            }
            let form = [("total", "3"), ("phrase", "clear 3")]
            try await visitor.post("/admin/actions/clear-failed", form).expectProblem(400, field: "through", says: "where the set ends")
            let timeless = form + [("through", "3")]
            let untimed = try await visitor.post("/admin/actions/clear-failed", timeless)
            untimed.expectProblem(400, field: "as_of", says: "when the set was shown")
            // What came later is not in the set that the dialog has counted.
            try await visitor.fail(["d"])
            #expect(page.contains("name=\"through\" value=\"3\""))
            let asOf = String(try #require(page.firstMatch(of: /name="as_of" value="([^"]+)"/)).1)
            #expect(page.contains("(status failed, numbers up to 3, unchanged since \(asOf); nothing that comes later joins this set)"))
            expectBack(try await visitor.post("/admin/actions/clear-failed", timeless + [("as_of", asOf)]), to: "/admin")
            let books = try await visitor.sidecar.store.books()
            #expect([books.failed, books.cleared] == [1, 3])
            #expect(try await visitor.sidecar.store.operation(.text("d"))?.status == .failed)
            #expect(try await visitor.get("/admin").body.contains("3 failed operations are removed"))
            expectBack(try await visitor.confirm("/admin/actions/clear-failed"), to: "/admin")
            #expect(try await visitor.sidecar.store.books().failed == 0)
            #expect(try await visitor.get("/admin/actions/clear-failed").body.contains("disabled"))
        }
    }

    @Test(
        "what fails after a dialog was shown joins none of its sets",
        arguments: [
            "/admin/actions/clear-failed", "/admin/actions/retry-all-failed", "/admin/bulk?kind=retry&entity_type=room",
            "/admin/bulk?kind=cancel&status=failed", "/admin/bulk?kind=cancel&error_class=permanent", "/admin/bulk?kind=cancel&q=HTTP_422",
        ])
    func frozenSets(dialog: String) async throws {
        try await Visitor.enter(isTimed: true) { visitor in
            try await visitor.fail(["a"])
            try await visitor.sidecar.accept(operation("b", id: "b"))
            let form = try await visitor.form(dialog)
            visitor.sidecar.clock.advance(byMilliseconds: 1)
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
            try await visitor.sidecar.settleHeads(.failed(error))
            let answer = try await visitor.post(String(dialog.prefix { $0 != "?" }), form)
            #expect([302, 303].contains(answer.status), "\(answer.body)")
            try await eventually("the end of it") { try await visitor.sidecar.store.operation(.text("a"))?.status != .failed }
            #expect(try await visitor.sidecar.store.operation(.text("b"))?.status == .failed)
        }
    }

    /// The clock of whoever delivers may be behind the console's.
    @Test("a set that has grown since it was confirmed is shown again, and nothing of it is done")
    func grownSets() async throws {
        try await Visitor.enter { visitor in
            try await visitor.fail(["a"])
            try await visitor.sidecar.accept(operation("b", id: "b"))
            let dialogs = ["/admin/actions/clear-failed", "/admin/actions/retry-all-failed", "/admin/bulk?kind=retry&entity_type=room"]
            var forms: [(String, [(String, String)])] = []
            for dialog in dialogs { forms.append((dialog, try await visitor.form(dialog))) }
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
            try await visitor.sidecar.settleHeads(.failed(error))
            for (dialog, form) in forms {
                let answer = try await visitor.post(String(dialog.prefix { $0 != "?" }), form)
                answer.expectProblem(409, says: "there are 2 in this set now")
            }
            #expect(try await visitor.sidecar.store.books().failed == 2)
            // A smaller set is not another one, except where it is removed for good.
            forms[1].1 = try await visitor.form(dialogs[1])
            let clear = try await visitor.form(dialogs[0])
            _ = try await visitor.sidecar.store.retry([.text("a")], now: visitor.sidecar.clock.now.wall)
            try await visitor.post(dialogs[0], clear).expectProblem(409, says: "there are 1 in this set now")
            expectBack(try await visitor.post(dialogs[1], forms[1].1), to: "/admin/jobs")
            try await eventually("the retry") { try await visitor.sidecar.store.books().failed == 0 }
        }
    }

    @Test("retrying all failed ones is a job over the set that was confirmed, at the pace that was chosen")
    func retryAll() async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.fail(["a", "b", "c"])
            let form = try await visitor.form("/admin/actions/retry-all-failed")
            // It failed after the dialog was shown.
            try await visitor.fail(["d"])
            let answer = try await visitor.post("/admin/actions/retry-all-failed", form + [("rate", "1000")])
            expectBack(answer, to: "/admin/jobs")
            try await eventually("the end of the job") { try await visitor.get("/admin/jobs").body.contains("3 put back") }
            let books = try await visitor.sidecar.store.books()
            #expect([books.failed, books.pending] == [1, 3])
            #expect(try await visitor.sidecar.store.operation(.text("d"))?.status == .failed)
        }
    }

    @Test("a filter is cancelled as a job: what was counted, and nothing that came later")
    func bulkCancel() async throws {
        try await Visitor.enter("operator") { visitor in
            for entity in ["a", "b", "c"] { try await visitor.sidecar.accept(operation(entity, id: entity)) }
            try await visitor.sidecar.accept(operation("x", id: "x", type: "delete", ""))
            let dialog = "/admin/bulk?kind=cancel&operation_type=update"
            let page = try await visitor.get(dialog).body
            #expect(page.contains("data-phrase=\"cancel 3\""))
            try await visitor.sidecar.accept(operation("late", id: "late"))
            let form = [("kind", "cancel"), ("operation_type", "update"), ("through", "4"), ("total", "3"), ("rate", "1000")]
            try await visitor.post("/admin/bulk", form).expectProblem(400, says: "cancel 3")
            expectBack(try await visitor.post("/admin/bulk", form + [("phrase", "cancel 3")]), to: "/admin/jobs")
            try await eventually("the end of the job") { try await visitor.get("/admin/jobs").body.contains("3 cancelled") }
            #expect(try await visitor.sidecar.stored.map(\.id.description) == ["x", "late"])
            #expect(try await visitor.sidecar.store.books().cancelled == 3)
        }
    }

    @Test("a set that takes long to count is shown with what was counted, wants the + typed too, and is taken whole")
    func uncounted() async throws {
        try await Visitor.enter("operator", change: { $0.countingMs = 0 }) { visitor in
            let many = (0..<1200).map { operation("e\($0)", id: "e\($0)") }.joined(separator: ",")
            try await visitor.sidecar.accept("[\(many)]")
            let dialog = "/admin/bulk?kind=cancel&operation_type=update"
            let page = try await visitor.get(dialog).body
            for words in ["data-count=\"1000+\">More than 1\u{202F}000<", "data-phrase=\"cancel 1000+\"", "and many more"] {
                #expect(page.contains(words), "\(words)")
            }
            var form = try await visitor.form(dialog).filter { $0.0 != "phrase" } + [("rate", "1000")]
            try await visitor.post("/admin/bulk", form + [("phrase", "cancel 1000")]).expectProblem(400, says: "cancel 1000+")
            form.append(("phrase", "cancel 1000+"))
            expectBack(try await visitor.post("/admin/bulk", form), to: "/admin/jobs")
            #expect(try await visitor.get("/admin/jobs").body.contains("of all that fit looked at"))
            try await eventually("the end of the job") { try await visitor.sidecar.store.books().cancelled == 1200 }
        }
    }

    @Test("however many have failed, clearing and retrying them all says how many, wants that typed, and is held to it")
    func manyFailed() async throws {
        try await Visitor.enter(change: { ($0.countingMs, $0.countedAtOnce) = (0, 100) }) { visitor in
            let store = visitor.sidecar.store
            try await visitor.sidecar.accept("[" + (0..<1200).map { operation("e\($0)", id: "e\($0)") }.joined(separator: ",") + "]")
            let error = LastError(class: .permanent, code: "HTTP_422", httpStatus: 422, message: "no")
            for _ in 0..<2 { try await visitor.sidecar.settleHeads(.failed(error)) }
            let dialogs = ["/admin/actions/clear-failed", "/admin/actions/retry-all-failed", "/admin/bulk?kind=retry"]
            for dialog in dialogs {
                let page = try await visitor.get(dialog).body
                #expect(page.contains("data-count=\"1200\""), "\(dialog)")
                #expect(page.contains("and 1\u{202F}195 more"), "\(dialog)")
            }
            // The books know nothing of a filter.
            #expect(try await visitor.get("/admin/bulk?kind=retry&entity_type=room").body.contains("data-count=\"1000+\""))
            let form = try await visitor.form(dialogs[0])
            #expect(form.first { $0.0 == "phrase" }?.1 == "clear 1200")
            _ = try await store.retry([.text("e0")], now: visitor.sidecar.clock.now.wall)
            try await visitor.post(dialogs[0], form).expectProblem(409, says: "there are 1199 in this set now")
            #expect(try await store.books().failed == 1199)
            expectBack(try await visitor.confirm(dialogs[0]), to: "/admin")
            #expect(try await store.books().cleared == 1199)
            let rows = try await visitor.get("/admin/audit").body.split(separator: "<tr>")
            let asked = rows.first { $0.contains("<code>clear_failed</code>") && $0.contains(">asked<") }
            #expect(asked?.contains("1\u{202F}199") == true)
        }
    }

    @Test("a job is paced, and its stop button stops it")
    func stopJob() async throws {
        try await Visitor.enter("operator", isTimed: true) { visitor in
            try await visitor.fail((0..<40).map { "e\($0)" })
            expectBack(try await visitor.confirm("/admin/actions/retry-all-failed"), to: "/admin/jobs")
            func done() async throws -> Int64 { try await visitor.sidecar.store.books().pending }
            try await eventually("the first step") { try await done() > 0 }
            let first = try await done()
            #expect(first <= 10, "\(first) at once at 50 a second")
            visitor.sidecar.clock.advance(byMilliseconds: 100)
            try await eventually("the second step") { try await done() > first }
            expectBack(try await visitor.post("/admin/jobs/1/stop"), to: "/admin/jobs")
            visitor.sidecar.clock.advance(byMilliseconds: 10_000)
            try await eventually("the end") { try await visitor.get("/admin/jobs").body.contains(">stopped<") }
            #expect(try await done() < 40)
        }
    }

    @Test("groups of failures are one for each cause, with what to do next, and one click from a retry")
    func groups() async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.fail(["a"], "room 7 is gone")
            try await visitor.fail(["b"], "room 8 is gone")
            try await visitor.fail(["c"], "too large")
            let page = try await visitor.get("/admin/failures").body
            #expect(page.contains("room # is gone"))
            #expect(page.matches(of: /class="card group"/).count == 2)
            #expect(page.contains("Next step:"))
            let link = try #require(page.firstMatch(of: /href="(\/admin\/bulk\?kind=retry&amp;cause=\w+)"/)).1
            let dialog = String(link).replacing("&amp;", with: "&")
            #expect(try await visitor.get(dialog).body.contains("data-count=\"2\""))
            expectBack(try await visitor.confirm(dialog), to: "/admin/jobs")
            try await eventually("the retry") { try await visitor.sidecar.store.books().failed == 1 }
            #expect(try await visitor.sidecar.store.operation(.text("c"))?.status == .failed)
        }
    }

    @Test("one operation is retried and cancelled from its page, and an answer says whether it may have had its effect")
    func single() async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.fail(["a", "b"])
            expectBack(try await visitor.post("/admin/operations/a/retry"), to: "/admin/operations/a")
            #expect(try await visitor.sidecar.store.operation(.text("a"))?.status == .pending)
            expectBack(try await visitor.confirm("/admin/operations/b/cancel"), to: "/admin/operations")
            #expect(try await visitor.get("/admin/operations").body.contains("may have had its effect"))
            #expect(try await visitor.sidecar.store.operation(.text("b")) == nil)
            #expect(try await visitor.get("/admin/operations/b").body.contains("it was cancelled"))
        }
    }

    @Test("a conflict is settled field by field, over the state that was seen")
    func conflict() async throws {
        try await Visitor.enter("operator") { visitor in
            let store = visitor.sidecar.store
            let payload = #","payload":{"name":"ours","size":9007199254740993,"mail":"secret@example.com"},"base":{"name":"was","size":1}"#
            try await visitor.sidecar.accept(operation("a", id: "a", payload))
            try await visitor.sidecar.accept(operation("a", id: "next"))
            guard
                case .acquired(let fence, _, _) = try await store.acquireLock(
                    owner: "test", now: visitor.sidecar.clock.now.wall, staleAfterMs: 0)
            else { return }
            let now = visitor.sidecar.clock.now.wall
            let claim = try await store.exchange(Exchange(fence: fence, now: now, urgent: 1, normal: 1)).claims[0]
            let error = LastError(class: .conflict, code: "VERSION", httpStatus: 412, message: "")
            let server = ServerState(state: #"{"name":"theirs","size":2,"version":7}"#, etag: "\"7\"")
            _ = try await store.exchange(
                Exchange(
                    fence: fence, now: now,
                    settlements: [Settlement(seq: claim.seq, id: claim.operation.id, result: .failed(error), server: server)]))
            let page = try await visitor.get("/admin/operations/a").body
            #expect(page.contains("9007199254740993"))
            #expect(!page.contains("secret@example.com"))
            // Fields go by their places, ours first: name, size, mail, version.
            #expect(page.contains("name=\"field:0\""))
            #expect(!page.contains("name=\"field:3\""), "a system field is nobody's choice")
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let choice = [("take", "fields"), ("field:0", "server"), ("field:1", "local"), ("field:2", "local"), ("field:9", "server")]
            try await visitor.post("/admin/operations/a/resolve", choice + [("updated", "2000-01-01T00:00:00.000Z")]).expectProblem(409)
            try await visitor.post("/admin/operations/a/resolve", [("updated", updated), ("take", "all")]).expectProblem(
                400, field: "take", says: "must")
            expectBack(try await visitor.post("/admin/operations/a/resolve", choice + [("updated", updated)]), to: "/admin/operations/a")
            let again = try #require(try await store.operation(.text("a")))
            #expect(again.status == .pending)
            #expect(again.ifMatch == "\"7\"")
            let sent = try JSONValue(parsing: again.payload ?? "")
            #expect(sent["name"] == "theirs")
            #expect(sent["size"] == .number("9007199254740993"))
            #expect(sent["mail"] == "secret@example.com", "what is hidden on the page goes out as it was")
        }
    }

    @Test("whatever has paused delivery stands in the banner, and both ways to resume end it", arguments: Pause.allCases)
    func everyPause(pause: Pause) async throws {
        let sentence =
            switch pause {
            case .operator: "paused by a person"
            case .auth: "The login at the upstream has expired"
            case .upgrade: "asks for a newer version"
            case .tls: "TLS to the upstream failed"
            case .rollout: "the guard of the rollout has paused delivery"
            }
        try await Visitor.enter("operator") { visitor in
            let store = visitor.sidecar.store
            try await store.setPause(pause, to: true)
            try await eventually("the banner") { try await visitor.get("/admin").body.contains(sentence) }
            #expect(try await visitor.get("/admin").body.contains(">Resume delivery<"))
            expectBack(try await visitor.post("/admin/actions/resume"), to: "/admin")
            #expect(try await store.loadControl().pauses.isEmpty)
            #expect(try await visitor.get("/admin").body.contains(">Pause delivery<"))
            try await store.setPause(pause, to: true)
            #expect(try await visitor.sidecar.send(.POST, "/v1/resume").json == ["paused": false])
            #expect(try await store.loadControl().pauses.isEmpty)
        }
    }

    @Test("an export streams every stored operation, redacted, with exactly the columns that were promised")
    func export() async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.sidecar.accept(operation("=cmd()", id: "a", #","payload":{"mail":"secret@example.com"}"#))
            try await visitor.fail(["secret@example.com"])
            let csv = try await visitor.post("/admin/actions/export", [("format", "csv")])
            let lines = csv.body.components(separatedBy: "\r\n")
            #expect(lines[0] == "id,operation_type,entity_type,entity_id,enqueued_at,attempt_count,next_retry_at,backoff_ms,status")
            #expect(lines.count == 4)
            #expect(lines[1].contains("room,'=cmd(),"))
            #expect(csv.headers["content-disposition"].first?.hasPrefix("attachment; filename=\"operations-") == true)
            let failed = try await visitor.post("/admin/actions/export", [("format", "csv"), ("failed_only", "1"), ("payload", "1")])
            #expect(failed.body.hasPrefix(lines[0] + ",payload\r\n"))
            #expect(failed.body.components(separatedBy: "\r\n").count == 3)
            let json = try await visitor.post("/admin/actions/export", [("format", "json"), ("payload", "1")])
            #expect(json.json["operations"]?.elements?.count == 2)
            #expect(json.json["total_count"] == 2)
            #expect(json.json.members?.map(\.name).sorted() == ["exported_at", "operations", "total_count"])
            for answer in [csv, failed, json] { #expect(!answer.body.contains("secret@example.com")) }
        }
    }
}
