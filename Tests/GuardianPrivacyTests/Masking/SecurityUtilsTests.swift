import GuardianCore
import GuardianPrivacy
import Synchronization
import Testing

@Suite("SecurityUtils and SecureLogger")
struct SecurityUtilsTests {
    @Test("The examples of the contract")
    func examples() {
        #expect(SecurityUtils.maskToken("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.XgL0n3I9PlFUP0THsR8U") == "eyJh...R8U")
        #expect(SecurityUtils.maskToken("Bearer token123") == "Bea...123")
        #expect(SecurityUtils.maskToken("short") == "***")
        #expect(SecurityUtils.maskToken("") == "***")
        #expect(
            SecurityUtils.redactPII("mail a@b.io, call 555-123-4567, card 1234-5678-9012-3456, ssn 123-45-6789")
                == "mail [REDACTED_EMAIL], call [REDACTED_PHONE], card [REDACTED_CC], ssn [REDACTED_SSN]")
        #expect(SecurityUtils.sanitizePath("/api/v1/users/123/profile") == "/api/v1/users/{id}/profile")
        #expect(SecurityUtils.sanitizePath("/rooms/550e8400-e29b-41d4-a716-446655440000?token=abc") == "/rooms/{uuid}?token=[REDACTED]")
        #expect(!SecurityUtils.sanitizePath("/api/v1/users/(415) 555-2671/profile").contains("555"))
    }

    @Test(
        "Payloads lose what stands under sensitive names, in any spelling",
        arguments: [
            "password", "token", "secret", "api_key", "auth_token", "credit_card", "cvv", "pin", "userPassword", "X-Api-Key",
            "creditCardNumber", "PIN", "card-cvv", "accessToken",
        ])
    func payloads(name: String) {
        let payload = JSONValue.object([.init("outer", .array([.object([.init(name, ["deep": "canary"])])])), .init("kept", 1)])
        let redacted = SecurityUtils.redactPayload(payload)
        #expect(redacted["outer"]?.elements?.first?[name]?.string == "[REDACTED]")
        #expect(redacted["kept"]?.integer == 1)
        #expect(SecurityUtils.isSensitiveField(name))
    }

    @Test(
        "Names that only look sensitive are not",
        arguments: ["tokenizer", "pinned", "secretary", "monkey", "max_tokens", "tokenType", "compass", "pinterest"])
    func lookAlikes(name: String) { #expect(!SecurityUtils.isSensitiveField(name)) }

    @Test("A request is one line without ids, credentials and persons")
    func request() {
        let line = SecurityUtils.createSafeRequestLog(
            method: "POST", path: "/api/v1/users/42/profile",
            headers: [
                "Authorization": "Bearer token123", "Cookie": "sid=canary", "X-Api-Key": "canary", "Accept": "text/html",
                "Proxy-Authorization": "Basic canary",
            ],
            body: ["email": "a@b.io", "password": "canary", "n": 1])
        #expect(
            line == "HTTP POST /api/v1/users/{id}/profile | Headers: {Accept: text/html, Authorization: Bea...123, Cookie: [REDACTED], "
                + "Proxy-Authorization: [REDACTED], X-Api-Key: [REDACTED]} | Body: {\"email\":\"[REDACTED_EMAIL]\",\"password\":\"[REDACTED]\",\"n\":1}"
        )
        #expect(!SecurityUtils.redactPII(line).contains("canary"))
    }

    @Test("A response is one line, its body cut at 1000 characters")
    func response() {
        let line = SecurityUtils.createSafeResponseLog(statusCode: 200, headers: ["Set-Cookie": "a=canary"], body: "token=canary\nline two")
        #expect(line == "HTTP 200 | Headers: {Set-Cookie: [REDACTED]} | Body: token=[REDACTED] line two")
        let long = SecurityUtils.createSafeResponseLog(statusCode: 500, body: String(repeating: "x", count: 5000))
        #expect(long.count == "HTTP 500 | Body: ".count + 1001)
        // Redacted before it is cut, so that no half of a secret is left.
        let edge = String(repeating: "x", count: 985) + " anna.canary@example.com"
        #expect(!SecurityUtils.createSafeResponseLog(statusCode: 500, body: edge).contains("anna"))
    }

    @Test("Keys, TLS and pins are checked")
    func checks() {
        #expect(SecurityUtils.isValidIdempotencyKey("7f2c1a4e-0b7d-4c1e-9a53-1d2e3f405162"))
        #expect(!SecurityUtils.isValidIdempotencyKey("7f2c1a4e-0b7d-1c1e-9a53-1d2e3f405162"))
        #expect(!SecurityUtils.isValidIdempotencyKey("not-a-key"))
        #expect(SecurityUtils.isTLSEnabled("https://api.example.com") && SecurityUtils.isTLSEnabled("WSS://x"))
        #expect(
            !SecurityUtils.isTLSEnabled("http://api.example.com") && !SecurityUtils.isTLSEnabled("https://")
                && !SecurityUtils.isTLSEnabled(""))
        let (pin, backup) = ("sha256/" + String(repeating: "A", count: 43) + "=", "sha256/" + String(repeating: "B", count: 42) + "A=")
        #expect(SecurityUtils.validateCertificatePins([pin, backup]) && SecurityUtils.certificatePinProblems([pin, backup]).isEmpty)
        #expect(SecurityUtils.validateCertificatePins([pin]) && SecurityUtils.certificatePinProblems([pin]).count == 1)
        for bad in [[], ["sha256/AAAA"], ["sha1/" + String(repeating: "A", count: 43) + "="], [pin, "x"]] {
            #expect(!SecurityUtils.validateCertificatePins(bad))
            #expect(!SecurityUtils.certificatePinProblems(bad).isEmpty)
        }
    }

    @Test("The logger writes redacted lines, one each, or nothing when it is off")
    func logger() {
        let lines = Mutex<[String]>([])
        var logger = SecureLogger { level, line in lines.withLock { $0.append("\(level) \(line)") } }
        logger.info("user a@b.io\nsigned in", fields: ["token": "canary", "n": 1])
        logger.redactPII = false
        logger.warning("a@b.io")
        logger.level = .error
        logger.info("dropped")
        logger.enabled = false
        logger.fatal("dropped")
        #expect(lines.withLock { $0 } == [#"info user [REDACTED_EMAIL] signed in {"token":"[REDACTED]","n":1}"#, "warning a@b.io"])
    }

    @Test("What a login server says is shown without what may be a token")
    func foreignWords() {
        let mask = SecretMask(known: ["canary-7f3a"])
        #expect(mask.masked("the token canary-7f3a of a@b.io is over") == "the token *** of [REDACTED_EMAIL] is over")
        #expect(!mask.masked("code AbCdEf0123456789xyz").contains("AbCdEf"))
    }
}
