/// Payment cards and US social security numbers.
extension RedactionScan {
    /// Whether the groups are a payment card's number. `trusted`: a name said so.
    func isCard(_ chain: NumberChain, _ first: Int, _ last: Int, trusted: Bool) -> Bool {
        var digits = 0
        for group in first...last { digits += chain.length(group) }
        guard (12...19).contains(digits) else { return false }
        guard first < last else { return isPlainCard(chain.start(first), digits, trusted) }
        let separator = chain.separator(first + 1)
        guard separator == NumberChain.Separator.space || separator == NumberChain.Separator.dash || separator == NumberChain.Separator.dot
        else { return false }
        for group in first + 1...last where chain.separator(group) != separator { return false }
        guard isCardShape(chain, first, last, digits) else { return false }
        if hasCheckDigit(chain, first, last),
            isNetwork(chain, first, last, digits) || isNamedCard(chain.start(first))
        {
            return true
        }
        if trusted { return true }
        // Nothing else is written in four groups of four, whether the numbers are right or not; save rows of a table or of a dump.
        guard last - first == 3, digits == 16, separator != NumberChain.Separator.dot, last + 1 == chain.count, first == 0 else {
            return false
        }
        if separator == NumberChain.Separator.dash { return true }
        return !isTable(chain, first, last) && (base[chain.start(first)] != UInt8(ascii: "0") || isNamedCard(chain.start(first)))
    }

    private func isNamedCard(_ start: Int) -> Bool {
        NumberContextScan(base: base, floor: copied).context(before: start) == .card
    }

    private func isCardShape(_ chain: NumberChain, _ first: Int, _ last: Int, _ digits: Int) -> Bool {
        let (a, b) = (chain.length(first), chain.length(first + 1))
        switch last - first {
        case 1: return a == 8 && b == 8 || a == 4 && (12...13).contains(b) || a == 6 && (10...13).contains(b)
        case 2:
            let c = chain.length(last)
            return a == 4 && b == 6 && (c == 5 || c == 4) || a == 4 && b == 4 && (4...8).contains(c) && digits >= 12
        case 3: return a == 4 && b == 4 && chain.length(first + 2) == 4 && chain.length(last) <= 7 || a == 4 && b == 3 && digits == 13
        case 4: return (first..<last).allSatisfy { chain.length($0) == 4 } && chain.length(last) <= 3
        default: return false
        }
    }

    /// Years, or round numbers, in a row.
    private func isTable(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        let values = (first...last).map { value(chain.start($0), 4) }
        return values.allSatisfy { (1900...2100).contains($0) } || values.allSatisfy { $0 % 50 == 0 }
    }

    func value(_ start: Int, _ length: Int) -> Int {
        var value = 0
        for index in start..<start + length { value = value * 10 + Int(base[index] - 48) }
        return value
    }

    func isPlainCard(_ start: Int, _ digits: Int, _ trusted: Bool) -> Bool {
        guard hasCheckDigit(start, digits) else { return trusted && digits >= 13 }
        let head = value(start, 6)
        if trusted { return true }
        guard !isRepeated(start, digits) else { return false }
        let found = NumberContextScan(base: base, floor: copied).context(before: start)
        let context = found == .none ? hint : found
        switch context {
        case .card: return true
        case .identifier: return false
        case .purchase: return isMajorNetwork(head, digits) && isCommonNetwork(head)
        case .id: return isMajorNetwork(head, digits)
        default: return isNetwork(head, digits)
        }
    }

    /// One digit over and over.
    private func isRepeated(_ start: Int, _ digits: Int) -> Bool { (1..<digits).allSatisfy { base[start + $0] == base[start] } }

    private func isNetwork(_ chain: NumberChain, _ first: Int, _ last: Int, _ digits: Int) -> Bool {
        isNetwork(head(chain, first, last), digits, grouped: true)
    }

    /// The first six digits of the groups.
    private func head(_ chain: NumberChain, _ first: Int, _ last: Int) -> Int {
        var (head, taken) = (0, 0)
        for group in first...last {
            for index in chain.start(group)..<chain.end(group) where taken < 6 {
                head = head * 10 + Int(base[index] - 48)
                taken += 1
            }
        }
        return head
    }

    /// Whether a network issues numbers that begin with these six digits, and are that long.
    private func isNetwork(_ head: Int, _ digits: Int, grouped: Bool = false) -> Bool {
        switch head {
        // Thirteen digits without anything between them are an article's (EAN) more often.
        case 400_000...499_999: return digits == 13 && grouped || digits == 16 || digits == 19
        case 510_000...559_999, 222_100...272_099: return digits == 16
        case 340_000...349_999, 370_000...379_999, 213_100...213_199, 180_000...180_099: return digits == 15
        case 601_100...601_199, 644_000...659_999, 622_126...622_925: return (16...19).contains(digits)
        case 300_000...305_999, 309_500...309_599, 360_000...369_999, 380_000...399_999: return digits == 14 || digits == 16
        case 350_000...359_999: return (16...19).contains(digits)
        case 620_000...629_999, 810_000...817_199: return (16...19).contains(digits)
        case 220_000...220_599: return (16...19).contains(digits)
        case 506_000...506_299, 650_002...650_027, 606_282, 637_000...637_999, 627_780, 636_297, 636_368, 979_200...979_289, 589_657:
            return (16...19).contains(digits)
        case 500_000...509_999, 560_000...589_999, 600_000...609_999, 630_000...639_999, 670_000...679_999:
            return digits == 16 || isMaestro(head / 100) || grouped && (560_000...589_999).contains(head)
        case 820_000...829_999: return digits == 16
        default: return false
        }
    }

