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

    @Test("wrong tokens from any number of other addresses never keep a right one out, and are not all written down")
    func others() async throws {
        let file = NSTemporaryDirectory() + "/audit-\(UUID().uuidString).jsonl"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        try await Visitor.withConsole(isTimed: true, auditFile: file) { sidecar in
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
            let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
            let refused = text.split(separator: "\n").filter { $0.contains("\"refused\"") }
            #expect(refused.count == 50)
            #expect(refused.last?.contains("more within this minute are not written down") == true)
            #expect(text.contains("\"admin-name\""))
            sidecar.clock.advance(byMilliseconds: 60_000)
            let later = try await login(right, from: "127.0.0.2", sidecar)
            #expect(later == 302 || later == 303)
        }
    }
}
