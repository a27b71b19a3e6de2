internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func blockedKeys(at now: Timestamp, after place: BlockedKey.Place?, limit: Int) async throws(StoreError) -> [BlockedKey] {
        try await read { [vault] db in
            let below = try RawStatement(
                db,
                """
                SELECT priority FROM guardian_operation INDEXED BY guardian_operation_head
                WHERE head = 1 AND status = 0 AND priority <= ?1 ORDER BY priority DESC LIMIT 1
                """)
            let heads = try RawStatement(
                db,
                """
                SELECT \(OperationRow.columns), due_at FROM guardian_operation INDEXED BY guardian_operation_head
                WHERE head = 1 AND status = 0 AND priority = ?1 AND due_at > ?2 AND (due_at, seq) > (?3, ?4) AND \(Claims.leavesRow)
                ORDER BY due_at, seq LIMIT ?5
                """)
            var found: [BlockedKey] = []
            var highest = place?.priority ?? Int(Int32.max)
            while found.count < limit {
                below.bind(1, highest)
                guard try below.step() else { break }
                let priority = Int(below.int(0))
                below.reset()
                highest = priority - 1
                heads.bind(1, priority)
                heads.bind(2, max(now.milliseconds, 0))
                let from = place?.priority == priority ? place : nil
                heads.bind(3, from?.due ?? 0)
                heads.bind(4, from?.seq ?? 0)
                heads.bind(5, limit - found.count)
                while try heads.step() {
                    let head = try OperationRow.look(heads, vault)
                    let due = heads.int(OperationRow.count)
                    found.append(
                        BlockedKey(
                            head: head, reason: Self.reason(of: head, due),
                            behind: try Self.behind(heads.optionalInt(OperationRow.nextColumn), db),
                            place: .init(priority: priority, due: due, seq: head.seq)))
                }
            }
            return found
        }
    }

    private static func reason(of head: GuardianCore.Operation, _ due: Int64) -> BlockedKey.Reason {
        switch due {
        case Parking.awaiting: .awaiting
        case Parking.due: .principal
        default: head.nextRetryAt == nil ? .notBefore : .backoff
        }
    }

    /// How many stand from `first` on to the end of the line.
    private static func behind(_ first: Int64?, _ db: Database) throws -> Int {
        guard let first else { return 0 }
        let walk = try db.cachedStatement(
            sql: """
                WITH RECURSIVE line(seq, n) AS (
                    SELECT ?1, 1
                    UNION ALL
                    SELECT o.next, n + 1 FROM line JOIN guardian_operation o ON o.seq = line.seq WHERE o.next IS NOT NULL AND n < \(BlockedKey.mostCounted)
                )
                SELECT max(n) FROM line
                """)
        return try Int.fetchOne(walk, arguments: [first]) ?? 0
    }
}
