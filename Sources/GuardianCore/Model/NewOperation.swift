/// An operation as a caller hands it in, before the engine has checked and stamped it.
///
/// `operationType`, `entityType`, `entityID` and `payload` are enough; a delete may leave the payload out.
public struct NewOperation: Sendable, Equatable {
    /// 1–128 printable ASCII characters; nil lets the engine make a UUIDv7. Enqueuing an id again adds nothing.
    public var id: String?
    /// A UUID v4 of the caller's; nil lets the engine make one.
    public var idempotencyKey: String?
    /// A UUID v4 of the caller's; nil lets the engine make one.
    public var traceID: String?
    /// `create`, `update`, `delete`, or a custom word (`[a-z0-9_-]{1,64}`).
    public var operationType: String
    /// `[A-Za-z0-9_-]{1,64}`.
    public var entityType: String
    /// 1–256 bytes without control characters.
    public var entityID: String
    /// At most 256 bytes; nil means the entity.
    public var orderingKey: String?
    /// A JSON object as text, at most `Limits.payloadBytes`.
    public var payload: String?
    /// A JSON object as text: the entity as it was when the user edited it.
    public var base: String?
    /// At most 128 bytes.
    public var txnToken: String?
    /// −100…100; 0 by default.
    public var priority: Int
    /// It is not sent earlier; nil means as soon as it is its turn. What stands behind it in its line waits too.
    public var notBefore: Timestamp?
    /// After ``notBefore``. When its turn comes then or later it is not sent any more; nil means never.
    public var expiresAt: Timestamp?
    /// At most 256 bytes; stored hashed.
    public var principal: String?
    /// 1 or more.
    public var schemaVersion: Int

    /// Nothing is checked here: `enqueue` throws ``SyncError/validation(field:constraint:)`` for the first field that is wrong.
    public init(
        _ operationType: String, entityType: String, entityID: String, payload: String? = nil, id: String? = nil,
        idempotencyKey: String? = nil, traceID: String? = nil, orderingKey: String? = nil, base: String? = nil,
        txnToken: String? = nil, priority: Int = 0, notBefore: Timestamp? = nil, expiresAt: Timestamp? = nil,
        principal: String? = nil, schemaVersion: Int = 1
    ) {
        self.operationType = operationType
        self.entityType = entityType
        self.entityID = entityID
        self.payload = payload
        self.id = id
        self.idempotencyKey = idempotencyKey
        self.traceID = traceID
        self.orderingKey = orderingKey
        self.base = base
        self.txnToken = txnToken
        self.priority = priority
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.principal = principal
        self.schemaVersion = schemaVersion
    }
}

/// What the caller of `enqueue` gets once its operation is on disk.
public struct Receipt: Sendable, Equatable {
    /// What has become of it.
    ///
    /// - `accepted`: stored, to be delivered in its turn. `duplicate`: its id is known already, and nothing was added.
    /// - `coalesced`: folded into ``Receipt/into``, which waits; that one's outcome is its own.
    public enum Outcome: String, Sendable {
        case accepted, duplicate, coalesced
        /// A delete has met the create that still waited (``Receipt/into``): both are gone, and neither is ever sent.
        case cancelledOut = "cancelled_out"
    }

    /// The caller's, or the UUIDv7 that was made for it: ask for its outcome by it.
    public var id: OperationID
    /// Its place in the order of enqueues; of a duplicate that of the first, of one that was folded or cancelled out that of the other.
    public var seq: Int64
    /// A duplicate is no error: the caller may have asked twice.
    public var outcome: Outcome
    /// The operation this one was folded into, or the create that it has cancelled out. nil of any other, and of one that was cancelled out
    /// where the store had to look up what it had answered: it does not remember with which create.
    public var into: OperationID?

    /// For whoever implements a store.
    public init(id: OperationID, seq: Int64, outcome: Outcome, into: OperationID? = nil) {
        self.id = id
        self.seq = seq
        self.outcome = outcome
        self.into = into
    }
}
