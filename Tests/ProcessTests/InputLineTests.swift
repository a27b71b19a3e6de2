import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// Files of lines that commands read.
    @Suite(.serialized) struct InputLineTests {
        private static let byteOrderMark = "\u{FEFF}"
        private static let long = String(repeating: "x", count: 17 << 20)

        private func operation(_ id: String) -> String {
            #"{"id":"\#(id)","operation_type":"update","entity_type":"room","entity_id":"r1","payload":{}}"#
        }

        @Test("enqueue passes over a byte order mark, stops at a line that is too long, and says how many before it are kept")
        func enqueueStops() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let file = workplace.path + "/operations.ndjson"
            let lines = [Self.byteOrderMark + operation("a"), Self.long, operation("b")]
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("enqueue", "--from-file", file)
            #expect(answer.status == 1)
            #expect(answer.errors.contains("line 2: line: is longer than 16777216 bytes"), "\(answer.errors)")
            #expect(answer.errors.contains("the 1 operations before it are kept"), "\(answer.errors)")
            #expect(try await workplace.run("list", "--json").json.elements?.map { $0["id"]?.string } == ["a"])
        }

        @Test("archive --restore goes on behind a line that is too long, names a hundred that can't be read, and counts them all")
        func restoreGoesOn() async throws {
            let workplace = try Workplace()
            defer { workplace.remove() }
            #expect(try await workplace.enqueue("first").status == 0)
            let file = workplace.path + "/failed.ndjson"
            let bad = [String](repeating: "{", count: 150)
            let lines = [Self.byteOrderMark + operation("a"), Self.long] + bad + [operation("b"), Self.long]
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await workplace.run("archive", "--restore", file, "--json")
            #expect(answer.status == 1)
            #expect(answer.json["restored"]?.integer == 2 && answer.json["unreadable"]?.integer == 152, "\(answer.output)")
            let told = answer.errors.split(separator: "\n")
            #expect(told.first == "guardian: line 2 can't be read: line: is longer than 16777216 bytes")
            #expect(told.count { $0.contains(" can't be read: ") } == 100)
            #expect(told.contains("guardian: and 52 more can't be read"), "\(told.suffix(3))")
            #expect(try await workplace.run("show", "b").status == 0)
            try await workplace.expectBalance()
        }
    }
}
