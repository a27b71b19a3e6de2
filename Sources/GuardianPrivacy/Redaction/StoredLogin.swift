/// `"auth": "dXNlcjpwYXNzd29yZA=="`: a user and a password in base64, as Docker and npm keep them. Much else stands under that name.
enum StoredLogin {
    /// Whether `name` is `auth` or `_auth`.
    static func isName(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.count == 4 || name.count == 5 && name[0] == UInt8(ascii: "_") else { return false }
        let word: StaticString = "auth"
        return word.bytes.indices.allSatisfy { ByteClass.lowered(name[name.count - 4 + $0]) == word.utf8Start[$0] }
    }

    /// Whether `text` is one and nothing else, and no word that could be read as one.
    static func isWhole(_ text: UnsafeBufferPointer<UInt8>) -> Bool { text.count >= 8 && isHeld(in: text, isASCII: true) }

    /// Whether the base64 in `text` is `user:password`. `isASCII`: and has nothing beyond that.
    static func isHeld(in text: UnsafeBufferPointer<UInt8>, isASCII: Bool = false) -> Bool {
        var (bits, held) = (UInt32(0), 0)
        var hasColon = false
        for byte in text {
            let value: UInt32
            switch byte {
            case 65...90: value = UInt32(byte - 65)
            case 97...122: value = UInt32(byte - 71)
            case 48...57: value = UInt32(byte + 4)
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            case UInt8(ascii: "="): continue
            default: return false
            }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                let decoded = UInt8(truncatingIfNeeded: bits >> UInt32(held))
                if decoded == UInt8(ascii: ":") { hasColon = true }
                if decoded < 0x20 || isASCII && decoded >= 0x7F { return false }
            }
        }
        return hasColon
    }
}

extension RedactionScan {
    /// Replaces what stands at `start`, behind such a name and its separator, if it is a login; says whether it was.
    mutating func storedLogin(from start: Int) -> Bool {
        var value = start + run(of: UInt8(ascii: " "), at: start)
        value += run(of: UInt8(ascii: "\\"), at: value)
        if isQuote(byte(value)) { value += 1 }
        var end = value
        while isAlphanumeric(end) || "+/-_".utf8.contains(byte(end)) { end += 1 }
        end += run(of: UInt8(ascii: "="), at: end)
        guard isBreak(end), StoredLogin.isWhole(UnsafeBufferPointer(start: base + value, count: end - value)) else { return false }
        replace(value, end, RedactionMark.secret)
        return true
    }
}
