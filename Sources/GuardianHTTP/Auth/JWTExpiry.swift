package import GuardianCore

/// What a JWT says of its own life, read without verifying anything (RFC 7519 sections 4.1.4 and 4.1.6).
///
/// Good for knowing when to ask for the next token; never for trusting one.
package struct JWTExpiry: Sendable, Equatable {
    /// Claims beyond this many bytes are not read.
    static let longestClaims = 64 << 10
    /// Seconds: 9999-12-31. Later times are taken for garbage.
    private static let latest = 253_402_300_799.0

    package var expiresAt: Timestamp
    /// `iat`, when it is there and before the end.
    package var issuedAt: Timestamp?

    /// nil for whatever is no JWT in the compact form, or has no `exp`.
    package init?(_ token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].utf8.count <= Self.longestClaims, let claims = Self.decode(parts[1]) else { return nil }
        let json: JSONValue
        do throws(JSONScanner.Defect) { json = try JSONValue(parsing: claims) } catch { return nil }
        guard let expiresAt = Self.time(json["exp"]) else { return nil }
        self.expiresAt = expiresAt
        issuedAt = Self.time(json["iat"]).flatMap { $0 < expiresAt ? $0 : nil }
    }

    /// A NumericDate: seconds since 1970, with decimals or without.
    private static func time(_ value: JSONValue?) -> Timestamp? {
        guard case .number(let text)? = value, let seconds = Double(text), seconds > 0, seconds <= latest else { return nil }
        return Timestamp(milliseconds: Int64(seconds * 1000))
    }

    /// base64url (RFC 4648 section 5), with padding or without; nil when it is not that, or no UTF-8.
    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var (bits, count): (UInt32, Int) = (0, 0)
        let body = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard text.utf8.count - body.count <= 2, text.utf8.dropFirst(body.count).allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        for byte in body {
            guard let value = sextet(byte) else { return nil }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func sextet(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
