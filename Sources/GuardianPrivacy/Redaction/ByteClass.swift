/// What a byte can be part of: one table, made once, looked at for every byte.
struct ByteClass {
    static let letter: UInt8 = 1
    static let digit: UInt8 = 2
    static let underscore: UInt8 = 4
    /// Part of a character beyond ASCII.
    static let high: UInt8 = 8
    /// Stops the scan: something secret may begin, or have begun, here. In a word, a full-width form may.
    static let trigger: UInt8 = 16
    static let hex: UInt8 = 32
    /// `-`, `.`, `_`, `~`, `+`, `/`: with letters and digits what tokens are made of (RFC 6750 section 2.1).
    static let tokenMark: UInt8 = 64
    static let space: UInt8 = 128

    static let plainWord = letter | digit | underscore
    static let word = letter | digit | underscore | high
    static let alphanumeric = letter | digit

    /// Never freed: it lives as long as the process, so that a scan holds a plain pointer.
    nonisolated(unsafe) static let table: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        table.initialize(repeating: 0, count: 256)
        func set(_ bytes: some Sequence<UInt8>, _ flag: UInt8) { for byte in bytes { table[Int(byte)] |= flag } }
        set(UInt8(ascii: "a")...UInt8(ascii: "z"), letter)
        set(UInt8(ascii: "A")...UInt8(ascii: "Z"), letter)
        set(UInt8(ascii: "0")...UInt8(ascii: "9"), digit | hex)
        set("abcdefABCDEF".utf8, hex)
        set("_".utf8, underscore)
        set(0x80...0xFF, high)
        set("@:=+(%\\<>&".utf8, trigger)
        set([0xEF], trigger)
        set("-._~+/".utf8, tokenMark)
        set(" \t\r\n\u{0B}\u{0C}".utf8, space)
        return UnsafePointer(table)
    }()

    /// Lower case for ASCII letters; other bytes as they are.
    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
}
