/// The key that is sealed under, and those that are still opened with.
public struct SealKeyring: Sendable {
    /// Keys that a text may hold: ``init(reading:)`` refuses more, and ``init(_:others:)`` takes as many as it is given.
    public static let most = 16

    /// What is written is sealed under this one.
    public let current: SealKey
    private let keys: [SealKey.ID: SealKey]

    /// A key that comes twice counts once. There may be more than ``most``, which holds only for keys that are read from a text.
    public init(_ current: SealKey, others: [SealKey] = []) {
        self.current = current
        keys = Dictionary(([current] + others).map { ($0.id, $0) }) { first, _ in first }
    }

    package subscript(id: SealKey.ID) -> SealKey? { keys[id] }

    /// Reads keys, one a line or with commas between them, the current one first: each 32 bytes in base64 or in hexadecimal digits. What
    /// follows a `#`, up to the end of its line, is for people. Wipes `text`.
    public init(reading text: inout [UInt8]) throws(SealError) {
        defer { Wipe.bytes(&text) }
        var found: [SealKey] = []
        for line in text.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
            for part in line.prefix(while: { $0 != UInt8(ascii: "#") }).split(separator: UInt8(ascii: ",")) {
                let word = part.filter { $0 != 32 && $0 != 9 }
                if word.isEmpty { continue }
                guard let key = KeyText.key(word) else {
                    throw .noKey("key \(found.count + 1) is none: \(KeyText.due)")
                }
                guard !found.contains(where: { $0.id == key.id }) else { throw .noKey("key \(key.id) is there twice") }
                found.append(key)
            }
        }
        guard let first = found.first else { throw .noKey("there is no key: \(KeyText.due)") }
        guard found.count <= Self.most else { throw .noKey("there are more than \(Self.most) keys") }
        self.init(first, others: Array(found.dropFirst()))
    }
}

/// Reads base64 and hexadecimal digits without leaving copies in strings.
private enum KeyText {
    static let due = "32 bytes in base64 are due (`openssl rand -base64 32` makes some)"

    static func key(_ word: [UInt8]) -> SealKey? {
        var bytes = word.count == 64 ? hexadecimal(word) : base64(word)
        defer { Wipe.bytes(&bytes) }
        return bytes.withUnsafeBytes { SealKey(bytes: $0) }
    }

    private static func hexadecimal(_ word: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(SealKey.length)
        for place in stride(from: 0, to: word.count - 1, by: 2) {
            guard let high = digit(word[place]), let low = digit(word[place + 1]) else { return [] }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    private static func base64(_ word: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(SealKey.length + 3)
        var bits: UInt32 = 0
        var count = 0
        let digits = word.prefix { $0 != UInt8(ascii: "=") }
        guard word.count == 44, digits.count == 43 else { return [] }
        for byte in digits {
            let value: UInt8
            switch byte {
            case 65...90: value = byte - 65
            case 97...122: value = byte - 71
            case 48...57: value = byte + 4
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            default: return []
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bits & 3 == 0 ? bytes : []
    }
}
