/// Country calling codes (ITU-T E.164) and how many digits come behind them.
enum CallingCodes {
    /// The code at the beginning of the digits from `start`, and how many digits of this group are left behind it; 0 when there is none.
    static func code(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> (code: Int, rest: Int) {
        var code = 0
        for width in 1...3 where start + width <= end {
            code = code * 10 + Int(base[start + width - 1] - 48)
            if isCode(code, width) { return (code, end - start - width) }
        }
        return (0, 0)
    }

    private static func isCode(_ code: Int, _ width: Int) -> Bool {
        switch width {
        case 1: code == 1 || code == 7
        case 2: two.contains(code)
        default:
            (210...299).contains(code) || (350...389).contains(code) || (420...429).contains(code) || (500...509).contains(code)
                || (590...599).contains(code) || (670...699).contains(code) || (800...899).contains(code) || (960...999).contains(code)
        }
    }

    private static let two: Set<Int> = [
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66,
        81,
        82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    ]

    /// How many digits a number has behind its code.
    static func lengths(_ code: Int) -> ClosedRange<Int> { exact[code] ?? 6...12 }

    private static let exact: [Int: ClosedRange<Int>] = [
        1: 10...10, 7: 10...10, 20: 8...10, 27: 9...9, 30: 10...10, 31: 9...9, 32: 8...9, 33: 9...9, 34: 9...9, 36: 8...9, 39: 6...11,
        40: 9...9,
        41: 9...9, 43: 7...13, 44: 9...10, 45: 8...8, 46: 7...9, 47: 8...8, 48: 9...9, 49: 7...12, 51: 8...9, 52: 10...11, 53: 6...8,
        54: 10...11,
        55: 10...11, 56: 9...9, 57: 8...10, 58: 10...10, 60: 8...10, 61: 9...9, 62: 8...12, 63: 8...10, 64: 8...10, 65: 8...8, 66: 8...9,
        81: 9...10,
        82: 8...10, 84: 9...10, 86: 10...11, 90: 10...10, 91: 10...10, 92: 9...10, 93: 9...9, 94: 9...9, 95: 7...10, 98: 10...10,
        351: 9...9,
        352: 6...9, 353: 7...9, 354: 7...9, 358: 6...11, 370: 8...8, 371: 8...8, 372: 7...8, 380: 9...9, 385: 8...9, 386: 8...8, 420: 9...9,
        421: 9...9, 852: 8...8, 886: 8...9, 971: 8...9, 972: 8...9,
    ]
}
