import GuardianPrivacy
import Testing

/// A key goes whole. One that was cut, or is only mentioned, takes nothing of what follows it along.
@Suite("Private keys")
struct PrivateKeyTests {
    static let header = "-----BEGIN RSA PRIVATE KEY-----"
    static let end = "-----END RSA PRIVATE KEY-----"
    /// Sixty-four bytes of base64, as a line of a key has.
    static let body = "MIIEpAIBAAKCAQEAcanary0x1x2x3x4x5x6x7x8x9abcdefghijklmnopqrstuvw"

    @Test(
        "A key goes with all of its lines, and its lines stay as many",
        arguments: [
            ("{H}\n{B}\n{B}\ncanary==\n{E}\nok\n", "{H}\n[REDACTED_KEY]\n\n\n{E}\nok\n"),
            ("{H}\r\n{B}\r\n{E}\r\n", "{H}\r\n[REDACTED_KEY]\r\n{E}\r\n"),
            ("{H}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,CANARY\n\n{B}\n{E}\n", "{H}\n[REDACTED_KEY]\n\n\n\n{E}\n"),
            ("key: |\n    {H}\n    {B}\n    {E}\nnext: 1\n", "key: |\n    {H}\n[REDACTED_KEY]\n    {E}\nnext: 1\n"),
            ("PRIVATE_KEY=\"{H}\n{B}\n{E}\"\nA=1\n", "PRIVATE_KEY=\"{H}\n[REDACTED_KEY]\n{E}\"\nA=1\n"),
            ("private_key: {H}\n{B}\n{E}\nok\n", "private_key: {H}\n[REDACTED_KEY]\n{E}\nok\n"),
            ("ts F {H}\nts F {B}\nts F canary==\nts F {E}\nts F ok\n", "ts F {H}\n[REDACTED_KEY]\n\n{E}\nts F ok\n"),
            ("\"{H}\\n\" +\n\"{B}\\n\" +\n\"{E}\"\n", "\"{H}\\n\" +\n[REDACTED_KEY]\n\"{E}\"\n"),
            ("loaded {H} {B} {B} {E} ok", "loaded {H}[REDACTED_KEY]{E} ok"),
            ("{\"msg\":\"{H}\\n{B}\\n{E}\\n\",\"id\":3}", "{\"msg\":\"{H}[REDACTED_KEY]{E}\\n\",\"id\":3}"),
            ("{H}{B}\n{B}\n{E}\nok\n", "{H}[REDACTED_KEY]\n\n{E}\nok\n"),
        ])
    func whole(text: String, expected: String) { check(text, expected) }

    @Test(
        "A key that was cut ends with what can't be of it",
        arguments: [
            ("{\"msg\":\"{H}\\nMIIE\"}\n{\"msg\":\"next\"}\n", "{\"msg\":\"{H}[REDACTED_KEY]\"}\n{\"msg\":\"next\"}\n"),
            ("{\"msg\":\"{H}\\n{B}\",\"id\":3}\n", "{\"msg\":\"{H}[REDACTED_KEY]\",\"id\":3}\n"),
            ("{\"msg\":\"{H}\\n{B}\\n{B}", "{\"msg\":\"{H}[REDACTED_KEY]"),
            ("{\"private_key\":\"{H}\\n{B}\\n{B}\nall is well\n", "{\"private_key\":\"{H}[REDACTED_KEY]\nall is well\n"),
            ("{H}\n{B}\n2024-01-15 all is well\nmail a@b.io\n", "{H}\n[REDACTED_KEY]\n2024-01-15 all is well\nmail [REDACTED_EMAIL]\n"),
        ])
    func cut(text: String, expected: String) { check(text, expected) }

    @Test(
        "A header that is only mentioned takes nothing along",
        arguments: [
            "ERROR pem: expected {H}, found 3 bytes\nnext line\n", "x {H}\nall is well here\nand here\n", "missing \"{H}\"\nnext thing\n",
            "-----BEGIN CERTIFICATE-----\n{B}\n-----END CERTIFICATE-----\n", "-----BEGIN PUBLIC KEY-----\n{B}\n-----END PUBLIC KEY-----\n",
        ])
    func mentioned(text: String) { check(text, text) }

    @Test("A stream says at once what no key can go on with, and holds a key until it ends")
    func stream() {
        for line in ["x -----BEGIN CERTIFICATE-----\nline2\n", "x \(Self.header), found 3 bytes\n", "x \(Self.header)\nall is well\n"] {
            #expect(taken([line]) == line)
        }
        #expect(taken(["\(Self.header)\n\(Self.body)\n"]) == "")
        #expect(
            taken(["a\n\(Self.header)\n", "\(Self.body)\n", "\(Self.end)\nb\n"])
                == "a\n\(Self.header)\n[REDACTED_KEY]\n\(Self.end)\nb\n")
        #expect(taken(["\(Self.header)\n", "\(Self.body)\n", "all is well\nb\n"]) == "\(Self.header)\n[REDACTED_KEY]\nall is well\nb\n")
    }

    /// What comes out of a stream when these pieces have gone in.
    private func taken(_ pieces: [String]) -> String {
        var stream = LineRedaction()
        var out: [UInt8] = []
        for piece in pieces { Array(piece.utf8).withUnsafeBufferPointer { stream.take($0, into: &out) } }
        return String(decoding: out, as: UTF8.self)
    }

    private func check(_ text: String, _ expected: String) {
        func filled(_ frame: String) -> String {
            frame.replacing("{H}", with: Self.header).replacing("{B}", with: Self.body).replacing("{E}", with: Self.end)
        }
        #expect(Redactor.standard.redact(filled(text)) == filled(expected))
        #expect(Redactor.standard.redact(filled(expected)) == filled(expected))
    }
}
