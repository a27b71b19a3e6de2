import Foundation
import GuardianCore
import GuardianServer
import GuardianTesting
import Testing

@Suite struct LoginLimitTests {
    /// The status of a login with this token from this address of the machine.
    private func login(_ token: String, from address: String, _ sidecar: Sidecar) async throws -> Int? {
        let body = "token=\(token)"
        let head = """
            POST /admin/login HTTP/1.1\r
            Host: 127.0.0.1\r
            Content-Type: application/x-www-form-urlencoded\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r\n
            """
        let answer = try await sidecar.raw(Array((head + body).utf8), from: address)
        return Int(answer.split(separator: " ").dropFirst().first ?? "")
    }

    /// The files of an audit log in a directory of a test's own.
    private struct Files {
        let directory = NSTemporaryDirectory() + "/guardian-audit-" + UUID().uuidString
        var deeds: String { directory + "/audit.jsonl" }
        var refusals: String { directory + "/audit-refused.jsonl" }

        init() throws { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }

        func remove() { do { try FileManager.default.removeItem(atPath: directory) } catch {} }

        func lines(_ path: String) throws -> [Substring] {
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self).split(separator: "\n")
        }

        func write(_ line: String, times: Int, to path: String) throws {
            try Data(String(repeating: line + "\n", count: times).utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    @Test("wrong tokens from any number of other addresses never keep a right one out, and are not all written down")
    func others() async throws {
        let files = try Files()
        defer { files.remove() }
        try await Visitor.withConsole(isTimed: true, auditFile: files.deeds) { sidecar in
            for place in 2...13 {
                for _ in 0..<5 {
                    let refused = try await login("wrong", from: "127.0.0.\(place)", sidecar)
                    #expect(refused == 401)
                }
                let slowed = try await login("wrong", from: "127.0.0.\(place)", sidecar)
                #expect(slowed == 429)
            }
            let right = Visitor.tokens["admin"] ?? ""
            let fromOne = try await login(right, from: "127.0.0.2", sidecar)
            #expect(fromOne == 429, "an address that has guessed waits, whatever it sends")
            _ = try await Visitor.logIn("admin", sidecar)
            let refused = try files.lines(files.refusals)
            #expect(refused.count == 50)
            #expect(refused.last?.contains("more within this minute are not written down") == true)
            let done = try files.lines(files.deeds)
            #expect(done.count == 1 && done[0].contains("\"admin-name\""), "\(done)")
            sidecar.clock.advance(byMilliseconds: 60_000)
            let later = try await login(right, from: "127.0.0.2", sidecar)
            #expect(later == 302 || later == 303)
            _ = try await login("wrong", from: "127.0.0.14", sidecar)
            #expect(try files.lines(files.refusals).last?.contains("10 before it were not written down") == true)
        }
    }

    @Test("an address that goes on guessing is told by the number of its guesses, and the right token at last says how many there were")
    func patient() async throws {
        let files = try Files()
        defer { files.remove() }
        try await Visitor.withConsole(isTimed: true, auditFile: files.deeds) { sidecar in
            for _ in 0..<10 {
                for _ in 0..<5 {
                    let refused = try await login("wrong", from: "127.0.0.2", sidecar)
                    #expect(refused == 401)
                }
                sidecar.clock.advance(byMilliseconds: 60_000)
            }
            let told = try files.lines(files.refusals).map { try JSONValue(parsing: String($0)) }
            #expect(told.map { $0["count"]?.integer } == [1, 2, 3, 4, 5, 10, 20, 30, 40, 50])
            #expect(told.last?["detail"]?.string == "50 wrong tokens from this address by now")
            let right = try await login(Visitor.tokens["admin"] ?? "", from: "127.0.0.2", sidecar)
            #expect(right == 302 || right == 303)
            let done = try JSONValue(parsing: String(try #require(try files.lines(files.deeds).last)))
            #expect(done["detail"]?.string == "after 50 wrong token(s) from this address")
            _ = try await login("wrong", from: "127.0.0.2", sidecar)
            sidecar.clock.advance(byMilliseconds: 3_600_000)
            _ = try await login("wrong", from: "127.0.0.2", sidecar)
            let later = try files.lines(files.refusals).suffix(2).map { try JSONValue(parsing: String($0))["count"]?.integer }
            #expect(later == [1, 1], "the right token, and an hour, begin anew")
        }
    }

    @Test("however many logins are refused, what was done stays in the audit log, and the files of both stay small")
    func washesNothingAway() async throws {
        let files = try Files()
        defer { files.remove() }
        let deed =
            #"{"at":"2026-01-01T00:00:00.000Z","who":"ann","role":"admin","address":"127.0.0.1","action":"clear_failed","outcome":"done"}"#
        let refusal =
            #"{"at":"2026-01-02T00:00:00.000Z","who":"unknown","role":"","address":"10.0.0.9","action":"login","outcome":"refused"}"#
        // As a build has left it that wrote both into one file.
        try files.write(deed + String(repeating: "\n" + refusal, count: 12_000), times: 1, to: files.deeds)
        try files.write(refusal, times: 10_000, to: files.refusals)
        try files.write(refusal, times: 7, to: files.refusals + ".1")
        try await Visitor.enter(auditFile: files.deeds) { visitor in
            var (refused, deeds) = (0, 0)
            var next: String? = "/admin/audit"
            while let path = next {
                let page = try await visitor.get(path).body
                refused += page.matches(of: />refused</).count
                deeds += page.matches(of: /<code>clear_failed<\/code>/).count
                next = page.firstMatch(of: /href="(\/admin\/audit\?cursor=\d+)"/).map { String($0.1) }
            }
            #expect(deeds == 1)
            #expect(refused == 1000)
            let before = try files.lines(files.deeds).count
            let status = try await login("wrong", from: "127.0.0.2", visitor.sidecar)
            #expect(status == 401)
            #expect(try files.lines(files.deeds).count == before)
            #expect(try files.lines(files.refusals).count == 1)
            #expect(try files.lines(files.refusals + ".1").count == 10_000)
            let names = try FileManager.default.contentsOfDirectory(atPath: files.directory).sorted()
            #expect(names == ["audit-refused.jsonl", "audit-refused.jsonl.1", "audit.jsonl"])
        }
    }
}
