/// One change to one entity, as it stands in the store (spec section 2).
public struct Operation: Sendable, Equatable {
    /// Crashes after which an operation is set aside.
    package static let mostCrashes = 3

    /// Where a stored operation stands. Processed operations leave the queue.
    public enum Status: Int, Sendable, CaseIterable {
        /// Waits for its turn, its time or its retry.
        case pending = 0
        /// Claimed by a processor, maybe on the wire.
        case processing = 1
        /// Given up on, with its reason in `lastError`; waits for a person.
        case failed = 2

        package var name: String {
            switch self {
            case .pending: "pending"
            case .processing: "processing"
            case .failed: "failed"
            }
        }

        package init?(name: String) {
            guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = found
        }
    }

    /// The store's running number: enqueue order. 0 until stored.
    public var seq: Int64
    /// A UUIDv7, or the caller's own; unique in a store, and known to it for the ledger's window after it has left.
    public var id: OperationID
    /// Sent as `Idempotency-Key` on every attempt.
    public var idempotencyKey: UniqueID
    /// A UUID v4, sent as `Trace-Id` and in `traceparent`; the same for every attempt.
    public var traceID: UniqueID
    /// `create`, `update`, `delete` or a custom word.
    public var type: String
    /// What it changes. A local id becomes the upstream's as soon as that is known.
    public var entity: EntityKey
    /// Operations that share it are delivered one at a time, in order. nil stands for the entity's own key.
    public var customOrderingKey: String?
    /// A JSON object as text; nil for a delete without one.
    public var payload: String?
    /// The entity as it was when the user edited it, a JSON object as text.
    public var base: String?
    /// The optimistic change that it belongs to (``OptimisticChange/txnToken``); nil for none.
    public var txnToken: String?
    /// Greater goes first across lines; never reorders within one.
    public var priority: Int
    /// Not sent earlier. Once a retry is scheduled, ``nextRetryAt`` stands in its place.
    public var notBefore: Timestamp?
    /// When its turn comes then or later it leaves the queue, or fails as in doubt where an attempt may have been applied.
    public var expiresAt: Timestamp?
    /// A hash of who was signed in.
    public var principal: String?
    /// Of the payload and the base, 1 or more; ``Upcasters`` raise it before it is sent.
    public var schemaVersion: Int
    /// As the store has it; in a ``Claim`` it is `processing`.
    public var status: Status
    /// Wall-clock time at which it was admitted, just before it was written.
    public var enqueuedAt: Timestamp
    /// When it was last claimed, settled, folded into, rewritten or put back.
    public var updatedAt: Timestamp
    /// Attempts that count towards `maxAttempts`: those that failed while others succeeded, and the one it was given up on after, whatever
    /// that came to (a permanent refusal, a conflict).
    public var attemptCount: Int
    /// When it was claimed for the last attempt that may have gone out; nil when none can have.
    public var lastAttemptAt: Timestamp?
    /// Not sent before, after a failure or where its route was held; may have passed. nil without either, and in `failed`.
    public var nextRetryAt: Timestamp?
    /// Milliseconds that the last wait for ``nextRetryAt`` was set to, 1 where it may end sooner by a probe; 0 before the first.
    public var backoffMs: Int64
    /// Why it did not get through the last time, also while it waits to be tried again; nil when nothing went wrong yet.
    public var lastError: LastError?
    /// Every attempt that failed, counted or not: the exponent of the backoff.
    public var tries: Int
    /// Where the processor's count of attempts stood when this operation last failed (see `AttemptSerial`); nil when it never did.
    package var failureMark: Int64?
    /// How often in a row a process has died while this operation was in its hands (spec section 3.13): an outcome that is written ends
    /// the row, for it shows that handling the operation does not kill.
    package var crashes: Int
    /// Since when the outcome of an attempt under the present key is unknown: sent, and no answer that settles it. nil when none is.
    package var unknownAt: Timestamp?
    /// How often it was revised because of a conflict.
    package var rounds: Int
    /// The ETag that goes out as `If-Match` unless it is weak: of the state that a revision was made from, or the last one known of the
    /// entity.
    public var ifMatch: String?
    /// What was found at the upstream when it failed as a conflict: the other side, for a person to choose. In a claim with a base: the
    /// entity as it was heard of last.
    public var server: ServerState?

    /// Whether it may be folded into one that waits (see `Folding`). Asked at enqueue only; a store does not keep it.
    package var folds = false

    /// Bytes of a payload that folding may make at most: ``Limits/payloadBytes`` of who has admitted it. A store does not keep it either.
    package var foldedBytes = Limits().payloadBytes

    /// What it points to, found at admission. Not stored: the store keeps only what is still to be rewritten.
    package var references: [Reference] = []

    /// The key in force: the app's own, else `type/id` of the entity.
    public var orderingKey: String { customOrderingKey ?? entity.orderingKey }

    /// ``ifMatch`` where it can be sent.
    package var sentIfMatch: String? { Self.strong(ifMatch) }

    /// An ETag that `If-Match` can name: it compares strongly, so that a weak one never matches (RFC 9110 section 13.1.1).
    static func strong(_ etag: String?) -> String? { etag.flatMap { $0.hasPrefix("W/") ? nil : $0 } }

