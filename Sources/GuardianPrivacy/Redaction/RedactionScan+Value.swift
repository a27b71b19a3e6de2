/// Values behind names: bare, in quotation marks, in brackets, in a call.
extension RedactionScan {
    /// A value without quotation marks. Names that stand in one have values that end where it does, so that none is measured again.
    struct BareValue {
        var start = 0
        var end = 0
        /// Where the last mark of an earlier pass begins; -1 when none does.
        var lastMark = -1
    }

    /// Replaces what stands at `start`, behind a name and its separator, if it is a secret.
    mutating func value(from start: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) {
        var start = start
        while start < count, base[start] == UInt8(ascii: " ") || base[start] == UInt8(ascii: "\t") { start += 1 }
        guard start < count, base[start] != UInt8(ascii: "\n"), base[start] != UInt8(ascii: "\r") else { return }
        if let mark = endOfMark(start) { return keep(through: mark) }
        let slashes = base[start] == UInt8(ascii: "\\") ? run(of: UInt8(ascii: "\\"), at: start) : 0
        let opening = byte(start + slashes)
        if isQuote(opening) { return quoted(from: start + slashes + 1, opening, slashes, verdict) }
        if verdict == .number, number(asValueAt: start) { return }
        // Its groups are parted by spaces.
        if isDigit(start + 2), iban(from: start) { return }
        if opening == UInt8(ascii: "{") || opening == UInt8(ascii: "[") {
            return replace(start, endOfStructure(start, slashes), RedactionMark.secret, quoted: name.quote)
        }
        replaceBare(from: start, name, verdict)
    }

    private mutating func replaceBare(from start: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) {
        if holdsKey(start) { return at = max(at, start) }
        let isSure = name.quote != nil && verdict != .weak && verdict != .counted
        if !isSure, isPlainBeforeMark(start, name) { return at = max(at, start) }
        if verdict == .header, !name.isFormal, isProse(start) { return at = max(at, start) }
        let end = endOfBare(start, name, verdict)
        guard end > start, !isMasked(start, end), isSure || isSecretValue(start, end, name, verdict) else { return at = max(at, start) }
        replace(start, endOfCall(start, end), RedactionMark.secret, quoted: name.quote)
    }

    private mutating func quoted(from start: Int, _ opening: UInt8, _ slashes: Int, _ verdict: SensitiveNames.Verdict) {
        if let mark = endOfMark(start) { return keep(through: mark) }
        // Before the text is measured: what is left of it may be measured again.
        if verdict == .number, number(asValueAt: start) { return }
        let end = endOfQuoted(start, opening, slashes)
        guard end > start, !isMasked(start, end) else { return at = end }
        if slashes == 0, byte(end) != opening, holdsKey(start) { return at = start }
        if verdict == .weak, end - start < 4 { return at = start }
        replace(start, end, RedactionMark.secret)
    }

    /// Whether a private key stands at `start`: more of it than its first word, or its first line, is found by its header.
    private func holdsKey(_ start: Int) -> Bool {
        begins("-----BEGIN ", at: start) && PrivateKeyBlock(base, count: count, begin: start + 5) != nil
    }

    // MARK: Where it ends

    /// Where the text from `start` ends that a quotation mark has opened: at the next with as many backslashes before it, or with its line.
    private func endOfQuoted(_ start: Int, _ opening: UInt8, _ slashes: Int) -> Int {
        var end = start
        while end < count, base[end] != UInt8(ascii: "\n"), base[end] != UInt8(ascii: "\r") {
            if base[end] == opening {
                let before = min(backslashes(before: end), end - start)
                if slashes == 0 ? before % 2 == 0 : before == slashes { return end - slashes }
            }
            end += 1
        }
        return end
    }

    /// As ``endOfQuoted(_:_:_:)``, behind the closing quotation mark.
    private func behindQuoted(_ start: Int, _ opening: UInt8, _ slashes: Int) -> Int {
        let end = endOfQuoted(start, opening, slashes)
        // Lines end with less.
        return byte(end) >= 0x20 ? end + slashes + 1 : end
    }

    /// Where `{…}` or `[…]` ends: at its own closing bracket, or with its line.
    private func endOfStructure(_ start: Int, _ slashes: Int) -> Int {
        var (index, depth, isInText) = (start, 0, false)
        while index < count, base[index] != UInt8(ascii: "\n"), base[index] != UInt8(ascii: "\r") {
            switch base[index] {
            case UInt8(ascii: "\""): if slashes > 0 || backslashes(before: index) % 2 == 0 { isInText.toggle() }
            case UInt8(ascii: "{"), UInt8(ascii: "["): if !isInText { depth += 1 }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if !isInText { depth -= 1 }
                if depth == 0 { return index + 1 }
            default: break
            }
            index += 1
        }
        return index
    }

    func run(of byte: UInt8, at start: Int) -> Int {
        var end = start
        while end < count, base[end] == byte { end += 1 }
        return end - start
    }

