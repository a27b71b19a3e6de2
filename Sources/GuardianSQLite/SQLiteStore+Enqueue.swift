internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func enqueue(_ operations: [GuardianCore.Operation]) async throws(StoreError) -> [Receipt] {
        let ordering = currentOrdering
        return try await queue.write { transaction in
            var receipts: [Receipt] = []
            receipts.reserveCapacity(operations.count)
            for operation in operations { receipts.append(try Self.insert(operation, ordering, transaction)) }
            return receipts
        }
    }

    private static let insertSQL = """
        INSERT INTO operation (seq, id, line, status, head, priority, due_at, idempotency_key, trace_id, operation_type, entity_type,
            entity_id, ordering_key, txn_token, principal, schema_version, not_before, expires_at, enqueued_at, updated_at, attempt_count,
            tries, backoff_ms, base, payload)
        SELECT ?1, ?2, ?3, 0, NOT EXISTS (SELECT 1 FROM operation INDEXED BY operation_line WHERE line = ?3 AND status < 2), ?4, ?5, ?6, ?7,
            ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, 0, 0, 0, ?18, ?19
        WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE id = ?2)
        ON CONFLICT (id) DO NOTHING
        """

    private static func insert(
        _ operation: GuardianCore.Operation, _ ordering: Ordering, _ transaction: WriteTransaction
    ) throws -> Receipt {
        let seq = try transaction.takeSeq()
        let row = try transaction.statement(insertSQL)
        row.bind(1, seq)
        row.bind(2, operation.id)
        row.bind(3, ordering.line(for: operation))
        row.bind(4, operation.priority)
        row.bind(5, max(0, operation.notBefore?.milliseconds ?? 0))
        row.bind(6, operation.idempotencyKey)
        row.bind(7, operation.traceID)
        row.bind(8, operation.type as String?)
        row.bind(9, operation.entity.type as String?)
        row.bind(10, operation.entity.id as String?)
        row.bind(11, operation.customOrderingKey)
        row.bind(12, operation.txnToken)
        row.bind(13, operation.principal)
        row.bind(14, operation.schemaVersion)
        row.bind(15, operation.notBefore)
        row.bind(16, operation.expiresAt)
        row.bind(17, operation.enqueuedAt)
        row.bind(18, operation.base)
        row.bind(19, operation.payload)
        if try row.run() == 1 {
            transaction.count { $0.accepted += 1 }
            return Receipt(id: operation.id, seq: seq, outcome: .accepted)
        }
        transaction.returnSeq()
        return Receipt(id: operation.id, seq: try firstSeq(of: operation.id, transaction), outcome: .duplicate)
    }

    private static func firstSeq(of id: OperationID, _ transaction: WriteTransaction) throws -> Int64 {
        let find = try transaction.statement(
            "SELECT seq FROM operation WHERE id = ?1 UNION ALL SELECT seq FROM ledger WHERE id = ?1 LIMIT 1")
        find.bind(1, id)
        defer { find.reset() }
        guard try find.step() else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the index of ids does not match its table")
        }
        return find.int(0)
    }
}

extension Ordering {
    /// The line of an operation, without building the text of the default key.
    func line(for operation: GuardianCore.Operation) -> Int64 { line(for: operation.orderingKey) }
}
