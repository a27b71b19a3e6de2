import Crypto
import GuardianCore
import HTTPTypes
import Synchronization

/// Makes a POST with an `Idempotency-Key` add nothing when it is sent again.
///
/// Ids that the body leaves open are made from the key, so that a repetition meets its own ids in the queue or the ledger: that holds over
/// restarts, for the ledger's window. What is kept here in memory is only which body came under a key, so that another one is noticed.
final class RepeatGuard: Sendable {
    /// Keys that are remembered.
    static let most = 10_000
    static let longestKey = 128

    private let known = Mutex<(bodies: [String: [UInt8]], order: [String])>(([:], []))

    /// Reads the header; nil when there is none. Throws a ``Problem`` for one that can't be a key.
    static func key(_ text: String?) throws -> String? {
        guard let text else { return nil }
        guard (1...longestKey).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(SyncError.validation(field: "Idempotency-Key", constraint: "must be 1–\(longestKey) printable ASCII characters"))
        }
        return text
    }

    /// Notes the body of a key. Throws a ``Problem`` when another one came under it.
    func check(_ key: String, body: some Sequence<UInt8>) throws {
        let digest = Array(SHA256.hash(data: Array(body)))
        let isOther = known.withLock { known in
            if let first = known.bodies[key] { return first != digest }
            known.bodies[key] = digest
            known.order.append(key)
            if known.order.count > Self.most { known.bodies[known.order.removeFirst()] = nil }
            return false
        }
        guard isOther else { return }
        throw Problem(.unprocessableContent, "key used before", "this Idempotency-Key came with another body before; use a new one")
    }

    /// The id of the operation at `place` of the body, when the caller gives none: a UUID (version 8) that stays the same as long as the
    /// content does. What has changed under a key that was used before is another operation, and is not taken for the first one.
    static func id(_ key: String, _ place: Int, of content: some Sequence<UInt8>) -> String {
        let bytes = Array(SHA256.hash(data: Array("guardian operation \(place) of \(key)\n".utf8) + Array(content)))
        func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return UniqueID(
            high: word(0..<8) & ~0xF000 | 0x8000, low: word(8..<16) & ~(0b11 << 62) | (0b10 << 62)
        ).description
    }
}
