internal import GRDB
public import GuardianCore
internal import Synchronization

extension SQLiteStore {
    public func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int {
        if let ids {
            return try await queue.write { transaction in
                let find = try transaction.statement("SELECT seq, line FROM guardian_operation WHERE id = ?1 AND status = 2")
                var lines: [Int64: Int64] = [:]
                for id in ids {
                    find.bind(1, id)
                    guard try find.step() else { continue }
                    lines[find.int(0)] = find.int(1)
                    find.reset()
                }
                // The youngest first: each then joins at the head of its line.
                var heads: [Int64: Int64] = [:]
                for (seq, line) in lines.sorted(by: { $0.key > $1.key }) { try Self.putBack(seq, line, now, transaction, &heads) }
                return lines.count
            }
        }
        // In pieces, so that writers and memory are not held up by a long list; the youngest first here too.
        var total = 0
        var before = Int64.max
        while true {
            let from = before
            let (count, last) = try await queue.write { transaction in
                let find = try transaction.statement(
                    "SELECT seq, line FROM guardian_operation WHERE status = 2 AND seq < ?1 ORDER BY seq DESC LIMIT 1000")
                find.bind(1, from)
                var rows: [(Int64, Int64)] = []
                while try find.step() { rows.append((find.int(0), find.int(1))) }
                var heads: [Int64: Int64] = [:]
                for (seq, line) in rows { try Self.putBack(seq, line, now, transaction, &heads) }
                return (rows.count, rows.last?.0 ?? 0)
            }
            total += count
            before = last
            if count < 1000 { return total }
        }
    }

    /// Puts a failed row back into its line, at its old place.
    static func putBack(
        _ seq: Int64, _ line: Int64, _ now: Timestamp, _ transaction: WriteTransaction, _ heads: inout [Int64: Int64]
    ) throws {
        let update = try transaction.statement(
            """
            UPDATE guardian_operation SET status = 0, due_at = \(Parking.sql(due: "0")), attempt_count = 0, tries = 0, failure_mark = NULL,
                next_retry_at = NULL, backoff_ms = 0, crashes = NULL, updated_at = ?2
            WHERE seq = ?1
            """)
        update.bind(1, seq)
        update.bind(2, now)
        try update.run()
        try transaction.parkIfAwaiting(seq)
        try transaction.join(seq, line: line, heads: &heads)
        transaction.count { $0.failed -= 1 }
    }

    public func cancel(
        _ id: OperationID, ifStill status: GuardianCore.Operation.Status?, now: Timestamp
    ) async throws(StoreError) -> CancelAnswer {
        try await queue.write { transaction in
            let find = try transaction.statement(
                "SELECT seq, last_attempt_at, idempotency_key, txn_token FROM guardian_operation WHERE id = ?1")
            find.bind(1, id)
            guard try find.step() else { return .notFound }
            let seq = find.int(0)
            let wasSent = !find.isNull(1)
            let key = try find.uuid(2)
            let token = find.text(3)
            find.reset()
            guard let member = try transaction.member(seq) else { return .notFound }
            if member.status == 1 { return .inFlight }
            if let status, Int(member.status) != status.rawValue { return .notFound }
            if member.status == 0 { try transaction.leave(member) }
            try Self.remove(seq, transaction)
            try transaction.remember(id, seq: seq, key: key, .cancelled, now)
            transaction.count {
                $0.cancelled += 1
                if member.status == 2 { $0.failed -= 1 }
            }
            if let token { try Self.endOptimistic(token, .cancelled, now, transaction) }
            return wasSent ? .mayHaveApplied : .neverSent
        }
    }

