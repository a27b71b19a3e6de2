/// What the engine accepts at most.
public struct Limits: Sendable, Equatable {
    /// Bytes of a payload, and of a base; 1 MiB by default.
    public var payloadBytes: Int
    /// Operations in one call of `enqueue`; 100 000 by default.
    public var batch: Int

    /// The defaults, but for what is given. Taken as they are.
    public init(payloadBytes: Int = 1 << 20, batch: Int = 100_000) {
        self.payloadBytes = payloadBytes
        self.batch = batch
    }

    /// Bytes that the JSON of an operation can have at most, space aside: a payload, a base, and 64 KiB for all else.
    package var operationBytes: Int { 2 * min(payloadBytes, Int.max / 4) + 64 << 10 }
}

/// Checks what callers hand in and stamps what the engine adds. Pure: time and chance are arguments.
package struct Admission: Sendable {
    /// Where ids come from, and jitter.
    struct Chance: Sendable {
        var random: Xoshiro256
        var ticks = TickSequence()
    }

    package var limits: Limits

    private let principalHash: (@Sendable (String) -> String)?
    private var coalesces: (@Sendable (Operation) -> Bool)?
    private var references = References()
    private var assignsIDs: Set<String> = []

    /// Without `principalHash`, operations of principals are refused.
    package init(limits: Limits = Limits(), principalHash: (@Sendable (String) -> String)? = nil) {
        self.limits = limits
        self.principalHash = principalHash
    }

    init(_ configuration: SyncEngine.Configuration) {
        self.init(limits: configuration.limits, principalHash: configuration.principalHash)
        coalesces = configuration.coalesces
        references = configuration.references
        assignsIDs = configuration.processor.assignsIDs
    }

    /// Those at `places`, ready to be stored; of several the wrong one is named with its place.
    func admit(
        _ operations: [NewOperation], _ places: Range<Int>, at now: Timestamp, _ own: inout Chance
    ) throws(SyncError) -> [Operation] {
        var admitted: [Operation] = []
        admitted.reserveCapacity(places.count)
        for index in places {
            do throws(SyncError) {
                var operation = try admit(operations[index], at: now, random: &own.random, ticks: &own.ticks)
                if let coalesces { operation.folds = coalesces(operation) }
                operation.foldedBytes = limits.payloadBytes
                if !assignsIDs.isEmpty { operation.references = references.of(operation, assigned: assignsIDs) }
                admitted.append(operation)
            } catch {
                guard operations.count > 1, case .validation(let field, let constraint) = error else { throw error }
                throw .validation(field: "operations[\(index)].\(field)", constraint: constraint)
            }
        }
        return admitted
    }

    /// The operation ready to be stored; throws ``SyncError/validation(field:constraint:)`` with the name of the first field that is wrong.
    package func admit(_ new: NewOperation, at now: Timestamp, random: inout Xoshiro256) throws(SyncError) -> Operation {
        var ticks = TickSequence()
        return try admit(new, at: now, random: &random, ticks: &ticks)
    }

    /// As ``admit(_:at:random:)``, with ids that go on rising from one call to the next.
    package func admit(
        _ new: NewOperation, at now: Timestamp, random: inout Xoshiro256, ticks: inout TickSequence
    ) throws(SyncError) -> Operation {
        let id: OperationID
        if let given = new.id {
            guard let read = OperationID(given) else {
                throw .validation(field: "id", constraint: "must be 1–\(OperationID.maximumLength) printable ASCII characters")
            }
            id = read
        } else {
            id = .uuid(.v7(tick: ticks.take(at: now), using: &random))
        }
        let key = try uuid(new.idempotencyKey, "idempotency_key") ?? .v4(using: &random)
        let trace = try uuid(new.traceID, "trace_id") ?? .v4(using: &random)
        try check(new.operationType, "operation_type", "[a-z0-9_-]{1,64}") { (97...122).contains($0) || Self.isWordByte($0) }
        try check(new.entityType, "entity_type", "[A-Za-z0-9_-]{1,64}") {
            (97...122).contains($0) || (65...90).contains($0) || Self.isWordByte($0)
        }
        try checkText(new.entityID, "entity_id", most: 256)
        if let orderingKey = new.orderingKey { try checkText(orderingKey, "ordering_key", most: 256) }
        if let token = new.txnToken { try checkText(token, "txn_token", most: 128) }
        guard (-100...100).contains(new.priority) else { throw .validation(field: "priority", constraint: "must be between -100 and 100") }
        guard new.schemaVersion >= 1, new.schemaVersion <= Int(Int32.max) else {
            throw .validation(field: "schema_version", constraint: "must be 1 or more")
        }
        try check(new.notBefore, "not_before")
        try check(new.expiresAt, "expires_at")
        if let start = new.notBefore, let end = new.expiresAt, end <= start {
            throw .validation(field: "expires_at", constraint: "must be after not_before")
        }
        let principal = try principal(new.principal)
        if let payload = new.payload {
            try checkJSON(payload, "payload")
        } else if new.operationType != "delete" {
            throw .validation(field: "payload", constraint: "is required (only a delete may leave it out)")
        }
        if let base = new.base { try checkJSON(base, "base") }
        return Operation(
            id: id, idempotencyKey: key, traceID: trace, type: new.operationType,
            entity: EntityKey(type: new.entityType, id: new.entityID), customOrderingKey: new.orderingKey, payload: new.payload,
            base: new.base, txnToken: new.txnToken, priority: new.priority, notBefore: new.notBefore, expiresAt: new.expiresAt,
            principal: principal, schemaVersion: new.schemaVersion, enqueuedAt: now)
    }

    private func principal(_ text: String?) throws(SyncError) -> String? {
        guard let text else { return nil }
        try checkText(text, "principal", most: 256)
        guard let principalHash else {
            throw .validation(field: "principal", constraint: "is not configured here; leave it out")
        }
        return principalHash(text)
    }

    private func uuid(_ text: String?, _ field: String) throws(SyncError) -> UniqueID? {
        guard let text else { return nil }
        guard let read = UniqueID(text.lowercased()), read.version == 4 else {
            throw .validation(field: field, constraint: "must be a UUID of version 4")
        }
        return read
    }

    private func check(_ time: Timestamp?, _ field: String) throws(SyncError) {
        guard time.map({ Timestamp.writable.contains($0) }) ?? true else {
            throw .validation(field: field, constraint: "must lie in the years 0000 to 9999")
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool { (48...57).contains(byte) || byte == 45 || byte == 95 }

    private func check(_ text: String, _ field: String, _ pattern: String, _ allowed: (UInt8) -> Bool) throws(SyncError) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(allowed) else {
            throw .validation(field: field, constraint: "must match \(pattern)")
        }
    }

    private func checkText(_ text: String, _ field: String, most: Int) throws(SyncError) {
        guard (1...most).contains(text.utf8.count) else { throw .validation(field: field, constraint: "must be 1–\(most) bytes long") }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .validation(field: field, constraint: "must not contain control characters")
        }
    }

    private func checkJSON(_ text: String, _ field: String) throws(SyncError) {
        guard text.utf8.count <= limits.payloadBytes else {
            throw .validation(field: field, constraint: "is \(text.utf8.count) bytes long; at most \(limits.payloadBytes) are allowed")
        }
        do throws(JSONScanner.Defect) {
            try JSONScanner.checkObject(text, isStrict: true)
        } catch {
            throw .validation(field: field, constraint: "\(error.constraint) (at byte \(error.offset))")
        }
    }
}
