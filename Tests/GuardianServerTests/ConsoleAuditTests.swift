import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import NIOHTTP1
import Testing

@Suite struct ConsoleAuditTests {
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

    @Test("a job that the end of the process cuts short is in the audit log as stopped, with how far it came, and so is one that waited")
    func cutShort() async throws {
        let file = NSTemporaryDirectory() + "/audit-\(UUID().uuidString).jsonl"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        let store = MemoryStore()
        try await Visitor.enter("operator", store: store, isTimed: true, auditFile: file) { visitor in
            try await visitor.fail((0..<40).map { "e\($0)" })
            expectBack(try await visitor.confirm("/admin/actions/retry-all-failed"), to: "/admin/jobs")
            try await eventually("the first step") { try await store.books().pending > 0 }
            expectBack(try await visitor.confirm("/admin/bulk?kind=cancel&entity_id=e39"), to: "/admin/jobs")
        }
        let retried = try await store.books().pending
        #expect((1..<40).contains(retried))
        let lines = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self).split(separator: "\n")
        let ends = try lines.suffix(2).map { try JSONValue(parsing: String($0)) }
        #expect(ends.map { $0["outcome"]?.string } == ["stopped", "stopped"])
        #expect(ends.map { $0["action"]?.string } == ["bulk_retry", "bulk_cancel"])
        #expect(ends.map { $0["count"]?.integer } == [retried, 0])
        #expect(ends[0]["detail"]?.string == "job 1: \(retried) of 40; the process ended")
        #expect(ends[1]["detail"]?.string == "job 2: 0 of 1; the process ended")
    }

    @Test("an audit log that can't be written stops every action before it does anything")
    func unwritableAudit() async throws {
        try await Visitor.enter(auditFile: "/nowhere/at/all.jsonl") { visitor in
            try await visitor.fail(["a"])
            try await visitor.confirm("/admin/actions/clear-failed").expectProblem(503, says: "audit log")
            #expect(try await visitor.sidecar.store.books().failed == 1)
            try await visitor.post("/admin/actions/pause").expectProblem(503)
            #expect(try await visitor.sidecar.store.loadControl().pauses.isEmpty)
        }
    }

    @Test("an action that fails is in the audit log with why, and so is an export that breaks off")
    func failedActions() async throws {
        let store = TroubledStore()
        try await Visitor.enter(store: store) { visitor in
            try await visitor.fail(["a"])
            func ending(_ action: String) async throws -> String? {
                let rows = try await visitor.get("/admin/audit").body.split(separator: "<tr>")
                return rows.first { $0.contains("<code>\(action)</code>") }.map { String($0) }
            }
            store.trouble = .unavailable("by the test")
            try await visitor.post("/admin/operations/a/retry").expectProblem(503)
            store.trouble = nil
            let retry = try #require(try await ending("retry"))
            #expect(retry.contains(">failed<") && retry.contains("by the test"))
            store.readsLeft = 1
            await #expect(throws: (any Error).self) { try await visitor.post("/admin/actions/export", [("format", "csv")]) }
            store.readsLeft = nil
            try await eventually("the end of the export") {
                let export = try await ending("export")
                return export?.contains(">failed<") == true && export?.contains("broke off") == true
            }
        }
    }

    @Test("a line of the audit log that a crash has torn does not spoil the next one")
    func tornAudit() async throws {
        let file = NSTemporaryDirectory() + "/audit-\(UUID().uuidString).jsonl"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try Data("{\"at\":\"2026-01-01T00:00:00.000Z\",\"who\":\"ad".utf8).write(to: URL(fileURLWithPath: file))
        try await Visitor.enter(auditFile: file) { visitor in
            expectBack(try await visitor.post("/admin/actions/pause"), to: "/admin")
            let lines = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self).split(separator: "\n")
            let actions = try lines.dropFirst().map { try JSONValue(parsing: String($0))["action"]?.string }
            #expect(actions == ["login", "pause", "pause"])
        }
    }
}
