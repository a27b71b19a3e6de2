extension Event {
    /// The operation that an event is about, as far as sinks need it: labels, trace and age. No payload.
    public struct Subject: Sendable, Equatable {
        public var id: OperationID
        public var idempotencyKey: UniqueID
        public var traceID: UniqueID
        /// `create`, `update`, `delete` or a custom word.
        public var operationType: String
        public var entity: EntityKey
        public var enqueuedAt: Timestamp
        /// The attempt that the event is about, from 1; 0 before the first.
        public var attempt: Int
        /// How long it took, in microseconds: of `enqueued` the call that wrote it to disk. nil when nobody measured.
        public var tookMicroseconds: Int64?

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
    }
}
