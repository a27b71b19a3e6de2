/// Groups of digits that hang together by single separators: `+49 (0)30 12-34`, `4111 1111 1111 1111`, `2024-01-15`.
struct NumberChain {
    static let mostGroups = 12
    static let mostDigits = 40

    enum Separator {
        static let none: UInt8 = 0
        static let space = UInt8(ascii: " ")
        static let dash = UInt8(ascii: "-")
        static let dot = UInt8(ascii: ".")
        static let slash = UInt8(ascii: "/")
        /// The group behind it stands in parentheses.
        static let open = UInt8(ascii: "(")
        /// The group before it stood in parentheses.
        static let close = UInt8(ascii: ")")
    }

    private(set) var count = 0
    private(set) var digits = 0
    private var origin = 0
    /// Where groups begin, counted from the first: a chain is short, and small when it is copied.
    private var offsets = SIMD16<UInt8>()
    private var lengths = SIMD16<UInt8>()
    /// What stands before each group.
    private var separators = SIMD16<UInt8>()

    mutating func append(start: Int, length: Int, separator: UInt8) {
        if count == 0 { origin = start }
        offsets[count] = UInt8(truncatingIfNeeded: start - origin)
        lengths[count] = UInt8(min(length, 255))
        separators[count] = separator
        count += 1
        digits += length
    }

    /// Its first groups, so many.
    func prefix(_ groups: Int) -> NumberChain {
        var shorter = self
        shorter.count = groups
        shorter.digits = (0..<groups).reduce(0) { $0 + length($1) }
        return shorter
    }

    @inline(__always) func start(_ group: Int) -> Int { origin + Int(offsets[group]) }
    @inline(__always) func length(_ group: Int) -> Int { Int(lengths[group]) }
    @inline(__always) func end(_ group: Int) -> Int { origin + Int(offsets[group]) + Int(lengths[group]) }
    /// What stands before `group`.
    @inline(__always) func separator(_ group: Int) -> UInt8 { separators[group] }
}

extension RedactionScan {
    /// Reads the chain whose first group begins at `start`.
    func chain(from start: Int, separator first: UInt8 = NumberChain.Separator.none) -> NumberChain {
        var chain = NumberChain()
        var (index, separator) = (start, first)
        while true {
            let begin = index
            while index < count, table[Int(base[index])] & ByteClass.digit != 0 { index += 1 }
            chain.append(start: begin, length: index - begin, separator: separator)
            guard chain.count < NumberChain.mostGroups, chain.digits < NumberChain.mostDigits, index < count else { return chain }
            var (next, width) = gap(at: index)
            if width == 0, base[index] == UInt8(ascii: " "), isSpacedSlash(index, chain) {
                (next, width) = (NumberChain.Separator.slash, 3)
            }
            guard width > 0 else { return chain }
            (separator, index) = (next, index + width)
        }
    }

    /// `089 / 1234567`: behind an area code, and nothing else.
    private func isSpacedSlash(_ index: Int, _ chain: NumberChain) -> Bool {
        chain.count == 1 && (3...5).contains(chain.length(0)) && base[chain.start(0)] == UInt8(ascii: "0") && begins(" / ", at: index)
            && isDigit(index + 3)
    }

    /// What parts two groups at `index`, and how many bytes it has; 0 when no group follows.
    private func gap(at index: Int) -> (UInt8, Int) {
        switch base[index] {
        case UInt8(ascii: " "):
            if isDigit(index + 1) { return (NumberChain.Separator.space, 1) }
            if byte(index + 1) == UInt8(ascii: "("), isDigit(index + 2) { return (NumberChain.Separator.open, 2) }
        case UInt8(ascii: "-"): if isDigit(index + 1) { return (NumberChain.Separator.dash, 1) }
        case UInt8(ascii: "."): if isDigit(index + 1) { return (NumberChain.Separator.dot, 1) }
        case UInt8(ascii: "/"): if isDigit(index + 1) { return (NumberChain.Separator.slash, 1) }
        case UInt8(ascii: "("): if isDigit(index + 1) { return (NumberChain.Separator.open, 1) }
        case UInt8(ascii: ")"):
            if isDigit(index + 1) { return (NumberChain.Separator.close, 1) }
            let next = byte(index + 1)
            if next == UInt8(ascii: " ") || next == UInt8(ascii: "-") || next == UInt8(ascii: "."), isDigit(index + 2) {
                return (NumberChain.Separator.close, 2)
            }
            if next == 0xC2, byte(index + 2) == 0xA0, isDigit(index + 3) { return (NumberChain.Separator.close, 3) }
        case UInt8(ascii: "%"): if begins("20", at: index + 1), isDigit(index + 3) { return (NumberChain.Separator.space, 3) }
        case 0xC2: if byte(index + 1) == 0xA0, isDigit(index + 2) { return (NumberChain.Separator.space, 2) }
        case 0xE2:
            guard byte(index + 1) == 0x80, isDigit(index + 3) else { break }
            switch byte(index + 2) {
            case 0x90...0x93: return (NumberChain.Separator.dash, 3)
            case 0x82...0x8A, 0xAF: return (NumberChain.Separator.space, 3)
            default: break
            }
        default: break
        }
        return (0, 0)
    }
}
