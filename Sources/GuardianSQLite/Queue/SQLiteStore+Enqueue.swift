internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// Operations of one call that its own thread may commit.
    private static let mostInShortWrite = 16

    public func enqueue(_ operations: [GuardianCore.Operation]) async throws(StoreError) -> [Receipt] {
        try space.admit(operations)
        do throws(StoreError) {
            let isShort = operations.count <= Self.mostInShortWrite
            if isShort, Appending.isPossible(operations) { return try await queue.append(operations) }
            return try await queue.write(isShort ? .shortEnqueue : .enqueue, isShort: isShort) { transaction in
                try Self.insert(operations, transaction)
            }
        } catch {
            guard case .full(let free, nil) = error else { throw error }
            throw .full(free: free, needed: space.needed(for: operations))
        }
    }

    static func insert(
        _ operations: [GuardianCore.Operation], _ transaction: WriteTransaction
    ) throws -> [Receipt] {
        let receipts =
            operations.indices.contains { operations[$0].folds }
            ? try FoldingInsertion(transaction: transaction, ordering: transaction.ordering()).run(operations)
            : try Insertion(transaction, operations).run()
        var tokens: Set<String> = []
        for place in operations.indices { if let token = operations[place].txnToken { tokens.insert(token) } }
        for token in tokens {
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

    /// Rows of one statement, where so many are plain: every statement opens the table and each of its indexes.
    private static let together = [16, 8, 4, 2].map { (rows: $0, sql: SQL(insertPlain($0))) }
    /// Bytes of such rows at most.
    private static let mostBytesTogether = 64 << 10
    private static let plain = SQL(insertPlain(1))
    private static let takeBack = SQL("DELETE FROM guardian_operation WHERE seq BETWEEN ?1 AND ?2")

    private static func insertPlain(_ rows: Int) -> String {
        let values = (0..<rows).map { row in
            func place(_ number: Int) -> String { "?\(row * plainColumns + number)" }
            let middle = (6...12).map(place).joined(separator: ", ")
            return "(\(place(1)), \(place(2)), \(place(3)), 0, \(place(4)), \(place(5)), 0, \(middle), \(place(12)), 0, 0, 0, "
                + "\(place(13)), \(place(14)), \(place(15)))"
        }
        return """
            INSERT INTO guardian_operation (seq, id, line, status, head, priority, due_at, idempotency_key, trace_id, operation_type,
                entity_type, entity_id, schema_version, enqueued_at, updated_at, attempt_count, tries, backoff_ms, payload, previous, next)
            VALUES \(values.joined(separator: ", ")) ON CONFLICT (id) DO NOTHING
            """
    }

    /// Values that a plain row takes.
    private static let plainColumns = 15
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

    init(_ transaction: WriteTransaction, _ operations: [GuardianCore.Operation]) throws {
        let operations = try transaction.resolved(operations)
        let isStrict = try transaction.ordering() == .strict
        self.transaction = transaction
        self.operations = operations
        self.isStrict = isStrict
        // Field by field, here and below: an operation is large, and a copy of it counts up every text in it.
        lines = operations.indices.map {
            isStrict ? Line.global : operations[$0].customOrderingKey.map { Line.of($0) } ?? Line.of(operations[$0].entity)
        }
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
        var place = 0
        while place < operations.count {
            let left = operations.count - place
            let together = Self.together.first { $0.rows <= left }
            let end = place + (together?.rows ?? 1)
            if let together, let written = try insertTogether(place..<end, together.sql) {
                receipts += written
            } else {
                for place in place..<end { receipts.append(try insert(place)) }
            }
            place = end
        }
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
        let awaited = operations[place].references.isEmpty ? [] : try transaction.openReferences(of: operations[place])
        guard try write(place, previous: end.last, isAwaiting: !awaited.isEmpty) else {
            ends[line] = end
            guard let known = try Self.seq(of: id, transaction) else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the index of ids does not match its table")
            }
            return Receipt(id: id, seq: known, outcome: .duplicate)
        }
        if !operations[place].references.isEmpty, operations[place].opensLocalID {
            try transaction.openLocalID(operations[place].entity, seq)
        }
        try transaction.keep(awaited, ofOperation: seq)
        return try follow(place, behind: end)
    }

    // MARK: Many rows in one statement

    /// Inserts rows that are all plain and new; nil, and nothing is changed, when they are not.
    private mutating func insertTogether(_ places: Range<Int>, _ sql: SQL) throws -> [Receipt]? {
        guard !isStrict, try places.allSatisfy({ try isPlain($0) && !transaction.mayRemember(operations[$0].id) }) else { return nil }
        let bytes = places.reduce(0) { $0 + storedBytes($1) }
        guard bytes <= Self.mostBytesTogether else { return nil }
        transaction.bytes.begin(bytes)
        let rows = try transaction.statement(sql)
        var previous: [Int64?] = []
        for place in places {
            previous.append(try last(before: place, in: places))
            let column = (place - places.lowerBound) * Self.plainColumns
            try bind(place, previous: previous[previous.count - 1], to: rows, after: Int32(column))
        }
        guard try rows.run() == places.count else {
            try takeBack(places)
            return nil
        }
        return try zip(places, previous).map { try follow($0, behind: ends[lines[$0]] ?? ($1, nil)) }
    }

    /// Some id is in the queue already; which, is found one by one.
    private func takeBack(_ places: Range<Int>) throws {
        let delete = try transaction.statement(Self.takeBack)
        delete.bind(1, first + Int64(places.lowerBound))
        delete.bind(2, first + Int64(places.upperBound) - 1)
        try delete.run()
    }

    /// The row that the one at `place` stands behind, where those before it in `places` are to be written with it.
    private func last(before place: Int, in places: Range<Int>) throws -> Int64? {
        if let before = (places.lowerBound..<place).last(where: { lines[$0] == lines[place] }) { return first + Int64(before) }
        if let end = ends[lines[place]] { return end.last }
        return try transaction.last(of: lines[place])
    }

    /// The row at `place` is written: it is the last of its line.
    private mutating func follow(_ place: Int, behind end: (last: Int64?, next: Int64?)) throws -> Receipt {
        let seq = first + Int64(place)
        if let last = end.last, end.next != seq { try transaction.setNext(of: last, to: seq) }
        ends[lines[place]] = (seq, next(of: place))
        transaction.count { $0.accepted += 1 }
        return Receipt(id: operations[place].id, seq: seq, outcome: .accepted)
    }

    private func next(of place: Int) -> Int64? { following[place] > 0 ? first + Int64(following[place]) : nil }

    // MARK: One row

    /// Writes one row; false when its id is in the queue already.
    private func write(_ place: Int, previous: Int64?, isAwaiting: Bool) throws -> Bool {
        let isPlain = !isStrict && !isAwaiting && isPlain(place)
        let row = try transaction.statement(isPlain ? Self.plain : Self.complete)
        transaction.bytes.begin(storedBytes(place))
        try bind(place, previous: previous, to: row, after: 0)
        if !isPlain { try bindRest(of: operations[place], isAwaiting, row, place) }
        return try row.run() == 1
    }

    private func bind(_ place: Int, previous: Int64?, to row: RawStatement, after column: Int32) throws {
        let bytes = transaction.bytes
        row.bind(column + 1, first + Int64(place))
        switch operations[place].id {
        case .uuid(let id): row.bind(column + 2, blob: bytes.put(id))
        case .text(let id): row.bind(column + 2, text: bytes.put(id))
        }
        row.bind(column + 3, lines[place])
        row.bind(column + 4, previous == nil ? 1 : 0)
        row.bind(column + 5, operations[place].priority)
        row.bind(column + 6, blob: bytes.put(operations[place].idempotencyKey))
        row.bind(column + 7, blob: bytes.put(operations[place].traceID))
        row.bind(column + 8, text: bytes.put(operations[place].type))
        row.bind(column + 9, text: bytes.put(operations[place].entity.type))
        row.bind(column + 10, text: bytes.put(operations[place].entity.id))
        row.bind(column + 11, operations[place].schemaVersion)
        row.bind(column + 12, operations[place].enqueuedAt.milliseconds)
        try bind(operations[place].payload, .payload, row, column + 13, place)
        row.bind(column + 14, previous)
        row.bind(column + 15, next(of: place))
    }

    private func bindRest(of operation: GuardianCore.Operation, _ isAwaiting: Bool, _ row: RawStatement, _ place: Int) throws {
        let bytes = transaction.bytes
        row.bind(16, isAwaiting ? Parking.awaiting : try due(of: operation))
        row.bind(17, text: operation.customOrderingKey.map { bytes.put($0) })
        row.bind(18, text: operation.txnToken.map { bytes.put($0) })
        row.bind(19, text: operation.principal.map { bytes.put($0) })
        row.bind(20, operation.notBefore)
        row.bind(21, operation.expiresAt)
        try bind(operation.base, .base, row, 22, place)
        let entityLine = Line.of(operation.entity)
        row.bind(23, entityLine == lines[place] ? nil : entityLine)
    }

    /// Whether only the columns that every row has are needed.
    private func isPlain(_ place: Int) -> Bool {
        operations[place].customOrderingKey == nil && operations[place].txnToken == nil && operations[place].principal == nil
            && operations[place].notBefore == nil && operations[place].expiresAt == nil && operations[place].base == nil
            && operations[place].references.isEmpty
    }

    /// Bytes that its texts and ids take at most.
    private func storedBytes(_ place: Int) -> Int {
        func size(_ text: String?) -> Int { text?.utf8.count ?? 0 }
        var count = 48 + OperationID.maximumLength + operations[place].type.utf8.count + operations[place].entity.type.utf8.count
        count += operations[place].entity.id.utf8.count + size(operations[place].payload) + size(operations[place].base)
        count += size(operations[place].customOrderingKey) + size(operations[place].txnToken) + size(operations[place].principal)
        return count
    }

    /// What a person wrote: sealed where there is a key.
    private func bind(_ text: String?, _ kind: SealedKind, _ row: RawStatement, _ index: Int32, _ place: Int) throws {
        switch try transaction.stored(text, kind.at(first + Int64(place))) {
        case .clear(let text): row.bind(index, text: transaction.bytes.put(text))
        case let stored: row.bind(index, stored)
        }
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
