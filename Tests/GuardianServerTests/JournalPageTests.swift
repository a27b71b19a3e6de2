import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct JournalPageTests {
    /// What stands on all pages from `path` on, page by page, found by `pattern`.
    private func walk(_ path: String, _ pattern: Regex<(Substring, Substring)>, _ visitor: Visitor) async throws -> [[String]] {
        var found: [[String]] = []
        var next: String? = path
        while let path = next, found.count < 20 {
            let page = try await visitor.get(path)
            #expect(page.status == 200, "\(page.body)")
            #expect(page.body.contains(">First page</a>") == !found.isEmpty)
            found.append(page.body.matches(of: pattern).map { String($0.1) })
            let link = page.body.firstMatch(of: /rel="next" href="([^"]+)"/)
            next = link.map { String($0.1).replacing("&amp;", with: "&") }
        }
        return found
    }

    @Test("older lines of the log are reached page by page, under the same filter")
    func logs() async throws {
        try await Visitor.enter("viewer") { visitor in
            let now = visitor.sidecar.clock.now.wall
            for number in 0..<450 {
                visitor.sidecar.server.console?.record(.breakerOpened(forMs: Int64(number)), at: now)
                visitor.sidecar.server.console?.record(.drained, at: now)
            }
            let pages = try await walk("/admin/logs?q=breaker_opened", /for_ms&quot;:(\d+)/, visitor)
            #expect(pages.map(\.count) == [200, 200, 50])
            #expect(pages.joined().compactMap { Int($0) } == Array((0..<450).reversed()))
            let newest = try await visitor.get("/admin/logs").body
            #expect(newest.contains("id=\"tail\""))
            let link = try #require(newest.firstMatch(of: /rel="next" href="([^"]+)"/)).1
            let older = try await visitor.get(String(link)).body
            #expect(!older.contains("id=\"tail\""), "what is new does not belong on a page of old lines")
            try await visitor.get("/admin/logs?cursor=none", accept: "*/*").expectProblem(400, field: "cursor", says: "earlier page")
        }
    }

    @Test("older entries of the audit log are reached page by page, also those of files that were turned over")
    func audit() async throws {
        let file = NSTemporaryDirectory() + "/audit-\(UUID().uuidString).jsonl"
        defer {
            for path in [file, file + ".1"] { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        }
        func line(_ number: Int) -> String {
            #"{"at":"2026-01-01T00:00:00.000Z","who":"w","role":"","address":"a","action":"old_\#(number)","outcome":"done"}"#
        }
        let lines = (0..<450).map { line($0) + "\n" }
        try Data(lines[..<300].joined().utf8).write(to: URL(fileURLWithPath: file + ".1"))
        try Data(lines[300...].joined().utf8).write(to: URL(fileURLWithPath: file))
        try await Visitor.enter("viewer", auditFile: file) { visitor in
            let pages = try await walk("/admin/audit", /<code>old_(\d+)<\/code>/, visitor)
            // The login of the visitor stands before them.
            #expect(pages.map(\.count) == [199, 200, 51])
            #expect(pages.joined().compactMap { Int($0) } == Array((0..<450).reversed()))
            try await visitor.get("/admin/audit?cursor=none", accept: "*/*").expectProblem(400, field: "cursor", says: "earlier page")
        }
    }
}
