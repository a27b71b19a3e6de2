internal import GRDB
internal import GuardianCore

/// What the upstream has told of entities: their ETags, and their states where those are kept.
enum EntityTable {
    private static let find = SQL("SELECT entity_type, entity_id FROM guardian_operation WHERE seq = ?1")
    private static let upsert = SQL(
        """
        INSERT INTO guardian_entity (line, at, etag, gone, state) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (line) DO UPDATE SET at = ?2, etag = ?3, gone = ?4, state = coalesce(?5, CASE WHEN ?4 THEN NULL ELSE state END)
        """)
    private static let readETag = SQL("SELECT etag FROM guardian_entity WHERE line = ?1")
    private static let readState = SQL("SELECT state, etag, gone FROM guardian_entity WHERE line = ?1")
    private static let any = SQL("SELECT 1 FROM guardian_entity LIMIT 1")

    /// Keeps what was heard of the entity of a stored operation.
    static func save(_ server: ServerState, ofOperation seq: Int64, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        let find = try transaction.statement(find)
        find.bind(1, seq)
        guard try find.step() else { return find.reset() }
        let entity = EntityKey(type: find.text(0) ?? "", id: find.text(1) ?? "")
        find.reset()
        try save(server, of: entity, now, transaction)
    }

    static func save(_ server: ServerState, of entity: EntityKey, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        let write = try transaction.statement(upsert)
        let line = Line.of(entity)
        write.bind(1, line)
        write.bind(2, now)
        write.bind(3, server.etag)
        write.bind(4, server.isGone ? 1 : 0)
        write.bind(5, try transaction.stored(server.state, SealedKind.entityState.at(line)))
        try write.run()
        transaction.knowsEntities = true
    }

    /// What is known of an entity; nil for nothing.
    static func known(_ entity: EntityKey, _ transaction: WriteTransaction) throws -> ServerState? {
        guard try knowsAny(transaction) else { return nil }
        let find = try transaction.statement(readState)
        let line = Line.of(entity)
        find.bind(1, line)
        defer { find.reset() }
        return try find.step() ? try serverState(find, line, transaction.vault) : nil
    }

    /// From the columns state, etag, gone.
    static func serverState(_ row: RawStatement, _ line: Int64, _ vault: Vault) throws -> ServerState {
        ServerState(
            state: try row.text(0, vault, SealedKind.entityState.at(line)), etag: row.text(1), isGone: row.int(2) == 1)
    }

    /// The ETag to name in `If-Match`: the last one known, unless the operation makes the entity, or others of the same entity may be on
    /// their way beside it in another line.
    static func etag(for operation: GuardianCore.Operation, _ transaction: WriteTransaction) throws -> String? {
        guard operation.type != "create", operation.customOrderingKey == nil, try knowsAny(transaction) else { return nil }
        let find = try transaction.statement(readETag)
        find.bind(1, Line.of(operation.entity))
        defer { find.reset() }
        return try find.step() ? find.text(0) : nil
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
}
