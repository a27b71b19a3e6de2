internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// Operations of one call that its own thread may commit.
    private static let mostInShortWrite = 16

    public func enqueue(_ operations: [GuardianCore.Operation]) async throws(StoreError) -> [Receipt] {
        let ordering = currentOrdering
        return try await queue.write(operations.count <= Self.mostInShortWrite ? .shortEnqueue : .hot) { transaction in
            try Self.insert(operations, ordering, transaction)
        }
    }

    static func insert(
        _ operations: [GuardianCore.Operation], _ ordering: Ordering, _ transaction: WriteTransaction
    ) throws -> [Receipt] {
        let receipts =
            operations.contains(where: \.folds)
            ? try FoldingInsertion(transaction: transaction, ordering: ordering, folding: Folding()).run(operations)
            : try Insertion(transaction, operations, ordering).run()
        for token in Set(operations.compactMap(\.txnToken)) {
            try stepOutIfRefused(token, operations.first?.enqueuedAt, transaction)
        }
        return receipts
    }
}

/// One call of enqueue: appends each operation to the end of its line.
///
/// Numbers are given in advance, so a row is written with the number of the one that will follow it; only rows that were in the store
/// before, or that a duplicate was to follow, are written again.
struct Insertion {
    let transaction: WriteTransaction
    let operations: [GuardianCore.Operation]
    private let isStrict: Bool
    private let lines: [Int64]
    private let first: Int64
    /// For each operation the place of the next one of its line; 0 when there is none.
    private var following: [Int]
    /// The end of each line: its last row, and which row that one names as its next.
    private var ends: [Int64: (last: Int64?, next: Int64?)] = [:]

    private static let plain = SQL(
        """
        INSERT INTO guardian_operation (seq, id, line, status, head, priority, due_at, idempotency_key, trace_id, operation_type, entity_type,
            entity_id, schema_version, enqueued_at, updated_at, attempt_count, tries, backoff_ms, payload, previous, next)
        VALUES (?1, ?2, ?3, 0, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, 0, 0, 0, ?13, ?14, ?15)
        ON CONFLICT (id) DO NOTHING
        """)
    private static let complete = SQL(
        """
        INSERT INTO guardian_operation (seq, id, line, status, head, priority, due_at, idempotency_key, trace_id, operation_type, entity_type,
            entity_id, schema_version, enqueued_at, updated_at, attempt_count, tries, backoff_ms, payload, previous, next,
            ordering_key, txn_token, principal, not_before, expires_at, base, entity_line)
        VALUES (?1, ?2, ?3, 0, ?4, ?5, ?16, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, 0, 0, 0, ?13, ?14, ?15, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
        ON CONFLICT (id) DO NOTHING
        """)
    private static let firstSeq = SQL(
        "SELECT seq FROM guardian_operation WHERE id = ?1 UNION ALL SELECT seq FROM guardian_ledger WHERE id = ?1 LIMIT 1")

    init(_ transaction: WriteTransaction, _ operations: [GuardianCore.Operation], _ ordering: Ordering) throws {
        let operations = try transaction.resolved(operations)
        self.transaction = transaction
        self.operations = operations
        isStrict = ordering == .strict
        lines = operations.map { ordering.line(for: $0) }
        first = try transaction.takeSeqs(operations.count)
        following = Array(repeating: 0, count: operations.count)
        guard operations.count > 1 else { return }
        var seen: [Int64: Int] = [:]
        for place in operations.indices.reversed() { following[place] = seen.updateValue(place, forKey: lines[place]) ?? 0 }
    }

    func run() throws -> [Receipt] {
        var copy = self
        return try copy.insertAll()
    }

    private mutating func insertAll() throws -> [Receipt] {
        var receipts: [Receipt] = []
        receipts.reserveCapacity(operations.count)
        for place in operations.indices { receipts.append(try insert(place)) }
        for (line, end) in ends {
            guard let last = end.last else { continue }
            if end.next != nil { try transaction.setNext(of: last, to: nil) }
            if last >= first { try transaction.setLast(of: line, to: last) }
        }
        return receipts
    }

