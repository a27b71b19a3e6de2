/// Secrets that show by their shape.
extension RedactionScan {
    /// Replaces what begins with the word at `start`, if it is a secret; says whether it was.
    mutating func secret(from start: Int, wordEnd: Int) -> Bool {
        if wordEnd - start >= 4, isDigit(start + 2), iban(from: start) { return true }
        switch base[start] {
        case UInt8(ascii: "e") where begins("eyJ", at: start): if webToken(from: start) { return true }
        case UInt8(ascii: "b"), UInt8(ascii: "B"):
            if credentials(from: start, wordEnd) { return true }
            if begins("BEGIN ", at: start), privateKey(from: start) { return true }
            if begins("bot", at: start), botToken(from: start + 3) { return true }
        case UInt8(ascii: "i") where wordEnd - start == 2: if statement(from: start) { return true }
        default: break
        }
        return shapes.hasKeys(base[start], base[start + 1]) && key(from: start, isGlued: false)
    }

    /// Replaces the key of known shape that begins at `start`, if one does. `isGlued`: behind a prefix, as in `id-AKIA…`.
    mutating func key(from start: Int, isGlued: Bool) -> Bool {
        for shape in shapes.shapes(base[start], base[start + 1]) where begins(shape.prefix, at: start) {
            if isGlued, shape.isWeak { continue }
            let body = start + shape.prefix.utf8CodeUnitCount
            if isGlued, body < digitlessUntil { continue }
            guard let end = endOfBody(body, shape) else { continue }
            // `use_hf_AutoModelForSequenceClassification` is a name.
            if isGlued, shape.body != .capitals, body - start < 8, !looksRandom(body, end) {
                digitlessUntil = end
                continue
            }
            replace(start, end, RedactionMark.key)
            return true
        }
        return false
    }

    /// With digits, or with as many capitals and small letters as no name has.
    private func looksRandom(_ start: Int, _ end: Int) -> Bool {
        var (capitals, small) = (0, 0)
        for index in start..<end {
            if isDigit(index) { return true }
            if base[index] &- 65 < 26 { capitals += 1 } else { small += 1 }
        }
        return min(capitals, small) * 4 > end - start
    }

