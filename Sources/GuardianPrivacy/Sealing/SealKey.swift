internal import Crypto

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// A key of 256 bits, and its id. Its memory is zeroed when the last copy goes; it is never shown.
public struct SealKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The first 8 bytes of HMAC-SHA256 of a fixed text under the key: says which key, and nothing of it.
    public struct ID: Sendable, Hashable, CustomStringConvertible {
        static let length = 8

        let value: UInt64

        init(value: UInt64) { self.value = value }

        /// From the 8 bytes of ``bytes``.
        package init?(bytes: some Collection<UInt8>) {
            guard bytes.count == Self.length else { return nil }
            value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }

        package var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) } }

        public var description: String {
            let hex = String(value, radix: 16)
            return String(repeating: "0", count: 16 - hex.count) + hex
        }
    }

    /// Bytes of a key.
    public static let length = 32

    let key: SymmetricKey
    /// Stored with every value that is sealed under the key; may be shown.
    public let id: ID

    init(_ key: SymmetricKey) {
        self.key = key
        let mark = HMAC<SHA256>.authenticationCode(for: Array("guardian seal key id".utf8), using: key)
        id = ID(value: mark.prefix(ID.length).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// nil unless there are exactly ``length`` bytes. Whoever hands them in wipes them.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.length else { return nil }
        self.init(SymmetricKey(data: bytes))
    }

    /// A fresh one.
    package static func random() -> SealKey { SealKey(SymmetricKey(size: .bits256)) }

    public var description: String { "key \(id)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
