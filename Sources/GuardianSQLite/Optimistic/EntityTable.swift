internal import GRDB
internal import GuardianCore

/// What is known of entities at the upstream: their ETags, their states where those are kept, and what orders further statements.
enum EntityTable {
    private static let upsert = SQL(
        """
        INSERT INTO guardian_entity (line, at, etag, gone, state, marks, passed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (line) DO UPDATE SET at = ?2, etag = ?3, gone = ?4, state = ?5, marks = ?6, passed_at = ?7
        """)
    private static let read = SQL("SELECT state, etag, gone, marks FROM guardian_entity WHERE line = ?1")
    private static let readETag = SQL("SELECT etag, marks FROM guardian_entity WHERE line = ?1")
    private static let any = SQL("SELECT 1 FROM guardian_entity LIMIT 1")
    private static let content = SQL("SELECT \(OperationRow.columns) FROM guardian_operation WHERE seq = ?1")
    private static let passed = SQL(
        "SELECT line, state, etag, gone, marks FROM guardian_entity INDEXED BY guardian_entity_passed WHERE passed_at IS NOT NULL LIMIT ?1")

    /// Keeps what an answer has told of the entity of a stored operation. `isApplied` says that the upstream has taken the operation.
    static func hear(
        _ server: ServerState?, ofOperation seq: Int64, isApplied: Bool = false, isFirst: Bool = false, _ now: Timestamp,
        _ transaction: WriteTransaction
    ) throws {
        guard server != nil || isApplied else { return }
        // An answer without a word, where nothing is known and nobody tells: there is nothing to keep.
        guard try server != nil || knowsAny(transaction) || transaction.followsFeed() else { return }
        let find = try transaction.statement(content)
        find.bind(1, seq)
        defer { find.reset() }
        guard try find.step(), let operation = try OperationRow.opened(find, transaction.vault) else { return }
        let entity = operation.entity
        var known = try known(entity, transaction) ?? EntityKnowledge()
        let newest = isFirst ? try SQLiteStore.newest(of: entity, transaction) : nil
        let statement = EntityKnowledge.Statement(server: server, of: operation, isApplied: isApplied, firstUpTo: newest)
        let before = known
        known.answered(statement, isFollowed: try transaction.followsFeed(), at: now)
        // Heard of again, whether or not that was news.
        if server != nil || known != before { try save(known, of: entity, now, transaction) }
    }

    static func save(_ known: EntityKnowledge, of entity: EntityKey, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        try save(known, line: Line.of(entity), now, transaction)
    }

    private static func save(_ known: EntityKnowledge, line: Int64, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        guard known != EntityKnowledge() else { return }
        let write = try transaction.statement(upsert)
        write.bind(1, line)
        write.bind(2, now)
        write.bind(3, known.server?.etag)
        write.bind(4, known.server?.isGone == true ? 1 : 0)
        write.bind(5, try transaction.stored(known.server?.state, SealedKind.entityState.at(line)))
        write.bind(6, try transaction.stored(known.marks, SealedKind.entityMarks.at(line)))
        write.bind(7, known.passedAt)
        try write.run()
        transaction.knowsEntities = true
    }

    /// What is known of an entity; nil for nothing.
    static func known(_ entity: EntityKey, _ transaction: WriteTransaction) throws -> EntityKnowledge? {
        guard try knowsAny(transaction) else { return nil }
        let find = try transaction.statement(read)
        let line = Line.of(entity)
        find.bind(1, line)
        defer { find.reset() }
        return try find.step() ? try knowledge(find, line, transaction.vault) : nil
    }

    private static let saveMarks = SQL("UPDATE guardian_entity SET marks = ?2 WHERE line = ?1")

    /// An operation was taken over from another store: if it did not know the newest state there, it does not know it here.
    static func took(_ entity: EntityKey, _ old: Int64, as seq: Int64, _ transaction: WriteTransaction) throws {
        guard var known = try known(entity, transaction), known.took(old, as: seq) else { return }
        let line = Line.of(entity)
        let save = try transaction.statement(saveMarks)
        save.bind(1, line)
        save.bind(2, try transaction.stored(known.marks, SealedKind.entityMarks.at(line)))
        try save.run()
    }