    /// Where a value without quotation marks ends.
    private mutating func endOfBare(_ start: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) -> Int {
        let first = endOfRun(start)
        switch verdict {
        case .header where !name.isFormal || first < count && base[first] == UInt8(ascii: " "):
            return max(first, endOfHeader(start, first))
        case .phrase where !name.isFormal: return endOfLine(start, stops: ",;|\"'{}")
        case .secret where !name.isFormal: return endOfCode(start, first)
        default: return first
        }
    }

    /// `123 456`, `12 34 56`: behind groups of digits of one length. More than a code has are a number of their own behind the first one,
    /// which ends at `first`.
    private func endOfCode(_ start: Int, _ first: Int) -> Int {
        let length = first - start
        guard (2...4).contains(length), (start..<first).allSatisfy({ isDigit($0) }) else { return first }
        var (end, digits) = (first, length)
        while byte(end) == UInt8(ascii: " "), isDigit(end + 1) {
            var next = end + 1
            while isDigit(next), next - end <= length { next += 1 }
            let goesOn = isDigit(next + 1) && byte(next) != UInt8(ascii: " ")
            guard next - end - 1 == length, isBreak(next), !goesOn else { break }
            digits += length
            guard digits <= 9 else { return first }
            end = next
        }
        return end
    }

    private static let schemes: [StaticString] = ["bearer", "basic", "token", "apikey", "negotiate", "hmac", "ntlm", "key", "splunk"]

    private func isScheme(_ start: Int, _ end: Int) -> Bool {
        Self.schemes.contains { beginsLowered($0, at: start) && end - start == $0.utf8CodeUnitCount }
    }

    private mutating func endOfHeader(_ start: Int, _ first: Int) -> Int {
        if isScheme(start, first) {
            var next = first
            while byte(next) == UInt8(ascii: " ") { next += 1 }
            return endOfRun(next)
        }
        return endOfParameters(start)
    }

    /// To the end of the line, or to what closes round the header. The quotation marks of parameters (`username="…"`) do not.
    private func endOfParameters(_ start: Int) -> Int {
        let stops: StaticString = "\"'{}|"
        var end = endOfLine(start, stops: stops)
        while byte(end) == UInt8(ascii: "\"") {
            let slashes = min(backslashes(before: end), end - start)
            let isOpening = !isBreak(end + 1) || begins("\",", at: end + 1)
            guard isOpening, end - slashes > start, base[end - slashes - 1] == UInt8(ascii: "=") else { return end - slashes }
            end = behindQuoted(end + 1, UInt8(ascii: "\""), slashes)
            if byte(end) >= 0x20 { end = endOfLine(end, stops: stops) }
        }
        return end
    }

    private func endOfLine(_ start: Int, stops: StaticString) -> Int {
        var end = start
        while end < count, base[end] >= 0x20, !stops.bytes.contains(base[end]) {
            if base[end] == UInt8(ascii: "\\"), byte(end + 1) == UInt8(ascii: "n") || byte(end + 1) == UInt8(ascii: "r") { break }
            end += 1
        }
        while end > start, base[end - 1] == UInt8(ascii: " ") { end -= 1 }
        return end
    }

    /// To the next space or quotation mark; punctuation ends it only where something else goes on.
    mutating func endOfRun(_ start: Int) -> Int {
        if start < bare.start || start >= bare.end { bare = measured(start) }
        return bare.end
    }

    private func measured(_ start: Int) -> BareValue {
        var value = BareValue(start: start, end: start)
        while value.end < count, !endsRun(value.end) {
            if base[value.end] == UInt8(ascii: "["), let mark = endOfMark(value.end) {
                value.lastMark = value.end
                value.end = mark
            } else {
                value.end += 1
            }
        }
        return value
    }

