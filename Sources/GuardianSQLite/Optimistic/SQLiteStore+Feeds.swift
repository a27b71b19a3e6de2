internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try await queue.write(.growth) { transaction in
            if let mark { try Self.move(mark, now, transaction) }
            return try states.map { remote in
                let entity = try Self.resolve(remote.entity, transaction.db)
                var known = try EntityTable.known(entity, transaction) ?? EntityKnowledge()
                if mark?.isReset == true { known.beginAnew() }
                let before = known
                let isTaken = try known.tell(remote, newest: try Self.newest(of: entity, transaction)) {
                    try Self.attempted(of: entity, transaction)
                }
                if isTaken || known != before { try EntityTable.save(known, of: entity, now, transaction) }
                return isTaken
            }
        }
    }

    private static func move(_ mark: FeedMark, _ now: Timestamp, _ transaction: WriteTransaction) throws {
        let find = try transaction.statement("SELECT cursor FROM guardian_feed WHERE name = ?1")
        find.bind(1, mark.feed as String?)
        let stored = try find.step() ? find.text(0) : nil
        find.reset()
        guard stored == mark.after else { throw StoreError.stale }
        let save = try transaction.statement("INSERT OR REPLACE INTO guardian_feed (name, cursor, at) VALUES (?1, ?2, ?3)")
        save.bind(1, mark.feed as String?)
        save.bind(2, mark.cursor)
        save.bind(3, now)
        try save.run()
        transaction.knownFeed = true
    }

    public func feedCursor(of feed: String) async throws(StoreError) -> String? {
        try await read { db in
            let find = try RawStatement(db, "SELECT cursor FROM guardian_feed WHERE name = ?1")
            find.bind(1, feed as String?)
            defer { find.reset() }
            return try find.step() ? find.text(0) : nil
        }
    }

    public func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        let isSomething = try await read { db in
            let find = try RawStatement(
                db, "SELECT 1 FROM guardian_entity INDEXED BY guardian_entity_passed WHERE passed_at IS NOT NULL LIMIT 1")
            defer { find.reset() }
            return try find.step()
        }
        guard isSomething else { return [] }
        return try await queue.write { transaction in try EntityTable.takePassed(now, limit: limit, transaction) }
    }

    private static let newestOf = SQL(
        """
        SELECT max(seq) FROM (
            SELECT o.seq FROM \(WriteTransaction.lastOfLine)
            UNION ALL
            SELECT max(seq) FROM guardian_operation INDEXED BY guardian_operation_failed_line WHERE status = 2 AND line = ?1
            UNION ALL
            SELECT max(seq) FROM guardian_operation INDEXED BY guardian_operation_entity WHERE entity_line IS NOT NULL AND entity_line = ?1)
        """)

    /// The greatest number of an operation of the entity that is stored: at the end of its own line, failed, or in another line.
    static func newest(of entity: EntityKey, _ transaction: WriteTransaction) throws -> Int64? {
        let find = try transaction.statement(newestOf)
        find.bind(1, Line.of(entity))
        defer { find.reset() }
        return try find.step() ? find.optionalInt(0) : nil
    }

    private static let attemptedOf = SQL(
        """
        WITH RECURSIVE standing(seq, previous, head) AS (
            SELECT o.seq, o.previous, o.head FROM \(WriteTransaction.lastOfLine)
            UNION ALL
            SELECT o.seq, o.previous, o.head FROM standing s JOIN guardian_operation o ON o.seq = s.previous WHERE s.head = 0)
        SELECT o.seq, o.idempotency_key FROM standing s JOIN guardian_operation o ON o.seq = s.seq
            WHERE o.last_attempt_at IS NOT NULL OR o.\(Claims.holdsRow)
        UNION ALL
        SELECT seq, idempotency_key FROM guardian_operation INDEXED BY guardian_operation_failed_line
            WHERE status = 2 AND line = ?1 AND last_attempt_at IS NOT NULL
        UNION ALL
        SELECT seq, idempotency_key FROM guardian_operation INDEXED BY guardian_operation_entity
            WHERE entity_line IS NOT NULL AND entity_line = ?1 AND (last_attempt_at IS NOT NULL OR \(Claims.holdsRow))
        """)

    /// The stored operations of the entity that were attempted. Walks its line.
    private static func attempted(of entity: EntityKey, _ transaction: WriteTransaction) throws -> [EntityKnowledge.Attempted] {
        let find = try transaction.statement(attemptedOf)
        find.bind(1, Line.of(entity))
        defer { find.reset() }
        var found: [EntityKnowledge.Attempted] = []
        while try find.step() { found.append(EntityKnowledge.Attempted(seq: find.int(0), key: try find.uuid(1))) }
        return found
    }
}
