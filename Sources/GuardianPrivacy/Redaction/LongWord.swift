/// A word that is too long to be read anew for each secret that is replaced in it: what is left of it ends where it does.
struct LongWord {
    /// Bytes of a word that is worth remembering.
    static let least = 64

    var start = 0
    var end = 0
    /// Where its last digit, its last `_` and its last form that may be full-width stand; -1 when it has none.
    var lastDigit = -1
    var lastUnderscore = -1
    var lastWide = -1

    /// Whether the word that begins at `index` is what is left of it.
    @inline(__always)
    func holds(_ index: Int) -> Bool { index > start && index < end }

    /// Which of these there are from `index` on, as ``ByteClass`` has them.
    func kinds(from index: Int) -> UInt8 {
        (lastDigit >= index ? ByteClass.digit : 0) | (lastUnderscore >= index ? ByteClass.underscore : 0)
            | (lastWide >= index ? ByteClass.trigger : 0)
    }
}
