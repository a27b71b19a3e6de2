/// One pass over bytes: finds what has to go, and writes the rest.
///
/// Every handler either leaves `at` behind what it has looked at or replaces a range that ends behind `at`, so no byte is looked at more
/// than a constant number of times. Looking back never goes behind `copied`.
struct RedactionScan {
    let base: UnsafePointer<UInt8>
    let count: Int
    let table = ByteClass.table
    let shapes = SecretShapes.standard
    let rules: RedactionRules
    /// What is known of numbers here from outside, such as the name of a JSON member.
    let hint: NumberContext

    var at = 0
    /// Up to where the input is settled: copied, or replaced.
    var copied = 0
    var out: [UInt8] = []
    /// Up to where a run of letters has been found to be no secret, so that it is not looked at again from its middle.
    var plainUntil = 0
    /// Up to where a run has been found to hold no user and password.
    var pairlessUntil = 0

    init(_ base: UnsafePointer<UInt8>, count: Int, rules: RedactionRules, hint: NumberContext) {
        self.base = base
        self.count = count
        self.rules = rules
        self.hint = hint
    }

    mutating func run() {
        while at < count {
            let kind = table[Int(base[at])]
            if kind & ByteClass.word != 0 {
                word(kind)
            } else if kind & ByteClass.trigger == 0 {
                at += 1
            } else {
                mark(base[at])
            }
        }
    }

    /// nil when nothing was replaced.
    mutating func finished() -> [UInt8]? {
        guard copied > 0 else { return nil }
        out.append(contentsOf: UnsafeBufferPointer(start: base + copied, count: count - copied))
        return out
    }

    /// A byte at which something may begin, or have begun.
    private mutating func mark(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "@"): email(width: 1)
        case UInt8(ascii: ":"): colon()
        case UInt8(ascii: "="): equals()
        case UInt8(ascii: "+"): plus()
        case UInt8(ascii: "("): parenthesis()
        case UInt8(ascii: "%"): percent()
        case UInt8(ascii: "\\"): backslash()
        case UInt8(ascii: "<"): tag()
        case UInt8(ascii: "&"): entity()
        default: at += 1
        }
    }

    /// Letters, digits, `_` and what is beyond ASCII, as far as they go.
    private mutating func word(_ kind: UInt8) {
        let start = at
        if kind & ByteClass.digit != 0 { return number(from: start) }
        var end = start + 1
        while end < count, table[Int(base[end])] & ByteClass.word != 0 { end += 1 }
        if end - start >= 2, shapes.mayBegin(base[start], base[start + 1]), isSecretBoundary(start), secret(from: start, wordEnd: end) {
            return
        }
        at = end
        if end - start >= 17, composedKey(from: start, end) { return }
        if end - start == 8, end < count, base[end] == UInt8(ascii: "-") { skipUUID(from: start) }
        // `--password hunter2`
        if start >= 2, base[start - 1] == UInt8(ascii: "-"), base[start - 2] == UInt8(ascii: "-") { flag(from: start) }
    }

    /// Goes behind a UUID that begins at `start`, if one does.
    mutating func skipUUID(from start: Int) {
        guard start + 36 <= count else { return }
        for offset in 0..<36 {
            let byte = base[start + offset]
            switch offset {
            case 8, 13, 18, 23: if byte != UInt8(ascii: "-") { return }
            default: if table[Int(byte)] & ByteClass.hex == 0 { return }
            }
        }
        if start + 36 < count, table[Int(base[start + 36])] & ByteClass.alphanumeric != 0 { return }
        at = start + 36
    }

    /// Puts `mark` in the place of what stands from `start` to `end`, and goes on behind it.
    mutating func replace(_ start: Int, _ end: Int, _ mark: StaticString, quoted: Int? = nil) {
        if out.isEmpty { out.reserveCapacity(count + 64) }
        out.append(contentsOf: UnsafeBufferPointer(start: base + copied, count: start - copied))
        if let quoted { quote(quoted) }
        out.append(contentsOf: mark.bytes)
        if let quoted { quote(quoted) }
        copied = end
        at = end
    }

    /// A quotation mark with so many backslashes before it.
    private mutating func quote(_ backslashes: Int) {
        for _ in 0..<backslashes { out.append(UInt8(ascii: "\\")) }
        out.append(UInt8(ascii: "\""))
    }

    // MARK: Looking

    /// The byte at `index`, 0 outside.
    @inline(__always)
    func byte(_ index: Int) -> UInt8 { index >= 0 && index < count ? base[index] : 0 }

    @inline(__always)
    func kind(_ index: Int) -> UInt8 { index >= 0 && index < count ? table[Int(base[index])] : 0 }

    @inline(__always)
    func isDigit(_ index: Int) -> Bool { kind(index) & ByteClass.digit != 0 }

    @inline(__always)
    func isAlphanumeric(_ index: Int) -> Bool { kind(index) & ByteClass.alphanumeric != 0 }

    func begins(_ text: StaticString, at index: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard index >= 0, index + length <= count else { return false }
        for offset in 0..<length where base[index + offset] != text.utf8Start[offset] { return false }
        return true
    }

    /// As ``begins(_:at:)``, whatever the case of ASCII letters; `text` in lower case.
    func beginsLowered(_ text: StaticString, at index: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard index >= 0, index + length <= count else { return false }
        for offset in 0..<length where ByteClass.lowered(base[index + offset]) != text.utf8Start[offset] { return false }
        return true
    }

    /// Whether a key may begin at `start`: nothing that it could be the tail of stands before.
    private func isSecretBoundary(_ start: Int) -> Bool {
        guard start > copied else { return true }
        let before = base[start - 1]
        return before != UInt8(ascii: "-") || start < 2 || !isAlphanumeric(start - 2) || byte(start - 2) == before
    }
}
