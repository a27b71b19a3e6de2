internal import GRDB
internal import GuardianCore

/// The tables `optimistic` (changes that are not done) and `optimistic_ending` (ends that nobody has taken) as values.
enum OptimisticRow {
    static let endingColumns = """
        number, token, entity_type, entity_id, original, depends_on, error_class, error_code, error_status, error_message, state
        """
    private static let findToken = SQL(
        "SELECT standing, token, entity_type, entity_id, original, depends_on FROM guardian_optimistic WHERE token = ?1")
    private static let anyOperation = SQL(
        "SELECT 1 FROM guardian_operation INDEXED BY guardian_operation_token WHERE txn_token IS NOT NULL AND txn_token = ?1 LIMIT 1")
    private static let setStanding = SQL("UPDATE guardian_optimistic SET standing = ?2 WHERE token = ?1")
    private static let end = SQL("UPDATE guardian_optimistic SET registered_at = coalesce(?2, registered_at) WHERE token = ?1")
    private static let insertEnding = SQL(
        """
        INSERT INTO guardian_optimistic_ending (token, entity_type, entity_id, original, depends_on, at, error_class, error_code, error_status,
            error_message, state)
        VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0), ?7, ?8, ?9, ?10, ?11) RETURNING number
        """)

    /// Binds token, entity, original and `depends_on` from 1 to 5.
    static func bind(_ change: OptimisticChange, to row: RawStatement, _ transaction: WriteTransaction) throws {
        row.bind(1, change.txnToken as String?)
        row.bind(2, change.entity.type as String?)
        row.bind(3, change.entity.id as String?)
        row.bind(4, try transaction.stored(change.original, SealedKind.original.at(change.txnToken)))
        row.bind(5, change.dependsOn)
    }

    /// A snapshot that can't be opened is nil: it keeps neither its own operations nor others from being settled.
    private static func change(_ row: RawStatement, _ vault: Vault) throws -> OptimisticChange {
        let token = row.text(1) ?? ""
        return OptimisticChange(
            txnToken: token, entity: EntityKey(type: row.text(2) ?? "", id: row.text(3) ?? ""),
            original: try row.readableText(4, vault, SealedKind.original.at(token)), dependsOn: row.text(5))
    }

    static func ending(_ row: RawStatement, _ vault: Vault) throws -> OptimisticEnding {
        let change = try change(row, vault)
        var result = OptimisticEnding.Result.committed
        if let name = row.text(6) {
            result = .rolledBack(
                LastError(
                    class: ErrorClass(rawValue: name) ?? .permanent, code: row.text(7) ?? "",
                    httpStatus: row.optionalInt(8).map { Int($0) },
                    storedMessage: try row.readableText(9, vault, SealedKind.endingError.at(change.txnToken)) ?? ""))
        }
        return OptimisticEnding(
            number: row.int(0), change: change, result: result,
            state: try row.readableText(10, vault, SealedKind.endingState.at(change.txnToken)))
    }

    /// A change that is not done.
    static func find(
        _ token: String, _ transaction: WriteTransaction
    ) throws -> (change: OptimisticChange, standing: OptimisticStanding)? {
        let find = try transaction.statement(findToken)
        find.bind(1, token as String?)
        defer { find.reset() }
        guard try find.step() else { return nil }
        return (try change(find, transaction.vault), OptimisticStanding(rawValue: Int(find.int(0))) ?? .lost)
    }

    /// Whether operations of that token are stored.
    static func hasOperations(_ token: String, _ transaction: WriteTransaction) throws -> Bool {
        let find = try transaction.statement(anyOperation)
        find.bind(1, token as String?)
        defer { find.reset() }
        return try find.step()
    }

