internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) {
        try await queue.write(.growth) { transaction in
            let insert = try transaction.statement(
                """
                INSERT INTO guardian_optimistic (token, entity_type, entity_id, original, depends_on, registered_at, standing)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT (token) DO NOTHING
                """)
            var change = change
            if let server = try transaction.serverID(of: change.entity) { change.entity.id = server.text }
            try OptimisticRow.bind(change, to: insert, transaction)
            insert.bind(6, now as Timestamp?)
            guard try insert.run() == 1, let base = change.dependsOn else { return }
            guard let known = try OptimisticRow.find(base, transaction), known.standing.isRolledBack else { return }
            let reason = LastError.dependsOn(base)
            _ = try OptimisticRow.tell(change, .rolledBack(reason), state: nil, now, transaction)
            try OptimisticRow.set(change.txnToken, .refused, transaction)
            _ = try Self.stepOut(change.txnToken, reason, now, transaction)
        }
    }

    public func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        try await read { [vault] db in
            let find = try RawStatement(
                db, "SELECT \(OptimisticRow.endingColumns) FROM guardian_optimistic_ending WHERE number > ?1 ORDER BY number LIMIT ?2")
            find.bind(1, after)
            find.bind(2, limit)
            var found: [OptimisticEnding] = []
            while try find.step() { found.append(try OptimisticRow.ending(find, vault)) }
            return found
        }
    }

    public func forgetEnding(_ number: Int64) async throws(StoreError) {
        try await queue.write { transaction in
            let delete = try transaction.statement("DELETE FROM guardian_optimistic_ending WHERE number = ?1")
            delete.bind(1, number)
            try delete.run()
        }
    }

    public func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await queue.write { transaction in
            guard let known = try OptimisticRow.find(txnToken, transaction), known.standing == .open,
                try !OptimisticRow.hasOperations(txnToken, transaction)
            else { return false }
            try Self.endOptimistic(txnToken, .withdrawn, now, transaction)
            return true
        }
    }

    public func view(of entity: EntityKey) async throws(StoreError) -> EntityView {
        try await read { [vault] db in
            let entity = try Self.resolve(entity, db)
            let operations = try Self.operations(db, vault, of: entity, limit: EntityView.mostOperations)
            let find = try RawStatement(db, "SELECT state, etag, gone, marks FROM guardian_entity WHERE line = ?1")
            let line = Line.of(entity)
            find.bind(1, line)
            let known = try find.step() ? try EntityTable.knowledge(find, line, vault) : EntityKnowledge()
            find.reset()
            let oldest = try RawStatement(
                db,
                """
                SELECT original, token FROM guardian_optimistic
                WHERE entity_type = ?1 AND entity_id = ?2 AND standing = 0 ORDER BY number LIMIT 1
                """)
            oldest.bind(1, entity.type as String?)
            oldest.bind(2, entity.id as String?)
            defer { oldest.reset() }
            let original = try oldest.step() ? try oldest.readableText(0, vault, SealedKind.original.at(oldest.text(1) ?? "")) : nil
            return EntityView(known, original: original, operations: operations)
        }
    }
}

// MARK: In the transaction that settles

extension SQLiteStore {
    /// An operation of `token` has departed: ends the change when that is its end, and rolls back what depends on it, newest first.
    ///
    /// Call it when the operation's row is deleted or failed, and its line is in order.
    static func endOptimistic(
        _ token: String, _ departure: Departure, state: String? = nil, _ now: Timestamp?, _ transaction: WriteTransaction,
        _ result: inout ExchangeResult
    ) throws {
        guard let known = try OptimisticRow.find(token, transaction) else { return }
        let isLast = try !OptimisticRow.hasOperations(token, transaction)
        let (standing, told) = known.standing.after(departure, isLast: isLast)
        if standing != known.standing { try OptimisticRow.set(token, standing, transaction) }
        if case .rolledBack = told { try rollBackDependents(of: token, now, transaction, &result) }
        if let told { result.ended.append(try OptimisticRow.tell(known.change, told, state: state, now, transaction)) }
        if isLast { try OptimisticRow.ended(token, now, transaction) }
    }

    /// As above, where nobody asks for the endings: whoever takes them finds them in the store.
    static func endOptimistic(_ token: String, _ departure: Departure, _ now: Timestamp?, _ transaction: WriteTransaction) throws {
        var result = ExchangeResult()
        try endOptimistic(token, departure, now, transaction, &result)
    }

    private static func rollBackDependents(
        of token: String, _ now: Timestamp?, _ transaction: WriteTransaction, _ result: inout ExchangeResult
    ) throws {
        for dependent in try OptimisticRow.dependents(of: token, transaction) {
            let name = dependent.txnToken
            let reason = LastError.dependsOn(dependent.dependsOn ?? token)
            try OptimisticRow.set(name, .refused, transaction)
            for id in try stepOut(name, reason, now, transaction) { result.steppedOut.append((id, reason)) }
            result.ended.append(try OptimisticRow.tell(dependent, .rolledBack(reason), state: nil, now, transaction))
        }
    }

    /// Operations of a token were stored: if its change was rolled back with what it depends on, they step out at once.
    static func stepOutIfRefused(_ token: String, _ now: Timestamp?, _ transaction: WriteTransaction) throws {
        guard let known = try OptimisticRow.find(token, transaction), known.standing == .refused else { return }
        _ = try stepOut(token, .dependsOn(known.change.dependsOn ?? token), now, transaction)
    }

    /// Fails the operations of a change that were never attempted: they wait for a person. Returns which.
    private static func stepOut(
        _ token: String, _ reason: LastError, _ now: Timestamp?, _ transaction: WriteTransaction
    ) throws -> [OperationID] {
        let find = try transaction.statement(
            """
            SELECT seq, id FROM guardian_operation INDEXED BY guardian_operation_token
            WHERE txn_token IS NOT NULL AND txn_token = ?1 AND status = 0 AND last_attempt_at IS NULL AND \(Claims.leavesRow) ORDER BY seq
            """)
        find.bind(1, token as String?)
        var waiting: [(seq: Int64, id: OperationID)] = []
        while try find.step() { waiting.append((find.int(0), try find.operationID(1))) }
        let update = try transaction.statement(
            """
            UPDATE guardian_operation SET status = 2, head = 0, next = NULL, due_at = 0, next_retry_at = NULL, updated_at = coalesce(?2, updated_at),
                error_class = ?3, error_code = ?4, error_status = ?5, error_message = ?6, error_shape = ?7
            WHERE seq = ?1
            """)
        for (seq, _) in waiting {
            guard let member = try transaction.member(seq) else { continue }
            try transaction.leave(member)
            update.bind(1, seq)
            update.bind(2, now)
            try bind(update, reason, of: seq, from: 3, transaction)
            update.bind(7, FailureShape(of: reason).id)
            try update.run()
            transaction.count { $0.failed += 1 }
            try transaction.tally(.failed, .other(reason.class))
        }
        return waiting.map(\.id)
    }
}
