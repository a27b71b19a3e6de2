internal import GuardianCore

/// How much of a batch one statement carries: the wire and the server take no message of 1 GiB, and what is on its way stands in memory
/// several times.
package enum StatementBytes {
    /// Bytes of payloads and bases at most, 32 MiB; an operation that has more goes alone.
    package static let limit = 32 << 20

    static func of(_ operation: Operation) -> Int { (operation.payload?.utf8.count ?? 0) + (operation.base?.utf8.count ?? 0) }

    static func of(_ operations: [Operation]) -> Int { operations.reduce(0) { $0 + of($1) } }

    /// The places of what goes together, in order, by the bytes of each.
    package static func pieces(_ sizes: [Int], limit: Int = limit) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var (from, bytes) = (0, 0)
        for (place, size) in sizes.enumerated() {
            if place > from, bytes + size > limit {
                pieces.append(from..<place)
                (from, bytes) = (place, 0)
            }
            bytes += size
        }
        if from < sizes.count { pieces.append(from..<sizes.count) }
        return pieces
    }
}