    /// Reads state, ETag, gone and marks. What can't be opened is not known: the upstream tells it anew.
    static func knowledge(_ row: RawStatement, _ line: Int64, _ vault: Vault, from column: Int32 = 0) throws -> EntityKnowledge {
        let server = ServerState(
            state: try row.readableText(column, vault, SealedKind.entityState.at(line)), etag: row.text(column + 1),
            isGone: row.int(column + 2) == 1)
        let marks = try row.readableText(column + 3, vault, SealedKind.entityMarks.at(line))
        return EntityKnowledge(server: server == ServerState() ? nil : server, marks: marks)
    }

    /// The ETag to name in `If-Match`: the last one known, or the one that the operation was made on, unless it makes the entity, or others
    /// of the same entity may be on their way beside it in another line.
    static func etag(for operation: GuardianCore.Operation, _ transaction: WriteTransaction) throws -> String? {
        guard operation.type != "create", operation.customOrderingKey == nil, try knowsAny(transaction) else { return nil }
        let find = try transaction.statement(readETag)
        let line = Line.of(operation.entity)
        find.bind(1, line)
        defer { find.reset() }
        guard try find.step() else { return nil }
        let etag = find.text(0)
        guard let marks = try find.readableText(1, transaction.vault, SealedKind.entityMarks.at(line)) else { return etag }
        return EntityKnowledge(server: ServerState(etag: etag), marks: marks).ifMatch(for: operation.seq)
    }

    /// Whether anything is known of any entity; asked once in a transaction, so that an upstream without ETags costs nothing.
    static func knowsAny(_ transaction: WriteTransaction) throws -> Bool {
        if let known = transaction.knowsEntities { return known }
        let find = try transaction.statement(any)
        defer { find.reset() }
        let known = try find.step()
        transaction.knowsEntities = known
        return known
    }

    /// Takes what was told and passed over too long ago.
    static func takePassed(_ now: Timestamp, limit: Int, _ transaction: WriteTransaction) throws -> [EntityKey] {
        let find = try transaction.statement(passed)
        find.bind(1, limit)
        var found: [(line: Int64, known: EntityKnowledge)] = []
        while try find.step() {
            let line = find.int(0)
            found.append((line, try knowledge(find, line, transaction.vault, from: 1)))
        }
        var taken: [EntityKey] = []
        for (line, known) in found {
            var known = known
            guard let told = known.awaited?.passed?.entity else { continue }
            let entity = try SQLiteStore.resolve(told, transaction.db)
            guard known.takePassed(newest: try SQLiteStore.newest(of: entity, transaction), at: now) != nil else { continue }
            try save(known, line: line, now, transaction)
            taken.append(entity)
        }
        return taken
    }

    /// Forgets entities of which nothing was heard since `before` and nothing is stored, `limit` at most looked at; what a feed keeps up to
    /// date stays. Returns where to go on; nil at the end.
    static func sweep(before: Timestamp, after line: Int64, limit: Int, _ transaction: WriteTransaction) throws -> Int64? {
        guard try knowsAny(transaction) else { return nil }
        let page = try transaction.statement("SELECT line FROM guardian_entity WHERE line > ?1 ORDER BY line LIMIT 1 OFFSET ?2")
        page.bind(1, line)
        page.bind(2, limit - 1)
        let end = try page.step() ? page.int(0) : nil
        page.reset()
        let delete = try transaction.statement(
            """
            DELETE FROM guardian_entity WHERE line > ?1 AND line <= ?2 AND at < ?3 AND (state IS NULL OR ?4 = 0)
                AND NOT EXISTS (SELECT 1 FROM guardian_line l JOIN guardian_operation o ON o.seq = l.last AND o.line = l.line
                    WHERE l.line = guardian_entity.line AND o.status < 2)
                AND NOT EXISTS (SELECT 1 FROM guardian_operation o INDEXED BY guardian_operation_failed_line
                    WHERE o.status = 2 AND o.line = guardian_entity.line)
                AND NOT EXISTS (SELECT 1 FROM guardian_operation o INDEXED BY guardian_operation_entity
                    WHERE o.entity_line IS NOT NULL AND o.entity_line = guardian_entity.line)
            """)
        delete.bind(1, line)
        delete.bind(2, end ?? Int64.max)
        delete.bind(3, before)
        delete.bind(4, try transaction.followsFeed() ? 1 : 0)
        if try delete.run() > 0 { transaction.knowsEntities = nil }
        return end
    }
}
