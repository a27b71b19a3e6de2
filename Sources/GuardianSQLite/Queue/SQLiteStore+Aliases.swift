internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// Milliseconds that an alias is kept beyond the ledger's window: 29 days, so that the app may use its local ids for 30 in all.
    static let aliasMs: Int64 = 29 * 86_400_000

    public func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey {
        try await read { db in try Self.resolve(entity, db) }
    }

    /// The entity under its real id.
    static func resolve(_ entity: EntityKey, _ db: Database) throws -> EntityKey {
        let find = try RawStatement(db, "SELECT server_id FROM guardian_alias WHERE entity_type = ?1 AND local_id = ?2")
        find.bind(1, entity.type as String?)
        find.bind(2, entity.id as String?)
        defer { find.reset() }
        return try find.step() ? EntityKey(type: entity.type, id: find.text(0) ?? entity.id) : entity
    }

    /// The create for which a stored operation waits; the youngest when there are several of one local id.
    static func create(awaitedBy seq: Int64, _ db: Database) throws -> OperationID? {
        let find = try RawStatement(
            db,
            """
            SELECT o.id FROM guardian_reference r JOIN guardian_open_create c ON c.entity_type = r.entity_type AND c.entity_id = r.entity_id AND c.seq < r.seq
                JOIN guardian_operation o ON o.seq = c.seq
            WHERE r.seq = ?1 ORDER BY c.seq DESC LIMIT 1
            """)
        find.bind(1, seq)
        defer { find.reset() }
        return try find.step() ? try find.operationID(0) : nil
    }

    /// What is wrong with local ids, as a count for each sentence.
    static let aliasChecks = [
        (
            "operations that wait for no create",
            """
            SELECT count(*) FROM guardian_operation o
            WHERE o.status = 0 AND (o.due_at = \(Parking.awaiting)) <> (EXISTS (SELECT 1 FROM guardian_reference r WHERE r.seq = o.seq))
            """
        ),
        (
            "references of operations that do not wait",
            "SELECT count(*) FROM guardian_reference r LEFT JOIN guardian_operation o ON o.seq = r.seq WHERE o.status IS NULL OR r.\(Claims.holdsRow)"
        ),
        (
            "references to creates that are gone",
            """
            SELECT count(*) FROM guardian_reference r WHERE NOT EXISTS (SELECT 1 FROM guardian_open_create c
                WHERE c.entity_type = r.entity_type AND c.entity_id = r.entity_id AND c.seq < r.seq)
            """
        ),
        (
            "creates that are waited for and not stored",
            """
            SELECT count(*) FROM guardian_open_create c LEFT JOIN guardian_operation o ON o.seq = c.seq
            WHERE o.entity_type IS NOT c.entity_type OR o.entity_id IS NOT c.entity_id
            """
        ),
    ]
}
