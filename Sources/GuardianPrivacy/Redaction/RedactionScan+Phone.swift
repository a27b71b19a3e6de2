/// Phone numbers: international by their `+` or `00`, national by how the digits are grouped, and any other where the words before it say
/// so.
extension RedactionScan {
    // MARK: International

    mutating func plus() {
        let sign = at
        at += 1
        let isOpen = sign == copied || kind(sign - 1) & ByteClass.alphanumeric == 0
        guard isOpen else { return }
        var start = sign + 1
        if byte(start) == UInt8(ascii: "("), isDigit(start + 1) { start += 1 }
        if byte(start) == UInt8(ascii: " "), isDigit(start + 1) { start += 1 }
        guard isDigit(start), byte(start) != UInt8(ascii: "0") else { return }
        _ = international(from: sign, digitsAt: start)
    }

    /// A number whose `+` stands at `sign` and whose country code begins at `start`; says whether there was one.
    mutating func international(from sign: Int, digitsAt start: Int) -> Bool {
        let chain = chain(from: start)
        guard let end = endOfInternational(chain, 0) else {
            at = max(at, start)
            return false
        }
        // Its own parenthesis belongs to it: `(+1) 555…`.
        var from = sign
        if from > copied, base[from - 1] == UInt8(ascii: "("), end > chain.end(0), chain.separator(1) == NumberChain.Separator.close {
            from -= 1
        }
        replaceNumber(from, end, .phone)
        return true
    }

    /// Where the international number ends whose country code begins with group `first`; nil when it is none.
    private func endOfInternational(_ chain: NumberChain, _ first: Int) -> Int? {
        let (code, national) = CallingCodes.code(base, chain.start(first), chain.end(first))
        guard code > 0 else { return nil }
        let range = CallingCodes.lengths(code)
        var (taken, best): (Int, Int?) = (national, nil)
        var group = first
        var dots = 0
        while true {
            // `(0)` is dialled at home only.
            let isTrunk =
                group > first && chain.length(group) == 1 && base[chain.start(group)] == UInt8(ascii: "0")
                && chain.separator(group) == NumberChain.Separator.open
            if group > first { taken += isTrunk ? 0 : chain.length(group) }
            if taken > range.upperBound { break }
            if taken >= range.lowerBound, isInternationalEnd(chain, group) { best = chain.end(group) }
            group += 1
            guard group < chain.count else { break }
            if chain.separator(group) == NumberChain.Separator.dot { dots += 1 }
            // Long enough already, and a lone digit follows: it counts something.
            if best != nil, chain.separator(group) == NumberChain.Separator.space, chain.length(group) == 1 { break }
        }
        // `+37.774929` is a coordinate.
        if dots == 1, first == 0, chain.count == 2 { return nil }
        return best.map(behindPhone)
    }

    private func isInternationalEnd(_ chain: NumberChain, _ group: Int) -> Bool {
        let end = chain.end(group)
        if group + 1 < chain.count {
            return chain.separator(group + 1) == NumberChain.Separator.space || chain.separator(group + 1) == NumberChain.Separator.open
        }
        let next = kind(end)
        if next & (ByteClass.letter | ByteClass.underscore) != 0 { return byte(end) | 0x20 == UInt8(ascii: "x") }
        return byte(end) != UInt8(ascii: "@") && !(byte(end) == UInt8(ascii: ":") && isDigit(end + 1))
    }

    /// Behind an extension.
    private func behindPhone(_ end: Int) -> Int {
        var index = end
        while byte(index) == UInt8(ascii: " ") || byte(index) == UInt8(ascii: ",") || byte(index) == UInt8(ascii: ";") { index += 1 }
        let marks: [StaticString] = ["extension", "ext.", "ext=", "ext", "x"]
        guard let mark = marks.first(where: { beginsLowered($0, at: index) }) else { return end }
        index += mark.utf8CodeUnitCount
        while byte(index) == UInt8(ascii: " ") { index += 1 }
        let start = index
        while isDigit(index), index - start < 7 { index += 1 }
        return index > start && index - start <= 6 && kind(index) & ByteClass.word == 0 ? index : end
    }

    mutating func parenthesis() {
        let open = at
        at += 1
        guard isDigit(at), open == copied || kind(open - 1) & ByteClass.alphanumeric == 0 else { return }
        let start = at
        let chain = chain(from: start, separator: NumberChain.Separator.open)
        guard chain.count > 1, chain.separator(1) == NumberChain.Separator.close, (2...5).contains(chain.length(0)) else { return }
        judge(chain)
    }

    // MARK: National