    private mutating func endOfBody(_ start: Int, _ shape: SecretShapes.Shape) -> Int? {
        guard start >= plainUntil, start >= digitlessUntil || !shape.needsDigit else { return nil }
        var (end, digits, isMixed) = (start, 0, false)
        var hasLower = false
        while end < count {
            let byte = base[end]
            let kind = table[Int(byte)]
            let isPart =
                switch shape.body {
                case .alphanumeric: kind & ByteClass.alphanumeric != 0
                case .url: kind & (ByteClass.alphanumeric | ByteClass.underscore) != 0 || byte == UInt8(ascii: "-")
                case .hex: kind & ByteClass.hex != 0
                case .capitals: kind & ByteClass.digit != 0 || byte &- 65 < 26
                case .token: kind & (ByteClass.alphanumeric | ByteClass.tokenMark) != 0 || byte == UInt8(ascii: "=")
                }
            guard isPart else { break }
            if kind & ByteClass.digit != 0 { digits += 1 }
            if byte &- 97 < 26 { hasLower = true }
            if byte &- 65 < 26, hasLower { isMixed = true }
            end += 1
        }
        // A token does not end with the full stop of a sentence.
        while end > start, shape.body == .token, base[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard end - start >= shape.least else { return nil }
        guard digits > 0 || (isMixed && !shape.needsDigit) || shape.body == .capitals else {
            if !isMixed { plainUntil = end }
            digitlessUntil = end
            return nil
        }
        // A hash or a longer word is something else.
        if shape.body == .hex, shape.prefix.utf8CodeUnitCount == 2, end - start != shape.least { return nil }
        if shape.body == .hex || shape.body == .capitals, kind(end) & ByteClass.alphanumeric != 0 { return nil }
        return end
    }

    /// A JSON web token: three parts, or five when encrypted, or two when cut.
    mutating func webToken(from start: Int) -> Bool {
        var (end, parts, first) = (start, 1, 0)
        while end < count {
            let byte = base[end]
            if byte == UInt8(ascii: ".") {
                guard parts < 5, kind(end + 1) & ByteClass.alphanumeric != 0 || isMark(end + 1) else { break }
                if parts == 1 {
                    first = end - start
                    guard first >= 10 else { return false }
                }
                parts += 1
            } else if table[Int(byte)] & (ByteClass.alphanumeric | ByteClass.underscore) == 0, byte != UInt8(ascii: "-"),
                byte != UInt8(ascii: "=")
            {
                break
            }
            end += 1
        }
        if parts == 1 { first = end - start }
        guard first >= 10, parts > 1 || end - start >= 36 else { return false }
        replace(start, end, RedactionMark.token)
        return true
    }

    private func isMark(_ index: Int) -> Bool { byte(index) == UInt8(ascii: "_") || byte(index) == UInt8(ascii: "-") }

    /// `Bearer …` and `Basic …`: the word stays, what follows goes.
    private mutating func credentials(from start: Int, _ wordEnd: Int) -> Bool {
        let isBearer = wordEnd - start == 6 && beginsLowered("bearer", at: start)
        guard isBearer || wordEnd - start == 5 && beginsLowered("basic", at: start) else { return false }
        var value = wordEnd
        while byte(value) == UInt8(ascii: " ") || byte(value) == UInt8(ascii: "\t") { value += 1 }
        if beginsLowered("%20", at: value) { value += 3 } else if value == wordEnd, byte(value) == UInt8(ascii: "+") { value += 1 }
        guard value > wordEnd, value >= pairlessUntil else { return false }
        // `Bearer realm="…"` asks for credentials and has none.
        if let sign = assignment(from: value) {
            pairlessUntil = sign
            return false
        }
        var (end, hasDigit, hasMark) = (value, false, false)
        while isCredential(end) {
            if kind(end) & ByteClass.digit != 0 { hasDigit = true }
            if kind(end) & ByteClass.letter == 0, kind(end) & ByteClass.digit == 0 { hasMark = true }
            end += 1
        }
        while end > value, base[end - 1] == UInt8(ascii: ".") { end -= 1 }
        let length = end - value
        guard length >= 4 else { return false }
        guard !(length <= 10 && (begins("...", at: value + 3) || begins("...", at: value + 4))) else { return false }
        let isSecret =
            isBearer
            ? hasDigit || length >= 20 || (hasMark && length >= 12)
            : StoredLogin.isHeld(in: UnsafeBufferPointer(start: base + value, count: length))
        guard isSecret else {
            pairlessUntil = end
            return false
        }
        replace(value, end, RedactionMark.secret)
        return true
    }

    /// Where the equals sign of `realm="…"` or `user_id=5` stands in the run from `start`; nil when there is none. Base64 has such signs at
    /// its end only. Of what stands behind the sign no more is looked at than shows that: others may begin there.
    private func assignment(from start: Int) -> Int? {
        var sign = start
        while isCredential(sign), base[sign] != UInt8(ascii: "=") { sign += 1 }
        guard byte(sign) == UInt8(ascii: "=") else { return nil }
        let end = sign + run(of: UInt8(ascii: "="), at: sign)
        if isCredential(end + run(of: UInt8(ascii: "."), at: end)) { return sign }
        // A quotation mark that closes round base64 has nothing behind it.
        let isOpening = byte(end) == UInt8(ascii: "\"") && (!isBreak(end + 1) || byte(end + 1) == UInt8(ascii: "\""))
        return isOpening || isRedacted(end) ? sign : nil
    }

    /// A byte that bearer tokens and base64 have.
    private func isCredential(_ index: Int) -> Bool {
        kind(index) & (ByteClass.alphanumeric | ByteClass.tokenMark) != 0 || byte(index) == UInt8(ascii: "=")
    }

    /// `-----BEGIN … PRIVATE KEY-----` to its end, or as far as it can go; line breaks stay, so that the number of lines does.
    private mutating func privateKey(from begin: Int) -> Bool {
        guard begin - 5 >= copied, var key = PrivateKeyBlock(base, count: count, begin: begin) else { return false }
        var mark = RedactionMark.key
        while let line = key.next() {
            replace(line.lowerBound, line.upperBound, mark)
            mark = ""
        }
        keep(through: key.end)
        return true
    }

    // MARK: Keys of several parts

    /// Where at least `least` letters, digits, `-` and `_` from `start` end.
    func endOfRun(of least: Int, from start: Int) -> Int? {
        var end = start
        while kind(end) & (ByteClass.alphanumeric | ByteClass.underscore) != 0 || byte(end) == UInt8(ascii: "-") { end += 1 }
        return end - start >= least ? end : nil
    }

    /// 32 hexadecimal digits and a data centre: `…-us12`, as Mailchimp's.
    mutating func dataCentreKey(from start: Int, _ end: Int) -> Bool {
        guard begins("-us", at: end), isDigit(end + 3), (start..<end).allSatisfy({ kind($0) & ByteClass.hex != 0 }) else { return false }
        var last = end + 3
        while isDigit(last) { last += 1 }
        replace(start, last, RedactionMark.key)
        return true
    }

    /// A key whose first part is the word from `start` to `end`: a Discord bot's, an Airtable token, Terraform's.
    mutating func composedKey(from start: Int, _ end: Int) -> Bool {
        let length = end - start
        if length == 32 { return dataCentreKey(from: start, end) }
        guard byte(end) == UInt8(ascii: ".") else { return false }
        if length == 14, begins("atlasv1.", at: end + 1), let last = endOfRun(of: 60, from: end + 9) {
            replace(start, last, RedactionMark.key)
            return true
        }
        if length == 17, begins("pat", at: start), let last = endOfRun(of: 64, from: end + 1) {
            replace(start, last, RedactionMark.key)
            return true
        }
        guard (23...28).contains(length), (UInt8(ascii: "M")...UInt8(ascii: "O")).contains(base[start]), byte(end + 7) == UInt8(ascii: "."),
            endOfRun(of: 6, from: end + 1) == end + 7, let last = endOfRun(of: 27, from: end + 8)
        else { return false }
        replace(start, last, RedactionMark.key)
        return true
    }

    /// `abc8Q~…`, the secret of an application at Microsoft: three letters, a digit and `Q` at the end of the word from `start` to `end`, a
    /// tilde, and 31 to 34 letters, digits, `-`, `.`, `_` and `~`.
    mutating func applicationSecret(from start: Int, _ end: Int) -> Bool {
        let first = end - 5
        guard first >= start, base[end - 1] == UInt8(ascii: "Q"), isDigit(end - 2), first == start || base[first - 1] == UInt8(ascii: "_")
        else { return false }
        var last = end + 1
        while last - end <= 36, kind(last) & (ByteClass.alphanumeric | ByteClass.underscore) != 0 || "-.~".utf8.contains(byte(last)) {
            last += 1
        }
        while base[last - 1] == UInt8(ascii: ".") { last -= 1 }
        guard (31...34).contains(last - end - 1) else { return false }
        replace(first, last, RedactionMark.key)
        return true
    }

    /// `bot123456789:AA…`, as in the addresses of Telegram's API.
    private mutating func botToken(from start: Int) -> Bool {
        guard let end = endOfBotToken(start) else { return false }
        replace(start, end, RedactionMark.key)
        return true
    }

    /// 8 to 10 digits, a colon, 35 letters.
    func endOfBotToken(_ start: Int) -> Int? {
        var colon = start
        while isDigit(colon) { colon += 1 }
        guard (8...10).contains(colon - start), byte(colon) == UInt8(ascii: ":") else { return nil }
        var end = colon + 1
        while kind(end) & (ByteClass.alphanumeric | ByteClass.underscore) != 0 || byte(end) == UInt8(ascii: "-") { end += 1 }
        return (33...40).contains(end - colon - 1) ? end : nil
    }
}
