/// A name taken apart: `X-ApiKey2` is `x`, `api`, `key`. Words are in lower case and packed, the last 16 bytes of each.
struct NameWords {
    /// Names are looked at from their end, so far.
    static let mostBytes = 96

    private(set) var words: [UInt128] = []
    /// All words in one, without what stood between them.
    private(set) var joined: [UInt8] = []

    init(_ name: UnsafeBufferPointer<UInt8>) {
        let name = name.count > Self.mostBytes ? UnsafeBufferPointer(rebasing: name.suffix(Self.mostBytes)) : name
        joined.reserveCapacity(name.count)
        var word: UInt128 = 0
        func isLetter(_ byte: UInt8) -> Bool { ByteClass.table[Int(byte)] & (ByteClass.letter | ByteClass.high) != 0 }
        func isUpper(_ byte: UInt8) -> Bool { byte &- 65 < 26 }
        for index in 0..<name.count {
            let byte = name[index]
            guard isLetter(byte) else {
                close(&word)
                continue
            }
            if isUpper(byte), index > 0 {
                let before = name[index - 1]
                let isHump = isLetter(before) && !isUpper(before)
                let isLastOfCapitals = isUpper(before) && index + 1 < name.count && isLetter(name[index + 1]) && !isUpper(name[index + 1])
                // `APIs` and `IDs` are one word.
                let isPlural =
                    isLastOfCapitals && name[index + 1] == UInt8(ascii: "s") && (index + 2 == name.count || !isLetter(name[index + 2]))
                if isHump || (isLastOfCapitals && !isPlural) { close(&word) }
            }
            let low = ByteClass.lowered(byte)
            word = word << 8 | UInt128(low)
            joined.append(low)
        }
        close(&word)
    }

    private mutating func close(_ word: inout UInt128) {
        if word != 0 { words.append(word) }
        word = 0
    }

    static func pack(_ word: some StringProtocol) -> UInt128 { word.utf8.reduce(0) { $0 << 8 | UInt128($1) } }
}
