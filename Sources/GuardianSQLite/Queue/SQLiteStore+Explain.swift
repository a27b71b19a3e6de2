internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// Steps back along a line in search of its head, at most. Beyond it the one directly before is named.
    private static let longestWalk = 1000

    public func standing(of id: OperationID) async throws(StoreError) -> Standing? {
        try await read { [vault] db in
            let find = try RawStatement(db, "SELECT \(OperationRow.columns), head, due_at, previous FROM guardian_operation WHERE id = ?1")
            find.bind(1, id)
            defer { find.reset() }
            guard try find.step() else { return nil }
            let operation = try OperationRow.look(find, vault)
            var standing = Standing(
                operation: operation, isHead: find.int(OperationRow.count) == 1, isParked: find.int(OperationRow.count + 1) == Parking.due)
            if operation.status == .pending, standing.isHead, find.int(OperationRow.count + 1) == Parking.awaiting {
                standing.isAwaiting = true
                standing.awaits = try Self.create(awaitedBy: operation.seq, db)
            }
            guard operation.status == .pending, !standing.isHead, let previous = find.optionalInt(OperationRow.count + 2) else {
                return standing
            }
            let walk = try RawStatement(db, "SELECT id, head, previous FROM guardian_operation WHERE seq = ?1")
            var at = previous
            for step in 0..<Self.longestWalk {
                walk.bind(1, at)
                guard try walk.step() else { break }
                let isHead = walk.int(1) == 1
                if step == 0 || isHead { standing.behind = try walk.operationID(0) }
                let before = walk.optionalInt(2)
                walk.reset()
                guard !isHead, let before else { break }
                at = before
            }
            return standing
        }
    }

    public func census(at now: Timestamp) async throws(StoreError) -> Census {
        try await read { db in
            let books = try Self.books(db)
            var census = Census()
            census.failed = books.failed
            census.leased = books.processing
            // Walks the index of heads alone; only those that wait for a time are looked up in the table.
            let heads = try RawStatement(
                db,
                """
                SELECT count(*), coalesce(sum(due_at = \(Parking.due)), 0), coalesce(sum(due_at <= ?1), 0),
                    coalesce(sum(due_at = \(Parking.awaiting)), 0)
                FROM guardian_operation INDEXED BY guardian_operation_head WHERE head = 1 AND status = 0 AND \(Claims.leavesRow)
                """)
            heads.bind(1, max(now.milliseconds, 0))
            guard try heads.step() else { return census }
            let count = heads.int(0)
            census.parked = heads.int(1)
            census.due = heads.int(2)
            census.awaiting = heads.int(3)
            heads.reset()
            let early = try RawStatement(
                db,
                """
                SELECT count(*) FROM guardian_operation INDEXED BY guardian_operation_head
                WHERE head = 1 AND status = 0 AND due_at > ?1 AND due_at < \(Parking.due) AND next_retry_at IS NULL
                    AND \(Claims.leavesRow)
                """)
            early.bind(1, max(now.milliseconds, 0))
            if try early.step() { census.notBefore = early.int(0) }
            early.reset()
            census.backoff = count - census.parked - census.awaiting - census.due - census.notBefore
            census.behind = max(0, books.pending - count)
            if census.due > 0 { census.dueSince = try Self.dueSince(db, now) }
            return census
        }
    }

    /// When the first of the due heads, in the order of claims, became due.
    private static func dueSince(_ db: Database, _ now: Timestamp) throws -> Timestamp? {
        let find = try RawStatement(
            db,
            """
            SELECT max(due_at, updated_at) FROM guardian_operation INDEXED BY guardian_operation_head
            WHERE head = 1 AND status = 0 AND due_at <= ?1 AND \(Claims.leavesRow) ORDER BY priority, due_at, seq LIMIT 1
            """)
        find.bind(1, max(now.milliseconds, 0))
        defer { find.reset() }
        return try find.step() ? Timestamp(milliseconds: find.int(0)) : nil
    }

    public func ending(of id: OperationID) async throws(StoreError) -> Ending? {
        try await read { [vault] db in
            let find = try RawStatement(db, "SELECT \(EndingColumns.names), seq FROM guardian_ledger WHERE id = ?1")
            find.bind(1, id)
            defer { find.reset() }
            return try find.step() ? try EndingColumns.read(find, of: find.int(3), from: 0, vault) : nil
        }
    }

    public func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [GuardianCore.Operation] {
        try await read { [vault] db in try Self.operations(db, vault, of: entity, limit: limit) }
    }

    static func operations(_ db: Database, _ vault: Vault, of entity: EntityKey, limit: Int) throws -> [GuardianCore.Operation] {
        let entity = try resolve(entity, db)
        let line = Line.of(entity)
        var found = try rows(
            db, vault,
            "guardian_operation INDEXED BY guardian_operation_entity WHERE entity_line IS NOT NULL AND entity_line = ?1 ORDER BY seq",
            line, limit)
        found += try rows(
            db, vault, "guardian_operation INDEXED BY guardian_operation_failed_line WHERE status = 2 AND line = ?1 ORDER BY seq", line,
            limit)
        // Back along its own line, which has the youngest at its end.
        found += try rows(db, vault, standing(limit), line, limit)
        var seen: Set<Int64> = []
        let own = found.filter { $0.entity == entity && seen.insert($0.seq).inserted }
        return Array(own.sorted { $0.seq < $1.seq }.prefix(limit))
    }

    /// The rows of line `?1`, from its end back.
    static func standing(_ limit: Int) -> String {
        """
        guardian_operation WHERE seq IN (
            WITH RECURSIVE back(seq, previous, head) AS (
                SELECT o.seq, o.previous, o.head FROM \(WriteTransaction.lastOfLine)
                UNION ALL
                SELECT o.seq, o.previous, o.head FROM back JOIN guardian_operation o ON o.seq = back.previous WHERE back.head = 0
            )
            SELECT seq FROM back LIMIT \(limit))
        """
    }

    public func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [GuardianCore.Operation] {
        try await read { [vault] db in
            let find = try RawStatement(
                db,
                """
                SELECT \(OperationRow.columns) FROM guardian_operation INDEXED BY guardian_operation_principal
                WHERE principal IS NOT NULL AND principal = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3
                """)
            find.bind(1, principal as String?)
            find.bind(2, afterSeq)
            find.bind(3, limit)
            var found: [GuardianCore.Operation] = []
            while try find.step() { found.append(try OperationRow.look(find, vault)) }
            return found
        }
    }

    static func rows(_ db: Database, _ vault: Vault, _ from: String, _ line: Int64, _ limit: Int) throws -> [GuardianCore.Operation] {
        let find = try RawStatement(db, "SELECT \(OperationRow.columns) FROM \(from) LIMIT ?2")
        find.bind(1, line)
        find.bind(2, limit)
        var found: [GuardianCore.Operation] = []
        while try find.step() { found.append(try OperationRow.look(find, vault)) }
        return found
    }
}
