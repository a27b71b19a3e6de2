import Foundation
import GuardianCore
import Testing

extension ProcessTests {
    /// `guardian redact`: a filter for other programs' text.
    @Suite struct RedactCommandTests {
        private func redact(_ arguments: [String], _ input: [UInt8]) async throws -> Guardian.Answer {
            let file = NSTemporaryDirectory() + "/guardian-redact-" + UUID().uuidString
            try Data(input).write(to: URL(fileURLWithPath: file))
            defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
            return try await Shell.run(["sh", "-c", "exec \"$0\" redact \"$@\" < \(file)", Guardian.binary] + arguments)
        }

        @Test("As many lines come out as went in, text or JSON, broken or not")
        func keepsLines() async throws {
            let text = "mail a@b.io\n\n\r\nphone: 555-123-4567\npassword=canary\nlast without an end a@b.io"
            let answer = try await redact([], Array(text.utf8))
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(
                answer.output
                    == "mail [REDACTED_EMAIL]\n\n\r\nphone: [REDACTED_PHONE]\npassword=[REDACTED]\nlast without an end [REDACTED_EMAIL]")
            let lines = "{\"pin\":1,\"n\":[\"a@b.io\"]}\nnot JSON: token=canary\n{\"a\": 12}\n"
            let json = try await redact(["--json"], Array(lines.utf8))
            #expect(json.output == "{\"pin\":\"[REDACTED]\",\"n\":[\"[REDACTED_EMAIL]\"]}\nnot JSON: token=[REDACTED]\n{\"a\": 12}\n")
        }

        @Test("Ten megabytes on one line, NULs and broken UTF-8 are no trouble")
        func hugeLine() async throws {
            var input = [UInt8](repeating: UInt8(ascii: "a"), count: 10 << 20)
            input += [0x00, 0xFF] + Array(" 4111 1111 1111 1111\nnext\n".utf8)
            let answer = try await redact([], input)
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(answer.output.hasSuffix(" [REDACTED_CC]\nnext\n"))
            #expect(answer.output.utf8.count { $0 == 0x0A } == 2)
        }

        @Test("An app's names and patterns can be given")
        func ownRules() async throws {
            let answer = try await redact(
                ["--name", "patientId", "--pattern", "MRN-#{6,10}", "--exempt", "pin"], Array("patient_id=p7 MRN-1234567 pin=12\n".utf8))
            #expect(answer.output == "patient_id=[REDACTED] [REDACTED] pin=12\n")
            let bad = try await redact(["--pattern", "x{"], [])
            #expect(bad.status == 2 && bad.errors.contains("--pattern"), "\(bad.errors)")
            #expect(try await Guardian.run(["redact", "/no/such/file"]).status == 2)
        }
    }
}
