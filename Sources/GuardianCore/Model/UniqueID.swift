/// A UUID (RFC 9562) as 128 bits; its text form is the canonical lower-case one.
public struct UniqueID: Sendable, Hashable {
    /// The first 8 bytes, most significant first; bits 12 to 15 are the version.
    public var high: UInt64
    /// The last 8 bytes, most significant first; the top 2 bits are the variant.
    public var low: UInt64

    /// Any 128 bits: neither version nor variant is checked.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random version 4 UUID.
    public static func v4(using random: inout some RandomNumberGenerator) -> UniqueID {
        UniqueID(high: random.next() & ~0xF000 | 0x4000, low: random.next() & ~(0b11 << 62) | (0b10 << 62))
    }

    /// A version 7 UUID: 48 bits of milliseconds and a counter of 12 bits, both in `tick`, then 62 random bits.
    package static func v7(tick: UInt64, using random: inout some RandomNumberGenerator) -> UniqueID {
        UniqueID(high: (tick >> 12 & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | tick & 0xFFF, low: random.next() & ~(0b11 << 62) | (0b10 << 62))
    }

    /// The version digit (RFC 9562 section 4.2).
    public var version: Int { Int(high >> 12 & 0xF) }
}

extension UniqueID: CustomStringConvertible {
    private static let digits = Array("0123456789abcdef".utf8)

    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    text[at] = UInt8(ascii: "-")
                    at += 1
                }
                let word = nibble < 16 ? high : low
                text[at] = Self.digits[Int(word >> UInt64((15 - nibble % 16) * 4) & 0xF)]
                at += 1
            }
            return 36
        }
    }

    /// The 32 hexadecimal digits without hyphens, as W3C Trace Context writes a trace.
    public var hex: String { Self.hex([high, low]) }

    /// The last 16 hexadecimal digits, as W3C Trace Context writes a span.
    package var lowHex: String { Self.hex(low) }

    /// The 16 hexadecimal digits of a number.
    package static func hex(_ number: UInt64) -> String { hex([number]) }

    private static func hex(_ words: [UInt64]) -> String {
        String(unsafeUninitializedCapacity: words.count * 16) { text in
            for (index, word) in words.enumerated() {
                for nibble in 0..<16 { text[index * 16 + nibble] = digits[Int(word >> UInt64((15 - nibble) * 4) & 0xF)] }
            }
            return words.count * 16
        }
    }

    /// Reads the canonical 36-character form in lower case; nil for anything else, so that text round-trips unchanged.
    public init?(_ text: String) {
        guard text.utf8.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var nibble = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let value: UInt8
            switch byte {
            case 48...57: value = byte - 48
            case 97...102: value = byte - 87
            default: return nil
            }
            if nibble < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
            nibble += 1
        }
        self.init(high: words.0, low: words.1)
    }

    /// The 16 bytes, most significant first.
    public var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - $0 * 8)) } }
    }

    /// Reads 16 bytes, most significant first.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
