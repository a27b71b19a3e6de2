internal import GuardianCore

/// An operation as columns: the one place that knows their order.
enum OperationRow {
    private static let names = """
        o.seq, o.id, o.idempotency_key, o.trace_id, o.operation_type, o.entity_type, o.entity_id, o.ordering_key, o.payload, o.base, \
        o.txn_token, o.priority, o.not_before, o.expires_at, o.principal, o.schema_version, o.status, o.enqueued_at, o.updated_at, \
        o.attempt_count, o.last_attempt_at, o.next_retry_at, o.backoff_ms, o.tries, o.failure_mark, o.error_class, o.error_code, \
        o.error_status, o.error_message, o.crashes, o.unknown_at, o.rounds, o.if_match, o.server_etag, o.server_gone, o.server_state
        """
    /// To be read from ``source``: the last column says since when it is claimed.
    static let columns = names + ", l.claimed_at"
    /// The same, but payload and base, which are not read.
    static let columnsWithoutPayload = columns.replacing("o.payload, o.base,", with: "NULL::text, NULL::text,")
    /// To be read from ``claims``: what is known of the entity comes last.
    static let claimColumns = names + ", NULL::bigint, e.state, e.etag, e.gone, e.marks"
    /// The same, of what `guardian_claim` gives as `c`.
    static let claimedColumns =
        names.split(separator: ", ").map { "(c.o).\($0.dropFirst(2))" }.joined(separator: ", ")
        + ", NULL::bigint, c.state, c.etag, c.gone, c.marks"
    /// Each operation `o` beside the row `l` of its line, where it is the claimed head.
    static let source = "guardian_operation o LEFT JOIN guardian_line l ON l.line = o.line AND l.head = o.seq AND l.state = 1"
    /// How many columns ``columns`` has: further ones of a query begin there.
    static let count: Int32 = 37

    static func read(_ row: Row) throws -> Operation {
        var operation = Operation(
            seq: row.int(0), id: try row.operationID(1), idempotencyKey: try row.uuid(2), traceID: try row.uuid(3), type: row.text(4) ?? "",
            entity: EntityKey(type: row.text(5) ?? "", id: row.text(6) ?? ""), customOrderingKey: row.text(7), payload: row.text(8),
            base: row.text(9), txnToken: row.text(10), priority: Int(row.int(11)), notBefore: row.time(12), expiresAt: row.time(13),
            principal: row.text(14), schemaVersion: Int(row.int(15)), status: Operation.Status(rawValue: Int(row.int(16))) ?? .failed,
            enqueuedAt: Timestamp(milliseconds: row.int(17)))
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
                storedMessage: row.text(28) ?? "")
        }
        operation.crashes = Int(row.int(29))
        operation.unknownAt = row.time(30)
        operation.rounds = Int(row.int(31))
        operation.ifMatch = row.text(32)
        if operation.status == .failed, !row.isNull(34) {
            operation.server = ServerState(state: row.text(35), etag: row.text(33), isGone: row.bool(34))
        }
        if let claimedAt = row.time(36) { operation.claim(at: claimedAt) }
        return operation
    }

    /// A claim from ``claimColumns``, with what is known of its entity.
    static func readClaim(_ row: Row, _ fence: Fence, at now: Timestamp) throws -> Claim {
        var operation = try read(row)
        operation.claim(at: now)
        if operation.type != "create", operation.customOrderingKey == nil, !row.isNull(39) {
            let known = Write.knowledge(row, from: 37)
            if operation.base != nil { operation.server = known.server }
            if operation.ifMatch == nil { operation.ifMatch = known.ifMatch(for: operation.seq) }
        }
        return Claim(operation: operation, fence: fence)
    }
}

extension Operation {
    fileprivate mutating func claim(at time: Timestamp) {
        status = .processing
        lastAttemptAt = time
        updatedAt = time
    }
}
