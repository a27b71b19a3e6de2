import Crypto
import GuardianCore
import HTTPTypes
import Synchronization

/// Makes a POST with an `Idempotency-Key` do nothing more when it is sent again.
///
/// Ids that a body leaves open are made from the key, so that a repetition meets its own ids in the queue or the ledger: that holds over
/// restarts, for the ledger's window. What is kept here in memory is which request came under a key, so that another one is noticed, and
/// what a retry was answered.
final class RepeatGuard: Sendable {
    /// Keys that are remembered.
    static let most = 10_000
    static let longestKey = 128

    private enum Answer {
        case awaited
        case given(JSONValue)
    }

    private struct Known {
        /// Digests of what came under a key.
        var bodies: [String: [UInt8]] = [:]
        var answers: [String: Answer] = [:]
        var order: [String] = []
    }

    private let known = Mutex(Known())

    /// Reads the header; nil when there is none. Throws a ``Problem`` for one that can't be a key.
    static func key(_ text: String?) throws -> String? {
        guard let text else { return nil }
        guard (1...longestKey).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(SyncError.validation(field: "Idempotency-Key", constraint: "must be 1–\(longestKey) printable ASCII characters"))
        }
        return text
    }

    /// Does `work` once for a key, and gives its answer again to who asks again. `what` is what is asked for. Throws a ``Problem`` when the
    /// key came with something else, or the first one is still at it. What has failed is tried anew.
    func once(_ key: String, _ what: String, _ work: () async throws -> JSONValue) async throws -> JSONValue {
        try check(key, body: what.utf8)
        let before = known.withLock { known -> Answer? in
            if let answer = known.answers[key] { return answer }
            known.answers[key] = .awaited
            return nil
        }
        switch before {
        case .given(let answer)?: return answer
        case .awaited?:
            throw Problem(.conflict, "under way", "the first request with this Idempotency-Key is not answered yet; ask again")
        case nil: break
        }
        do {
            let answer = try await work()
            known.withLock { $0.answers[key] = $0.bodies[key] == nil ? nil : .given(answer) }
            return answer
        } catch {
            known.withLock { $0.answers[key] = nil }
            throw error
        }
    }

    /// Notes the body of a key, and says whether it is the key's first. Throws a ``Problem`` when another one came under it.
    @discardableResult
    func check(_ key: String, body: some Sequence<UInt8>) throws -> Bool {
        let digest = Array(SHA256.hash(data: Array(body)))
        let first = known.withLock { known -> [UInt8]? in
            if let first = known.bodies[key] { return first }
            known.bodies[key] = digest
            known.order.append(key)
            if known.order.count > Self.most {
                let oldest = known.order.removeFirst()
                known.bodies[oldest] = nil
                known.answers[oldest] = nil
            }
            return nil
        }
        guard first == nil || first == digest else {
            throw Problem(.unprocessableContent, "key used before", "this Idempotency-Key came with another request before; use a new one")
        }
        return first == nil
    }

    /// Frees a key whose first body was wrong, so that nothing was done: what is right may come under it.
    func forget(_ key: String) {
        known.withLock { known in
            known.bodies[key] = nil
            known.answers[key] = nil
            if let place = known.order.lastIndex(of: key) { known.order.remove(at: place) }
        }
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
