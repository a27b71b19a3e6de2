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
                db, sql: "SELECT count(*) FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status = 1") ?? 0
        return books
    }

    public func accountingGap() async throws(StoreError) -> Int64 {
        try await read { db in
            let books = try Self.books(db)
            let rows = try Int64.fetchOne(db, sql: "SELECT count(*) FROM guardian_operation") ?? 0
            return books.pending + books.processing + books.failed - rows
        }
    }

    public func operation(_ id: OperationID) async throws(StoreError) -> GuardianCore.Operation? {
        try await read { [vault] db in
            let find = try RawStatement(db, "SELECT \(OperationRow.columns) FROM guardian_operation WHERE id = ?1")
            find.bind(1, id)
            defer { find.reset() }
            return try find.step() ? try OperationRow.read(find, vault) : nil
        }
    }

    public func list(_ filter: OperationFilter) async throws(StoreError) -> [GuardianCore.Operation] {
        try await read { [vault] db in
            var conditions = ["seq > ?1"]
            if let status = filter.status { conditions.append("status = \(status.rawValue)") }
            if filter.operationType != nil { conditions.append("operation_type = ?2") }
            if filter.entityType != nil { conditions.append("entity_type = ?3") }
            if filter.entityID != nil { conditions.append("entity_id = ?4") }
            if filter.traceID != nil { conditions.append("trace_id = ?5") }
            if filter.since != nil { conditions.append("enqueued_at >= ?6") }
            if filter.until != nil { conditions.append("enqueued_at < ?7") }
            let find = try RawStatement(
                db,
                "SELECT \(OperationRow.columns) FROM guardian_operation WHERE \(conditions.joined(separator: " AND ")) ORDER BY seq LIMIT \(filter.limit)"
            )
            find.bind(1, filter.afterSeq)
            if let type = filter.operationType { find.bind(2, type as String?) }
            if let type = filter.entityType { find.bind(3, type as String?) }
            if let id = filter.entityID { find.bind(4, id as String?) }
            if let trace = filter.traceID { find.bind(5, trace) }
            if let since = filter.since { find.bind(6, since as Timestamp?) }
            if let until = filter.until { find.bind(7, until as Timestamp?) }
            var found: [GuardianCore.Operation] = []
            while try find.step() { found.append(try OperationRow.read(find, vault)) }
            return found
        }
    }

    public func oldestPending() async throws(StoreError) -> Timestamp? {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT enqueued_at FROM guardian_operation WHERE status < 2 ORDER BY seq LIMIT 1")
                .map { Timestamp(milliseconds: $0) }
        }
    }
}
