/// What stands in the place of what was taken out.
enum RedactionMark {
    static let secret: StaticString = "[REDACTED]"
    static let email: StaticString = "[REDACTED_EMAIL]"
    static let phone: StaticString = "[REDACTED_PHONE]"
    static let card: StaticString = "[REDACTED_CC]"
    static let socialSecurity: StaticString = "[REDACTED_SSN]"
    static let iban: StaticString = "[REDACTED_IBAN]"
    static let key: StaticString = "[REDACTED_KEY]"
    static let token: StaticString = "[REDACTED_TOKEN]"

    /// How each of them begins: what begins so was redacted before, and stays.
    static let start: StaticString = "[REDACTED"

    /// Whether `text` is a mark and nothing else.
    static func isWhole(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { end(in: $0, from: 0) == $0.count }
    }

    /// `text` with a space in the place of each mark; nil when there is none.
    static func blanked(in text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var (out, copied, at) = ([UInt8](), 0, 0)
        while at < text.count {
            guard text[at] == UInt8(ascii: "["), let end = Self.end(in: text, from: at) else {
                at += 1
                continue
            }
            out.append(contentsOf: text[copied..<at])
            out.append(UInt8(ascii: " "))
            (copied, at) = (end, end)
        }
        return copied > 0 ? out + text[copied...] : nil
    }

    /// Where the mark ends whose bracket stands at `start`; nil when none does. Its label is an app's own, too.
    static func end(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard start >= 0, start + Self.start.utf8CodeUnitCount < bytes.count else { return nil }
        for offset in 0..<Self.start.utf8CodeUnitCount where bytes[start + offset] != Self.start.utf8Start[offset] { return nil }
        var end = start + Self.start.utf8CodeUnitCount
        if bytes[end] == UInt8(ascii: "_") {
            let label = end + 1
            end = label
            while end < bytes.count, end - label < 32, bytes[end] == 95 || bytes[end] &- 65 < 26 || bytes[end] &- 48 < 10 { end += 1 }
            guard end > label else { return nil }
        }
        return end < bytes.count && bytes[end] == UInt8(ascii: "]") ? end + 1 : nil
    }
}

extension StaticString {
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
