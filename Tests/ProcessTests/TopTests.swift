import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    @Suite(.serialized) struct TopTests {
        @Test("top shows the queue in one frame, with or without a sidecar, redacted and no wider than asked")
        func once() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            for id in ["a", "b"] { #expect(try await workplace.enqueue(id).status == 0) }
            let frame = try await workplace.run("top", "--once")
            #expect(frame.status == 0, "\(frame.errors)")
            for word in ["pending 2", "failed 0", "breaker closed", "lock    free", "Last failures"] {
                #expect(frame.output.contains(word), "\(word)")
            }
            #expect(frame.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
            let json = try await workplace.run("top", "--once", "--json")
            #expect(json.json["books"]?["pending"]?.integer == 2)
            #expect(json.json["breaker"] == "closed")
            let bad = try await workplace.run("top", "--once", "--interval", "0")
            #expect(bad.status == 2)
        }

        @Test("serve --admin says where the console is, and with which token")
        func console() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let guardian = try await workplace.serve(upstream: Workplace.nobody, ["--admin"])
            let page = try await Web.get(guardian.url, "/admin/login")
            #expect(page.status == 200)
            #expect(page.headers.lowercased().contains("content-security-policy: default-src 'none'"))
            let script = try await Web.get(guardian.url, "/admin/assets/console.js")
            #expect(script.body.hasPrefix("'use strict'"))
            _ = guardian.terminate()
        }
    }
}
