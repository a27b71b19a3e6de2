internal import GuardianCore

/// What is known of entities at the upstream: their ETags, their states where those are kept, and what orders further statements.
extension Write {
    private static let upsert = SQL(
        """
        INSERT INTO guardian_entity (line, at, etag, gone, state, marks, passed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (line) DO UPDATE SET at = $2, etag = $3, gone = $4, state = $5, marks = $6, passed_at = $7
        """)
    /// Locked, so that of two machines that are told something at once the second knows what the first has kept.
    private static let readKnowledge = SQL("SELECT state, etag, gone, marks FROM guardian_entity WHERE line = $1 FOR UPDATE")
    private static let passed = SQL(
        "SELECT state, etag, gone, marks, line FROM guardian_entity WHERE passed_at IS NOT NULL LIMIT $1 FOR UPDATE SKIP LOCKED")
    private static let content = SQL("SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE o.seq = $1")

    /// Keeps what an answer has told of the entity of a stored operation. `isApplied` says that the upstream has taken the operation.
    func hear(
        _ server: ServerState?, of entity: EntityKey, ofOperation seq: Int64, isApplied: Bool = false, isFirst: Bool = false,
        _ now: Timestamp
    )
        throws
    {
        guard server != nil || isApplied else { return }
        let isFollowed = try uses(.feeds)
        // An answer without a word, where nothing is known and nobody tells: there is nothing to keep.
        guard try server != nil || uses(.entities) || isFollowed, let row = try first(Self.content, .int(seq)) else { return }
        var operation = try OperationRow.read(row)
        operation.entity = entity
        var known = try known(entity) ?? EntityKnowledge()
        let newest = isFirst ? try newest(of: entity) : nil
        let before = known
        known.answered(
            EntityKnowledge.Statement(server: server, of: operation, isApplied: isApplied, firstUpTo: newest), isFollowed: isFollowed,
            at: now)
        // Heard of again, whether or not that was news.
        if server != nil || known != before { try save(known, line: Line.of(entity), now) }
    }

    func save(_ known: EntityKnowledge, line: Int64, _ now: Timestamp) throws {
        guard known != EntityKnowledge() else { return }
        try use(.entities)
        later(
            Self.upsert, .int(line), .time(now), .text(known.server?.etag), .bool(known.server?.isGone == true), .text(known.server?.state),
            .text(known.marks), .time(known.passedAt))
    }

    /// What is known of an entity; nil for nothing.
    func known(_ entity: EntityKey) throws -> EntityKnowledge? {
        guard try uses(.entities) else { return nil }
        return try first(Self.readKnowledge, .int(Line.of(entity))).map { Self.knowledge($0) }
    }

    /// Reads state, ETag, gone and marks.
    static func knowledge(_ row: Row, from column: Int32 = 0) -> EntityKnowledge {
        let server = ServerState(state: row.text(column), etag: row.text(column + 1), isGone: row.bool(column + 2))
        return EntityKnowledge(server: server == ServerState() ? nil : server, marks: row.text(column + 3))
    }

    /// The greatest number of an operation of the entity that is stored.
    func newest(of entity: EntityKey) throws -> Int64? {
        try PostgresStore.operations(self, of: entity, limit: EntityView.mostOperations).map(\.seq).max()
    }

    /// The stored operations of the entity that were attempted.
    func attempted(of entity: EntityKey) throws -> [EntityKnowledge.Attempted] {
        try PostgresStore.operations(self, of: entity, limit: EntityView.mostOperations).filter { $0.lastAttemptAt != nil }.map {
            .init(seq: $0.seq, key: $0.idempotencyKey)
        }
    }

    private static let pageOfEntities = SQL("SELECT line FROM guardian_entity WHERE line > $1 ORDER BY line OFFSET $2 LIMIT 1")
    private static let sweep = SQL(
        """
        DELETE FROM guardian_entity e WHERE e.line > $1 AND e.line <= $2 AND e.at < $3 AND (e.state IS NULL OR NOT $4)
            AND NOT EXISTS (SELECT 1 FROM guardian_line l WHERE l.line = e.line)
            AND NOT EXISTS (SELECT 1 FROM guardian_operation o WHERE o.status = 2 AND o.line = e.line)
            AND NOT EXISTS (SELECT 1 FROM guardian_operation o WHERE o.entity_line IS NOT NULL AND o.entity_line = e.line)
        """)
    private static let anyFeed = SQL("SELECT 1 FROM guardian_feed LIMIT 1")

    /// Forgets entities of which nothing was heard since `before` and nothing is stored, `limit` at most looked at; what a feed keeps up to
    /// date stays. Returns where to go on; nil at the end.
    func sweepEntities(before: Timestamp, after line: Int64, limit: Int) throws -> Int64? {
        guard try uses(.entities) else { return nil }
        let end = try first(Self.pageOfEntities, .int(line), .int(Int64(limit - 1)))?.int(0)
        let isFollowed = try uses(.feeds) && first(Self.anyFeed) != nil
        later(Self.sweep, .int(line), .int(end ?? Int64.max), .time(before), .bool(isFollowed))
        return end
    }

    /// Takes what was told and passed over too long ago.
    func takePassed(_ now: Timestamp, limit: Int) throws -> [EntityKey] {
        var taken: [EntityKey] = []
        for row in try rows(Self.passed, .int(Int64(limit))) {
            var known = Self.knowledge(row)
            guard let told = known.awaited?.passed?.entity else { continue }
            let entity = try PostgresStore.resolve(told, self)
            guard known.takePassed(newest: try newest(of: entity), at: now) != nil else { continue }
            try save(known, line: row.int(4), now)
            taken.append(entity)
        }
        return taken
    }
}
