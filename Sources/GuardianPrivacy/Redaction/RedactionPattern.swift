/// A shape of an app's own that is taken out of text wherever it stands as a word of its own, such as a patient's number.
///
/// Written as a row of items, each once or as often as a number in braces says: `#` a digit, `@` a letter, `*` a letter or a digit, `[…]`
/// one of the characters named (ranges as in `[A-F0-9]`), anything else itself; a backslash takes the meaning from the next character.
/// `MRN-#{6,10}` is `MRN-` and six to ten digits. Nothing is tried twice, so that matching takes time in proportion to the text and the
/// longest match.
public struct RedactionPattern: Sendable, Equatable {
    /// Bytes of the longest match that a pattern may have.
    public static let longestMatch = 256

    /// Why a pattern can't be read.
    public struct Defect: Error, Equatable, CustomStringConvertible {
        public var description: String
    }

    struct Item: Sendable, Equatable {
        /// One bit for each byte.
        var bytes: [UInt64]
        var least: Int
        var most: Int

        func has(_ byte: UInt8) -> Bool { bytes[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }
    }

    let items: [Item]
    let mark: [UInt8]

    /// `label`: what stands in the mark behind `REDACTED_`, upper-case letters, digits and `_`, at most 32; without one the mark is
    /// `[REDACTED]`.
    public init(_ text: String, label: String? = nil) throws(Defect) {
        if let label {
            guard !label.isEmpty, label.utf8.count <= 32, label.utf8.allSatisfy({ $0 &- 65 < 26 || $0 &- 48 < 10 || $0 == 95 }) else {
                throw Defect(description: "label: must be 1–32 of A–Z, 0–9 and _")
            }
        }
        items = try Self.parse(Array(text.utf8))
        mark = Array((label.map { "[REDACTED_\($0)]" } ?? "[REDACTED]").utf8)
        let longest = items.reduce(0) { $0 + $1.most }
        guard longest <= Self.longestMatch else { throw Self.tooLong(longest) }
        guard items.reduce(0, { $0 + $1.least }) >= 3 else { throw Defect(description: "pattern: must match 3 bytes at least") }
    }

    private static func parse(_ text: [UInt8]) throws(Defect) -> [Item] {
        var items: [Item] = []
        var at = 0
        while at < text.count {
            var set = [UInt64](repeating: 0, count: 4)
            func add(_ byte: UInt8) { set[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
            let byte = text[at]
            at += 1
            switch byte {
            case UInt8(ascii: "#"): (48...57).forEach(add)
            case UInt8(ascii: "@"): letters.forEach(add)
            case UInt8(ascii: "*"):
                (48...57).forEach(add)
                letters.forEach(add)
            case UInt8(ascii: "["):
                guard let end = text[at...].firstIndex(of: UInt8(ascii: "]")), end > at else {
                    throw Defect(description: "pattern: a [ has no ]")
                }
                while at < end {
                    if at + 2 < end, text[at + 1] == UInt8(ascii: "-") {
                        guard text[at] <= text[at + 2] else { throw Defect(description: "pattern: a range in [ ] runs backwards") }
                        (text[at]...text[at + 2]).forEach(add)
                        at += 3
                    } else {
                        add(text[at])
                        at += 1
                    }
                }
                at = end + 1
            case UInt8(ascii: "{"): throw Defect(description: "pattern: { } must stand behind an item")
            case UInt8(ascii: "\\"):
                guard at < text.count else { throw Defect(description: "pattern: ends with a backslash") }
                add(text[at])
                at += 1
            default: add(byte)
            }
            let (least, most) = try count(text, &at)
            items.append(Item(bytes: set, least: least, most: most))
        }
        return items
    }

    private static let letters: [UInt8] = Array(97...122) + Array(65...90)

    /// `{3}` or `{3,5}`; without it, once.
    private static func count(_ text: [UInt8], _ at: inout Int) throws(Defect) -> (Int, Int) {
        guard at < text.count, text[at] == UInt8(ascii: "{") else { return (1, 1) }
        guard let end = text[at...].firstIndex(of: UInt8(ascii: "}")) else { throw Defect(description: "pattern: a { has no }") }
        let parts = String(decoding: text[at + 1..<end], as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false).map {
            Int($0)
        }
        at = end + 1
        guard (1...2).contains(parts.count), let least = parts[0], let most = parts[parts.count - 1], least >= 0, most >= least, most > 0
        else {
            throw Defect(description: "pattern: must be {3} or {3,5} between braces")
        }
        guard most <= longestMatch else { throw tooLong(most) }
        return (least, most)
    }

    private static func tooLong(_ bytes: Int) -> Defect {
        Defect(description: "pattern: may match \(bytes) bytes, \(longestMatch) at most are allowed")
    }

    /// Where a match that begins at `start` ends. Each item takes all it can; what it has taken it keeps.
    func end(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var at = start
        for item in items {
            var taken = 0
            while taken < item.most, at < bytes.count, item.has(bytes[at]) { (taken, at) = (taken + 1, at + 1) }
            guard taken >= item.least else { return nil }
        }
        let isWord = { (byte: UInt8) in ByteClass.table[Int(byte)] & ByteClass.word != 0 }
        return at < bytes.count && isWord(bytes[at]) && isWord(bytes[at - 1]) ? nil : at
    }

    /// `bytes` with every match of `patterns` replaced; nil when there is none.
    static func replaced(_ patterns: [RedactionPattern], in bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var (out, copied, at) = ([UInt8](), 0, 0)
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "["), let end = RedactionMark.end(in: bytes, from: at) {
                at = end
                continue
            }
            let isInside =
                at > 0 && ByteClass.table[Int(bytes[at - 1])] & ByteClass.alphanumeric != 0
                && ByteClass.table[Int(bytes[at])] & ByteClass.alphanumeric != 0
            var found: (end: Int, mark: [UInt8])?
            if !isInside {
                for pattern in patterns where pattern.items[0].has(bytes[at]) || pattern.items[0].least == 0 {
                    if let end = pattern.end(in: bytes, from: at), end > found?.end ?? at { found = (end, pattern.mark) }
                }
            }
            guard let found else {
                at += 1
                continue
            }
            out.append(contentsOf: bytes[copied..<at])
            out.append(contentsOf: found.mark)
            (copied, at) = (found.end, found.end)
        }
        guard copied > 0 else { return nil }
        out.append(contentsOf: bytes[copied...])
        return out
    }
}
