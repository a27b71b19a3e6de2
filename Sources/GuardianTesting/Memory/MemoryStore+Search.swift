public import GuardianCore

extension MemoryStore: SearchStore {
    public func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) async throws(StoreError) -> [BlockedKey] {
        withQueue { $0.blockedKeys(at: now, after: place, limit: limit) }
    }

    public func indexEntries() async throws(StoreError) -> Int64 { withQueue { Int64($0.lines.count) } }
}

extension MemoryQueue {
    func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) -> [BlockedKey] {
        let waiting = lines.values.compactMap { line -> BlockedKey? in
            guard let seq = line.first, let row = rows[seq], row.operation.status == .pending, claimed[row.line] == nil,
                row.due > now.milliseconds
            else { return nil }
            let reason: BlockedKey.Reason =
                row.due == Self.parked
                ? .principal : row.due == Self.awaiting ? .awaiting : row.operation.nextRetryAt == nil ? .notBefore : .backoff
            return BlockedKey(
                head: row.operation, reason: reason, behind: min(line.count - 1, BlockedKey.mostCounted),
                place: .init(priority: row.operation.priority, due: row.due, seq: seq))
        }
        func isBefore(_ a: BlockedKey.Place, _ b: BlockedKey.Place) -> Bool { (b.priority, a.due, a.seq) < (a.priority, b.due, b.seq) }
        let sorted = waiting.sorted { isBefore($0.place, $1.place) }
        return Array(sorted.filter { key in place.map { isBefore($0, key.place) } ?? true }.prefix(limit))
    }
}