    /// Whether the groups are a phone number.
    func phone(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        let strength = strength(chain, first, last)
        if strength == .never { return false }
        let start = chain.start(first)
        var context = hint
        let found = NumberContextScan(base: base, floor: copied).context(before: start)
        if found != .none { context = found }
        switch strength {
        case .never: return false
        case .named: return context == .phone && !isAmount(chain, first, last)
        case .plain: return !context.isOfThing && context != .socialSecurity && !isAmount(chain, first, last)
        case .sure: return !context.isOfThing || context == .account || NumberContextScan(base: base, floor: copied).isFar(start)
        }
    }

    private func strength(_ chain: NumberChain, _ first: Int, _ last: Int) -> PhoneShape.Strength {
        var digits = 0
        for group in first...last { digits += chain.length(group) }
        guard (7...15).contains(digits), last - first < 7, digits != 9 || !isParcel(chain, first, last) else { return .never }
        let (rowStart, rowEnd) = (hangs(chain.start(0)) ? 1 : 0, chain.count - (goesOn(behind: chain) ? 1 : 0))
        return PhoneShape(
            base: base, isAfterQuote: followsQuote(chain.start(first)), chain: chain, rowStart: rowStart, rowEnd: rowEnd, first: first,
            last: last, digits: digits
        ).strength
    }

    /// Whether the group at `start` is the rest of a time or an amount: `10:30`, `1,50`.
    private func hangs(_ start: Int) -> Bool {
        ":,".utf8.contains(byteBehind(start - 1)) && kindBehind(start - 2) & ByteClass.digit != 0
    }

    /// Whether the last group is the beginning of a time, an amount or a word: `10:30`, `1,50`, `24h`, `5%`.
    private func goesOn(behind chain: NumberChain) -> Bool {
        let end = chain.end(chain.count - 1)
        if kind(end) & ByteClass.word != 0 || byte(end) == UInt8(ascii: "%") { return true }
        return ":,".utf8.contains(byte(end)) && isDigit(end + 1)
    }

    /// `CP 473 058 719 SE`: capitals on both sides are the kind and the country of a parcel (Universal Postal Union, S10).
    private func isParcel(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        let (before, behind) = (chain.start(first) - 3, chain.end(last) + 1)
        return byteBehind(before + 2) == UInt8(ascii: " ") && areCapitals(before) && byte(behind - 1) == UInt8(ascii: " ")
            && areCapitals(behind)
    }

    /// Whether two capitals and no more of a word stand at `start`.
    private func areCapitals(_ start: Int) -> Bool {
        byteBehind(start) &- 65 < 26 && byteBehind(start + 1) &- 65 < 26 && kindBehind(start - 1) & ByteClass.alphanumeric == 0
            && kind(start + 2) & ByteClass.alphanumeric == 0
    }

    /// Whether a slash behind `last` parts two numbers of which nothing else is written so: `415-555-2671/415-555-2672`.
    func isPair(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        guard last - first >= 2, last + 3 < chain.count else { return false }
        var end = last + 1
        while end + 1 < chain.count, chain.separator(end + 1) != NumberChain.Separator.slash { end += 1 }
        return strength(chain, first, last) == .sure && strength(chain, last + 1, end) == .sure
    }

    /// A currency, a unit or a percent sign stands behind it.
    private func isAmount(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        var index = chain.end(last)
        if byte(index) == UInt8(ascii: " ") { index += 1 }
        let units: [StaticString] = [
            "%", "€", "£", "$", "eur", "usd", "gbp", "sek", "pln", "zł", "kr", "bytes", "byte", "kb", "mb", "gb", "ms", "ns", "us", "µs",
            "sec",
            "s ", "rows", "records", "items", "ops", "operations", "users", "people", "files", "entries", "messages", "requests", "events",
            "times", "steps", "bpm", "km", "m ", "kg", "lines", "hits", "errors", "inr", "brl", "jpy", "yen",
        ]
        return units.contains { beginsLowered($0, at: index) && kind(index + $0.utf8CodeUnitCount) & ByteClass.letter == 0 }
    }
}

extension NumberContextScan {
    /// Whether a whole word stands between an identifier's name and what begins at `end`.
    func isFar(_ end: Int) -> Bool {
        var index = end
        while index > floor, end - index < 4, ByteClass.table[Int(base[index - 1])] & (ByteClass.letter | ByteClass.high) == 0 {
            if base[index - 1] == UInt8(ascii: "#") { return false }
            index -= 1
        }
        return context(before: end).isOfThing && !nearest(before: end).isOfThing
    }

    /// What the nearest word alone says.
    private func nearest(before end: Int) -> NumberContext {
        var index = end
        while index > floor, end - index < 6, ByteClass.table[Int(base[index - 1])] & (ByteClass.letter | ByteClass.high) == 0 {
            index -= 1
        }
        var start = index
        while start > floor, index - start < 20,
            ByteClass.table[Int(base[start - 1])] & (ByteClass.letter | ByteClass.high | ByteClass.underscore) != 0
        {
            start -= 1
        }
        return NumberContextScan(base: base, floor: start).context(before: index)
    }
}
