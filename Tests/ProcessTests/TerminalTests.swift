import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    @Suite(.serialized) struct TerminalTests {
        /// Clears the screen, fills the clipboard, goes back over the line, begins one of its own, and moves the cursor by a C1 sequence.
        private static let message = "no\u{1B}[2J\u{1B}]52;c;eA==\u{7}\rover\nclaimable: it may go \u{9B}1A\u{7F}end"

        @Test(
            "what an upstream says commands no terminal and begins no line of ours, whatever command repeats it",
            arguments: [
                ["explain", "a"], ["explain", "a", "--json"], ["show", "a"], ["show", "a", "--json"], ["list"], ["list", "--json"],
                ["top", "--once"], ["top", "--once", "--json"], ["status"],
            ])
        func controls(command: [String]) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let enqueued = try await workplace.enqueue("a")
            #expect(enqueued.status == 0)
            let bytes = Self.message.unicodeScalars.map { "char(\($0.value))" }.joined(separator: " || ")
            try await workplace.sqlite(
                """
                UPDATE guardian_operation SET status = 2, head = 0, error_class = 'permanent', error_code = 'HTTP_422', error_status = 422,
                    error_message = \(bytes) WHERE id = 'a';
                UPDATE guardian_books SET failed = 1;
                """)
            let answer = try await Guardian.run(command + ["--data-dir", workplace.path])
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(!answer.output.isEmpty)
            #expect(answer.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
            #expect(!answer.output.split(separator: "\n").contains { $0.hasPrefix("claimable") })
            guard command.contains("--json") else { return }
            #expect(answer.json != .null)
        }

        @Test("a question before what can't be undone may be answered with yes; all else leaves it undone", arguments: ["yes", "no"])
        func confirms(answer: String) async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let enqueued = try await workplace.enqueue("a")
            #expect(enqueued.status == 0)
            let terminal = try PseudoTerminal()
            let cancel = try terminal.start(["cancel", "a", "--data-dir", workplace.path])
            defer { if cancel.isRunning { cancel.end() } }
            terminal.press(answer + "\n")
            if answer == "yes" { try await terminal.wait { $0.contains("never_sent") } }
            cancel.waitUntilExit()
            #expect(cancel.terminationStatus == (answer == "yes" ? 0 : 5))
        }

        @Test("status is as wide as its terminal, and top is drawn without colours where NO_COLOR says so")
        func adapts() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let enqueued = try await workplace.enqueue("a")
            #expect(enqueued.status == 0)
            let narrow = try PseudoTerminal()
            narrow.resize(columns: 40)
            let status = try narrow.start(["status", "--data-dir", workplace.path])
            defer { if status.isRunning { status.end() } }
            try await narrow.wait { $0.contains("accepted 1") }
            #expect(narrow.shown.split(whereSeparator: \.isNewline).allSatisfy { $0.count <= 40 }, "\(narrow.shown)")

            let plain = try PseudoTerminal()
            let top = try plain.start(["top", "--data-dir", workplace.path], environment: ["NO_COLOR": "1"])
            defer { if top.isRunning { top.end() } }
            try await plain.wait { $0.contains("Waiting heads") }
            #expect(!plain.shown.contains("\u{1B}[1m"), "\(plain.shown)")
            plain.press("q")
            top.waitUntilExit()
        }

        @Test("JSON says what was stored, escapes and all")
        func json() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operation.ndjson"
            let line = #"{"id":"a","operation_type":"update","entity_type":"a","entity_id":"r","payload":{"n":"\u009b2J\u001b[0m\u007f"}}"#
            try (line + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let enqueued = try await workplace.run("enqueue", "--from-file", file)
            #expect(enqueued.status == 0, "\(enqueued.errors)")
            let answer = try await workplace.run("show", "a", "--json")
            #expect(answer.json["payload"]?["n"] == "\u{9B}2J\u{1B}[0m\u{7F}")
            #expect(answer.output.contains(#"\u009b2J\u001b[0m\u007f"#))
        }
    }
}
