internal import GuardianCore

/// The tables `guardian_optimistic` (changes that are not done) and `guardian_optimistic_ending` (ends that nobody has taken) as values.
enum OptimisticRow {
    static let endingColumns = """
        number, token, entity_type, entity_id, original, depends_on, error_class, error_code, error_status, error_message, state
        """
    /// Locked, so that of two operations that end it at once the second knows that it is the last.
    private static let findToken = SQL(
        "SELECT standing, token, entity_type, entity_id, original, depends_on FROM guardian_optimistic WHERE token = $1 FOR UPDATE")
    private static let anyOperation = SQL(
        "SELECT 1 FROM guardian_operation WHERE txn_token IS NOT NULL AND txn_token = $1 LIMIT 1")
    private static let setStanding = SQL("UPDATE guardian_optimistic SET standing = $2 WHERE token = $1")
    private static let end = SQL("UPDATE guardian_optimistic SET registered_at = coalesce($2, registered_at) WHERE token = $1")
    private static let insertEnding = SQL(
        """
        INSERT INTO guardian_optimistic_ending (token, entity_type, entity_id, original, depends_on, at, error_class, error_code,
            error_status, error_message, state)
        VALUES ($1, $2, $3, $4, $5, coalesce($6, 0), $7, $8, $9, $10, $11) RETURNING number
        """)
    private static let findDependents = SQL(
        """
        WITH RECURSIVE dependent(number, token) AS (
            SELECT number, token FROM guardian_optimistic WHERE depends_on = $1 AND standing = 0
            UNION
            SELECT o.number, o.token FROM dependent d JOIN guardian_optimistic o ON o.depends_on = d.token AND o.standing = 0
        )
        SELECT o.number, o.token, o.entity_type, o.entity_id, o.original, o.depends_on
        FROM dependent d JOIN guardian_optimistic o ON o.number = d.number ORDER BY o.number DESC
        """)

    private static func change(_ row: Row) -> OptimisticChange {
        OptimisticChange(
            txnToken: row.text(1) ?? "", entity: EntityKey(type: row.text(2) ?? "", id: row.text(3) ?? ""), original: row.text(4),
            dependsOn: row.text(5))
    }

    static func ending(_ row: Row) -> OptimisticEnding {
        var result = OptimisticEnding.Result.committed
        if let name = row.text(6) {
            result = .rolledBack(
                LastError(
                    class: ErrorClass(rawValue: name) ?? .permanent, code: row.text(7) ?? "",
                    httpStatus: row.optionalInt(8).map { Int($0) }, storedMessage: row.text(9) ?? ""))
        }
        return OptimisticEnding(number: row.int(0), change: change(row), result: result, state: row.text(10))
    }

    /// A change that is not done.
    static func find(_ token: String, _ write: Write) throws -> (change: OptimisticChange, standing: OptimisticStanding)? {
        guard try write.uses(.optimistic), let row = try write.first(findToken, .text(token)) else { return nil }
        return (change(row), OptimisticStanding(rawValue: Int(row.int(0))) ?? .lost)
    }

    /// Whether operations of that token are stored.
    static func hasOperations(_ token: String, _ write: Write) throws -> Bool { try write.first(anyOperation, .text(token)) != nil }

    /// Open changes that depend on `token`, also by way of others; the newest first.
    static func dependents(of token: String, _ write: Write) throws -> [OptimisticChange] {
        try write.rows(findDependents, .text(token)).map { change($0) }
    }

    static func set(_ token: String, _ standing: OptimisticStanding, _ write: Write) {
        write.later(setStanding, .text(token), .int32(standing.rawValue))
    }

    /// Nothing of a change is stored any more: it is forgotten after a while.
    static func ended(_ token: String, _ now: Timestamp?, _ write: Write) { write.later(end, .text(token), .time(now)) }

    /// A place in the order in which changes are forgotten.
    struct Place: Sendable {
        var at: Int64
        var number: Int64

        /// Before all of them.
        static let first = Place(at: .min, number: .min)
    }

    /// One that somebody's open transaction holds is left for the next time.
    private static let forgetEnded = SQL(
        """
        WITH seen AS MATERIALIZED (
            SELECT c.number, c.registered_at, EXISTS (
                SELECT 1 FROM guardian_operation o WHERE o.txn_token IS NOT NULL AND o.txn_token = c.token) AS is_stored
            FROM guardian_optimistic c WHERE c.standing <> 0 AND c.registered_at < $1 AND (c.registered_at, c.number) > ($2, $3)
            ORDER BY c.registered_at, c.number LIMIT $4
        ), old AS MATERIALIZED (
            SELECT c.number FROM guardian_optimistic c WHERE c.number = ANY(ARRAY(SELECT number FROM seen WHERE NOT is_stored))
                AND c.standing <> 0 AND c.registered_at < $1 ORDER BY c.number FOR UPDATE OF c SKIP LOCKED
        ), gone AS (
            DELETE FROM guardian_optimistic WHERE number = ANY(ARRAY(SELECT number FROM old))
        )
        SELECT registered_at, number, (SELECT count(*) FROM seen) FROM seen ORDER BY registered_at DESC, number DESC LIMIT 1
        """)

    /// Forgets changes that have ended before `before` and of which nothing is stored, `limit` at most looked at. Returns where to go on;
    /// nil at the end.
    static func sweep(before: Timestamp, after place: Place, limit: Int, _ write: Write) throws -> Place? {
        guard try write.uses(.optimistic) else { return nil }
        let values: [Parameter] = [.time(before), .int(place.at), .int(place.number), .int(Int64(limit))]
        guard let last = try write.rows(Call(forgetEnded, values)).first, last.int(2) >= Int64(limit) else { return nil }
        return Place(at: last.int(0), number: last.int(1))
    }

    /// Writes an ending for the app to take.
    static func tell(
        _ change: OptimisticChange, _ result: OptimisticEnding.Result, state: String?, _ now: Timestamp?, _ write: Write
    ) throws -> OptimisticEnding {
        var ending = OptimisticEnding(number: 0, change: change, result: result, state: state)
        let reason = ending.reason
        ending.number =
            try write.first(
                insertEnding, .text(change.txnToken), .text(change.entity.type), .text(change.entity.id), .text(change.original),
                .text(change.dependsOn), .time(now), .text(reason?.class.rawValue), .text(reason?.code), .int32(reason?.httpStatus),
                .text(reason?.storedMessage), .text(state))?.int(0) ?? 0
        return ending
    }
}
