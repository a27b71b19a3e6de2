public import GuardianCore

/// Enqueue in the app's own transaction (spec section 6): the app's change and the operation are on disk together, or neither is.
///
/// The app keeps its tables in the store's database, and talks to it with whatever driver it has. In any language, inside a transaction:
///
/// ```sql
/// SELECT * FROM guardian_enqueue('update', 'note', 'n1', '{"text":"…"}');
/// ```
///
/// In Swift the engine checks and stamps first, so that what can't be enqueued is known before the transaction begins:
///
/// ```swift
/// let call = try engine.enqueueCall([NewOperation("update", entityType: "note", entityID: note.id, payload: note.json)])
/// try await client.withTransaction { connection in
///     try await note.save(on: connection)
///     try await connection.query(call.sql, [call.parameter])
/// }
/// engine.wake()
/// ```
public struct EnqueueCall: Sendable {
    /// One statement with one parameter, a text. It answers one row for each operation, in order: `receipt_id`, `seq`, `outcome`.
    public let sql: String
    /// The value of `$1`: a JSON array, one object for each operation.
    public let parameter: String
    /// What the operations are called.
    public let ids: [OperationID]
}

extension SyncEngine {
    /// Checks and stamps operations, to be written by a statement of the app's own transaction. Throws ``SyncError`` for what can't be
    /// enqueued.
    ///
    /// Nothing is folded, and payloads are not searched for local ids: what needs either goes through `enqueue`.
    public func enqueueCall(_ operations: [NewOperation]) throws(SyncError) -> EnqueueCall {
        let admitted = try admit(operations)
        let rows = admitted.map { operation -> JSONValue in
            var members: [JSONValue.Member] = []
            func put(_ name: String, _ text: String?) { if let text { members.append(.init(name, .string(text))) } }
            put("id", operation.id.description)
            put("operation_type", operation.type)
            put("entity_type", operation.entity.type)
            put("entity_id", operation.entity.id)
            put("ordering_key", operation.customOrderingKey)
            put("payload", operation.payload)
            put("base", operation.base)
            put("txn_token", operation.txnToken)
            put("not_before", operation.notBefore?.rfc3339)
            put("expires_at", operation.expiresAt?.rfc3339)
            put("principal_hash", operation.principal)
            put("idempotency_key", operation.idempotencyKey.description)
            put("trace_id", operation.traceID.description)
            members.append(.init("priority", JSONValue(operation.priority)))
            members.append(.init("schema_version", JSONValue(operation.schemaVersion)))
            return .object(members)
        }
        return EnqueueCall(
            sql: "SELECT * FROM guardian_enqueue_all($1)", parameter: JSONValue.array(rows).text, ids: admitted.map(\.id))
    }
}
