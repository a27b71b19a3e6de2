/// Full-width forms, as they are usual in East Asian text: digits (`０９０−１２３４−５６７８`), and the colon behind a name (`密码：…`).
extension RedactionScan {
    /// Looks for them in the word from `start` to `end`, and replaces what they tell; says whether the scan has gone on.
    mutating func wide(in start: Int, _ end: Int) -> Bool {
        while let first = wideDigit(from: max(start, widelessUntil), before: end) {
            let number = WideNumber(from: first, in: self)
            if replace(number) { return true }
            widelessUntil = number.end
        }
        guard end - 3 > start, begins("：", at: end - 3) else { return false }
        // Behind it sentences go on in their own script, and secrets do not.
        let next = byte(end + run(of: UInt8(ascii: " "), at: end))
        guard next > 0x20, next < 0x80 else { return false }
        named(separator: end - 3, width: 3)
        return true
    }

    private func wideDigit(from start: Int, before end: Int) -> Int? {
        var index = start
        while index + 2 < end {
            if base[index] == 0xEF, base[index + 1] == 0xBC, (0x90...0x99).contains(base[index + 2]) { return index }
            index += 1
        }
        return nil
    }

    /// A number in full-width digits, and the same in ASCII.
    struct WideNumber {
        let start: Int
        private(set) var ascii: [UInt8] = []
        /// Where each byte of `ascii` ends in the text.
        private(set) var ends: [Int] = []

        var end: Int { ends.last ?? start }

        /// The one whose first digit stands at `start`.
        init(from start: Int, in scan: RedactionScan) {
            self.start = start
            var index = start
            while ascii.count < NumberChain.mostDigits, let form = Self.form(at: index, in: scan) {
                index += form.width
                ascii.append(form.ascii)
                ends.append(index)
            }
        }

        /// A digit, or what parts groups of them.
        private static func form(at index: Int, in scan: RedactionScan) -> (ascii: UInt8, width: Int)? {
            let first = scan.byte(index)
            if scan.isDigit(index) || " -()".utf8.contains(first) { return (first, 1) }
            switch (first, scan.byte(index + 1), scan.byte(index + 2)) {
            case (0xEF, 0xBC, let last) where (0x90...0x99).contains(last): return (last - 0x60, 3)
            case (0xEF, 0xBC, 0x88): return (UInt8(ascii: "("), 3)
            case (0xEF, 0xBC, 0x89): return (UInt8(ascii: ")"), 3)
            case (0xEF, 0xBC, 0x8D), (0xE2, 0x88, 0x92), (0xE2, 0x80, 0x90...0x95), (0xE3, 0x83, 0xBC): return (UInt8(ascii: "-"), 3)
            case (0xE3, 0x80, 0x80): return (UInt8(ascii: " "), 3)
            default: return nil
            }
        }
    }

    /// Replaces the longest beginning of `number` that is somebody's; says whether there was one.
    private mutating func replace(_ number: WideNumber) -> Bool {
        let found = NumberContextScan(base: base, floor: copied).context(before: number.start)
        let judged = number.ascii.withUnsafeBufferPointer { judge($0, hint: found == .none ? hint : found) }
        guard let (mark, length) = judged, byte(number.ends[length - 1]) != UInt8(ascii: "@") else { return false }
        replace(number.start, number.ends[length - 1], mark)
        return true
    }

    private func judge(_ digits: UnsafeBufferPointer<UInt8>, hint: NumberContext) -> (mark: StaticString, length: Int)? {
        guard let first = digits.baseAddress else { return nil }
        let scan = RedactionScan(first, count: digits.count, rules: rules, hint: hint)
        let chain = scan.chain(from: 0)
        for last in stride(from: chain.count - 1, through: 0, by: -1)
        where last + 1 == chain.count || chain.separator(last + 1) == NumberChain.Separator.space {
            if scan.isCard(chain, 0, last, trusted: false) { return (RedactionMark.card, chain.end(last)) }
            if scan.phone(chain, 0, last) { return (RedactionMark.phone, chain.end(last)) }
        }
        return nil
    }
}
