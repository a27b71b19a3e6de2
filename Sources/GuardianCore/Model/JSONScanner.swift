/// Checks that bytes are one JSON value (RFC 8259) without building it: one pass, no recursion, constant memory.
public enum JSONScanner {
    /// How deep objects and arrays may nest.
    public static let maximumDepth = 128

    /// What is wrong, and at which byte.
    public struct Defect: Error, Equatable, Sendable {
        /// As the rest of a sentence about the text: `must be a JSON object`, `ends before the JSON does`.
        public var constraint: String
        /// In bytes of UTF-8, from 0.
        public var offset: Int

        package init(constraint: String, offset: Int) {
            self.constraint = constraint
            self.offset = offset
        }
    }

    /// Throws unless `text` is exactly one JSON object. `isStrict` refuses half of a surrogate pair (`\ud800`) too, which no text can hold.
    package static func checkObject(_ text: String, isStrict: Bool = false) throws(Defect) {
        var text = text
        var found: Defect?
        text.withUTF8 { bytes in
            var scan = Scan(bytes: bytes, isStrict: isStrict)
            do throws(Defect) { try scan.object() } catch { found = error }
        }
        if let found { throw found }
    }

    static let halfOfAPair = "has half of a surrogate pair in a string"

    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 48...57: UInt32(byte - 48)
        case 65...70: UInt32(byte - 55)
        case 97...102: UInt32(byte - 87)
        default: nil
        }
    }
}

private struct Scan {
    let bytes: UnsafeBufferPointer<UInt8>
    let isStrict: Bool
    var at = 0
    /// One bit for each open container: 1 is an object.
    var kinds: (UInt64, UInt64) = (0, 0)
    var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>, isStrict: Bool) {
        self.bytes = bytes
        self.isStrict = isStrict
    }

    func defect(_ constraint: String) -> JSONScanner.Defect { JSONScanner.Defect(constraint: constraint, offset: at) }

    var current: UInt8 { at < bytes.count ? bytes[at] : 0 }

    mutating func skipSpace() {
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at += 1
        }
    }

    mutating func push(object: Bool) throws(JSONScanner.Defect) {
        guard depth < JSONScanner.maximumDepth else { throw defect("nests deeper than \(JSONScanner.maximumDepth) levels") }
        let bit: UInt64 = 1 << UInt64(depth & 63)
        if depth < 64 { kinds.0 = object ? kinds.0 | bit : kinds.0 & ~bit } else { kinds.1 = object ? kinds.1 | bit : kinds.1 & ~bit }
        depth += 1
    }

    var inObject: Bool {
        let index = depth - 1
        return (index < 64 ? kinds.0 : kinds.1) >> UInt64(index & 63) & 1 == 1
    }

    mutating func object() throws(JSONScanner.Defect) {
        skipSpace()
        guard current == UInt8(ascii: "{") else { throw defect("must be a JSON object") }
        try value()
        while depth > 0 {
            skipSpace()
            let closer = inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
            if current == closer {
                at += 1
                depth -= 1
            } else if current == UInt8(ascii: ",") {
                at += 1
                try member()
            } else {
                throw defect(at >= bytes.count ? "ends before the JSON does" : "expected ',' or '\(Character(Unicode.Scalar(closer)))'")
            }
        }
        skipSpace()
        guard at == bytes.count else { throw defect("has text after the JSON object") }
    }

    /// One element of the open container: its key, when it is an object, and its value.
    mutating func member() throws(JSONScanner.Defect) {
        if inObject {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw defect("expected a member name") }
            try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw defect("expected ':'") }
            at += 1
        }
        try value()
    }

    /// A scalar, or the opening of a container with its first member, iteratively.
    mutating func value() throws(JSONScanner.Defect) {
        while true {
            skipSpace()
            switch current {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                try push(object: current == UInt8(ascii: "{"))
                at += 1
                skipSpace()
                if current == UInt8(ascii: "}") || current == UInt8(ascii: "]") { return }
                if inObject {
                    guard current == UInt8(ascii: "\"") else { throw defect("expected a member name") }
                    try string()
                    skipSpace()
                    guard current == UInt8(ascii: ":") else { throw defect("expected ':'") }
                    at += 1
                }
            case UInt8(ascii: "\""): return try string()
            case UInt8(ascii: "t"): return try word("true")
            case UInt8(ascii: "f"): return try word("false")
            case UInt8(ascii: "n"): return try word("null")
            default: return try number()
            }
        }
    }

    mutating func word(_ text: StaticString) throws(JSONScanner.Defect) {
        for index in 0..<text.utf8CodeUnitCount {
            guard current == text.utf8Start[index] else { throw defect("is not JSON") }
            at += 1
        }
    }

    mutating func digits() throws(JSONScanner.Defect) {
        guard current >= 48, current <= 57 else { throw defect(at >= bytes.count ? "ends before the JSON does" : "is not JSON") }
        while current >= 48, current <= 57 { at += 1 }
    }

    mutating func number() throws(JSONScanner.Defect) {
        if current == UInt8(ascii: "-") { at += 1 }
        if current == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if current | 0x20 == UInt8(ascii: "e") {
            at += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
    }

    mutating func string() throws(JSONScanner.Defect) {
        at += 1
        while at < bytes.count {
            skipPlain()
            guard at < bytes.count else { break }
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte < 0x20 { throw defect("has a control character in a string") }
            if byte == UInt8(ascii: "\\") {
                let escape = current
                at += 1
                switch escape {
                case UInt8(ascii: "u"): try checkPair(of: try hex4())
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
                    UInt8(ascii: "r"), UInt8(ascii: "t"):
                    break
                default: throw defect("has a bad escape in a string")
                }
            }
        }
        throw defect("ends before the JSON does")
    }

    mutating func hex4() throws(JSONScanner.Defect) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = JSONScanner.hexDigit(current) else { throw defect("has a bad \\u escape") }
            value = value << 4 | digit
            at += 1
        }
        return value
    }

    /// A high surrogate wants the low one right behind it, and a low one stands behind a high one only.
    mutating func checkPair(of code: UInt32) throws(JSONScanner.Defect) {
        guard isStrict, (0xD800..<0xE000).contains(code) else { return }
        let end = at
        if code < 0xDC00, current == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") {
            at += 2
            if (0xDC00..<0xE000).contains(try hex4()) { return }
        }
        at = end
        throw defect(JSONScanner.halfOfAPair)
    }

    /// Goes over bytes of a string that mean themselves, eight at a time: neither a quotation mark nor a backslash nor a control character.
    mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while at + 8 <= bytes.count {
            let word = UInt64(littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            // A byte's high bit is set where the byte is 0 (the first two) or below 0x20, or above such a byte: the lowest is exact.
            let special =
                ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word) & highs
            if special != 0 {
                at += special.trailingZeroBitCount / 8
                return
            }
            at += 8
        }
    }
}
