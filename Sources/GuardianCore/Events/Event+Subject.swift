extension Event {
    /// The operation that an event is about, as far as sinks need it: labels, trace and age. No payload.
    ///
    /// A class, because every sink is handed it: as a value each of them would count up every text in it.
    public final class Subject: Sendable, Equatable {
        /// The same that the event names.
        public let id: OperationID
        /// The key that was in force then; a conflict, an up-cast or an id of the upstream's may give it another later.
        public let idempotencyKey: UniqueID
        /// Minted at enqueue, or the caller's; the same through all attempts.
        public let traceID: UniqueID
        /// `create`, `update`, `delete` or a custom word.
        public let operationType: String
        /// Under the id that it had then: local ones may be replaced later.
        public let entity: EntityKey
        /// Wall-clock time of its admission: how old it is when something happens to it.
        public let enqueuedAt: Timestamp
        /// The attempt that the event is about, from 1; 0 before the first.
        public let attempt: Int
        /// How long it took, in microseconds: of `enqueued` the call that wrote it to disk. nil when nobody measured.
        public let tookMicroseconds: Int64?

        /// What sinks need of `operation`; nothing of its payload is kept.
        public init(_ operation: Operation, attempt: Int, tookMicroseconds: Int64? = nil) {
            id = operation.id
            idempotencyKey = operation.idempotencyKey
            traceID = operation.traceID
            operationType = operation.type
            entity = operation.entity
            enqueuedAt = operation.enqueuedAt
            self.attempt = attempt
            self.tookMicroseconds = tookMicroseconds
        }

        public static func == (one: Subject, other: Subject) -> Bool {
            one.id == other.id && one.idempotencyKey == other.idempotencyKey && one.traceID == other.traceID
                && one.operationType == other.operationType && one.entity == other.entity && one.enqueuedAt == other.enqueuedAt
                && one.attempt == other.attempt && one.tookMicroseconds == other.tookMicroseconds
        }
    }
}
