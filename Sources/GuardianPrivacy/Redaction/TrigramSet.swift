/// Three letters in a row of which each sensitive name has at least one: says quickly that a name is harmless.
struct TrigramSet: Sendable {
    private let bits: [UInt64]

    init(_ grams: [[UInt8]]) {
        var bits = [UInt64](repeating: 0, count: 64)
        for gram in grams {
            // A shorter name is found by whatever may follow it.
            guard gram.count >= 3 else {
                bits = [UInt64](repeating: .max, count: 64)
                break
            }
            let hash = Self.hash(gram[0], gram[1], gram[2])
            bits[hash >> 6] |= 1 << UInt64(hash & 63)
        }
        self.bits = bits
    }

    @inline(__always)
    private static func hash(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Int {
        (Int(ByteClass.lowered(a) & 31) << 7 ^ Int(ByteClass.lowered(b) & 31) << 3 ^ Int(ByteClass.lowered(c) & 31)) & 4095
    }

    /// Whether `name` has one of them; what stands between letters does not count.
    func touches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.count >= 3 else { return false }
        let table = ByteClass.table
        return bits.withUnsafeBufferPointer { bits in
            var (a, b): (UInt8, UInt8) = (0, 0)
            var seen = 0
            for byte in name {
                guard table[Int(byte)] & (ByteClass.letter | ByteClass.high) != 0 else { continue }
                if seen >= 2 {
                    let hash = Self.hash(a, b, byte)
                    if bits[hash >> 6] >> UInt64(hash & 63) & 1 == 1 { return true }
                }
                (a, b) = (b, byte)
                seen += 1
            }
            return false
        }
    }
}
