internal import GuardianCore

/// What is known of blocks of rows, so that a search for little need not read all of the queue.
///
/// Kept in memory and made from the rows when somebody asks for it, so that enqueue pays nothing. A block is looked at once, when no row can
/// join it any more: rows only leave, and what is kept of them (trace, type of entity, time of enqueue) never changes, so a block that is
/// said not to hold something does not hold it. Which ids an entity has, and which type an operation, may change, so they are not kept.
struct SearchZones {
    /// Numbers in one block.
    static let width: Int64 = 1024
    /// Blocks that are kept at most: 8 million rows, 13 MB. Older ones are read when something is looked for.
    static let most = 8192

    struct Zone {
        var earliest = Int64.max
        var latest = Int64.min
        var entityTypes: Set<Int64> = []
        /// A Bloom filter of 12 bits a row, 4 of which each trace sets.
        var traces = [UInt64](repeating: 0, count: 192)

        mutating func add(trace: UniqueID, at: Int64, entityType: Int64) {
            earliest = min(earliest, at)
            latest = max(latest, at)
            entityTypes.insert(entityType)
            for bit in Self.bits(of: trace) { traces[bit >> 6] |= 1 << UInt64(bit & 63) }
        }

        func mayHold(trace: UniqueID) -> Bool { Self.bits(of: trace).allSatisfy { traces[$0 >> 6] & 1 << UInt64($0 & 63) != 0 } }

        /// A trace that a caller chose may be anything, so it is mixed.
        private static func bits(of trace: UniqueID) -> [Int] {
            var hash = (trace.high ^ trace.low.byteSwapped) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
            hash = hash &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 32
            return (0..<4).map { Int(hash >> UInt64($0 * 16) & 0xFFFF) % (192 * 64) }
        }
    }

    private(set) var blocks: [Int64: Zone] = [:]
    /// Every block below it has been looked at, or has no rows.
    var preparedUntil: Int64 = 0

    mutating func keep(_ zone: Zone, _ block: Int64) {
        if blocks.count < Self.most { blocks[block] = zone }
    }

    /// Forgets blocks whose rows have left.
    mutating func drop(below block: Int64) {
        guard blocks.keys.contains(where: { $0 < block }) else { return }
        blocks = blocks.filter { $0.key >= block }
    }

    /// Whether a row of `block` may fit. True for a block that nothing is known of.
    func mayHold(_ search: OperationSearch, _ block: Int64) -> Bool {
        guard let zone = blocks[block] else { return true }
        if let trace = search.traceID, !zone.mayHold(trace: trace) { return false }
        if let since = search.since, zone.latest < since.milliseconds { return false }
        if let until = search.until, zone.earliest >= until.milliseconds { return false }
        if let type = search.entityType, !zone.entityTypes.contains(Line.of(type)) { return false }
        return true
    }
}