    /// As ``isNetwork(_:_:grouped:)``, for where a number of a thing is as likely: the lengths and beginnings that most cards have.
    private func isMajorNetwork(_ head: Int, _ digits: Int) -> Bool {
        switch digits {
        case 14: isNetwork(head, digits)
        case 15: head / 10_000 == 34 || head / 10_000 == 37
        case 16: head / 100_000 == 4 || !(500_000...509_999).contains(head) && isNetwork(head, digits) || isMaestro(head / 100)
        default: false
        }
    }

    /// Visa, Mastercard, American Express, Discover, JCB, UnionPay: elsewhere numbers of orders are as likely.
    private func isCommonNetwork(_ head: Int) -> Bool {
        switch head {
        case 400_000...499_999, 510_000...559_999, 222_100...272_099, 340_000...349_999, 370_000...379_999, 352_800...358_999,
            601_100...601_199, 644_000...659_999, 620_000...629_999:
            true
        default: false
        }
    }

    /// Where the card's number ends that the chain begins with, for one that hangs on a prefix (`id-4111…`): its check digit and its
    /// network must be right. nil when it is none.
    func endOfGluedCard(_ chain: NumberChain) -> Int? {
        guard chain.digits >= 14, isGlue(chain.start(0)) else { return nil }
        let windows = chain.length(0) >= 14 ? 0...0 : 2...3
        for last in windows where last < chain.count {
            let digits = (0...last).reduce(0) { $0 + chain.length($1) }
            guard (14...16).contains(digits), hasCheckDigit(chain, 0, last), isMajorNetwork(chain, last, digits) else { continue }
            if last > 0 {
                let separator = chain.separator(1)
                guard separator == NumberChain.Separator.dash || separator == NumberChain.Separator.space,
                    (1...last).allSatisfy({ chain.separator($0) == separator }), isCardShape(chain, 0, last, digits),
                    last == 3 || chain.length(1) == 6,
                    last + 1 == chain.count || chain.separator(last + 1) != separator
                else { continue }
            }
            let end = chain.end(last)
            guard last + 1 == chain.count || chain.separator(last + 1) != NumberChain.Separator.dot, byte(end) != UInt8(ascii: "@"),
                kind(end) & ByteClass.letter == 0
            else { continue }
            return end
        }
        return nil
    }

    /// Whether what stands before `start` can be the end of a prefix. A fraction's point and the sign of an amount are none.
    private func isGlue(_ start: Int) -> Bool {
        let before = byte(start - 1)
        switch before {
        case UInt8(ascii: "$"), UInt8(ascii: "^"): return false
        case UInt8(ascii: "."): return kindBehind(start - 2) & ByteClass.letter != 0
        default: return true
        }
    }

    private func isMajorNetwork(_ chain: NumberChain, _ last: Int, _ digits: Int) -> Bool {
        isMajorNetwork(head(chain, 0, last), digits)
    }

    private func isMaestro(_ head: Int) -> Bool {
        [5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763, 6706, 6709, 6771, 6799, 5612, 6390].contains(head)
    }

    private func hasCheckDigit(_ start: Int, _ digits: Int) -> Bool {
        var (sum, doubles) = (0, false)
        for offset in stride(from: digits - 1, through: 0, by: -1) {
            add(base[start + offset], &sum, &doubles)
        }
        return sum % 10 == 0 && sum > 0
    }

    private func hasCheckDigit(_ chain: NumberChain, _ first: Int, _ last: Int) -> Bool {
        var (sum, doubles) = (0, false)
        for group in stride(from: last, through: first, by: -1) {
            for index in stride(from: chain.end(group) - 1, through: chain.start(group), by: -1) { add(base[index], &sum, &doubles) }
        }
        return sum % 10 == 0 && sum > 0
    }

    /// Luhn's check (ISO/IEC 7812-1), from the right.
    private func add(_ digit: UInt8, _ sum: inout Int, _ doubles: inout Bool) {
        var value = Int(digit - 48)
        if doubles {
            value *= 2
            if value > 9 { value -= 9 }
        }
        sum += value
        doubles.toggle()
    }

    /// `123-45-6789`, with dashes or spaces; nine digits alone where a name says so. Areas and groups that were never issued are none.
    func isSocialSecurity(_ chain: NumberChain, _ first: Int, _ last: Int, trusted: Bool) -> Bool {
        if first == last {
            guard chain.length(first) == 9 else { return false }
            guard !trusted else { return true }
            return hint == .socialSecurity
                || NumberContextScan(base: base, floor: copied).context(before: chain.start(first)) == .socialSecurity
        }
        guard last - first == 2, chain.length(first) == 3, chain.length(first + 1) == 2, chain.length(last) == 4 else { return false }
        let separator = chain.separator(first + 1)
        guard separator == chain.separator(last), separator == NumberChain.Separator.dash || separator == NumberChain.Separator.space
        else { return false }
        if separator == NumberChain.Separator.space, !trusted {
            guard first == 0, last + 1 == chain.count, !followsQuote(chain.start(first)) else { return false }
        }
        let (area, group, serial) = (value(chain.start(first), 3), value(chain.start(first + 1), 2), value(chain.start(last), 4))
        guard area != 0, area != 666, group != 0, serial != 0 else { return false }
        // Individual taxpayer numbers begin with 9 and have groups of their own.
        return area < 900 || (50...65).contains(group) || (70...88).contains(group) || (90...99).contains(group)
    }

    /// `"GET / HTTP/1.1" 200 12 3456`: what follows a request line is its status and its size.
    func followsQuote(_ start: Int) -> Bool { byteBehind(start - 1) == UInt8(ascii: " ") && byteBehind(start - 2) == UInt8(ascii: "\"") }
}