    /// Whether a bare value ends before the byte at `index`.
    private func endsRun(_ index: Int) -> Bool {
        let byte = base[index]
        if byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "<") || byte == UInt8(ascii: "`") { return true }
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"):
            return isBreak(index + 1) || beginsMember(index + 1)
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "'"), UInt8(ascii: ">"), UInt8(ascii: "."):
            return isBreak(index + 1)
        case UInt8(ascii: "\\"): return "nrt\"'".utf8.contains(self.byte(index + 1))
        default: return false
        }
    }

    /// Nothing of a value stands at `index` any more.
    func isBreak(_ index: Int) -> Bool {
        guard index < count else { return true }
        let byte = base[index]
        return byte <= 0x20 || ")]}>,;'\"|\\.".utf8.contains(byte)
    }

    /// `name=` or `name:` begins at `index`.
    private func beginsMember(_ index: Int) -> Bool {
        var end = index
        while end < count, end - index < 40, table[Int(base[end])] & ByteClass.word != 0 || "-.[]".utf8.contains(base[end]) { end += 1 }
        return end > index && (byte(end) == UInt8(ascii: "=") || byte(end) == UInt8(ascii: ":"))
    }

    /// Behind the text in quotation marks that goes on where a bare value ended: `Optional("…")`, `Token(value="…")`, `b"…"`, `@"…"`.
    private func endOfCall(_ start: Int, _ end: Int) -> Int {
        let quote = byte(end) == UInt8(ascii: "\\") ? end + 1 : end
        guard isQuote(byte(quote)) else { return end }
        let slashes = min(backslashes(before: quote), quote - start)
        guard opensText(start, quote - slashes, isBreak(quote + 1)) else { return end }
        return behindQuoted(quote + 1, base[quote], slashes)
    }

    /// Whether the quotation mark behind what stands from `start` to `end` opens a text. `isLast`: nothing stands behind the mark.
    private func opensText(_ start: Int, _ end: Int, _ isLast: Bool) -> Bool {
        guard end > start else { return false }
        if base[end - 1] == UInt8(ascii: "(") { return true }
        if base[end - 1] == UInt8(ascii: "=") { return (start..<end).contains { base[$0] == UInt8(ascii: "(") } }
        let prefixes: [StaticString] = ["b", "u", "r", "f", "l", "n", "s", "rb", "br", "@", "$"]
        return !isLast && prefixes.contains { $0.utf8CodeUnitCount == end - start && beginsLowered($0, at: start) }
    }

    // MARK: What it says

    /// `***`, `eyJh...R8U`: was masked before.
    func isMasked(_ start: Int, _ end: Int) -> Bool {
        // `***`, `xxxx`, `••••`
        if (start..<end).allSatisfy({ base[$0] == UInt8(ascii: "*") || base[$0] | 0x20 == UInt8(ascii: "x") }) { return true }
        if (start..<end).allSatisfy({ base[$0] == 0xE2 || base[$0] == 0x80 || base[$0] == 0xA2 }) { return true }
        return end - start <= 10 && (begins("...", at: start + 3) || begins("...", at: start + 4))
    }

    /// Whether a plain word stands before a mark of an earlier pass: `null[REDACTED]`. Looked at before the value is measured.
    private func isPlainBeforeMark(_ start: Int, _ name: Name) -> Bool {
        var end = start
        while end - start < 16, kind(end) & ByteClass.letter != 0 { end += 1 }
        if ",:!".utf8.contains(byte(end)) { end += 1 }
        let mark = end + run(of: UInt8(ascii: " "), at: end)
        return endOfMark(mark) != nil && PlainWords.standard.contains(base + start, end - start, formal: name.isFormal)
    }

    /// `authorization: denied by policy`: a plain word, and nothing but words and small numbers behind it. No more is looked at than a
    /// sentence has, and nothing behind a mark of an earlier pass.
    private func isProse(_ start: Int) -> Bool {
        var end = start
        while end - start <= 16, kind(end) & ByteClass.letter != 0 { end += 1 }
        guard byte(end) == UInt8(ascii: " "), !isScheme(start, end), PlainWords.standard.contains(base + start, end - start, formal: false)
        else { return false }
        var word = 0
        while end < count, end - start < 80 {
            let (byte, kinds) = (base[end], kind(end) | kind(end - 1))
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return true }
            if byte == UInt8(ascii: "["), endOfMark(end) != nil { return true }
            // What is said of another name.
            if byte == UInt8(ascii: ":") { return isBreak(end + 1) }
            guard isAlphanumeric(end) || " ,.-()'!".utf8.contains(byte) else { return false }
            word = isAlphanumeric(end) ? word + 1 : 0
            // Letters and digits in one word, or more of either than words and small numbers have.
            let isMixed = word > 1 && kinds & ByteClass.alphanumeric == ByteClass.alphanumeric
            guard !isMixed, word <= (isDigit(end) ? 4 : 20) else { return false }
            end += 1
        }
        return true
    }

    private func isSecretValue(_ start: Int, _ end: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) -> Bool {
        switch verdict {
        // What is left of a value that a pass has been at was none.
        case .counted, .weak:
            if bare.lastMark >= start || isNumber(start, end) { return false }
            if verdict == .weak, end - start < (name.isFormal ? 4 : 6) { return false }
        // A comma alone.
        case .header, .phrase: if !(start..<end).contains(where: { kind($0) & ByteClass.word != 0 }) { return false }
        default: break
        }
        return !PlainWords.standard.contains(base + start, end - start, formal: name.isFormal)
    }

    private func isNumber(_ start: Int, _ end: Int) -> Bool {
        (start..<end).allSatisfy { isDigit($0) || base[$0] == UInt8(ascii: ".") || base[$0] == UInt8(ascii: "-") }
    }

    /// Where the first mark of an earlier pass stands in a value.
    func firstMark(_ start: Int, _ end: Int) -> Int? {
        (start..<end).first { base[$0] == UInt8(ascii: "[") && endOfMark($0) != nil }
    }
}
