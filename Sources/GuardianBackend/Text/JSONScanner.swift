/// Checks JSON text in one pass without building values: what the upstream needs is found by range.
struct JSONScanner {
    /// The text is no JSON, or nested deeper than `depthLimit`.
    struct Fault: Error {
        let offset: Int
    }

    static let depthLimit = 128

    let bytes: [UInt8]
    var index: Int
    private let end: Int
    /// Whether a byte above ASCII came by, so that the encoding needs a look.
    private(set) var sawNonASCII = false

    init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
        self.bytes = bytes
        index = range?.lowerBound ?? 0
        end = min(range?.upperBound ?? bytes.count, bytes.count)
    }

    /// Passes one value, blanks before it included, and says where it is.
    mutating func value(depth: Int = 0) throws(Fault) -> Range<Int> {
        skipBlanks()
        let start = index
        guard depth < Self.depthLimit else { throw Fault(offset: index) }
        switch peek {
        case UInt8(ascii: "{"): try container(closedBy: UInt8(ascii: "}"), keyed: true, depth: depth)
        case UInt8(ascii: "["): try container(closedBy: UInt8(ascii: "]"), keyed: false, depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
        return start..<index
    }

    /// Passes blanks and fails unless the text ends here.
    mutating func finish() throws(Fault) {
        skipBlanks()
        if index < end { throw Fault(offset: index) }
    }

    /// Passes one string and says where it is, quotes included, and whether it holds escapes.
    mutating func string() throws(Fault) -> (range: Range<Int>, isEscaped: Bool) {
        let start = index
        try expect(UInt8(ascii: "\""))
        var isEscaped = false
        while index < end {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return (start..<index, isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                try escape()
            case 0..<0x20: throw Fault(offset: index - 1)
            case 0x80...: sawNonASCII = true
            default: break
            }
        }
        throw Fault(offset: index)
    }

    mutating func skipBlanks() {
        while index < end {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    /// The byte at hand; 0, which starts no value, at the end.
    var peek: UInt8 { index < end ? bytes[index] : 0 }

    mutating func expect(_ byte: UInt8) throws(Fault) {
        guard peek == byte, index < end else { throw Fault(offset: index) }
        index += 1
    }

    private mutating func container(closedBy close: UInt8, keyed: Bool, depth: Int) throws(Fault) {
        index += 1
        skipBlanks()
        if peek == close {
            index += 1
            return
        }
        while true {
            if keyed {
                skipBlanks()
                _ = try string()
                skipBlanks()
                try expect(UInt8(ascii: ":"))
            }
            _ = try value(depth: depth + 1)
            skipBlanks()
            if peek == close {
                index += 1
                return
            }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func escape() throws(Fault) {
        let kind = peek
        index += 1
        switch kind {
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                switch peek {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                    index += 1
                default: throw Fault(offset: index)
                }
            }
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            break
        default: throw Fault(offset: index - 1)
        }
    }

    private mutating func word(_ text: StaticString) throws(Fault) {
        for offset in 0..<text.utf8CodeUnitCount {
            try expect(text.utf8Start[offset])
        }
    }

    private mutating func number() throws(Fault) {
        if peek == UInt8(ascii: "-") { index += 1 }
        if peek == UInt8(ascii: "0") { index += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if peek | 0x20 == UInt8(ascii: "e") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(Fault) {
        let start = index
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(peek) { index += 1 }
        if index == start { throw Fault(offset: index) }
    }
}
