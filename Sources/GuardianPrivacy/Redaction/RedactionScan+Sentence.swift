/// Secrets in sentences: `the password is hunter2`. Much else is said of passwords, so what stands there must look like one.
extension RedactionScan {
    /// Replaces what stands behind the `is` at `start`, if a secret's name stands before it and it looks like a secret; says whether it
    /// did.
    mutating func statement(from start: Int) -> Bool {
        var value = start + 2
        if byte(value) == UInt8(ascii: ":") { value += 1 }
        guard byte(value) == UInt8(ascii: " "), byteBehind(start - 1) == UInt8(ascii: " "), var name = name(before: start) else {
            return false
        }
        let verdict = judged(&name)
        guard verdict == .secret || verdict == .phrase else { return false }
        value += 1
        let quote = byte(value)
        let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") || quote == UInt8(ascii: "`")
        if isQuoted { value += 1 }
        if let mark = endOfMark(value) {
            keep(through: mark)
            return true
        }
        var end = value
        if isQuoted {
            while end < count, base[end] != quote, base[end] >= 0x20 { end += 1 }
            guard byte(end) == quote else { return false }
        } else {
            end = endOfRun(value)
        }
        guard end > value, looksSecret(value, end), firstMark(value, end) == nil else { return false }
        replace(value, end, RedactionMark.secret)
        return true
    }

    /// Digits and letters in one word, or digits alone that count nothing.
    private func looksSecret(_ start: Int, _ end: Int) -> Bool {
        var (digits, marks) = (0, 0)
        for index in start..<end {
            if isDigit(index) { digits += 1 } else if "-.:/,+".utf8.contains(base[index]) { marks += 1 }
        }
        let length = end - start
        if digits == length { return (4...12).contains(length) && !isCounted(end) }
        guard digits > 0, digits + marks < length, length >= 6, !isDate(start) else { return false }
        return !Self.methods.contains { beginsLowered($0, at: start) }
    }

    /// `12345 bytes`
    private func isCounted(_ end: Int) -> Bool {
        guard byte(end) == UInt8(ascii: " ") else { return false }
        return Self.units.contains { beginsLowered($0, at: end + 1) }
    }

    private static let units: [StaticString] = [
        "char", "byte", "bit", "digit", "sec", "min", "hour", "day", "week", "month", "year", "time", "letter", "of ",
    ]

    /// What is said of how secrets are made: `the token is RS256-signed`.
    private static let methods: [StaticString] = [
        "base64", "base32", "base16", "sha", "md5", "utf", "rs256", "rs384", "rs512", "hs256", "hs384", "hs512", "es256", "es384", "es512",
        "ps256", "aes", "oauth", "x509", "x.509", "argon2", "pbkdf2", "ed25519", "http", "rfc", "pkcs", "v1", "v2", "v3",
    ]
}
