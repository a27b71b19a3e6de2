/// Values behind names: `password=…`, `"apiKey": "…"`, `Authorization: …`, `--token …`, `<pin>…</pin>`.
extension RedactionScan {
    /// A name as it stands before its value.
    struct Name {
        var start: Int
        var end: Int
        /// Backslashes before the quotation mark behind it; nil when there is none.
        var quote: Int?
        /// Written by a program: in quotes, or with an equals sign.
        var isFormal = true
    }

    mutating func equals() {
        let sign = at
        let before = byte(sign - 1)
        // Comparisons give nothing away; `=>` and `:=` do.
        if byte(sign + 1) == UInt8(ascii: "=") { return at = sign + 2 }
        if before == UInt8(ascii: "!") || before == UInt8(ascii: "<") || before == UInt8(ascii: ">") { return at = sign + 1 }
        named(separator: sign, width: byte(sign + 1) == UInt8(ascii: ">") ? 2 : 1)
    }

    mutating func colon() {
        let sign = at
        switch byte(sign + 1) {
        case UInt8(ascii: ":"): at = sign + 2
        case UInt8(ascii: "="): at = sign + 1
        case UInt8(ascii: "/") where byte(sign + 2) == UInt8(ascii: "/"): address(from: sign + 3)
        case UInt8(ascii: "\\") where begins("\\/\\/", at: sign + 1): address(from: sign + 5)
        default: named(separator: sign, width: 1)
        }
    }

    /// Replaces what stands behind a separator, if the name before it is sensitive.
    mutating func named(separator: Int, width: Int) {
        at = separator + width
        guard var name = name(before: separator) else { return }
        name.isFormal = name.quote != nil || base[separator] != UInt8(ascii: ":")
        var verdict = rules.names.verdict(UnsafeBufferPointer(start: base + name.start, count: name.end - name.start))
        if verdict == .harmless {
            guard isQueryName(name), isQuerySecret(name) else { return }
            verdict = .weak
        }
        value(from: separator + width, name, verdict)
    }

    // MARK: The name

    func name(before separator: Int) -> Name? {
        var end = separator
        if end > copied, base[end - 1] == UInt8(ascii: ":") { end -= 1 }
        while end > copied, base[end - 1] == UInt8(ascii: " ") || base[end - 1] == UInt8(ascii: "\t"), separator - end < 3 { end -= 1 }
        guard end > copied else { return nil }
        var quote: Int?
        if base[end - 1] == UInt8(ascii: "\"") || base[end - 1] == UInt8(ascii: "'") || base[end - 1] == UInt8(ascii: "`") {
            end -= 1
            let slashes = min(backslashes(before: end), end - copied)
            quote = slashes
            end -= slashes
        }
        // `user[password]`, also with its brackets percent-encoded
        if end > copied, base[end - 1] == UInt8(ascii: "]") {
            end -= 1
        } else if end - 3 > copied, beginsLowered("%5d", at: end - 3) {
            end -= 3
        }
        var start = end
        while start > copied, end - start < NameWords.mostBytes, isNamePart(base[start - 1], quote != nil) { start -= 1 }
        guard end - start >= 3 else { return nil }
        if quote == nil, byte(start - 1) == UInt8(ascii: " ") { start = twoWords(start, end) }
        return Name(start: start, end: end, quote: quote)
    }

