extension RedactionScan {
    /// An address whose `@`, however it is written, stands at `at` and is `width` bytes long.
    mutating func email(width: Int) {
        let sign = at
        at = sign + width
        guard let end = endOfDomain(from: sign + width), let start = startOfLocalPart(before: sign) else {
            return credentials(before: sign)
        }
        // `git@host:path` is where a repository lives, and `name@2x.png` a picture.
        if sign - start == 3, begins("git", at: start), byte(end) == UInt8(ascii: ":") || byte(end) == UInt8(ascii: "/") { return }
        replace(start, end, RedactionMark.email)
    }

    // MARK: Local part

    private func startOfLocalPart(before sign: Int) -> Int? {
        if sign > copied, base[sign - 1] == UInt8(ascii: "\"") { return startOfQuoted(before: sign) }
        var start = sign
        // With ideographs a sentence may stand before the address without a space.
        let isPlain = sign > copied && base[sign - 1] < 0x80
        while start > copied, let width = localWidth(before: start, plain: isPlain) { start -= width }
        start = behindEscape(start, sign)
        while start < sign, isTrimmed(base[start]) { start += 1 }
        return start < sign ? start : nil
    }

    private func isTrimmed(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "*")
    }

    /// How many bytes the character before `index` has, if it can be part of a local part.
    private func localWidth(before index: Int, plain: Bool) -> Int? {
        let byte = base[index - 1]
        let kind = table[Int(byte)]
        if kind & (ByteClass.alphanumeric | ByteClass.underscore) != 0 { return 1 }
        if kind & ByteClass.high != 0 {
            guard let letter = Letter(endingBefore: index, in: base, notBefore: copied), !letter.isFullStop,
                !(plain && letter.isIdeographic) || goesOnAsName(index)
            else { return nil }
            return letter.width
        }
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "%"): return 1
        case UInt8(ascii: "'"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "^"),
            UInt8(ascii: "~"):
            // Between letters only: elsewhere these stand round an address, not in it.
            return index - 2 >= copied && table[Int(base[index - 2])] & ByteClass.word != 0
                && self.kind(index) & ByteClass.word != 0 ? 1 : nil
        default: return nil
        }
    }

    /// Whether a name that an ideograph has begun goes on at `index`: `用户_us@…`, `用户42@…`. Letters and longer numbers are an address behind
    /// a sentence.
    private func goesOnAsName(_ index: Int) -> Bool {
        switch byte(index) {
        case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"): return true
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            var end = index
            while isDigit(end), end - index < 5 { end += 1 }
            return end - index < 5
        case 0x80...0xFF: return Letter(at: index, in: base, before: count)?.isIdeographic ?? false
        default: return false
        }
    }

    /// A letter of `\n` or `\u0022` is not part of the address behind it.
    private func behindEscape(_ start: Int, _ sign: Int) -> Int {
        guard start > copied, start < sign, base[start - 1] == UInt8(ascii: "\\"), backslashes(before: start) % 2 == 1 else { return start }
        switch base[start] {
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "f"): return start + 1
        case UInt8(ascii: "u"):
            guard start + 5 <= sign, (1...4).allSatisfy({ kind(start + $0) & ByteClass.hex != 0 }) else { return start }
            return start + 5
        default: return start
        }
    }

    /// `"john doe"@example.com`
    private func startOfQuoted(before sign: Int) -> Int? {
        var index = sign - 2
        while index >= copied, sign - index <= 66 {
            let byte = base[index]
            if byte == UInt8(ascii: "\"") { return index < sign - 2 ? index : nil }
            if byte < 0x20 { return nil }
            index -= 1
        }
        return nil
    }

    // MARK: Domain

    /// Where the domain that begins at `start` ends; nil when there is none.
    private func endOfDomain(from start: Int) -> Int? {
        if byte(start) == UInt8(ascii: "[") { return endOfLiteral(from: start) }
        var end = start
        let plain = start < count && base[start] < 0x80
        var (dots, firstDot, isLatin) = (0, 0, true)
        while end < count {
            let byte = base[end]
            let kind = table[Int(byte)]
            if kind & (ByteClass.alphanumeric | ByteClass.underscore) != 0 || byte == UInt8(ascii: "-") {
                end += 1
            } else if byte == UInt8(ascii: "."), end > start, base[end - 1] != UInt8(ascii: ".") {
                dots += 1
                if dots == 1 { firstDot = end }
                end += 1
            } else if kind & ByteClass.high != 0, let letter = Letter(at: end, in: base, before: count) {
                if letter.isFullStop {
                    dots += 1
                    if dots == 1 { firstDot = end }
                } else if letter.isIdeographic {
                    // Ideographs go on with a label of their kind; behind Latin ones a sentence goes on.
                    let labelStart = end == start || isFullStop(before: end)
                    if plain && !labelStart && isLatin && dots > 0 { break }
                    isLatin = false
                }
                end += letter.width
            } else {
                break
            }
        }
        guard dots > 0, !isVersion(start, firstDot) else { return nil }
        return trimmedDomain(start, end)
    }

    private func isFullStop(before index: Int) -> Bool {
        base[index - 1] == UInt8(ascii: ".")
            || Letter(endingBefore: index, in: base, notBefore: copied).map(\.isFullStop) ?? false
    }

    /// Drops labels from the end until the last one can be a top-level domain.
    private func trimmedDomain(_ start: Int, _ end: Int) -> Int? {
        var end = end
        while end > start {
            while end > start, base[end - 1] == UInt8(ascii: ".") || base[end - 1] == UInt8(ascii: "-") { end -= 1 }
            var label = end
            while label > start, base[label - 1] != UInt8(ascii: "."), !(base[label - 1] >= 0x80 && isFullStop(before: label)) {
                label -= 1
            }
            guard label > start else { return nil }
            if let last = topLevelEnd(label, end) { return last }
            // The full stop before it, which may have more than one byte.
            end = label - (Letter(endingBefore: label, in: base, notBefore: start)?.width ?? 1)
        }
        return nil
    }

    /// Where the top-level domain at `label` ends: letters, at least two, punycode, or a script of its own.
    private func topLevelEnd(_ label: Int, _ end: Int) -> Int? {
        var letters = label
        while letters < end, kind(letters) & (ByteClass.letter | ByteClass.high) != 0 { letters += 1 }
        if beginsLowered("xn--", at: label), end - label > 6 { return end }
        guard letters == end || base[letters] == UInt8(ascii: "_") || base[letters] == UInt8(ascii: "-") else { return nil }
        guard letters - label >= 2, letters - label <= 63 else { return nil }
        return Self.unitSuffixes.contains { begins($0, at: label) && letters - label == $0.utf8CodeUnitCount } ? nil : letters
    }

    /// `name@1.2.3-beta` and `name@2x.png`.
    private func isVersion(_ start: Int, _ firstDot: Int) -> Bool {
        let isNumber = (start..<firstDot).allSatisfy { isDigit($0) }
        if isNumber, isDigit(firstDot + 1) {
            var second = firstDot + 1
            while isDigit(second) { second += 1 }
            return byte(second) == UInt8(ascii: ".") || kind(second) & ByteClass.word == 0 || byte(second) == UInt8(ascii: "-")
        }
        return firstDot == start + 2 && isDigit(start) && byte(start + 1) | 0x20 == UInt8(ascii: "x")
    }

    /// What systemd calls its units: `user@1000.service`.
    private static let unitSuffixes: [StaticString] = [
        "service", "socket", "timer", "target", "mount", "slice", "scope", "device", "swap",
    ]

    /// `[192.168.0.1]`
    private func endOfLiteral(from start: Int) -> Int? {
        var index = start + 1
        while index < count, index - start <= 48 {
            let byte = base[index]
            if byte == UInt8(ascii: "]") { return index > start + 6 ? index + 1 : nil }
            guard
                table[Int(byte)] & ByteClass.hex != 0 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "I")
                    || byte == UInt8(ascii: "P") || byte == UInt8(ascii: "v")
            else { return nil }
            index += 1
        }
        return nil
    }

    /// `user:password@tcp(host)/db`: a data source name that has no scheme.
    private mutating func credentials(before sign: Int) {
        guard begins("tcp(", at: sign + 1) || begins("unix(", at: sign + 1) else { return }
        var start = sign
        while start > copied, sign - start < 200, base[start - 1] > 0x20, base[start - 1] != UInt8(ascii: "\""),
            base[start - 1] != UInt8(ascii: "=")
        {
            start -= 1
        }
        guard (start..<sign).contains(where: { base[$0] == UInt8(ascii: ":") }) else { return }
        replace(start, sign, RedactionMark.secret)
    }

    // MARK: Escapes

    func backslashes(before index: Int) -> Int {
        var start = index
        while start > 0, base[start - 1] == UInt8(ascii: "\\") { start -= 1 }
        return index - start
    }

    /// `%40` is an `@`, `%2B` a `+`, `%3D` an `=`, `%253D` too; `%B` begins a card's track; other escapes only part words.
    mutating func percent() {
        guard kind(at + 1) & ByteClass.hex != 0, kind(at + 2) & ByteClass.hex != 0 else { return at += 1 }
        if byte(at + 1) == UInt8(ascii: "B"), isDigit(at + 2), track(from: at + 2) { return }
        if begins("40", at: at + 1) { return email(width: 3) }
        if beginsLowered("2b", at: at + 1), isDigit(at + 3) {
            let start = at
            if international(from: start, digitsAt: start + 3) { return }
        }
        if beginsLowered("3d", at: at + 1) { return named(separator: at, width: 3) }
        if beginsLowered("253d", at: at + 1) { return named(separator: at, width: 5) }
        // A colon means little, unless it stands behind a quotation mark.
        if beginsLowered("3a", at: at + 1), at - 3 >= copied, begins("%22", at: at - 3) { return named(separator: at, width: 3) }
        at += 3
    }

    /// `%B4111111111111111^DOE/JOHN^…`: the number at `start`, as the first track of a card's magnetic stripe has it (ISO/IEC 7813).
    private mutating func track(from start: Int) -> Bool {
        var end = start
        while isDigit(end), end - start < 20 { end += 1 }
        guard (12...19).contains(end - start), byte(end) == UInt8(ascii: "^") else { return false }
        replace(start, end, RedactionMark.card)
        return true
    }

    /// What stands behind a backslash parts words; `\u0040` is an `@`, `\u003d` an `=`.
    mutating func backslash() {
        if begins("u0040", at: at + 1) { return email(width: 6) }
        if beginsLowered("u003d", at: at + 1) { return named(separator: at, width: 6) }
        switch byte(at + 1) {
        case UInt8(ascii: "u"):
            let isEscape = (2...5).allSatisfy { kind(at + $0) & ByteClass.hex != 0 }
            at += isEscape ? 6 : 2
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "\\"),
            UInt8(ascii: "\""), UInt8(ascii: "/"):
            at += 2
        default: at += 1
        }
    }

    /// `&#64;` and `&#x40;` are an `@`.
    mutating func entity() {
        if begins("#64;", at: at + 1) { return email(width: 5) }
        if beginsLowered("#x40;", at: at + 1) { return email(width: 6) }
        at += 1
    }
}
