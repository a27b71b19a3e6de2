/// Names and what parts them from their values: `password=…`, `"apiKey": "…"`, `Authorization: …`, `--token …`.
extension RedactionScan {
    /// A name as it stands before its value.
    struct Name {
        var start: Int
        var end: Int
        /// Backslashes before the quotation mark behind it; nil when there is none.
        var quote: Int?
        /// Written by a program: in quotes, or with an equals sign.
        var isFormal = true
        /// Hangs on an escape: `%3Ftoken`.
        var isEscaped = false
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
        name.isFormal = name.quote != nil || base[separator] != UInt8(ascii: ":") && base[separator] < 0x80
        // An encoded separator stands in no JSON, so that its value needs no quotation marks.
        if width > 2 { name.quote = nil }
        var found = judged(&name)
        if found == .harmless, announced.separator == separator { found = announced.verdict }
        if found == .harmless {
            if StoredLogin.isName(UnsafeBufferPointer(start: base + name.start, count: name.end - name.start)),
                storedLogin(from: separator + width)
            {
                return
            }
            guard isQueryName(name), isQuerySecret(name) else { return announce(name) }
            found = .weak
        }
        value(from: separator + width, name, found)
    }

    // MARK: The name

    func name(before separator: Int) -> Name? {
        var end = separator
        if end > copied, base[end - 1] == UInt8(ascii: ":") { end -= 1 }
        while end > copied, base[end - 1] == UInt8(ascii: " ") || base[end - 1] == UInt8(ascii: "\t"), separator - end < 3 { end -= 1 }
        end -= escapedQuote(before: end)
        guard end > copied else { return nil }
        let quote = dropQuote(&end)
        dropBrackets(&end, isNumbered: base[separator] != UInt8(ascii: ":"))
        var start = end
        while start > copied, end - start < NameWords.mostBytes, isNamePart(base[start - 1], quote != nil) { start -= 1 }
        guard end - start >= 3 else { return nil }
        if quote == nil, byte(start - 1) == UInt8(ascii: " ") { start = twoWords(start, end) }
        return Name(start: start, end: end, quote: quote)
    }

    /// Goes before the quotation mark that ends at `end`, and says how many backslashes stand before it; nil when there is none.
    private func dropQuote(_ end: inout Int) -> Int? {
        guard isQuote(byteBehind(end - 1)) else { return nil }
        end -= 1
        let slashes = min(backslashes(before: end), end - copied)
        end -= slashes
        return slashes
    }

    /// Bytes of a quotation mark that is written as an escape and ends at `end`: `%22`, `&quot;`.
    private func escapedQuote(before end: Int) -> Int {
        let last = byteBehind(end - 1)
        guard last == UInt8(ascii: "2") || last == UInt8(ascii: ";") else { return 0 }
        let marks: [StaticString] = ["%22", "&quot;", "&#34;", "\\u0022"]
        let mark = marks.first { end - $0.utf8CodeUnitCount >= copied && beginsLowered($0, at: end - $0.utf8CodeUnitCount) }
        return mark?.utf8CodeUnitCount ?? 0
    }

    /// Goes into what closes round a name, and before what counts it: `user[password]`, also with its brackets percent-encoded,
    /// `x["password"]`, `AnyHashable("password")`, `token[]`, `token[0]`. `isNumbered`: a number is an index, and not a process as in
    /// `passwd[42]:`.
    private func dropBrackets(_ end: inout Int, isNumbered: Bool) {
        let last = byteBehind(end - 1)
        guard last == UInt8(ascii: "]") || last | 0x20 == UInt8(ascii: "d") || last == UInt8(ascii: ")") else { return }
        while end > copied {
            if base[end - 1] == UInt8(ascii: "]") {
                var open = end - 1
                while isNumbered, open > copied, isDigit(open - 1) { open -= 1 }
                guard byteBehind(open - 1) == UInt8(ascii: "[") else { break }
                end = open - 1
            } else if end - 6 > copied, beginsLowered("%5b%5d", at: end - 6) {
                end -= 6
            } else {
                break
            }
        }
        if byteBehind(end - 1) == UInt8(ascii: "]") {
            end -= 1
        } else if end - 3 > copied, beginsLowered("%5d", at: end - 3) {
            end -= 3
        } else if byteBehind(end - 1) == UInt8(ascii: ")"), isQuote(byteBehind(end - 2)) {
            end -= 1
        } else {
            return
        }
        _ = dropQuote(&end)
    }

