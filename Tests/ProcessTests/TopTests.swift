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

        @Test("the last failures are those that failed last, whenever they were enqueued; of too many it says which were looked at")
        func failures() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            try await workplace.enqueue((0..<1000).map { room("e\($0)") })
            let failed = "SET status = 2, head = 0, error_class = 'permanent', error_code = 'X', error_message = 'no', updated_at = seq"
            try await workplace.sqlite(
                """
                UPDATE guardian_operation \(failed);
                UPDATE guardian_operation SET updated_at = 100000 WHERE id = 'e7';
                UPDATE guardian_books SET failed = 1000;
                """)
            let top = try await workplace.run("top", "--once", "--json").json
            let ids = top["last_failures"]?.elements?.compactMap { $0["id"]?.string } ?? []
            #expect(ids.prefix(3) == ["e7", "e999", "e998"], "\(ids)")
            #expect(ids.count == 20)
            #expect(top["failures_are_all"] == true)
            let frame = try await workplace.run("top", "--once").output
            #expect(frame.contains("\nLast failures\n"), "\(frame)")

            try await workplace.enqueue([room("late")])
            try await workplace.sqlite("UPDATE guardian_operation \(failed) WHERE id = 'late'; UPDATE guardian_books SET failed = 1001")
            let partial = try await workplace.run("top", "--once").output
            #expect(partial.contains(/\nLast failures of the \d+ enqueued last\n/), "\(partial)")
        }

        @Test("top says what the books are short of")
        func gap() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let enqueued = try await workplace.enqueue("a")
            #expect(enqueued.status == 0)
            let balanced = try await workplace.run("top", "--once").output
            #expect(balanced.contains("gap 0, counted 0 s ago"), "\(balanced)")
            try await workplace.sqlite("UPDATE guardian_books SET accepted = accepted + 2")
            let frame = try await workplace.run("top", "--once").output
            #expect(frame.contains("gap 2, counted"), "\(frame)")
            let json = try await workplace.run("top", "--once", "--json").json
            #expect(json["accounting_gap"]?.integer == 2)
        }

        @Test("on a terminal it draws anew, with rates, until q is pressed, and leaves the terminal as it was")
        func terminal() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let first = try await workplace.enqueue("a")
            #expect(first.status == 0)
            let terminal = try PseudoTerminal()
            let flags = terminal.localFlags
            let top = try terminal.start(["top", "--data-dir", workplace.path, "--interval", "0.1"])
            defer { if top.isRunning { top.end() } }
            try await terminal.wait { $0.contains("0.0 accepted/s") }
            #expect(terminal.shown.hasPrefix("\u{1B}[?1049h\u{1B}[?25l\u{1B}[H"))
            #expect(terminal.localFlags != flags, "keys are not read as they are pressed")
            let second = try await workplace.enqueue("b")
            #expect(second.status == 0)
            try await terminal.wait { $0.contains(/pending 2.*\s[\d.]*[1-9][\d.]* accepted\/s/.dotMatchesNewlines()) }
            terminal.press("q")
            try await terminal.wait { $0.hasSuffix("\u{1B}[?25h\u{1B}[?1049l") }
            top.waitUntilExit()
            #expect(top.terminationStatus == 0)
            #expect(terminal.localFlags == flags)
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
