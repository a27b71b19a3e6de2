internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func books() async throws(StoreError) -> Books {
        try await read { db in try Self.books(db) }
    }

    static func books(_ db: Database) throws -> Books {
        var books = Books()
        guard
            let row = try Row.fetchOne(
                db, sql: "SELECT accepted, processed, coalesced, cancelled, expired, cleared, failed FROM guardian_books")
        else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the books are missing") }
        books.accepted = row[0]
        books.processed = row[1]
        books.coalesced = row[2]
        books.cancelled = row[3]
        books.expired = row[4]
        books.cleared = row[5]
        books.failed = row[6]
        books.processing =
            try Int64.fetchOne(
                db, sql: "SELECT count(*) FROM guardian_claim") ?? 0
        return books
    }

    public func accountingGap() async throws(StoreError) -> Int64 {
        try await read { db in
            let books = try Self.books(db)
            let rows = try Int64.fetchOne(db, sql: "SELECT count(*) FROM guardian_operation") ?? 0
            return books.pending + books.processing + books.failed - rows
        }
    }

    public func tallies() async throws(StoreError) -> [Tally] { try await read { db in try TallyChange.read(db) } }

    /// As an enqueue is written, so that it never lives on the reserve, and is refused without the key that the store is written under.
    /// Another value each time: SQLite writes no page that stays as it was.
    public func probeWrite() async throws(StoreError) {
        _ = try await queue.write(.enqueue) { transaction in
            try transaction.checkSealing()
            let save = try transaction.statement(
                """
                INSERT INTO guardian_setting (name, value) VALUES ('\(Self.probeSetting)', '1')
                ON CONFLICT (name) DO UPDATE SET value = value + 1
                """)
            try save.run()
        }
    }

    /// The setting that counts tries to write.
    static let probeSetting = "write_probe"

    public func operation(_ id: OperationID) async throws(StoreError) -> GuardianCore.Operation? {
        try await read { [vault] db in
            let find = try RawStatement(db, "SELECT \(OperationRow.columns) FROM guardian_operation WHERE id = ?1")
            find.bind(1, id)
            defer { find.reset() }
            return try find.step() ? try OperationRow.look(find, vault) : nil
        }
    }

    public func list(_ filter: OperationFilter) async throws(StoreError) -> [GuardianCore.Operation] {
        try await read { [vault] db in
            let columns = filter.includesPayload ? OperationRow.columns : OperationRow.columnsWithoutPayload
            let find = try Self.find(columns, filter, "ORDER BY seq LIMIT \(filter.limit)", db)
            var found: [GuardianCore.Operation] = []
            while try find.step() { found.append(try OperationRow.look(find, vault)) }
            return found
        }
    }

    /// A statement for the operations that match `filter`, its values bound.
    static func find(_ columns: String, _ filter: OperationFilter, _ tail: String, _ db: Database) throws -> RawStatement {
        var conditions = ["seq > ?1"]
        if let status = filter.status { conditions.append(Claims.condition(status)) }
        if filter.operationType != nil { conditions.append("operation_type = ?2") }
        if filter.entityType != nil { conditions.append("entity_type = ?3") }
        if filter.entityID != nil { conditions.append("entity_id = ?4") }
        if filter.traceID != nil { conditions.append("trace_id = ?5") }
        if filter.since != nil { conditions.append("enqueued_at >= ?6") }
        if filter.until != nil { conditions.append("enqueued_at < ?7") }
        let find = try RawStatement(
            db, "SELECT \(columns) FROM guardian_operation WHERE \(conditions.joined(separator: " AND ")) \(tail)")
        find.bind(1, filter.afterSeq)
        if let type = filter.operationType { find.bind(2, type as String?) }
        if let type = filter.entityType { find.bind(3, type as String?) }
        if let id = filter.entityID { find.bind(4, id as String?) }
        if let trace = filter.traceID { find.bind(5, trace) }
        if let since = filter.since { find.bind(6, since as Timestamp?) }
        if let until = filter.until { find.bind(7, until as Timestamp?) }
        return find
    }

    /// One read transaction: all as of one instant, while others write.
    public func export(
        _ filter: OperationFilter, includingPayload: Bool, to reader: any OperationReader
    ) async throws(StoreError) {
        let columns = includingPayload ? OperationRow.columns : OperationRow.columnsWithoutPayload
        try await read { [vault] db in
            let count = try Self.find("count(*)", filter, "", db)
            reader.begin(count: try count.step() ? Int(count.int(0)) : 0)
            count.reset()
            let find = try Self.find(columns, filter, "ORDER BY seq", db)
            defer { find.reset() }
            while try find.step() {
                guard reader.take(try OperationRow.look(find, vault)) else { return }
            }
        }
    }

    public func oldestPending() async throws(StoreError) -> Timestamp? {
        try await read { db in
            guard let seq = try Self.oldestHead(db) else { return nil }
            return try Int64.fetchOne(db, sql: "SELECT enqueued_at FROM guardian_operation WHERE seq = ?1", arguments: [seq])
                .map { Timestamp(milliseconds: $0) }
        }
    }

    /// The smallest number of those that wait or are in hand. It leads its line, so the index of heads has it; where failed ones stand
    /// before it, a walk along the table would pass them all. Heads that are claimed or wait for no time, for a principal or for a create stand in order
    /// of their numbers, so that one step finds the first; those that wait for a time are walked.
    private static func oldestHead(_ db: Database) throws -> Int64? {
        let from = "FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status = 0"
        var oldest: Int64?
        let below = try RawStatement(db, "SELECT priority \(from) AND priority < ?1 ORDER BY priority DESC LIMIT 1")
        let first = try RawStatement(db, "SELECT seq \(from) AND priority = ?1 AND due_at = ?2 ORDER BY seq LIMIT 1")
        let timed = try RawStatement(db, "SELECT min(seq) \(from) AND priority = ?1 AND due_at > 0 AND due_at < \(Parking.due)")
        var priority = Int(Int32.max)
        while true {
            below.bind(1, priority)
            guard try below.step() else { return oldest }
            priority = Int(below.int(0))
            below.reset()
            for due in [0, Parking.due, Parking.awaiting] {
                first.bind(1, priority)
                first.bind(2, due)
                if try first.step() { oldest = min(oldest ?? .max, first.int(0)) }
                first.reset()
            }
            timed.bind(1, priority)
            if try timed.step(), !timed.isNull(0) { oldest = min(oldest ?? .max, timed.int(0)) }
            timed.reset()
        }
    }
}