    /// Open changes that depend on `token`, also by way of others; the newest first.
    static func dependents(of token: String, _ transaction: WriteTransaction) throws -> [OptimisticChange] {
        let find = try transaction.statement(
            """
            WITH RECURSIVE dependent(number, token) AS (
                SELECT number, token FROM guardian_optimistic WHERE depends_on = ?1 AND standing = 0
                UNION
                SELECT o.number, o.token FROM dependent d JOIN guardian_optimistic o ON o.depends_on = d.token AND o.standing = 0
            )
            SELECT o.number, o.token, o.entity_type, o.entity_id, o.original, o.depends_on
            FROM dependent d JOIN guardian_optimistic o ON o.number = d.number ORDER BY o.number DESC
            """)
        find.bind(1, token as String?)
        var found: [OptimisticChange] = []
        while try find.step() { found.append(try change(find, transaction.vault)) }
        return found
    }

    static func set(_ token: String, _ standing: OptimisticStanding, _ transaction: WriteTransaction) throws {
        let update = try transaction.statement(setStanding)
        update.bind(1, token as String?)
        update.bind(2, standing.rawValue)
        try update.run()
    }

    /// Nothing of a change is stored any more: it is forgotten after a while.
    static func ended(_ token: String, _ now: Timestamp?, _ transaction: WriteTransaction) throws {
        let update = try transaction.statement(end)
        update.bind(1, token as String?)
        update.bind(2, now)
        try update.run()
    }

    /// A place in the order in which changes are forgotten.
    struct Place: Sendable {
        var at: Int64
        var number: Int64

        /// Before all of them.
        static let first = Place(at: .min, number: .min)
    }

    private static let endedBehind = SQL(
        """
        SELECT c.registered_at, c.number, EXISTS (SELECT 1 FROM guardian_operation o INDEXED BY guardian_operation_token
                WHERE o.txn_token IS NOT NULL AND o.txn_token = c.token)
        FROM guardian_optimistic c INDEXED BY guardian_optimistic_ended
        WHERE c.standing <> 0 AND c.registered_at < ?1 AND (c.registered_at, c.number) > (?2, ?3)
        ORDER BY c.registered_at, c.number LIMIT ?4
        """)

    /// Forgets changes that have ended before `before` and of which nothing is stored, `limit` at most looked at. Returns where to go on;
    /// nil at the end.
    static func sweep(before: Timestamp, after place: Place, limit: Int, _ transaction: WriteTransaction) throws -> Place? {
        let find = try transaction.statement(endedBehind)
        defer { find.reset() }
        find.bind(1, before)
        find.bind(2, place.at)
        find.bind(3, place.number)
        find.bind(4, limit)
        var old: [Int64] = []
        var (last, seen) = (place, 0)
        while try find.step() {
            seen += 1
            last = Place(at: find.int(0), number: find.int(1))
            if find.int(2) == 0 { old.append(last.number) }
        }
        let delete = try transaction.statement("DELETE FROM guardian_optimistic WHERE number = ?1")
        for number in old {
            delete.bind(1, number)
            try delete.run()
        }
        return seen < limit ? nil : last
    }

    /// Writes an ending for the app to take.
    static func tell(
        _ change: OptimisticChange, _ result: OptimisticEnding.Result, state: String?, _ now: Timestamp?, _ transaction: WriteTransaction
    ) throws -> OptimisticEnding {
        var ending = OptimisticEnding(number: 0, change: change, result: result, state: state)
        let insert = try transaction.statement(insertEnding)
        try bind(change, to: insert, transaction)
        insert.bind(6, now)
        if let reason = ending.reason {
            let message = try transaction.stored(reason.storedMessage, SealedKind.endingError.at(change.txnToken))
            SQLiteStore.bind(insert, reason, message, from: 7)
        } else {
            for index in Int32(7)...10 { insert.bind(index, nil as String?) }
        }
        insert.bind(11, try transaction.stored(state, SealedKind.endingState.at(change.txnToken)))
        if try insert.step() { ending.number = insert.int(0) }
        try insert.run()
        return ending
    }
}
