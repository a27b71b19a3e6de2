/// Percent-encoding as RFC 3986 has it, of the UTF-8 bytes of a text.
enum PercentEncoding {
    /// All but ASCII letters, digits and the characters in `kept` is encoded; these are the unreserved ones by default.
    static func encoded(_ text: String, keeping kept: String = "-._~") -> String {
        func isKept(_ byte: UInt8) -> Bool {
            switch byte {
            case 48...57, 65...90, 97...122: true
            default: kept.utf8.contains(byte)
            }
        }
        guard !text.utf8.allSatisfy(isKept) else { return text }
        let hex = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            if isKept(byte) { out.append(byte) } else { out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]] }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
