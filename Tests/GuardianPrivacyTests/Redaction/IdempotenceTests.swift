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

    @Test(
        "What hangs on a secret goes with the first pass, not with the second",
        arguments: [
            ("4111 1111 1111 1111ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[REDACTED_CC][REDACTED_KEY]"),
            ("DE89 3704 0044 0532 0130 00xoxb-CtrOcEryl7", "[REDACTED_IBAN][REDACTED_KEY]"),
            ("m@р.ф123-45-6789", "[REDACTED_EMAIL][REDACTED_SSN]"), ("+3665559262:123-45-6789", "[REDACTED_PHONE]:[REDACTED_SSN]"),
            ("1492 3942 1391 1104 3@o.br", "[REDACTED_CC] [REDACTED_EMAIL]"), ("123-45-6789/3@l.io", "[REDACTED_SSN]/[REDACTED_EMAIL]"),
            ("pass=-38-1718-2496,y:", "pass=-[REDACTED_PHONE],y:"), ("passphrase:Authorization:,", "passphrase:Authorization:,"),
            ("4111 1111 1111 1111[REDACTED_KEY]", "[REDACTED_CC][REDACTED_KEY]"),
            ("https://=o'brien50@696.com_[REDACTED_TOKEN]”=:[@,", "https://[REDACTED]@,"),
            ("cookie=}/cookie=Authorization: Digest a=\".", "cookie=[REDACTED] Digest a=\"."),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END用户@b.io",
                "-----BEGIN RSA PRIVATE KEY-----\n[REDACTED_KEY]\n-----END[REDACTED_EMAIL]"
            ),
        ])
    func hanging(text: String, expected: String) {
        #expect(Redactor.standard.redact(text) == expected)
        #expect(Redactor.standard.redact(expected) == expected)
    }

    /// Words and signs that a second pass may read otherwise.
    static let joints = [
        "Basic ", "Authorization: ", "Cookie: ", "passphrase: ", "card ", "pass=", "token: ", "ssn ", "id-", "id_", "ext. 12", "x12", "%2B",
        "%20", "\\n", "&#64;", "_", "/", "<", ">", ";", "|", "4111111111111111", "415-555-2671", "password is ", "iban ", "0171", "12",
        "20",
        "hooks.slack.com/services/", "https://", "api key: ", "secret_key", "tcp(", "x", "==", "密码：", "０９０-１２３４-５６７８", "curl -u ",
        "admin:hunter2", "authorization: denied by ", "auth=", "dXNlcjpwYXNz", "iban: ", "pin: 12 34", "06 12 34 56 78", "CP ", " SE",
        "-----BEGIN PRIVATE KEY-----",
    ]

    @Test("Secrets, marks and what parts them, in any order")
    func anyOrder() throws {
        print("GUARDIAN_SEED=\(FuzzTests.seed)")
        var corpus = Corpus(seed: FuzzTests.seed)
        let redactor = Redactor.standard
        let own = Redactor(
            names: ["patientID"], patterns: [try RedactionPattern("MRN-#{6,10}", label: "MRN")])
        for round in 0..<FuzzTests.inputs {
            var text = ""
            // Four, for what is promised of secrets that hang on each other ends there (`Redactor.mostRounds`).
            for _ in 0..<(1 + round % 4) {
                switch corpus.pick(Array(0..<10)) {
                case 0, 1: text += corpus.positives(corpus.pick(Corpus.Kind.allCases), count: 1)[0].text
                case 2: text += corpus.positives(corpus.pick(Corpus.Kind.allCases), count: 1)[0].secret
                case 3: text += corpus.negatives(count: 1)[0]
                case 4: text += corpus.pick(Self.marks)
                case 5, 6: text += corpus.pick(Self.joints)
                default: text += corpus.pick(FuzzTests.pieces)
                }
                text += corpus.pick(["", "", " ", "-", "_", "=", ":", ",", ", ", "\"", "/", ".", "\n", "”", "用"])
            }
            let once = redactor.redact(text)
            #expect(redactor.redact(once) == once, "\(text.debugDescription) -> \(once.debugDescription)")
            let value = JSONValue.object([
                .init("a", .string(text)), .init("token", .string(text)), .init(text, .number("4111111111111111")),
                .init("pass", .string(text)),
            ])
            let json = redactor.redact(json: value.text)
            #expect(redactor.redact(json: json) == json, "\(value.text) -> \(json)")
            let ours = own.redact(text)
            #expect(own.redact(ours) == ours, "\(text.debugDescription) -> \(ours.debugDescription)")
        }
    }
}
