/// A decimal number of any length, exactly: what a JSON number says, whatever its spelling.
///
/// `1`, `1.0` and `10e-1` are the same value. Nothing is rounded, so 2^53 + 1 stays apart from 2^53.
struct ExactDecimal: Hashable {
    /// Columns of digits that a sum may span; `1e9999 + 1` is refused rather than written out.
    static let mostColumns = 4096
    /// Beyond this power of ten a number is compared by its text only.
    static let greatestExponent = 1_000_000_000_000

    private(set) var isNegative = false
    /// 0…9, the most significant first, no zero at either end. None is the number zero.
    private(set) var digits: [UInt8] = []
    /// The power of ten of the last digit; 0 for zero.
    private(set) var exponent = 0

    /// Reads a JSON number; nil when it is none, or its exponent is out of all bounds.
    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        var read: [UInt8] = []
        func takeDigits() -> Int {
            let run = rest.prefix { $0 >= 48 && $0 <= 57 }
            read.append(contentsOf: run.map { $0 - 48 })
            rest = rest.dropFirst(run.count)
            return run.count
        }
        guard takeDigits() > 0 else { return nil }
        var power = 0
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            let fraction = takeDigits()
            guard fraction > 0 else { return nil }
            power = -fraction
        }
        if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
            let written = Int(String(decoding: rest.dropFirst(), as: UTF8.self))
            guard let written, written.magnitude <= Self.greatestExponent else { return nil }
            power += written
            rest = []
        }
        guard rest.isEmpty else { return nil }
        self.init(isNegative: isNegative, digits: read, exponent: power)
    }

    private init(isNegative: Bool, digits: [UInt8], exponent: Int) {
        guard let first = digits.firstIndex(where: { $0 != 0 }), let last = digits.lastIndex(where: { $0 != 0 }) else { return }
        self.isNegative = isNegative
        self.digits = Array(digits[first...last])
        self.exponent = exponent + digits.count - 1 - last
    }

    var negated: ExactDecimal {
        var other = self
        other.isNegative = !isNegative && !digits.isEmpty
        return other
    }

    /// The exact sum; nil when it would span more than ``mostColumns``.
    static func sum(_ terms: [ExactDecimal]) -> ExactDecimal? {
        let terms = terms.filter { !$0.digits.isEmpty }
        guard let low = terms.map(\.exponent).min(), let high = terms.map({ $0.exponent + $0.digits.count }).max() else {
            return ExactDecimal("0")
        }
        guard high - low <= mostColumns else { return nil }
        // Least significant first, with room for the carry.
        var columns = [Int](repeating: 0, count: high - low + 2)
        for term in terms {
            for (index, digit) in term.digits.reversed().enumerated() {
                columns[term.exponent - low + index] += term.isNegative ? -Int(digit) : Int(digit)
            }
        }
        var (digits, carry) = carried(columns)
        let isNegative = carry < 0
        if isNegative { (digits, carry) = carried(columns.map { -$0 }) }
        return ExactDecimal(isNegative: isNegative, digits: digits.reversed(), exponent: low)
    }

    /// Columns brought into 0…9; what is left over is negative when the whole is.
    private static func carried(_ columns: [Int]) -> (digits: [UInt8], carry: Int) {
        var digits: [UInt8] = []
        var carry = 0
        for column in columns {
            let total = column + carry
            carry = total >= 0 ? total / 10 : -((9 - total) / 10)
            digits.append(UInt8(total - carry * 10))
        }
        return (digits, carry)
    }
}

extension ExactDecimal: Comparable {
    static func < (one: ExactDecimal, other: ExactDecimal) -> Bool {
        if one.isNegative != other.isNegative { return one.isNegative }
        return one.isNegative ? other.isNearerZero(than: one) : one.isNearerZero(than: other)
    }

    private func isNearerZero(than other: ExactDecimal) -> Bool {
        guard !digits.isEmpty, !other.digits.isEmpty else { return digits.isEmpty && !other.digits.isEmpty }
        let (height, otherHeight) = (exponent + digits.count, other.exponent + other.digits.count)
        return height == otherHeight ? digits.lexicographicallyPrecedes(other.digits) : height < otherHeight
    }
}

extension ExactDecimal {
    /// Zeros that are written out before an exponent is used instead.
    private static let mostZeros = 40

    /// One spelling for each value: digits, `e`, exponent. Zero is `0e0`.
    var canonicalText: String { sign + (digits.isEmpty ? "0" : digitText) + "e\(exponent)" }

    /// A JSON number as people write it; with an exponent only where more than 40 zeros would be written out.
    var text: String {
        if digits.isEmpty { return "0" }
        let point = digits.count + exponent
        if exponent >= 0 {
            return exponent > Self.mostZeros ? canonicalText : sign + digitText + String(repeating: "0", count: exponent)
        }
        if point > 0 { return sign + digitText.prefix(point) + "." + digitText.dropFirst(point) }
        return -point > Self.mostZeros ? canonicalText : sign + "0." + String(repeating: "0", count: -point) + digitText
    }

    private var sign: String { isNegative ? "-" : "" }
    private var digitText: String { String(decoding: digits.map { $0 + 48 }, as: UTF8.self) }
}
