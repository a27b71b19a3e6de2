internal import GRDB
internal import GuardianCore

/// An operation as columns: the one place that knows their order.
enum OperationRow {
    /// With what its claim says of it, if it is claimed.
    static let columns = columns(
        status: "status + (\(Claims.holdsRow))",
        updatedAt: "coalesce((SELECT claimed_at FROM guardian_claim WHERE operation = seq), updated_at)",
        lastAttemptAt: "coalesce((SELECT claimed_at FROM guardian_claim WHERE operation = seq), last_attempt_at)")
    /// The same, but payload and base, which are not read.
    static let columnsWithoutPayload = columns.replacing("payload, base,", with: "NULL, NULL,")
    /// As it stands in its row: of one that is not claimed.
    static let ownColumns = columns(status: "status", updatedAt: "updated_at", lastAttemptAt: "last_attempt_at")

    private static func columns(status: String, updatedAt: String, lastAttemptAt: String) -> String {
        """
        seq, id, idempotency_key, trace_id, operation_type, entity_type, entity_id, ordering_key, payload, base, txn_token, priority, \
        not_before, expires_at, principal, schema_version, \(status), enqueued_at, \(updatedAt), attempt_count, \(lastAttemptAt), \
        next_retry_at, backoff_ms, tries, failure_mark, error_class, error_code, error_status, error_message, next, \
        crashes, unknown_at, rounds, if_match, server_etag, server_gone, server_state
        """
    }

    /// An operation as it is to be handed on. Throws ``StoreError/corrupt(_:)`` when its payload or base is sealed and can't be opened.
    static func read(_ row: RawStatement, _ vault: Vault) throws -> GuardianCore.Operation {
        let seq = row.int(0)
        let payload = try row.text(8, vault, SealedKind.payload.at(seq))
        return try read(row, vault, payload: payload, base: try row.text(9, vault, SealedKind.base.at(seq)))
    }

    /// The same; nil for one whose payload or base can't be opened.
    static func opened(_ row: RawStatement, _ vault: Vault) throws -> GuardianCore.Operation? {
        do { return try read(row, vault) } catch let error as StoreError {
            guard case .corrupt = error else { throw error }
            return nil
        }
    }

    /// For whoever looks at it, or fails it: what can't be opened is nil, and its last error says so.
    static func look(_ row: RawStatement, _ vault: Vault) throws -> GuardianCore.Operation {
        if let operation = try opened(row, vault) { return operation }
        let seq = row.int(0)
        let payload = try row.readableText(8, vault, SealedKind.payload.at(seq))
        var operation = try read(row, vault, payload: payload, base: try row.readableText(9, vault, SealedKind.base.at(seq)))
        operation.lastError = SalvageReport.lostContent
        return operation
    }

    /// What nobody needs to deliver it is left out where it can't be opened.
    private static func read(
        _ row: RawStatement, _ vault: Vault, payload: String?, base: String?
    ) throws -> GuardianCore.Operation {
        let seq = row.int(0)
        var operation = GuardianCore.Operation(
            seq: seq, id: try row.operationID(1), idempotencyKey: try row.uuid(2), traceID: try row.uuid(3), type: row.text(4) ?? "",
            entity: EntityKey(type: row.text(5) ?? "", id: row.text(6) ?? ""), customOrderingKey: row.text(7),
            payload: payload, base: base, txnToken: row.text(10), priority: Int(row.int(11)), notBefore: row.time(12),
            expiresAt: row.time(13), principal: row.text(14), schemaVersion: Int(row.int(15)),
            status: Operation.Status(rawValue: Int(row.int(16))) ?? .failed, enqueuedAt: Timestamp(milliseconds: row.int(17)))
        operation.updatedAt = Timestamp(milliseconds: row.int(18))
        operation.attemptCount = Int(row.int(19))
        operation.lastAttemptAt = row.time(20)
        operation.nextRetryAt = row.time(21)
        operation.backoffMs = row.int(22)
        operation.tries = Int(row.int(23))
        operation.failureMark = row.optionalInt(24)
        if let name = row.text(25) {
            operation.lastError = LastError(
                class: ErrorClass(rawValue: name) ?? .permanent, code: row.text(26) ?? "", httpStatus: row.optionalInt(27).map { Int($0) },
                storedMessage: try row.readableText(28, vault, SealedKind.errorMessage.at(seq)) ?? "")
        }
        operation.crashes = Int(row.int(30))
        operation.unknownAt = row.time(31)
        // Each column costs a lock; one that has met no conflict has nothing in these.
        if let rounds = row.optionalInt(32) {
            operation.rounds = Int(rounds)
            operation.ifMatch = row.text(33)
        }
        if operation.status == .failed, !row.isNull(35) {
            operation.server = ServerState(
                state: try row.readableText(36, vault, SealedKind.conflictState.at(seq)), etag: row.text(34), isGone: row.int(35) == 1)
        }
        return operation
    }

    static let messageColumn: Int32 = 28
    static let nextColumn: Int32 = 29
    /// How many columns there are: further ones of a query begin there.
    static let count: Int32 = 37
}
