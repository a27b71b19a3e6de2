/// How much the grouping of digits says that they are a phone number.
struct PhoneShape {
    enum Strength {
        case never
        /// Only where the words before say so.
        case named
        /// Unless the words before say otherwise, or a unit stands behind.
        case plain
        /// Nothing else is written so.
        case sure
    }

    let base: UnsafePointer<UInt8>
    /// A quotation mark and a space stand before it, as in the log of a web server.
    let isAfterQuote: Bool
    let chain: NumberChain
    /// Which of its groups may be a row: the first and the last may hang on something else.
    let rowStart: Int
    let rowEnd: Int
    let first: Int
    let last: Int
    let digits: Int

    private var groups: Int { last - first + 1 }
    private func length(_ index: Int) -> Int { chain.length(first + index) }
    private func separator(_ index: Int) -> UInt8 { chain.separator(first + index) }
    private func digit(_ index: Int) -> UInt8 { base[chain.start(first) + index] }

    /// Whether the groups have these lengths.
    private func has(_ lengths: Int...) -> Bool {
        groups == lengths.count && lengths.indices.allSatisfy { length($0) == lengths[$0] }
    }

    private var zero: UInt8 { UInt8(ascii: "0") }

    var strength: Strength {
        if groups == 1 { return alone }
        let isSpaced = (1..<groups).allSatisfy { separator($0) == NumberChain.Separator.space }
        let isDotted = (1..<groups).allSatisfy { separator($0) == NumberChain.Separator.dot }
        // A fraction, a MAC address, a version.
        if isDotted, groups == 2 { return has(3, 7) && digit(0) == UInt8(ascii: "3") ? .named : .never }
        if isDotted, groups == 3, length(0) == 4 { return .never }
        if groups == 6, (0..<6).allSatisfy({ length($0) == 2 }) { return .never }
        if (0..<groups).contains(where: { length($0) > 11 }) { return .never }
        let found = grouped(isSpaced: isSpaced, isDotted: isDotted)
        // Spaces part columns, too; but numbers in columns do not begin with a zero.
        if isSpaced, found == .plain || found == .sure, first > 0 || last + 1 < chain.count || isAfterQuote,
            !(found == .sure && digit(0) == zero && isApart)
        {
            return .named
        }
        return found
    }

    /// Whether no group of the same length stands beside it, as in a row of numbers; other numbers of the same form may.
    private var isApart: Bool {
        if first > rowStart, isAlone(first - 1), chain.length(first - 1) == length(0) { return false }
        let isCut = chain.count == NumberChain.mostGroups || chain.digits >= NumberChain.mostDigits
        var next = last + 1
        while next < rowEnd, isAlone(next), chain.length(next) == length(groups - 1) {
            guard base[chain.start(next)] == zero, isCut || next + groups <= rowEnd else { return false }
            for index in next..<min(next + groups, rowEnd) where chain.length(index) != length(index - next) { return false }
            next += groups
        }
        return true
    }

    /// Whether spaces part the group from what stands beside it: a part of a date is none of a row.
    private func isAlone(_ group: Int) -> Bool {
        (group == 0 || chain.separator(group) == NumberChain.Separator.space)
            && (group + 1 >= chain.count || chain.separator(group + 1) == NumberChain.Separator.space)
    }

    /// Digits without anything between them.
    private var alone: Strength {
        if digit(0) == zero {
            if digit(1) != zero { return (9...11).contains(digits) || isGermanMobile ? .plain : .named }
            return isInternational(behind: 2) ? .plain : .named
        }
        // Fourteen digits that begin with a year are a timestamp.
        return digits <= 13 ? .named : .never
    }

    /// `015123456789`
    private var isGermanMobile: Bool {
        digits == 12 && digit(1) == UInt8(ascii: "1") && (UInt8(ascii: "5")...UInt8(ascii: "7")).contains(digit(2))
    }

    /// Whether a country code and as many digits as that country has come behind the first `skipped` digits.
    private func isInternational(behind skipped: Int) -> Bool {
        var number: [UInt8] = []
        for group in first...last { number += UnsafeBufferPointer(start: base + chain.start(group), count: chain.length(group)) }
        return number.withUnsafeBufferPointer { digits in
            guard let first = digits.baseAddress, digits.count > skipped + 7 else { return false }
            let (code, rest) = CallingCodes.code(first, skipped, digits.count)
            guard code > 0 else { return false }
            // A `0` in parentheses is dialled at home only.
            return CallingCodes.lengths(code).contains(rest) || CallingCodes.lengths(code).contains(rest - 1)
        }
    }