    func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`") }

    func isNamePart(_ byte: UInt8, _ isQuoted: Bool) -> Bool {
        if table[Int(byte)] & ByteClass.word != 0 { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "@"): return true
        case UInt8(ascii: " "): return isQuoted
        default: return false
        }
    }

    /// `API key: …`, `Credit card number: …`, `mot de passe : …`: the last word alone says little.
    private func twoWords(_ start: Int, _ end: Int) -> Int {
        let weakHeads: [StaticString] = ["key", "code", "number", "card", "phrase", "no", "security", "word", "header", "passe"]
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

    // MARK: What it says

    func verdict(_ name: Name) -> SensitiveNames.Verdict {
        rules.names.verdict(UnsafeBufferPointer(start: base + name.start, count: name.end - name.start))
    }

    /// What a name says of its value. The rest of an escape that hangs on it (`\ntoken`, `%3Ftoken`) is taken off when it says nothing
    /// otherwise.
    func judged(_ name: inout Name) -> SensitiveNames.Verdict {
        var found = verdict(name)
        for _ in 0..<3 where found == .harmless {
            guard let start = behindEscape(name) else { break }
            name.start = start
            name.isEscaped = true
            found = verdict(name)
        }
        return found
    }

    /// Where `name` begins without the rest of an escape; nil when it hangs on none.
    private func behindEscape(_ name: Name) -> Int? {
        let start = name.start
        var width = 0
        switch byteBehind(start - 1) {
        case UInt8(ascii: "\\"):
            if base[start] == UInt8(ascii: "u"), isHex(start + 1, 4) { width = 5 } else if "nrtbf".utf8.contains(base[start]) { width = 1 }
        case UInt8(ascii: "%"): if isHex(start, 2) { width = 2 }
        // `%253F` was encoded twice.
        case UInt8(ascii: "5"): if byteBehind(start - 2) == UInt8(ascii: "2"), isHex(start, 2) { width = 2 }
        default: break
        }
        return width > 0 && start + width < name.end ? start + width : nil
    }

    private func isHex(_ start: Int, _ digits: Int) -> Bool { (start..<start + digits).allSatisfy { kind($0) & ByteClass.hex != 0 } }

    /// A parameter of a URL's query or fragment.
    private func isQueryName(_ name: Name) -> Bool {
        guard name.isEscaped else { return "?&#;".utf8.contains(byteBehind(name.start - 1)) }
        let escapes: [StaticString] = ["3f", "26", "23"]
        return escapes.contains { beginsLowered($0, at: name.start - 2) }
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

    // MARK: Other ways to write it

    /// `--password hunter2`, `--user admin:hunter2`
    mutating func flag(from start: Int) {
        var end = start
        while end < count, end - start < NameWords.mostBytes, table[Int(base[end])] & ByteClass.word != 0 || "-.".utf8.contains(base[end]) {
            end += 1
        }
        guard byte(end) == UInt8(ascii: " "), byte(end + 1) > 0x20, byte(end + 1) != UInt8(ascii: "-") else { return }
        // The end of a sentence.
        guard base[end - 1] != UInt8(ascii: ".") else { return }
        let name = Name(start: start, end: end)
        let found = verdict(name)
        if found != .harmless { return value(from: end + 1, name, found == .header ? .secret : found) }
        let logins: [StaticString] = ["user", "proxy-user"]
        if logins.contains(where: { $0.utf8CodeUnitCount == end - start && begins($0, at: start) }) { login(from: end + 1) }
    }

    /// Up to where `curl` has been looked for, and whether it stands on that line.
    struct Command {
        var seen = 0
        var isCurl = false
    }

    /// `curl -u admin:hunter2`: a user and a password that begin at `first`, behind an option.
    mutating func login(from first: Int) {
        let slashes = run(of: UInt8(ascii: "\\"), at: first)
        let quote = byte(first + slashes)
        let start = isQuote(quote) ? first + slashes + 1 : first
        var colon = start
        while colon - start < 64, byte(colon) > 0x20, !":[".utf8.contains(byte(colon)), !isQuote(byte(colon)) { colon += 1 }
        let next = byte(colon + 1)
        // A URL has no password there, a variable none that is shown.
        guard byte(colon) == UInt8(ascii: ":"), next > 0x20, !isQuote(next), next != UInt8(ascii: "/"), next != UInt8(ascii: "$"),
            isCurl(before: first)
        else { return }
        var end = endOfRun(colon + 1)
        if start == first + 1 { while end < count, base[end] != quote, base[end] >= 0x20 { end += 1 } }
        if !isMasked(colon + 1, end) { replace(start, end, RedactionMark.secret) }
    }

    private mutating func isCurl(before option: Int) -> Bool {
        while command.seen < option {
            let index = command.seen
            if base[index] == UInt8(ascii: "\n"), byte(index - 1) != UInt8(ascii: "\\") { command.isCurl = false }
            if base[index] == UInt8(ascii: "c"), begins("curl ", at: index) { command.isCurl = true }
            command.seen += 1
        }
        return command.isCurl
    }

    /// `PASSWORD 'hunter2'` and `IDENTIFIED BY 'hunter2'`, as SQL has them. `start` and `end`: of the word before the quotation mark.
    mutating func literal(behind start: Int, _ end: Int) {
        let isPassword = end - start == 8 && beginsLowered("password", at: start)
        guard isPassword || end - start == 2 && beginsLowered("by", at: start) && isIdentified(before: start) else { return }
        let text = end + 2
        if let mark = endOfMark(text) { return keep(through: mark) }
        guard text >= openUntil else { return }
        let close = endOfLiteral(from: text)
        guard byte(close) == UInt8(ascii: "'") else { return openUntil = close }
        guard close > text, !isMasked(text, close), !PlainWords.standard.contains(base + text, close - text, formal: false) else { return }
        replace(text, close, RedactionMark.secret)
    }

    /// The quotation mark behind which nothing of the text goes on, or the end of the line. Two in a row are one of the text's own.
    private func endOfLiteral(from start: Int) -> Int {
        var end = start
        while end < count, base[end] >= 0x20 {
            if base[end] == UInt8(ascii: "'") {
                if byte(end + 1) != UInt8(ascii: "'") {
                    if isBreak(end + 1) { return end }
                } else {
                    end += 1
                }
            }
            end += 1
        }
        return min(end, count)
    }

    private func isIdentified(before start: Int) -> Bool {
        (max(copied, start - 64)..<start).contains { beginsLowered("identified ", at: $0) }
    }
}
