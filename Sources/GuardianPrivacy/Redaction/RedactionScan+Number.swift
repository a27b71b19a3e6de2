/// Numbers that are somebody's: cards, social security numbers, phones. What looks alike (dates, versions, addresses, UUIDs, fractions,
/// parts of identifiers) is passed over.
extension RedactionScan {
    /// A digit at `start`, and no word before it.
    mutating func number(from start: Int) {
        var end = start + 1
        while end < count, table[Int(base[end])] & ByteClass.digit != 0 { end += 1 }
        let next = end < count ? base[end] : 0
        if table[Int(next)] & (ByteClass.letter | ByteClass.underscore) != 0 { return identifier(from: start, end) }
        let length = end - start
        if length == 1, next == UInt8(ascii: "/"), begins("1//0", at: start), let last = endOfRun(of: 30, from: start + 3) {
            return replace(start, last, RedactionMark.key)
        }
        if length > NumberChain.mostDigits { return at = end }
        if length == 4, next == UInt8(ascii: "-"), isDate(start) { return at = start + 10 }
        // Most numbers of a log are short and stand alone.
        if length < 13 {
            if length == 8, next == UInt8(ascii: "-") {
                at = start
                skipUUID(from: start)
                if at > start { return }
            }
            if length < 7, !isGap(end) { return at = end }
            if length >= 8, next == UInt8(ascii: ":"), let last = endOfBotToken(start) { return replace(start, last, RedactionMark.key) }
        }
        let chain = chain(from: start)
        if chain.digits < 7 { return at = chain.end(chain.count - 1) }
        judge(chain)
    }

    /// `2024-01-15`, and no digit or dash behind it.
    func isDate(_ start: Int) -> Bool {
        guard byte(start + 7) == UInt8(ascii: "-"), isDigit(start + 5), isDigit(start + 6), isDigit(start + 8), isDigit(start + 9) else {
            return false
        }
        return (base[start] == UInt8(ascii: "1") || base[start] == UInt8(ascii: "2")) && !isDigit(start + 10)
            && byte(start + 10) != UInt8(ascii: "-")
    }