    private func isNamePart(_ byte: UInt8, _ isQuoted: Bool) -> Bool {
        if table[Int(byte)] & ByteClass.word != 0 { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "@"): return true
        case UInt8(ascii: " "): return isQuoted
        default: return false
        }
    }

    /// `API key: …`, `Credit card number: …`: the last word alone says little.
    private func twoWords(_ start: Int, _ end: Int) -> Int {
        let weakHeads: [StaticString] = ["key", "code", "number", "card", "phrase", "no", "security", "word", "header"]
        guard weakHeads.contains(where: { beginsLowered($0, at: start) && end - start == $0.utf8CodeUnitCount }) else { return start }
        var first = start
        for _ in 0..<2 {
            var word = first - 1
            while word > copied, table[Int(base[word - 1])] & ByteClass.letter != 0, first - word < 20 { word -= 1 }
            guard word < first - 1 else { break }
            first = word
            guard first > copied, base[first - 1] == UInt8(ascii: " ") else { break }
        }
        return first
    }

    /// A parameter of a URL's query or fragment.
    private func isQueryName(_ name: Name) -> Bool {
        let before = byteBehind(name.start - 1)
        return before == UInt8(ascii: "?") || before == UInt8(ascii: "&") || before == UInt8(ascii: "#") || before == UInt8(ascii: ";")
    }

    private func isQuerySecret(_ name: Name) -> Bool {
        let known: [StaticString] = [
            "key", "sig", "signature", "code", "auth", "session", "sid", "hmac", "x-amz-signature", "x-amz-credential", "x-goog-signature",
            "x-goog-credential", "x-ms-signature", "assertion", "samlresponse", "ticket", "session_id", "sessionid", "state_token",
            "access",
            "awsaccesskeyid", "googleaccessid",
        ]
        return known.contains { $0.utf8CodeUnitCount == name.end - name.start && beginsLowered($0, at: name.start) }
    }

    // MARK: The value

    private mutating func value(from start: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) {
        var start = start
        while start < count, base[start] == UInt8(ascii: " ") || base[start] == UInt8(ascii: "\t") { start += 1 }
        guard start < count, base[start] != UInt8(ascii: "\n"), base[start] != UInt8(ascii: "\r") else { return }
        if let mark = endOfMark(start) { return keep(through: mark) }
        let slashes = base[start] == UInt8(ascii: "\\") ? run(of: UInt8(ascii: "\\"), at: start) : 0
        let opening = byte(start + slashes)
        if opening == UInt8(ascii: "\"") || opening == UInt8(ascii: "'") || opening == UInt8(ascii: "`") {
            return quoted(from: start + slashes + 1, opening, slashes, verdict)
        }
        if verdict == .number, number(asValueAt: start) { return }
        if opening == UInt8(ascii: "{") || opening == UInt8(ascii: "[") {
            return replace(start, endOfStructure(start, slashes), RedactionMark.secret, quoted: name.quote)
        }
        let end = endOfBare(start, name, verdict)
        guard end > start, !isMasked(start, end), isSecretValue(start, end, name, verdict) else { return at = max(at, start) }
        replace(start, end, RedactionMark.secret, quoted: name.quote)
    }

    private mutating func quoted(from start: Int, _ opening: UInt8, _ slashes: Int, _ verdict: SensitiveNames.Verdict) {
        if let mark = endOfMark(start) { return keep(through: mark) }
        var end = start
        while end < count, base[end] != UInt8(ascii: "\n"), base[end] != UInt8(ascii: "\r") {
            if base[end] == opening {
                let before = min(backslashes(before: end), end - start)
                if slashes == 0 ? before % 2 == 0 : before == slashes {
                    end -= slashes
                    break
                }
            }
            end += 1
        }
        guard end > start, !isMasked(start, end) else { return at = end }
        if verdict == .weak, end - start < 4 { return at = start }
        if verdict == .number, number(asValueAt: start) { return }
        replace(start, end, RedactionMark.secret)
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

    private func run(of byte: UInt8, at start: Int) -> Int {
        var end = start
        while end < count, base[end] == byte { end += 1 }
        return end - start
    }

    /// Where a value without quotes ends.
    private func endOfBare(_ start: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) -> Int {
        let first = endOfRun(start)
        switch verdict {
        case .header where !name.isFormal || first < count && base[first] == UInt8(ascii: " "): return endOfHeader(start, first)
        case .phrase where !name.isFormal: return endOfLine(start, stops: ",;|\"'{}")
        default: return first
        }
    }

    private func endOfHeader(_ start: Int, _ first: Int) -> Int {
        let schemes: [StaticString] = ["bearer", "basic", "token", "apikey", "negotiate", "hmac", "ntlm", "key", "splunk"]
        if schemes.contains(where: { beginsLowered($0, at: start) && first - start == $0.utf8CodeUnitCount }) {
            var next = first
            while byte(next) == UInt8(ascii: " ") { next += 1 }
            return endOfRun(next)
        }
        return endOfLine(start, stops: "\"'{}|")
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
    func endOfRun(_ start: Int) -> Int {
        var end = start
        while end < count {
            let byte = base[end]
            if byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "<") || byte == UInt8(ascii: "`") { break }
            switch byte {
            case UInt8(ascii: "["):
                if let mark = endOfMark(end) {
                    end = mark
                    continue
                }
            case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"):
                if isBreak(end + 1) || beginsMember(end + 1) { return end }
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "'"), UInt8(ascii: ">"), UInt8(ascii: "."):
                if isBreak(end + 1) { return end }
            case UInt8(ascii: "\\"):
                if "nrt\"'".utf8.contains(self.byte(end + 1)) { return end }
            default: break
            }
            end += 1
        }
        return end
    }

    /// Nothing of a value stands at `index` any more.
    private func isBreak(_ index: Int) -> Bool {
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

    /// `***`, `eyJh...R8U`: was masked before.
    private func isMasked(_ start: Int, _ end: Int) -> Bool {
        // `***`, `xxxx`, `••••`
        if (start..<end).allSatisfy({ base[$0] == UInt8(ascii: "*") || base[$0] | 0x20 == UInt8(ascii: "x") }) { return true }
        if (start..<end).allSatisfy({ base[$0] == 0xE2 || base[$0] == 0x80 || base[$0] == 0xA2 }) { return true }
        return end - start <= 10 && (begins("...", at: start + 3) || begins("...", at: start + 4))
    }

    private func isSecretValue(_ start: Int, _ end: Int, _ name: Name, _ verdict: SensitiveNames.Verdict) -> Bool {
        if name.quote != nil, verdict != .weak, verdict != .counted { return true }
        let mark = firstMark(start, end)
        if var head = mark {
            while head > start, base[head - 1] == UInt8(ascii: " ") { head -= 1 }
            if PlainWords.standard.contains(base + start, head - start, formal: name.isFormal) { return false }
        }
        switch verdict {
        // What is left of a value that a pass has been at was none.
        case .counted, .weak:
            if mark != nil || isNumber(start, end) { return false }
            if verdict == .weak, end - start < (name.isFormal ? 4 : 6) { return false }
        // A comma alone.
        case .header, .phrase: if !(start..<end).contains(where: { kind($0) & ByteClass.word != 0 }) { return false }
        default: break
        }
        return !PlainWords.standard.contains(base + start, end - start, formal: name.isFormal)
    }

    /// Where the first mark of an earlier pass stands in a value.
    func firstMark(_ start: Int, _ end: Int) -> Int? {
        (start..<end).first { base[$0] == UInt8(ascii: "[") && endOfMark($0) != nil }
    }

    private func isNumber(_ start: Int, _ end: Int) -> Bool {
        (start..<end).allSatisfy { isDigit($0) || base[$0] == UInt8(ascii: ".") || base[$0] == UInt8(ascii: "-") }
    }

    // MARK: Other ways to write it

    /// `--password hunter2`
    mutating func flag(from start: Int) {
        var end = start
        while end < count, end - start < NameWords.mostBytes,
            table[Int(base[end])] & ByteClass.word != 0 || base[end] == UInt8(ascii: "-")
        {
            end += 1
        }
        guard byte(end) == UInt8(ascii: " "), byte(end + 1) > 0x20, byte(end + 1) != UInt8(ascii: "-") else { return }
        let verdict = rules.names.verdict(UnsafeBufferPointer(start: base + start, count: end - start))
        if verdict != .harmless { value(from: end + 1, Name(start: start, end: end), verdict == .header ? .secret : verdict) }
    }

    /// `<password>hunter2</password>`
    mutating func tag() {
        at += 1
        let start = at
        guard kind(start) & ByteClass.letter != 0 else { return }
        var end = start
        while end < count, end - start < NameWords.mostBytes, table[Int(base[end])] & ByteClass.word != 0 || "-.:".utf8.contains(base[end])
        {
            end += 1
        }
        guard byte(end) == UInt8(ascii: ">") || byte(end) == UInt8(ascii: " ") else { return }
        guard rules.names.verdict(UnsafeBufferPointer(start: base + start, count: end - start)) != .harmless else { return }
        while end < count, base[end] != UInt8(ascii: ">"), base[end] != UInt8(ascii: "\n") { end += 1 }
        let value = end + 1
        guard byte(end) == UInt8(ascii: ">"), byte(end - 1) != UInt8(ascii: "/") else { return at = min(end, count) }
        end = value
        while end < count, base[end] != UInt8(ascii: "<"), base[end] != UInt8(ascii: "\n"), base[end] != UInt8(ascii: "\r") { end += 1 }
        // Without an end of its own it is a placeholder: `--token <token> …`.
        if let mark = endOfMark(value) { return keep(through: mark) }
        if end > value, byte(end) == UInt8(ascii: "<"), byte(end + 1) == UInt8(ascii: "/") {
            replace(value, end, RedactionMark.secret)
        } else {
            at = end
        }
    }
}