    private func grouped(isSpaced: Bool, isDotted: Bool) -> Strength {
        if separator(0) == NumberChain.Separator.open || separator(1) == NumberChain.Separator.close { return parenthesized }
        if digit(0) == zero { return trunk(isSpaced: isSpaced, isDotted: isDotted) }
        if has(3, 3, 4) { return .sure }
        if has(1, 3, 3, 4) { return digit(0) == UInt8(ascii: "1") ? .sure : .named }
        if has(1, 3, 3, 2, 2) { return digit(0) == UInt8(ascii: "8") || digit(0) == UInt8(ascii: "7") ? .sure : .named }
        if isDotted { return .named }
        return continental(isSpaced: isSpaced)
    }

    /// Countries that dial no zero first.
    private func continental(isSpaced: Bool) -> Strength {
        let head = digit(0)
        let isMobile = head >= UInt8(ascii: "5")
        let endsWithDash = separator(groups - 1) == NumberChain.Separator.dash
        if separator(1) == NumberChain.Separator.slash { return .named }
        if has(3, 4, 4) { return head == UInt8(ascii: "1") && digit(1) >= UInt8(ascii: "3") ? .plain : .named }
        if has(3, 3, 3) { return head >= UInt8(ascii: "4") ? .plain : .named }
        if has(3, 2, 2, 2) { return isMobile ? .plain : .named }
        if has(2, 3, 2, 2) {
            return head != UInt8(ascii: "0") && !(head == UInt8(ascii: "1") && digit(1) < UInt8(ascii: "2")) ? .plain : .named
        }
        if has(5, 5) { return head >= UInt8(ascii: "6") ? .plain : .named }
        if has(2, 5, 4) { return endsWithDash || digit(2) == UInt8(ascii: "9") ? .plain : .named }
        if has(2, 4, 4) { return endsWithDash ? .plain : .named }
        if has(3, 7) { return head == UInt8(ascii: "3") ? .plain : .named }
        if has(4, 3, 3) {
            return digit(0) == UInt8(ascii: "1") && (digit(1) == UInt8(ascii: "3") || digit(1) == UInt8(ascii: "8")) ? .plain : .named
        }
        return .named
    }

    /// The area code stands in parentheses.
    private var parenthesized: Strength {
        let inside = separator(0) == NumberChain.Separator.open ? 0 : 1
        guard inside < groups, digits >= 8, digits <= 12 else { return .named }
        let head = base[chain.start(first + inside)]
        let rest = groups - inside - 1
        guard rest >= 1 else { return .never }
        if head == zero { return length(inside) >= 2 ? .sure : .named }
        let (area, next) = (length(inside), length(inside + 1))
        if area == 3, head >= UInt8(ascii: "2") {
            if rest == 2, next == 3, length(inside + 2) == 4 { return .sure }
            if rest == 3, next == 3 { return .sure }
            if rest == 1, next == 7 { return .plain }
        }
        if area == 3, rest == 2, next == 3, length(inside + 2) == 4 { return .plain }
        if area == 2 {
            if rest == 2, next == 4 || next == 5, length(inside + 2) == 4 { return .sure }
            if rest == 1, next == 8 || next == 9 { return .plain }
            if rest == 3, next == 1, length(inside + 2) == 4, length(inside + 3) == 4 { return .sure }
            if rest == 3, next == 3 { return .plain }
        }
        return .named
    }

    /// A zero comes first, as at home in most countries.
    private func trunk(isSpaced: Bool, isDotted: Bool) -> Strength {
        let second = length(0) > 1 ? digit(1) : base[chain.start(first + 1)]
        if second == zero {
            return isInternational(behind: 2) ? .plain : .never
        }
        // Stockholm's short ones: `08-12 34 56`. `08-12 13-18` are hours.
        if has(2, 2, 2, 2), separator(1) == NumberChain.Separator.dash, separator(2) != NumberChain.Separator.dash,
            separator(3) == NumberChain.Separator.space
        {
            return .plain
        }
        guard (9...12).contains(digits), groups <= 6 else { return .named }
        if length(0) == 1 { return isSpaced && (10...11).contains(digits) && groups >= 3 ? .plain : .never }
        // Civil registration numbers: `010203-1234`, `012.345.678-90`.
        if length(0) > 6 || has(6, 4)
            || has(3, 3, 3, 2) && separator(3) == NumberChain.Separator.dash && separator(1) == NumberChain.Separator.dot
        {
            return .never
        }
        if has(3, 5, 4), separator(2) == NumberChain.Separator.dash { return .plain }
        if digits == 12, groups != 2 { return .named }
        for index in 1..<groups where length(index) < 2 { return .named }
        for index in 2..<groups where separator(index) == NumberChain.Separator.slash { return .never }
        if isDotted, groups == 3, !has(3, 3, 4), !has(4, 3, 3), !has(4, 3, 4) { return .named }
        return groups >= 3 && digits >= 10 ? .sure : .plain
    }
}
