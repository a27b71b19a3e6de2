import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ConsoleActionTests {
    private func expectBack(_ answer: Sidecar.Answer, to path: String, at place: SourceLocation = #_sourceLocation) {
        #expect([302, 303].contains(answer.status), "\(answer.body)", sourceLocation: place)
        #expect(answer.headers["location"] == [path], sourceLocation: place)
    }

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
            // What came later is not in the set that the dialog has counted.
            try await visitor.fail(["d"])
            #expect(page.contains("name=\"through\" value=\"3\""))
            #expect(page.contains("(status failed, numbers up to 3; nothing that comes later joins this set)"))
            expectBack(try await visitor.post("/admin/actions/clear-failed", form + [("through", "3")]), to: "/admin")
            let books = try await visitor.sidecar.store.books()
            #expect([books.failed, books.cleared] == [1, 3])
            #expect(try await visitor.sidecar.store.operation(.text("d"))?.status == .failed)
            #expect(try await visitor.get("/admin").body.contains("3 failed operations are removed"))
            expectBack(try await visitor.confirm("/admin/actions/clear-failed"), to: "/admin")
            #expect(try await visitor.sidecar.store.books().failed == 0)
            #expect(try await visitor.get("/admin/actions/clear-failed").body.contains("disabled"))
        }
    }

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

    @Test("releasing the lock says what is on the wire, wants it typed, and raises the epoch")
    func releaseLock() async throws {
        try await Visitor.enter { visitor in
            try await visitor.sidecar.accept(operation("a", id: "a"))
            try await visitor.sidecar.settleHeads(nil)
            let before = try #require(try await visitor.sidecar.store.lockState())
            let page = try await visitor.get("/admin/actions/force-release-lock").body
            #expect(page.contains("data-phrase=\"release 1\""))
            #expect(page.contains("processor test (epoch \(before.fence.epoch))"))
            try await visitor.post("/admin/actions/force-release-lock").expectProblem(400)
            #expect(try await visitor.sidecar.store.lockState() == before)
            expectBack(try await visitor.confirm("/admin/actions/force-release-lock"), to: "/admin")
            #expect(try await visitor.sidecar.store.lockState() == nil)
            #expect(try await visitor.sidecar.store.books().pending == 1)
            await #expect(throws: StoreError.stale) {
                try await visitor.sidecar.store.renewLock(before.fence, now: visitor.sidecar.clock.now.wall)
            }
        }
    }

    @Test("retrying all failed ones is a job over the set that was confirmed, at the pace that was chosen")
    func retryAll() async throws {
        try await Visitor.enter("operator") { visitor in
            try await visitor.fail(["a", "b", "c"])
            let page = try await visitor.get("/admin/actions/retry-all-failed").body
            #expect(page.contains("name=\"through\" value=\"3\""))
            // It failed after the dialog was shown.
            try await visitor.fail(["d"])
            let answer = try await visitor.post("/admin/actions/retry-all-failed", [("through", "3"), ("rate", "1000")])
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
            #expect(page.contains("name=\"field:name\""))
            #expect(!page.contains("name=\"field:version\""), "a system field is nobody's choice")
            let updated = String(try #require(page.firstMatch(of: /name="updated" value="([^"]+)"/)).1)
            let choice = [("take", "fields"), ("field:name", "server"), ("field:size", "local"), ("field:mail", "local")]
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

    @Test("pause and resume, rebuild and export work, and every action stands in the audit log with who, what and how many")
    func audit() async throws {
        let file = NSTemporaryDirectory() + "/audit-\(UUID().uuidString).jsonl"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try await Visitor.enter(auditFile: file) { visitor in
            try await visitor.fail(["a", "b"])
            expectBack(try await visitor.post("/admin/actions/pause"), to: "/admin")
            #expect(try await visitor.sidecar.store.loadControl().pauses == [.operator])
            #expect(try await visitor.get("/admin/alerts").body.contains("Delivery is paused by a person"))
            expectBack(try await visitor.post("/admin/actions/resume"), to: "/admin")
            #expect(try await visitor.sidecar.store.loadControl().pauses.isEmpty)
            expectBack(try await visitor.confirm("/admin/actions/rebuild-index"), to: "/admin")
            #expect(try await visitor.post("/admin/actions/export", [("format", "csv")]).status == 200)
            expectBack(try await visitor.confirm("/admin/actions/clear-failed"), to: "/admin")
            let lines = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self).split(separator: "\n")
            let entries = try lines.map { try JSONValue(parsing: String($0)) }
            func found(_ action: String, _ outcome: String) -> JSONValue? {
                entries.last { $0["action"]?.string == action && $0["outcome"]?.string == outcome }
            }
            for action in ["pause", "resume", "rebuild_index", "export", "clear_failed"] {
                let done = try #require(found(action, "done"), "\(action)")
                #expect(found(action, "asked") != nil)
                #expect(done["who"] == "admin-name")
                #expect(done["role"] == "admin")
                #expect(done["address"] == "127.0.0.1")
            }
            #expect(found("clear_failed", "done")?["count"] == 2)
            #expect(found("export", "done")?["count"] == 2)
            #expect(found("login", "done")?["who"] == "admin-name")
            let page = try await visitor.get("/admin/audit").body
            for word in ["clear_failed", "admin-name", "127.0.0.1"] { #expect(page.contains(word)) }
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test("an audit log that can't be written stops every action before it does anything")
    func unwritableAudit() async throws {
        try await Visitor.enter(auditFile: "/nowhere/at/all.jsonl") { visitor in
            try await visitor.fail(["a"])
            let answer = try await visitor.post("/admin/actions/clear-failed", [("total", "1"), ("through", "1"), ("phrase", "clear 1")])
            answer.expectProblem(503, says: "audit log")
            #expect(try await visitor.sidecar.store.books().failed == 1)
            try await visitor.post("/admin/actions/pause").expectProblem(503)
            #expect(try await visitor.sidecar.store.loadControl().pauses.isEmpty)
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
            for answer in [csv, failed, json] { #expect(!answer.body.contains("secret@example.com")) }
        }
    }
}
