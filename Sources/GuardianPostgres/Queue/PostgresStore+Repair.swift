public import GuardianCore
internal import Synchronization

extension PostgresStore {
    /// Rows that one transaction of a long repair changes at most: the locks of others wait no longer than that.
    private static let piece = 1000
    /// Milliseconds that an alias is kept beyond the ledger's window: 29 days, so that the app may use its local ids for 30 in all.
    private static let aliasMs: Int64 = 29 * 86_400_000
    /// Milliseconds after which an id that was folded into one that waits is looked at again.
    private static let renewalMs: Int64 = 3_600_000

    private static let findFailed = SQL(
        "SELECT seq, line FROM guardian_operation WHERE id = ANY($1) AND status = 2 ORDER BY line FOR UPDATE")
    private static let pageOfFailed = SQL(
        "SELECT seq, line FROM guardian_operation WHERE status = 2 AND seq < $1 ORDER BY seq DESC LIMIT $2 FOR UPDATE")
    private static let revive = SQL(
        """
        UPDATE guardian_operation SET status = 0, follows = true, due_at = \(Parking.sql(due: "0")), attempt_count = 0, tries = 0,
            failure_mark = NULL, next_retry_at = NULL, backoff_ms = 0, crashes = NULL, updated_at = $2
        WHERE seq = ANY($1)
        """)
    private static let tokensOfFailed = SQL(
        """
        SELECT DISTINCT txn_token FROM (
            SELECT txn_token FROM guardian_operation WHERE status = 2 AND seq <= $2 AND updated_at <= $3 ORDER BY seq LIMIT $1) f
        WHERE txn_token IS NOT NULL
        """)
    private static let oldestFailed = SQL(
        "SELECT seq FROM guardian_operation WHERE status = 2 AND seq <= $2 AND updated_at <= $3 ORDER BY seq LIMIT $1 FOR UPDATE")
    private static let deleteAll = SQL("DELETE FROM guardian_operation WHERE seq = ANY($1)")
    private static let findToCancel = SQL(
        """
        SELECT o.seq, o.line, o.status, o.last_attempt_at, o.idempotency_key, o.txn_token, coalesce(l.state = 1 AND l.head = o.seq, false)
        FROM guardian_operation o LEFT JOIN guardian_line l ON l.line = o.line WHERE o.id = $1
        """)
    private static let lockFailed = SQL("SELECT 1 FROM guardian_operation WHERE id = $1 AND status = 2 FOR UPDATE")
    private static let lockLine = SQL(
        "SELECT 1 FROM guardian_line WHERE line = (SELECT line FROM guardian_operation WHERE id = $1 AND status = 0) FOR UPDATE")

    public func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int {
        if let ids {
            return try await write { write in
                try Self.putBack(try write.rows(Self.findFailed, .ids(ids)).map { ($0.int(0), $0.int(1)) }, now, write)
            }
        }
        var total = 0
        var before = Int64.max
        while true {
            let from = before
            let (count, last) = try await write { write in
                let rows = try write.rows(Self.pageOfFailed, .int(from), .int(Int64(Self.piece))).map { ($0.int(0), $0.int(1)) }
                return (try Self.putBack(rows, now, write), rows.last?.0 ?? 0)
            }
            total += count
            before = last
            if count < Self.piece { return total }
        }
    }

    /// Puts failed rows back into their lines, each at its old place.
    static func putBack(_ rows: [(seq: Int64, line: Int64)], _ now: Timestamp, _ write: Write) throws -> Int {
        guard !rows.isEmpty else { return 0 }
        write.later(revive, .ints(rows.map(\.seq)), .time(now))
        for row in rows { try write.parkIfAwaiting(row.seq, row.line) }
        for line in Set(rows.map(\.line)).sorted() {
            write.mend(line, now)
            try write.flushIfMany()
        }
        write.count { $0.failed -= Int64(rows.count) }
        write.later(.wakeAll)
        return rows.count
    }