    public func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        let set = FailedSet(through: through, asOf: asOf)
        // What fails because of it fails after the set was frozen.
        let end = asOf?.adding(milliseconds: 1)
        var total = 0
        while true {
            let count = try await queue.write { transaction in
                let tokens = try set.tokens(transaction)
                let gone = try transaction.knowsOpenCreates() ? set.numbers(transaction) : []
                let count = try set.delete(transaction)
                for seq in gone { try transaction.forgetReferences(seq) }
                transaction.count {
                    $0.cleared += Int64(count)
                    $0.failed -= Int64(count)
                }
                for token in tokens { try Self.endOptimistic(token, .cleared, end, transaction) }
                return count
            }
            total += count
            if count < FailedSet.piece { return total }
        }
    }

    /// Milliseconds that what is known of an entity is kept beyond the ledger's window: 89 days, so 90 in all.
    private static let entityMs: Int64 = 89 * 86_400_000

    public func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        let (from, fromEntity, fromChange) = (sweptLines.withLock { $0 }, sweptEntities.withLock { $0 }, sweptChanges.withLock { $0 })
        let (swept, end, endEntity, endChange) = try await queue.write { transaction in
            try transaction.sweepAliases(before: before.adding(milliseconds: -Self.aliasMs), limit: limit)
            return (
                try Self.sweepLedger(before, limit, transaction), try transaction.sweepLines(after: from, limit: limit),
                try EntityTable.sweep(
                    before: before.adding(milliseconds: -Self.entityMs), after: fromEntity, limit: limit, transaction),
                try OptimisticRow.sweep(before: before, after: fromChange, limit: limit, transaction)
            )
        }
        sweptLines.withLock { $0 = end ?? Int64.min }
        sweptEntities.withLock { $0 = endEntity ?? Int64.min }
        sweptChanges.withLock { $0 = endChange ?? .first }
        return swept
    }

    private static func sweepLedger(_ before: Timestamp, _ limit: Int, _ transaction: WriteTransaction) throws -> Int {
        // Numbers grow with time, so the oldest come first and the walk ends at the first that is young enough. One from a clock that was
        // ahead is no end: old ones stand behind it.
        let find = try transaction.statement("SELECT number, at FROM guardian_ledger ORDER BY number LIMIT ?1")
        find.bind(1, limit)
        var last: Int64?
        var seen = 0
        var young: [Int64] = []
        while try find.step() {
            seen += 1
            let number = find.int(0)
            if find.int(1) < before.milliseconds {
                last = number
            } else if try !young.isEmpty || hasOld(before, behind: number, transaction) {
                young.append(number)
            } else {
                break
            }
        }
        find.reset()
        let count = try last.map { try forget(until: $0, before, transaction) } ?? 0
        if seen == limit { try putLast(young, transaction) }
        return count
    }

    /// Whether old entries stand behind a young one, looked for at distances that double: few steps, however long the ledger is. Those of
    /// folded ids say nothing, as they are renewed (``renewalMs``).
    private static func hasOld(_ before: Timestamp, behind number: Int64, _ transaction: WriteTransaction) throws -> Bool {
        let find = try transaction.statement("SELECT at, ending FROM guardian_ledger WHERE number > ?1 ORDER BY number LIMIT 1")
        defer { find.reset() }
        var distance: Int64 = 0
        while distance < Int64.max / 4 {
            find.bind(1, number &+ distance)
            guard try find.step() else { return false }
            if find.int(0) < before.milliseconds, find.int(1) != 1 { return true }
            find.reset()
            distance = max(1, distance * 2)
        }
        return false
    }

    /// Puts entries behind all others, out of the way of the next sweep. They keep their time: a clock may be behind as well as ahead.
    private static func putLast(_ numbers: [Int64], _ transaction: WriteTransaction) throws {
        let move = try transaction.statement(
            "UPDATE guardian_ledger SET number = (SELECT max(number) + 1 FROM guardian_ledger) WHERE number = ?1")
        for number in numbers {
            move.bind(1, number)
            try move.run()
        }
    }

    /// Drops the old ones of the entries up to `last`.
    private static func forget(until last: Int64, _ before: Timestamp, _ transaction: WriteTransaction) throws -> Int {
        let waiting = try mergedThatWait(until: last, before, transaction)
        let delete = try transaction.statement("DELETE FROM guardian_ledger WHERE number <= ?1 AND at < ?2")
        delete.bind(1, last)
        delete.bind(2, before)
        let count = try delete.run()
        for entry in waiting {
            try transaction.remember(
                entry.id, seq: entry.seq, key: entry.key, .merged(into: entry.into), before.adding(milliseconds: renewalMs))
        }
        return count - waiting.count
    }

    /// Milliseconds after which an id that was folded into one that waits is looked at again.
    private static let renewalMs: Int64 = 3_600_000

    /// Ids that were folded into an operation that still waits are known as long as that is: handed in again, they add nothing.
    private static func mergedThatWait(
        until last: Int64, _ before: Timestamp, _ transaction: WriteTransaction
    ) throws -> [(id: OperationID, seq: Int64, key: UniqueID, into: OperationID)] {
        let find = try transaction.statement(
            """
            SELECT l.id, l.seq, l.idempotency_key, l.merged_into FROM guardian_ledger l JOIN guardian_operation o ON o.id = l.merged_into
            WHERE l.number <= ?1 AND l.ending = 1 AND l.at < ?2 ORDER BY l.number
            """)
        find.bind(1, last)
        find.bind(2, before)
        var found: [(id: OperationID, seq: Int64, key: UniqueID, into: OperationID)] = []
        while try find.step() { found.append((try find.operationID(0), find.int(1), try find.uuid(2), try find.operationID(3))) }
        return found
    }

    public func clampRetries(now: Timestamp) async throws(StoreError) -> Int {
        try await queue.write { transaction in
            let update = try transaction.statement(
                """
                UPDATE guardian_operation SET due_at = ?1 + backoff_ms, next_retry_at = ?1 + backoff_ms
                WHERE seq IN (SELECT seq FROM guardian_operation INDEXED BY guardian_operation_head
                              WHERE head = 1 AND status = 0 AND due_at > ?1 AND due_at < \(Parking.due) AND backoff_ms > 0
                                  AND due_at > ?1 + backoff_ms AND \(Claims.leavesRow))
                """)
            update.bind(1, now)
            return try update.run()
        }
    }
}