    /// Whether a group of digits may follow at `index`.
    func isGap(_ index: Int) -> Bool {
        let next = byte(index + 1)
        switch byte(index) {
        case UInt8(ascii: " "): return next &- 48 < 10 || next == UInt8(ascii: "(") || next == UInt8(ascii: "/")
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "("): return next &- 48 < 10
        case UInt8(ascii: ")"), UInt8(ascii: "%"), 0x80...0xFF: return true
        default: return false
        }
    }

    /// A word that begins with digits: `7f3e…`, `5th`, `1Z999…`.
    private mutating func identifier(from start: Int, _ digits: Int) {
        let (end, seen) = endOfIdentifier(from: start, digits)
        at = end
        let next = end < count ? base[end] : 0
        if end - start == 8, next == UInt8(ascii: "-") {
            skipUUID(from: start)
            if at > end { return }
        }
        if end - start == 32, dataCentreKey(from: start, end) { return }
        if end - start == 14, composedKey(from: start, end) { return }
        if next == UInt8(ascii: "~"), applicationSecret(from: start, end) { return }
        if seen & ByteClass.underscore != 0 {
            if gluedNumber(from: start, wordEnd: end) || glued(in: start, end, seen | ByteClass.digit) { return }
        }
        // A phone's extension: `555-0100x12` has its chain's end in a word.
        if base[digits] | 0x20 == UInt8(ascii: "x"), (3...NumberChain.mostDigits).contains(digits - start) {
            let chain = chain(from: start)
            if chain.count == 1, chain.digits >= 7 { judge(chain) }
        }
    }

    /// Where the word ends whose first digits end at `digits`, and what else it is made of.
    private mutating func endOfIdentifier(from start: Int, _ digits: Int) -> (end: Int, seen: UInt8) {
        if longIdentifier.holds(start) { return (longIdentifier.end, longIdentifier.kinds(from: start)) }
        var (end, seen) = (digits, UInt8(0))
        while end < count, table[Int(base[end])] & ByteClass.word != 0 {
            seen |= table[Int(base[end])]
            end += 1
        }
        if end - start >= LongWord.least { longIdentifier = remembered(from: start, to: end) }
        return (end, seen)
    }

    /// Replaces a number that fills the value at `start`; says whether it did.
    mutating func number(asValueAt start: Int) -> Bool {
        guard isDigit(start) else { return false }
        let before = at
        let chain = chain(from: start)
        for last in stride(from: chain.count - 1, through: 0, by: -1) where kind(chain.end(last)) & ByteClass.word == 0 {
            if let mark = cardOrSocialSecurity(chain, 0, last, trusted: true) {
                replace(start, chain.end(last), mark)
                return true
            }
        }
        at = before
        return false
    }

    // MARK: Which of its windows

    /// Replaces what in `chain` is somebody's, and goes on behind it.
    mutating func judge(_ chain: NumberChain) {
        // What is left of the chain may be a number of its own.
        if !replaceFirst(in: chain) { at = chain.end(chain.count - 1) }
    }

    /// Replaces the first number in `chain` that is somebody's; says whether there was one.
    private mutating func replaceFirst(in chain: NumberChain) -> Bool {
        var group = 0
        if !isOpen(before: chain) {
            if let card = endOfGluedCard(chain) {
                replaceNumber(chain.start(0), card, .card)
                return true
            }
            if !isNamed(before: chain) {
                // Part of an identifier or a fraction, up to the next space.
                group = 1
                while group < chain.count, chain.separator(group) != NumberChain.Separator.space { group += 1 }
            }
        }
        while group < chain.count {
            let width = dateWidth(chain, group)
            if width > 0 {
                group += width
                continue
            }
            var last = chain.count - 1
            while last >= group {
                if isClosed(chain, group, last), let mark = mark(chain, group, last) {
                    // With this one gone, what stands before it looks different.
                    if group > 0, replaceFirst(in: chain.prefix(group)) { return true }
                    let start = chain.start(group) - (chain.separator(group) == NumberChain.Separator.open ? 1 : 0)
                    replaceNumber(start, mark == .phone ? behindExtension(chain.end(last)) : chain.end(last), mark)
                    return true
                }
                last -= 1
            }
            if group == 0, chain.count > 2, let card = endOfGluedCard(chain) {
                replaceNumber(chain.start(0), card, .card)
                return true
            }
            if group == 0, chain.length(0) >= 14, hasTail(chain), isPlainCard(chain.start(0), chain.length(0), false) {
                replaceNumber(chain.start(0), chain.end(0), .card)
                return true
            }
            group += 1
            while group < chain.count, chain.separator(group) != NumberChain.Separator.space,
                chain.separator(group) != NumberChain.Separator.open
            {
                group += 1
            }
        }
        return false
    }

    enum Found { case card, socialSecurity, phone }

    /// Replaces a number. One that is a JSON value without quotation marks gets them, so that the line stays JSON.
    mutating func replaceNumber(_ start: Int, _ end: Int, _ found: Found) {
        let mark =
            switch found {
            case .card: RedactionMark.card
            case .socialSecurity: RedactionMark.socialSecurity
            case .phone: RedactionMark.phone
            }
        var before = start
        while before > copied, base[before - 1] == UInt8(ascii: " ") { before -= 1 }
        var quoted: Int?
        if before - 2 >= copied, base[before - 1] == UInt8(ascii: ":"), base[before - 2] == UInt8(ascii: "\"") {
            let next = byte(end)
            if next == UInt8(ascii: ",") || next == UInt8(ascii: "}") || next == 0x20 || end == count {
                quoted = backslashes(before: before - 2)
            }
        }
        replace(start, end, mark, quoted: quoted)
    }

    private func mark(_ chain: NumberChain, _ first: Int, _ last: Int) -> Found? {
        if first > 0, chain.separator(first) != NumberChain.Separator.space, chain.separator(first) != NumberChain.Separator.open {
            return nil
        }
        if let mark = cardOrSocial(chain, first, last) { return mark }
        return phone(chain, first, last) ? .phone : nil
    }

    private func cardOrSocial(_ chain: NumberChain, _ first: Int, _ last: Int) -> Found? {
        if isCard(chain, first, last, trusted: false) { return .card }
        return isSocialSecurity(chain, first, last, trusted: false) ? .socialSecurity : nil
    }

    private func cardOrSocialSecurity(_ chain: NumberChain, _ first: Int, _ last: Int, trusted: Bool) -> StaticString? {
        if isCard(chain, first, last, trusted: trusted) { return RedactionMark.card }
        return isSocialSecurity(chain, first, last, trusted: trusted) ? RedactionMark.socialSecurity : nil
    }

    // MARK: Where it may begin and end

    /// Whether a number may begin at `start`, by what stands before it.
    private func isOpen(before chain: NumberChain) -> Bool {
        let start = chain.start(0)
        guard start > copied else { return true }
        let before = base[start - 1]
        let kind = table[Int(before)]
        if kind & (ByteClass.alphanumeric | ByteClass.underscore) != 0 { return isEscaped(start) }
        if kind & ByteClass.high != 0 {
            // Currency signs before it make it an amount: £ is C2 A3, € is E2 82 AC.
            return !(before == 0xA3 && byte(start - 2) == 0xC2 || before == 0xAC && byte(start - 2) == 0x82 && byte(start - 3) == 0xE2)
        }
        switch before {
        case UInt8(ascii: "-"), UInt8(ascii: "."):
            guard before == UInt8(ascii: "-") else { return false }
            // Where a line begins, one group alone is less than nothing.
            if start == 1 || base[start - 2] == UInt8(ascii: "\n") { return chain.count > 1 }
            return kindBehind(start - 2) & ByteClass.word == 0 && byteBehind(start - 2) != before
        case UInt8(ascii: "$"), UInt8(ascii: "^"), UInt8(ascii: "~"): return false
        case UInt8(ascii: ","): return kindBehind(start - 2) & ByteClass.digit == 0 || isRecord(chain)
        default: return true
        }
    }

    /// `4111…/12/26`, `4111…-old`, `4111….pdf`: more hangs on the first group.
    private func hasTail(_ chain: NumberChain) -> Bool {
        if chain.count > 1 { return chain.separator(1) == NumberChain.Separator.slash || chain.separator(1) == NumberChain.Separator.dash }
        let end = chain.end(0)
        return byte(end) == UInt8(ascii: "-") || byte(end) == UInt8(ascii: ".") && kind(end + 1) & ByteClass.letter != 0
    }

    /// Whether the chain is no part of an amount, so that a comma beside it parts columns.
    private func isRecord(_ chain: NumberChain) -> Bool {
        if chain.count == 1 { return chain.digits >= 14 || chain.digits >= 10 && base[chain.start(0)] == UInt8(ascii: "0") }
        let separator = chain.separator(1)
        if separator == NumberChain.Separator.dash { return chain.count > 2 }
        return chain.count > 3 && separator == NumberChain.Separator.space
    }

    /// Whether the word that the chain hangs on says what it is: `ssn-123-45-6789`.
    private func isNamed(before chain: NumberChain) -> Bool {
        // Too few digits for anything that a name could say.
        guard chain.digits >= 9 || chain.count > 2 else { return false }
        let before = byte(chain.start(0) - 1)
        guard before == UInt8(ascii: "-") || kind(chain.start(0) - 1) & (ByteClass.letter | ByteClass.underscore) != 0 else { return false }
        switch NumberContextScan(base: base, floor: copied).context(before: chain.start(0)) {
        case .socialSecurity, .card: return true
        case .phone: return chain.count > 2
        default: return false
        }
    }

    /// The last letter of `\n` or `%20` stands before `start`.
    private func isEscaped(_ start: Int) -> Bool {
        if byteBehind(start - 2) == UInt8(ascii: "\\"), "nrt".utf8.contains(base[start - 1]) {
            return backslashes(before: start - 1) % 2 == 1
        }
        return byteBehind(start - 3) == UInt8(ascii: "%") && kind(start - 2) & ByteClass.hex != 0 && kind(start - 1) & ByteClass.hex != 0
    }

    /// Whether a number that begins with `first` may end with `last`, by what stands behind it.
    private func isClosed(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        let end = chain.end(last)
        if last + 1 < chain.count {
            if chain.separator(last + 1) == NumberChain.Separator.slash { return isPair(chain, first, last) }
            return chain.separator(last + 1) == NumberChain.Separator.space || chain.separator(last + 1) == NumberChain.Separator.open
        }
        guard end < count else { return true }
        let next = base[end]
        let kind = table[Int(next)]
        if kind & (ByteClass.letter | ByteClass.underscore) != 0 { return next | 0x20 == UInt8(ascii: "x") && isDigit(end + 1) }
        switch next {
        case UInt8(ascii: "@"): return false
        case UInt8(ascii: "-"): return isNoWord(end + 1)
        case UInt8(ascii: ","), UInt8(ascii: ":"): return !goesOn(end + 1) || isRecord(chain)
        case UInt8(ascii: "'"): return !isDigit(end + 1)
        case UInt8(ascii: "."): return isNoWord(end + 1)
        case UInt8(ascii: "%"): return isNoWord(end + 1) ? false : true
        default: return true
        }
    }

    private func isNoWord(_ index: Int) -> Bool { kind(index) & ByteClass.word == 0 && !isRedacted(index) }

    /// A mark of an earlier pass: what was there may have been a word, or digits.
    func isRedacted(_ index: Int) -> Bool { byte(index) == UInt8(ascii: "[") && begins(RedactionMark.start, at: index) }

    /// Whether digits follow, or what was digits before an earlier pass.
    private func goesOn(_ index: Int) -> Bool {
        guard byte(index) == UInt8(ascii: "[") else { return isDigit(index) }
        let marks = [RedactionMark.card, RedactionMark.phone, RedactionMark.socialSecurity]
        return marks.contains { begins($0, at: index) }
    }

    /// How many groups from `group` are a date or an IP address; 0 when none are.
    private func dateWidth(_ chain: NumberChain, _ group: Int) -> Int {
        guard group + 2 < chain.count else { return 0 }
        let (a, b, c) = (chain.length(group), chain.length(group + 1), chain.length(group + 2))
        let separator = chain.separator(group + 1)
        guard separator == chain.separator(group + 2) else { return 0 }
        if separator == NumberChain.Separator.space { return isSpacedDate(chain, group) ? 3 : 0 }
        if a == 4, b <= 2, c <= 2, base[chain.start(group)] == UInt8(ascii: "1") || base[chain.start(group)] == UInt8(ascii: "2") {
            return 3
        }
        if a <= 2, b <= 2, c == 4, isYear(chain.start(group + 2)) {
            return group + 3 == chain.count || chain.separator(group + 3) == NumberChain.Separator.space ? 3 : 0
        }
        // Four groups of one to three digits are an address, five and more a version.
        guard separator == NumberChain.Separator.dot, group + 3 < chain.count, chain.separator(group + 3) == separator else { return 0 }
        guard a <= 3, b <= 3, c <= 3, chain.length(group + 3) <= 3, a != 2 || b != 2 || c != 2 else { return 0 }
        return 4
    }

    /// `05 09 2025`, `2025 09 05`
    private func isSpacedDate(_ chain: NumberChain, _ group: Int) -> Bool {
        let year = chain.length(group) == 4 ? group : group + 2
        guard chain.length(year) == 4, isYear(chain.start(year)) else { return false }
        return (group..<group + 3).allSatisfy {
            $0 == year || chain.length($0) <= 2 && (1...31).contains(value(chain.start($0), chain.length($0)))
        }
    }

    private func isYear(_ start: Int) -> Bool {
        base[start] == UInt8(ascii: "1") && base[start + 1] == UInt8(ascii: "9")
            || base[start] == UInt8(ascii: "2") && base[start + 1] == UInt8(ascii: "0")
    }

    /// `x12`, ` ext. 12`
    private func behindExtension(_ end: Int) -> Int {
        var index = end
        while byte(index) == UInt8(ascii: " ") || byte(index) == UInt8(ascii: ",") { index += 1 }
        let marks: [StaticString] = ["extension", "ext.", "ext", "x", "#"]
        guard let mark = marks.first(where: { beginsLowered($0, at: index) }) else { return end }
        index += mark.utf8CodeUnitCount
        while byte(index) == UInt8(ascii: " ") || byte(index) == UInt8(ascii: ".") { index += 1 }
        let start = index
        while isDigit(index), index - start < 7 { index += 1 }
        return index > start && index - start <= 6 && kind(index) & ByteClass.word == 0 ? index : end
    }
}