    public func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        try await write { write in
            // Whoever puts it back, claims, settles or adds to the line waits, or has done it already.
            write.later(Self.lockFailed, .id(id))
            write.later(Self.lockLine, .id(id))
            guard let row = try write.first(Self.findToCancel, .id(id)) else { return .notFound }
            if row.bool(6) { return .inFlight }
            if let status, Int(row.int(2)) != status.rawValue { return .notFound }
            let (seq, line, isFailed) = (row.int(0), row.int(1), row.int(2) == 2)
            let wasSent = !row.isNull(3)
            try write.remove(seq)
            if !isFailed { write.mend(line, now) }
            write.remember(id, seq: seq, key: try row.uuid(4), .cancelled, now)
            write.count {
                $0.cancelled += 1
                if isFailed { $0.failed -= 1 }
            }
            if let token = row.text(5) { try write.endOptimistic(token, .cancelled, now) }
            return wasSent ? .mayHaveApplied : .neverSent
        }
    }

    public func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        // What fails because of it fails after the set was frozen.
        let end = asOf?.adding(milliseconds: 1)
        var total = 0
        while true {
            let count = try await write { write in
                let (limit, last) = (Parameter.int(Int64(Self.piece)), Parameter.int(through))
                let since = Parameter.int(asOf?.milliseconds ?? Int64.max)
                let tokens =
                    try write.uses(.optimistic) ? try write.rows(Self.tokensOfFailed, limit, last, since).map { $0.text(0) ?? "" } : []
                let gone = try write.rows(Self.oldestFailed, limit, last, since).map { $0.int(0) }
                write.later(Self.deleteAll, .ints(gone))
                if try write.uses(.localIDs) { for seq in gone { try write.forgetReferences(seq) } }
                write.count {
                    $0.cleared += Int64(gone.count)
                    $0.failed -= Int64(gone.count)
                }
                for token in tokens { try write.endOptimistic(token, .cleared, end) }
                return gone.count
            }
            total += count
            if count < Self.piece { return total }
        }
    }

    private static let sweep = SQL(
        """
        WITH old AS MATERIALIZED (
            SELECT id, CASE WHEN ending = 1 THEN merged_into END AS into_id FROM guardian_ledger
            WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), waits AS MATERIALIZED (
            SELECT old.id FROM old JOIN guardian_operation o ON o.id = old.into_id
        ), renewed AS (
            UPDATE guardian_ledger SET at = $3 WHERE id IN (SELECT id FROM waits)
        ), gone AS (
            DELETE FROM guardian_ledger WHERE id IN (SELECT id FROM old EXCEPT SELECT id FROM waits LIMIT $4) RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old)
        """)

    /// How often one call looks on when what it found old waits still.
    private static let mostRounds = 8

    /// Milliseconds that what is known of an entity is kept beyond the ledger's window: 89 days, so 90 in all.
    private static let entityMs: Int64 = 89 * 86_400_000

    public func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        let (from, fromChange) = memory.withLock { ($0.sweptEntities, $0.sweptChanges) }
        let (first, end, endChange) = try await write { write in
            let end = try write.sweepEntities(before: before.adding(milliseconds: -Self.entityMs), after: from, limit: limit)
            try write.sweepAliases(before: before.adding(milliseconds: -Self.aliasMs), limit: limit)
            let endChange = try OptimisticRow.sweep(before: before, after: fromChange, limit: limit, write)
            return (try Self.sweepLedger(before, limit, mayGo: limit, write), end, endChange)
        }
        memory.withLock { memory in
            memory.sweptEntities = end ?? Int64.min
            memory.sweptChanges = endChange ?? .first
        }
        var (swept, isFull, rounds) = (first.gone, first.seen == limit, 1)
        while isFull, swept < limit, rounds < Self.mostRounds {
            let left = limit - swept
            let next = try await write { write in try Self.sweepLedger(before, limit, mayGo: left, write) }
            swept += next.gone
            isFull = next.seen == limit
            rounds += 1
        }
        return swept
    }

    /// Looks at the `limit` oldest entries and drops `mayGo` of them at most. Ids that were folded into an operation that still waits are
    /// known as long as that is: handed in again, they add nothing.
    private static func sweepLedger(
        _ before: Timestamp, _ limit: Int, mayGo: Int, _ write: Write
    ) throws -> (gone: Int, seen: Int) {
        let renewed = before.adding(milliseconds: renewalMs)
        let row = try write.first(sweep, .time(before), .int(Int64(limit)), .time(renewed), .int(Int64(mayGo)))
        return (Int(row?.int(0) ?? 0), Int(row?.int(1) ?? 0))
    }

    private static let clamp = SQL(
        """
        WITH early AS MATERIALIZED (
            SELECT l.head FROM guardian_line l JOIN guardian_operation o ON o.seq = l.head
            WHERE l.state = 0 AND l.due_at > 0 AND l.due_at > $1 AND l.due_at < \(Parking.due) AND o.backoff_ms > 0
                AND o.due_at > $1 + o.backoff_ms ORDER BY l.line FOR UPDATE OF l SKIP LOCKED
        )
        UPDATE guardian_operation o SET due_at = $1 + o.backoff_ms, next_retry_at = $1 + o.backoff_ms FROM early
        WHERE o.seq = early.head RETURNING o.line
        """)

    /// What somebody's open transaction holds keeps the time that it has.
    public func clampRetries(now: Timestamp) async throws(StoreError) -> Int {
        try await write { write in
            let lines = try write.rows(Self.clamp, .time(now)).map { $0.int(0) }
            write.takeOverDue(of: Set(lines))
            return lines.count
        }
    }
}
