public import GuardianCore

extension PostgresStore {
    private static let findStanding = SQL(
        """
        SELECT \(OperationRow.columns), a.head, o.due_at, (SELECT h.id FROM guardian_operation h WHERE h.seq = a.head)
        FROM \(OperationRow.source) LEFT JOIN guardian_line a ON a.line = o.line AND o.status = 0 WHERE o.id = $1
        """)
    private static let awaited = SQL(
        """
        SELECT o.id FROM guardian_reference r
            JOIN guardian_open_create c ON c.entity_type = r.entity_type AND c.entity_id = r.entity_id AND c.seq < r.seq
            JOIN guardian_operation o ON o.seq = c.seq
        WHERE r.seq = $1 ORDER BY c.seq DESC LIMIT 1
        """)
    private static let heads = SQL(
        """
        SELECT count(*), count(*) FILTER (WHERE due_at = \(Parking.due)), count(*) FILTER (WHERE due_at <= $1),
            count(*) FILTER (WHERE due_at = \(Parking.awaiting))
        FROM guardian_line WHERE state = 0
        """)
    private static let early = SQL(
        """
        SELECT count(*) FROM guardian_line l JOIN guardian_operation o ON o.seq = l.head
        WHERE l.state = 0 AND l.due_at > 0 AND l.due_at > $1 AND l.due_at < \(Parking.due) AND o.next_retry_at IS NULL
        """)
    private static let dueSince = SQL(
        """
        SELECT greatest(due_at, updated_at) FROM guardian_line WHERE state = 0 AND due_at <= $1 ORDER BY priority, tenant, due_at, head LIMIT 1
        """)
    /// The same of what no other transaction holds.
    private static let claimableSince = SQL(
        """
        SELECT greatest(due_at, updated_at) FROM guardian_line WHERE state = 0 AND due_at <= $1 ORDER BY priority, tenant, due_at, head
        LIMIT 1 FOR UPDATE SKIP LOCKED
        """)
    /// Milliseconds that something due is taken for one that is about to be claimed.
    private static let soonMs: Int64 = 1000
    static let findEnding = SQL("SELECT \(EndingColumns.names) FROM guardian_ledger WHERE id = $1")
    private static let ofEntity = SQL(
        """
        SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE o.seq IN (
            SELECT seq FROM guardian_operation WHERE entity_line IS NOT NULL AND entity_line = $1
            UNION SELECT seq FROM guardian_operation WHERE status = 2 AND line = $1
            UNION SELECT seq FROM guardian_operation WHERE follows AND status = 0 AND line = $1
            UNION SELECT head FROM guardian_line WHERE line = $1
        ) AND o.entity_type = $2 AND o.entity_id = $3 ORDER BY o.seq LIMIT $4
        """)
    private static let ofPrincipal = SQL(
        """
        SELECT \(OperationRow.columns) FROM \(OperationRow.source)
        WHERE o.principal IS NOT NULL AND o.principal = $1 AND o.seq > $2 ORDER BY o.seq LIMIT $3
        """)
    private static let findAlias = SQL("SELECT server_id FROM guardian_alias WHERE entity_type = $1 AND local_id = $2")

    public func standing(of id: OperationID) async throws(StoreError) -> Standing? {
        try await look { write in
            guard let row = try write.first(Self.findStanding, .id(id)) else { return nil }
            let operation = try OperationRow.read(row)
            let head = OperationRow.count
            var standing = Standing(
                operation: operation, isHead: row.optionalInt(head) == operation.seq, isParked: row.int(head + 1) == Parking.due)
            guard operation.status == .pending else { return standing }
            if standing.isHead {
                if row.int(head + 1) == Parking.awaiting {
                    standing.isAwaiting = true
                    standing.awaits = try write.first(Self.awaited, .int(operation.seq)).map { try $0.operationID(0) }
                }
            } else if !row.isNull(head + 2) {
                standing.behind = try row.operationID(head + 2)
            }
            return standing
        }
    }

    private static let mayStallNow = SQL("SELECT guardian_may_stall($1, $2, $3)")

    public func mayStall(at now: Timestamp, patienceMs: Int64) async throws(StoreError) -> Bool {
        let values: [Parameter] = [.int(max(now.milliseconds, 0)), .int(patienceMs), .bool(!configuration.readOnly)]
        return try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.mayStallNow, values)).first?.bool(0) ?? true
        }
    }

    public func census(at now: Timestamp) async throws(StoreError) -> Census {
        var census: Census = try await look(.long, patienceMs: 600_000) { write in
            let books = try Self.books(write)
            var census = Census()
            census.failed = books.failed
            census.leased = books.processing
            let at = Parameter.int(max(now.milliseconds, 0))
            guard let heads = try write.first(Self.heads, at) else { return census }
            census.parked = heads.int(1)
            census.due = heads.int(2)
            census.awaiting = heads.int(3)
            census.notBefore = try write.first(Self.early, at)?.int(0) ?? 0
            census.backoff = heads.int(0) - census.parked - census.awaiting - census.due - census.notBefore
            census.behind = max(0, books.pending - heads.int(0))
            if census.due > 0 { census.dueSince = try write.first(Self.dueSince, at)?.time(0) }
            return census
        }
        // A line that an app's open transaction holds waits for that, and for no one here.
        if let since = census.dueSince, now.milliseconds - since.milliseconds >= Self.soonMs, !configuration.readOnly {
            census.dueSince = try await pool.with(.long, isRepeatable: true, patienceMs: 600_000) { connection -> Timestamp? in
                try connection.look(Call(Self.claimableSince, [.time(now)])).first?.time(0)
            }
        }
        return census
    }

    public func ending(of id: OperationID) async throws(StoreError) -> Ending? {
        try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.findEnding, [.id(id)])).first.map { try EndingColumns.read($0, from: 0) }
        }
    }

    public func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        try await look { try Self.operations($0, of: try Self.resolve(entity, $0), limit: limit) }
    }

    static func operations(_ write: Write, of entity: EntityKey, limit: Int) throws -> [Operation] {
        try write.rows(ofEntity, .int(Line.of(entity)), .text(entity.type), .text(entity.id), .int(Int64(limit)))
            .map { try OperationRow.read($0) }
    }

    public func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { try await look { try Self.resolve(entity, $0) } }

    /// The entity under its real id.
    static func resolve(_ entity: EntityKey, _ write: Write) throws -> EntityKey {
        let found = try write.first(findAlias, .text(entity.type), .text(entity.id))
        return found.map { EntityKey(type: entity.type, id: $0.text(0) ?? entity.id) } ?? entity
    }

    public func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.ofPrincipal, [.text(principal), .int(afterSeq), .int(Int64(limit))]))
                .map { try OperationRow.read($0) }
        }
    }
}
