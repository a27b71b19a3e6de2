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
    /// Up to where a run has been found to hold no digit.
    var digitlessUntil = 0
    /// Up to where a run has been found to hold no user and password.
    var pairlessUntil = 0
    /// Up to where full-width digits have been found to be nobody's.
    var widelessUntil = 0
    /// Up to where no text in single quotation marks has been found to end.
    var openUntil = 0
    /// The long word that was read last.
    var longWord = LongWord()
    /// The last that begins with digits.
    var longIdentifier = LongWord()
    /// The bare value that was measured last.
    var bare = BareValue()
    /// The sensitive tag that was met last.
    var lastTag = Tag()
    /// The value that a member before it has named.
    var announced = Announced()
    /// Where the last command was looked for.
    var command = Command()
    /// Whether anything was replaced.
    var isChanged = false
    /// Where in `out` marks begin that make what stands before them look different.
    private(set) var doubtful: [Int] = []

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
        guard isChanged else { return nil }
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
        case UInt8(ascii: ">"): endTag()
        case UInt8(ascii: "&"): entity()
        default: at += 1
        }
    }

    /// Letters, digits, `_` and what is beyond ASCII, as far as they go.
    private mutating func word(_ kind: UInt8) {
        let start = at
        if kind & ByteClass.digit != 0 { return number(from: start) }
        var seen = kind
        let end = endOfWord(start, &seen)
        let next = end < count ? base[end] : 0
        if end - start == 8, next == UInt8(ascii: "-") {
            skipUUID(from: start)
            if at > start { return }
        }
        if end - start >= 2, shapes.mayBegin(base[start], base[start + 1]), begin(at: start, wordEnd: end) { return }
        if seen & ByteClass.trigger != 0, wide(in: start, end) { return }
        let mayHide =
            seen & ByteClass.digit != 0
            || seen & ByteClass.underscore != 0 && (end - start >= 12 || next == UInt8(ascii: "-") || next == UInt8(ascii: "."))
        if mayHide, glued(in: start, end, seen) { return }
        at = end
        if end - start >= 14, composedKey(from: start, end) { return }
        if next == UInt8(ascii: "~"), applicationSecret(from: start, end) { return }
        if start >= 2, base[start - 1] == UInt8(ascii: "-") {
            // `--password hunter2`
            if base[start - 2] == UInt8(ascii: "-") { return flag(from: start) }
            // `-u admin:hunter2`
            if end - start == 1, next == UInt8(ascii: " "), base[start - 2] == next, base[start] | 0x20 == UInt8(ascii: "u") {
                return login(from: end + 1)
            }
        }
        // `PASSWORD 'hunter2'`
        if next == UInt8(ascii: " "), byte(end + 1) == UInt8(ascii: "'") { literal(behind: start, end) }
    }

    /// Where the word ends that begins at `start`. Adds to `seen` what it is made of.
    @inline(__always)
    private mutating func endOfWord(_ start: Int, _ seen: inout UInt8) -> Int {
        if longWord.holds(start) {
            seen |= longWord.kinds(from: start)
            return longWord.end
        }
        var end = start
        repeat {
            while end < count {
                let next = table[Int(base[end])]
                if next & ByteClass.plainWord == 0 { break }
                seen |= next
                end += 1
            }
            guard end < count, isTwoByteLetter(end) else { break }
            seen |= ByteClass.high
            end += 2
            // A digit does not go on with what is beyond ASCII.
        } while !isDigit(end)
        if end < count, base[end] >= 0x80 { end = endOfMixedWord(start + 1, &seen) }
        if end - start >= LongWord.least { longWord = remembered(from: start, to: end) }
        return end
    }

    /// What is worth remembering of the word from `start` to `end`.
    func remembered(from start: Int, to end: Int) -> LongWord {
        func last(_ kind: UInt8) -> Int { (start..<end).last { table[Int(base[$0])] & kind != 0 } ?? -1 }
        return LongWord(
            start: start, end: end, lastDigit: last(ByteClass.digit), lastUnderscore: last(ByteClass.underscore),
            lastWide: last(ByteClass.trigger))
    }

    /// A letter that has two bytes begins at `index`: Latin, Greek, Cyrillic and more; save × and ÷ there is nothing else there.
    @inline(__always)
    private func isTwoByteLetter(_ index: Int) -> Bool {
        guard base[index] &- 0xC3 <= 0xDF - 0xC3, index + 1 < count, base[index + 1] & 0xC0 == 0x80 else { return false }
        return base[index] != 0xC3 || base[index + 1] & 0x9F != 0x97
    }

    /// Where a word ends that is made of more than ASCII, from its second byte on.
    private func endOfMixedWord(_ start: Int, _ seen: inout UInt8) -> Int {
        var end = start
        while end < count {
            let next = table[Int(base[end])]
            guard next & ByteClass.word != 0 else { break }
            if base[end - 1] >= 0x80, next & ByteClass.high == 0, parts(end) { break }
            seen |= next
            end += 1
        }
        return end
    }

    /// Whether a word ends before the ASCII byte at `index`, which stands behind one beyond ASCII: behind a quotation mark, an ideograph,
    /// and before a digit one does.
    private func parts(_ index: Int) -> Bool {
        if isDigit(index) { return true }
        guard let letter = Letter(endingBefore: index, in: base, notBefore: 0) else { return true }
        return letter.isIdeographic && base[index] != UInt8(ascii: "_")
    }

    /// Replaces the secret that begins with the word at `start`, or goes behind a mark of an earlier pass; says whether it did.
    private mutating func begin(at start: Int, wordEnd end: Int) -> Bool {
        if base[start] == UInt8(ascii: "R"), let markEnd = endOfMark(start - 1) {
            keep(through: markEnd)
            return true
        }
        return isSecretBoundary(start) ? secret(from: start, wordEnd: end) : gluedSecret(from: start)
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
        if start < end, isDoubtful(start, end) { doubtful.append(out.count) }
        if let quoted { quote(quoted) }
        out.append(contentsOf: mark.bytes)
        if let quoted { quote(quoted) }
        copied = end
        at = end
        isChanged = true
    }

    /// Whether what stands before `start` was judged by what stood there, as a number is by the letter behind it.
    private func isDoubtful(_ start: Int, _ end: Int) -> Bool {
        if !rules.patterns.isEmpty, isAlphanumeric(end) { return true }
        if lastTag.isTouched(start, end) { return true }
        let before = byte(start - 1)
        // With the spaces and marks of what stood there gone, it can be a part of a URL's password.
        if isBeforeSign(end), (start..<end).contains(where: { !isAuthority(base[$0]) }) { return true }
        switch before {
        case UInt8(ascii: " "):
            // A number that more digits, or two capitals, stood beside. Digits may be full-width.
            return kind(start - 2) & (ByteClass.digit | ByteClass.high) != 0
                && (isDigit(start) || base[start] == UInt8(ascii: "(") || base[start] &- 65 < 26)
        case UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "'"): return isDigit(start - 2)
        case UInt8(ascii: "/"): return byte(start - 2) != before
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "="), UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"),
            UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"):
            return false
        default: return true
        }
    }

    private func isBeforeSign(_ start: Int) -> Bool {
        var index = start
        while index < count, index - start < 128, base[index] > 0x20 {
            if base[index] == UInt8(ascii: "@") { return true }
            index += 1
        }
        return false
    }

    /// Leaves what stands up to `end` as it is, and as settled as what was replaced: nothing looks back through it.
    mutating func keep(through end: Int) {
        out.append(contentsOf: UnsafeBufferPointer(start: base + copied, count: end - copied))
        copied = end
        at = end
    }

    /// Where the mark of an earlier pass ends whose bracket stands at `start`; nil when none does.
    func endOfMark(_ start: Int) -> Int? {
        guard start >= copied else { return nil }
        return RedactionMark.end(in: UnsafeBufferPointer(start: base, count: count), from: start)
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

    /// As ``byte(_:)`` and ``kind(_:)``, for looking back: what was replaced is not seen.
    @inline(__always)
    func byteBehind(_ index: Int) -> UInt8 { index >= copied && index < count ? base[index] : 0 }

    @inline(__always)
    func kindBehind(_ index: Int) -> UInt8 { index >= copied && index < count ? table[Int(base[index])] : 0 }

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
        return before != UInt8(ascii: "-") || kindBehind(start - 2) & ByteClass.alphanumeric == 0
    }
}
