/// Takes out of foreign words what is, or looks like, a token, so that they can be shown: what a login server or a command has said.
///
/// Stricter than ``Redactor``, through which it goes first: every long run of letters and digits is taken for a token, a UUID too.
package struct SecretMask: Sendable {
    /// Texts that are known to be secret. Those under 4 characters would mask half of every sentence.
    private let known: [String]

    /// Bytes of a run that looks like a token when it also has a digit or a capital.
    static let longestPlainRun = 16
    /// Words after which the next one is secret, however it looks.
    private static let labels: Set<String> = [
        "bearer", "basic", "token", "access_token", "refresh_token", "id_token", "secret", "client_secret", "password", "passwd", "pwd",
        "authorization", "apikey", "api_key", "assertion", "code",
    ]

    package init(known: [String] = []) {
        self.known = known.filter { $0.utf8.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// `text` in one line, masked first and cut to `limit` characters then.
    package func masked(_ text: String, limit: Int = 200) -> String {
        var text = text
        for secret in known { text = text.replacing(secret, with: SecurityUtils.mask) }
        text = Redactor.standard.redact(text)
        var out = ""
        var isNextSecret = false
        for piece in Self.pieces(of: text) {
            guard Self.isRun(piece) else {
                out += piece.map { $0.isNewline || $0.isWhitespace ? " " : String($0) }.joined()
                // Only what stands between a label and its value keeps the value secret.
                if piece.contains(where: { !" \t\n\r:=\"'".contains($0) }) { isNextSecret = false }
                continue
            }
            let isLabel = Self.labels.contains(piece.lowercased())
            let isMark = piece.hasPrefix("REDACTED")
            out += !isMark && (isNextSecret && !isLabel || Self.looksSecret(piece)) ? SecurityUtils.mask : String(piece)
            isNextSecret = isLabel
        }
        return String(out.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ").prefix(limit))
    }

    /// Long, and no plain words: digits or capitals are among its letters.
    private static func looksSecret(_ run: Substring) -> Bool {
        guard run.utf8.count >= longestPlainRun else { return false }
        return run.utf8.contains { (48...57).contains($0) || (65...90).contains($0) } || run.utf8.count > 64
    }

    private static func isRun(_ piece: Substring) -> Bool { piece.utf8.first.map(isTokenByte) ?? false }

    /// Letters, digits and `-._~+/` (RFC 6750 section 2.1). `=` and `:` part a label from its value.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
        default: false
        }
    }

    /// Runs of bytes that tokens are made of, and what stands between them.
    private static func pieces(of text: String) -> [Substring] {
        var pieces: [Substring] = []
        var start = text.startIndex
        var at = start
        while at < text.endIndex {
            let next = text.index(after: at)
            if next < text.endIndex, isTokenCharacter(text[at]) != isTokenCharacter(text[next]) {
                pieces.append(text[start..<next])
                start = next
            }
            at = next
        }
        if start < text.endIndex { pieces.append(text[start...]) }
        return pieces
    }

    private static func isTokenCharacter(_ character: Character) -> Bool { character.asciiValue.map(isTokenByte) ?? false }
}
