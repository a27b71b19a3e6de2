import GuardianCore
import GuardianPrivacy
import Testing

/// What was redacted is read again by somebody else: a log line in a report, an error in an export. The second pass must find nothing.
@Suite("Redacting twice is redacting once")
struct IdempotenceTests {
    static let marks = [
        "[REDACTED]", "[REDACTED_EMAIL]", "[REDACTED_PHONE]", "[REDACTED_CC]", "[REDACTED_SSN]", "[REDACTED_IBAN]", "[REDACTED_KEY]",
        "[REDACTED_TOKEN]", "[REDACTED_MRN]",
    ]

    @Test("A mark stays, and says nothing of what stands beside it", arguments: marks)
    func mark(text: String) {
        let redactor = Redactor.standard
        for frame in [
            "{}", "password={}", "token: {}", "\"secret\":\"{}\"", "{\"pin\":\"{}\"}", "{}=abc123", "{}: abc123", "{} 12345678",
            "{} 123456789",
            "{}@example.com", "https://{}@host/", "Bearer {}", "id-{}", "<pin>{}</pin>", "--token {}", "{}{}", "Cookie: {}; a=b",
        ] {
            let line = frame.replacing("{}", with: text)
            let once = redactor.redact(line)
            #expect(once.contains(text), "\(line) -> \(once)")
            #expect(redactor.redact(once) == once, "\(line) -> \(once)")
            let json = redactor.redact(json: line)
            #expect(redactor.redact(json: json) == json, "\(line) -> \(json)")
        }
    }

    @Test("What only begins like a mark hides nothing")
    func noMark() {
        #expect(!Redactor.standard.redact("password=[REDACTEDhunter22] token: [REDACTED hunter22").contains("hunter22"))
        #expect(!Redactor.standard.redact("https://[REDACTED:hunter22@host/ [REDACTED_a@b.io").contains("hunter22"))
    }
}
