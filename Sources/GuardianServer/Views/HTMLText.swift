import Mustache

/// Makes a value harmless in HTML, byte by byte.
///
/// Mustache's own escaping looks at Swift's characters: a quotation mark with an accent on it is none to it, and ends an attribute all the
/// same in a browser, which reads code points.
struct HTMLText: MustacheContentType {
    /// What templates say to be escaped by this; it holds for one template, so each says it.
    static let name = "CONSOLE"

    func escapeText(_ text: String) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): out.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "&"): out.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "\""): out.append(contentsOf: "&quot;".utf8)
            case UInt8(ascii: "'"): out.append(contentsOf: "&#39;".utf8)
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