    /// As it is enqueued: never attempted, and last changed at `enqueuedAt`.
    public init(
        seq: Int64 = 0, id: OperationID, idempotencyKey: UniqueID, traceID: UniqueID, type: String, entity: EntityKey,
        customOrderingKey: String? = nil, payload: String?, base: String? = nil, txnToken: String? = nil, priority: Int = 0,
        notBefore: Timestamp? = nil, expiresAt: Timestamp? = nil, principal: String? = nil, schemaVersion: Int = 1,
        status: Status = .pending, enqueuedAt: Timestamp
    ) {
        self.seq = seq
        self.id = id
        self.idempotencyKey = idempotencyKey
        self.traceID = traceID
        self.type = type
        self.entity = entity
        self.customOrderingKey = customOrderingKey
        self.payload = payload
        self.base = base
        self.txnToken = txnToken
        self.priority = priority
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.principal = principal
        self.schemaVersion = schemaVersion
        self.status = status
        self.enqueuedAt = enqueuedAt
        self.updatedAt = enqueuedAt
        self.attemptCount = 0
        self.backoffMs = 0
        self.tries = 0
        self.crashes = 0
        self.rounds = 0
    }
}

/// Why the last attempt did not succeed, kept with the operation.
public struct LastError: Sendable, Equatable {
    /// A word of ``ErrorClass``.
    public var `class`: ErrorClass
    /// The upstream's code (`UPPER_SNAKE`) or the engine's own.
    public var code: String
    /// Of the answer behind it; nil when there was none.
    public var httpStatus: Int?
    /// For people; cut at 1000 characters, and without zero bytes, which not every store can hold.
    public var message: String
    /// What is known beside that; nil when it is nothing. It is no part of `json`.
    public var details: ErrorDetails?

    /// Characters of a message that are kept.
    public static let maximumMessageLength = 1000

    /// Of an operation that was in hand when a process died three times.
    package static let crashSuspect = LastError(
        class: .crashSuspect, code: "CRASH_SUSPECT",
        message: "a process has died \(Operation.mostCrashes) times while it delivered this; look at it, then retry or cancel it")

    /// Of an operation whose `expiresAt` has passed after an attempt of unknown outcome.
    package static let expiredInDoubt = LastError(
        class: .inDoubt, code: "EXPIRED",
        message: "it was sent, its outcome is unknown, and it has expired since: it may have been applied; look there, then cancel it")

    /// Cuts the message, and takes details that say nothing for none.
    public init(class: ErrorClass, code: String, httpStatus: Int? = nil, message: String, details: ErrorDetails? = nil) {
        self.class = `class`
        self.code = code
        self.httpStatus = httpStatus
        self.message = Self.kept(message)
        self.details = details?.isEmpty == true ? nil : details
    }

    /// A message as it is kept: neither zero bytes nor what stands between message and details in a store.
    static func kept(_ text: String) -> String {
        let cut = String(text.prefix(maximumMessageLength))
        guard cut.utf8.contains(where: { $0 == 0 || $0 == separator }) else { return cut }
        return String(cut.map { $0 == "\0" || $0 == "\u{1E}" ? "\u{FFFD}" : $0 })
    }
}

// MARK: At rest

extension LastError {
    /// U+001E, the record separator, which no message holds.
    private static let separator: UInt8 = 0x1E

    /// Message and details in the one text that a store has for them, so that a store of an older build needs no other schema. An older
    /// build reads the details as the end of the message.
    package var storedMessage: String {
        guard let details else { return message }
        return message + "\u{1E}" + details.stored
    }

    /// An error whose message was stored as ``storedMessage``.
    package init(class: ErrorClass, code: String, httpStatus: Int?, storedMessage: String) {
        guard let end = storedMessage.utf8.lastIndex(of: Self.separator),
            let details = ErrorDetails.reading(String(storedMessage[storedMessage.utf8.index(after: end)...]))
        else {
            self.init(class: `class`, code: code, httpStatus: httpStatus, message: storedMessage)
            return
        }
        self.init(class: `class`, code: code, httpStatus: httpStatus, message: String(storedMessage[..<end]), details: details)
    }
}

/// What kind of trouble an attempt met: the bounded label of metrics and logs.
///
/// - `permanent`: the upstream refused it, or no request could be made of it. `exhausted`: it failed as often as the policy allows while
///   others succeeded. `conflict`: 409 or 412. These stand in `failed`.
/// - `transient`: an answer that asks to come again. `network`: no answer. `tls`: no safe connection. These are tried again.
/// - `auth` (401), `upgrade` (426): what has brought delivery to a stand; the operation waits for it to go on.
/// - `expired`: an optimistic change is rolled back, for an operation of it was not delivered in time.
/// - `dependency`: it belongs to a change that depends on one that was rolled back.
public enum ErrorClass: String, Sendable, CaseIterable {
    case permanent, transient, network, tls, auth, conflict, upgrade, exhausted, expired, dependency
    /// A process died three times with it in hand.
    case crashSuspect = "crash_suspect"
    /// It was sent, and whether it was applied can't be told.
    case inDoubt = "in_doubt"
}
