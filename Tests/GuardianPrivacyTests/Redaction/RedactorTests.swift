import GuardianCore
import GuardianPrivacy
import Testing

@Suite("Redactor")
struct RedactorTests {
    let redactor = Redactor.standard

    @Test(
        "What is somebody's is taken out of text, and nothing else",
        arguments: [
            ("Email user@example.com now", "Email [REDACTED_EMAIL] now"),
            ("call (555) 123-4567 or +14155552671.", "call [REDACTED_PHONE] or [REDACTED_PHONE]."),
            ("card 4111 1111 1111 1111, 1234-5678-9012-3456", "card [REDACTED_CC], [REDACTED_CC]"),
            ("SSN: 123-45-6789", "SSN: [REDACTED_SSN]"),
            ("Bearer token123", "Bearer [REDACTED]"),
            ("password=hunter2 token: abc123", "password=[REDACTED] token: [REDACTED]"),
            ("{\"apiKey\":\"xyz\",\"pin\":1234}", "{\"apiKey\":\"[REDACTED]\",\"pin\":\"[REDACTED]\"}"),
            ("https://user:pass@host.com/?token=abc&x=1", "https://[REDACTED]@host.com/?token=[REDACTED]&x=1"),
            ("DE89 3704 0044 0532 0130 00", "[REDACTED_IBAN]"),
            // Written without spaces: names that ideographs begin, and sentences that end before an address.
            ("发给 用户_us@bücher.de", "发给 [REDACTED_EMAIL]"), ("用户42@example.com", "[REDACTED_EMAIL]"),
            ("用户.åsa@例子.公司", "[REDACTED_EMAIL]"), ("请联系anna@example.com", "请联系[REDACTED_EMAIL]"),
            ("邮箱12345678@qq.com", "邮箱[REDACTED_EMAIL]"), ("mail anna@example.com．", "mail [REDACTED_EMAIL]．"),
            ("key abc8Q~x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1.", "key [REDACTED_KEY]."),
            ("to AAAAZPWaixU:APA91b\(String(repeating: "aB3-_", count: 27)) sent", "to AAAAZPWaixU:[REDACTED_KEY] sent"),
        ])
    func takesOut(text: String, expected: String) {
        #expect(redactor.redact(text) == expected)
        #expect(redactor.redact(expected) == expected)
    }

    @Test(
        "What only looks like it stays",
        arguments: [
            "550e8400-e29b-41d4-a716-446655440000", "2024-01-15T10:30:00.123Z 15.01.2024 10:30",
            "1700000000 1700000000000 1700000000000000",
            "v1.2.3 10.15.7 2.0.0-beta.1+20240115", "192.168.1.1:8080 2001:db8::1", "d41d8cd98f00b204e9800998ecf8427e",
            "order 1234567890 ORD-2024-001234 #5551234567", "$1,234.56 1.234.567,89 €", "40.7128, -74.0060 +37.774929",
            "00:1A:2B:3C:4D:5E 00-11-22-33-44-55 0011.2233.4455", "lodash@4.17.21 icon@2x.png user@1000.service",
            "tokenizer=bpe pinned=true max_tokens=100", "\"GET /x HTTP/1.1\" 200 512 1234",
        ])
    func leaves(text: String) { #expect(redactor.redact(text) == text) }

    @Test("Values under sensitive names go at any depth; the rest is looked at as text")
    func structures() throws {
        let value = try JSONValue(parsing: #"{"user":[{"X-Api-Key":{"a":1},"note":"mail a@b.io","tokenizer":"bpe"}],"cvv":123}"#)
        let expected = #"{"user":[{"X-Api-Key":"[REDACTED]","note":"mail [REDACTED_EMAIL]","tokenizer":"bpe"}],"cvv":"[REDACTED]"}"#
        #expect(redactor.redact(value).text == expected)
    }

    @Test("An app's own names and patterns are taken out too")
    func ownRules() throws {
        let own = Redactor(names: ["patientID"], exempt: ["token"], patterns: [try RedactionPattern("MRN-#{6,10}", label: "MRN")])
        #expect(own.redact("patient_id=p1 token=a1b2 MRN-1234567 MRN-12") == "patient_id=[REDACTED] token=a1b2 [REDACTED_MRN] MRN-12")
    }

    @Test(
        "A pattern that may match too much is refused, however large its numbers are",
        arguments: ["#{1,9223372036854775807}@", "#{9223372036854775807}@{9223372036854775807}", "#{257}", "#{200}@{57}"])
    func longPatterns(text: String) {
        #expect(throws: RedactionPattern.Defect.self) { try RedactionPattern(text) }
    }
}