    private mutating func insert(_ place: Int) throws -> Receipt {
        let id = operations[place].id
        if try transaction.mayRemember(id), let known = try Self.seq(of: id, transaction) {
            return Receipt(id: id, seq: known, outcome: .duplicate)
        }
        let seq = first + Int64(place)
        let line = lines[place]
        let end = try ends[line] ?? (try transaction.last(of: line), nil)
        let next = following[place] > 0 ? first + Int64(following[place]) : nil
        let awaited = try transaction.openReferences(of: operations[place])
        guard try write(place, previous: end.last, next: next, isAwaiting: !awaited.isEmpty) else {
            ends[line] = end
            guard let known = try Self.seq(of: id, transaction) else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the index of ids does not match its table")
            }
            return Receipt(id: id, seq: known, outcome: .duplicate)
        }
        if let last = end.last, end.next != seq { try transaction.setNext(of: last, to: seq) }
        ends[line] = (seq, next)
        if operations[place].opensLocalID { try transaction.openLocalID(operations[place].entity, seq) }
        try transaction.keep(awaited, ofOperation: seq)
        transaction.count { $0.accepted += 1 }
        return Receipt(id: id, seq: seq, outcome: .accepted)
    }

    /// Writes one row; false when its id is in the queue already.
    private func write(_ place: Int, previous: Int64?, next: Int64?, isAwaiting: Bool) throws -> Bool {
        let operation = operations[place]
        let isPlain =
            !isStrict && !isAwaiting && operation.customOrderingKey == nil && operation.txnToken == nil && operation.principal == nil
            && operation.notBefore == nil
            && operation.expiresAt == nil && operation.base == nil
        let row = try transaction.statement(isPlain ? Self.plain : Self.complete)
        let bytes = transaction.bytes
        bytes.begin(operation.storedBytes)
        row.bind(1, first + Int64(place))
        switch operation.id {
        case .uuid(let id): row.bind(2, blob: bytes.put(id))
        case .text(let id): row.bind(2, text: bytes.put(id))
        }
        row.bind(3, lines[place])
        row.bind(4, previous == nil ? 1 : 0)
        row.bind(5, operation.priority)
        row.bind(6, blob: bytes.put(operation.idempotencyKey))
        row.bind(7, blob: bytes.put(operation.traceID))
        row.bind(8, text: bytes.put(operation.type))
        row.bind(9, text: bytes.put(operation.entity.type))
        row.bind(10, text: bytes.put(operation.entity.id))
        row.bind(11, operation.schemaVersion)
        row.bind(12, operation.enqueuedAt.milliseconds)
        row.bind(13, text: operation.payload.map { bytes.put($0) })
        row.bind(14, previous)
        row.bind(15, next)
        if !isPlain {
            row.bind(16, isAwaiting ? Parking.awaiting : try due(of: operation))
            row.bind(17, text: operation.customOrderingKey.map { bytes.put($0) })
            row.bind(18, text: operation.txnToken.map { bytes.put($0) })
            row.bind(19, text: operation.principal.map { bytes.put($0) })
            row.bind(20, operation.notBefore)
            row.bind(21, operation.expiresAt)
            row.bind(22, text: operation.base.map { bytes.put($0) })
            let entityLine = Line.of(operation.entity)
            row.bind(23, entityLine == lines[place] ? nil : entityLine)
        }
        return try row.run() == 1
    }

    private func due(of operation: GuardianCore.Operation) throws -> Int64 {
        if let principal = operation.principal, try transaction.signedIn() != principal { return Parking.due }
        return max(0, operation.notBefore?.milliseconds ?? 0)
    }

    /// The number of an operation that is stored, or that the ledger remembers.
    static func seq(of id: OperationID, _ transaction: WriteTransaction) throws -> Int64? {
        let find = try transaction.statement(firstSeq)
        find.bind(1, id)
        defer { find.reset() }
        return try find.step() ? find.int(0) : nil
    }
}

extension GuardianCore.Operation {
    /// Bytes that its texts and ids take at most.
    fileprivate var storedBytes: Int {
        func size(_ text: String?) -> Int { text?.utf8.count ?? 0 }
        var count = 48 + OperationID.maximumLength + type.utf8.count + entity.type.utf8.count + entity.id.utf8.count + size(payload)
        count += size(customOrderingKey) + size(txnToken) + size(principal) + size(base)
        return count
    }
}
