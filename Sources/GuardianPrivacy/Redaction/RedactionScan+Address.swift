/// Credentials in URLs: what stands before the `@`, and paths that are secrets. Query parameters are names with values.
extension RedactionScan {
    /// The authority of a URL begins at `start`.
    mutating func address(from start: Int) {
        at = start
        guard start < count, endOfMark(start) == nil else { return }
        var (end, sign, colon) = (start, -1, -1)
        while end < count, isAuthority(base[end]) {
            if base[end] == UInt8(ascii: "@") { sign = end }
            if base[end] == UInt8(ascii: ":"), colon < 0, sign < 0 { colon = end }
            end += 1
        }
        if sign < 0, colon > 0, end < count, !isPort(colon + 1, end) { sign = lateSign(end) }
        guard sign > start else {
            if begins("hooks.slack.com/services/", at: start) { return secretPath(from: start + 25) }
            if let webhooks = webhookPath(start, end) { secretPath(from: webhooks) }
            return
        }
        if colon > 0, colon < sign { return replace(start, sign, RedactionMark.secret) }
        // A user's name alone is no secret; a token in its place is.
        if sign - start >= 16, (start..<sign).contains(where: { isDigit($0) }),
            !(start..<sign).contains(where: { base[$0] == UInt8(ascii: ".") })
        {
            replace(start, sign, RedactionMark.secret)
        }
    }

    func isAuthority(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#") && byte != UInt8(ascii: "\"")
            && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">") && byte != UInt8(ascii: "\\")
            && byte != UInt8(ascii: "`") && byte != UInt8(ascii: "|")
    }

    private func isPort(_ start: Int, _ end: Int) -> Bool { (start..<end).allSatisfy { isDigit($0) } }

    /// The `@` behind a password that has a `/`, `?` or `#` in it; -1 when there is none.
    private func lateSign(_ start: Int) -> Int {
        var end = start
        while end < count, end - start < 128, isAuthority(base[end]) || "/?#".utf8.contains(base[end]) {
            if base[end] == UInt8(ascii: "@") { return end }
            end += 1
        }
        return -1
    }

    private func webhookPath(_ start: Int, _ end: Int) -> Int? {
        guard begins("discord", at: start) || begins("canary.discord", at: start) || begins("ptb.discord", at: start) else { return nil }
        return begins("/api/webhooks/", at: end) ? end + 14 : nil
    }

    private mutating func secretPath(from start: Int) {
        var end = start
        while end < count, kind(end) & (ByteClass.word | ByteClass.tokenMark) != 0 { end += 1 }
        if end > start { replace(start, end, RedactionMark.key) }
    }
}
