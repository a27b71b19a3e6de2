internal import GRDB
internal import GuardianCore

/// What is known of local ids. Each question is answered without a look where the table is empty, which is asked once in a transaction: a
/// queue without local ids pays nothing for them.
extension WriteTransaction {
    private static let anyAlias = SQL("SELECT 1 FROM guardian_alias LIMIT 1")
    private static let anyFeed = SQL("SELECT 1 FROM guardian_feed LIMIT 1")
    private static let anyOpenCreate = SQL("SELECT 1 FROM guardian_open_create LIMIT 1")
    private static let findAlias = SQL("SELECT server_id, is_number FROM guardian_alias WHERE entity_type = ?1 AND local_id = ?2")
    private static let saveAlias = SQL(
        "INSERT OR REPLACE INTO guardian_alias (entity_type, local_id, server_id, is_number, at) VALUES (?1, ?2, ?3, ?4, ?5)")
    private static let dropAlias = SQL("DELETE FROM guardian_alias WHERE entity_type = ?1 AND local_id = ?2")
    private static let isKnown = SQL(
        "SELECT 1 FROM guardian_operation WHERE id = ?1 UNION ALL SELECT 1 FROM guardian_ledger WHERE id = ?1 LIMIT 1")
    private static let firstOpen = SQL(
        "SELECT seq FROM guardian_open_create WHERE entity_type = ?1 AND entity_id = ?2 AND seq > ?3 ORDER BY seq LIMIT 1")
    private static let saveOpen = SQL("INSERT INTO guardian_open_create (entity_type, entity_id, seq) VALUES (?1, ?2, ?3)")
    private static let saveReference = SQL(
        "INSERT OR IGNORE INTO guardian_reference (entity_type, entity_id, seq, field) VALUES (?1, ?2, ?3, ?4)")
    private static let park = SQL(
        """
        UPDATE guardian_operation SET due_at = \(Parking.awaiting)
        WHERE seq = ?1 AND status = 0 AND EXISTS (SELECT 1 FROM guardian_reference WHERE seq = ?1)
        """)

    func knowsAliases() throws -> Bool { try hasRows(Self.anyAlias, &knownAliases) }
    func knowsOpenCreates() throws -> Bool { try hasRows(Self.anyOpenCreate, &knownOpenCreates) }

    /// Whether a feed of remote changes is followed.
    func followsFeed() throws -> Bool { try hasRows(Self.anyFeed, &knownFeed) }

    private func hasRows(_ sql: SQL, _ known: inout Bool?) throws -> Bool {
        if let known { return known }
        let find = try statement(sql)
        defer { find.reset() }
        let found = try find.step()
        known = found
        return found
    }

    func statement(_ sql: SQL, of entity: EntityKey) throws -> RawStatement {
        let made = try statement(sql)
        made.bind(1, entity.type as String?)
        made.bind(2, entity.id as String?)
        return made
    }

    /// The id that the upstream has given to `entity`.
    func serverID(of entity: EntityKey) throws -> ServerID? {
        guard try knowsAliases() else { return nil }
        let find = try statement(Self.findAlias, of: entity)
        defer { find.reset() }
        return try find.step() ? ServerID(find.text(0) ?? "", isNumber: find.int(1) == 1) : nil
    }

    func saveAlias(_ entity: EntityKey, _ server: ServerID, _ now: Timestamp) throws {
        let save = try statement(Self.saveAlias, of: entity)
        save.bind(3, server.text as String?)
        save.bind(4, server.isNumber ? 1 : 0)
        save.bind(5, now)
        try save.run()
        knownAliases = true
    }

    /// The operations with the upstream's ids where the app still uses local ones. A create that uses a local id again begins anew.
    func resolved(_ operations: [GuardianCore.Operation]) throws -> [GuardianCore.Operation] {
        guard try knowsAliases() else { return operations }
        return try operations.map { operation in
            var operation = operation
            if operation.type == "create" {
                if try serverID(of: operation.entity) != nil, try !isKnown(operation.id) {
                    try statement(Self.dropAlias, of: operation.entity).run()
                }
            } else if let server = try serverID(of: operation.entity) {
                operation.entity.id = server.text
                operation.references.removeAll { $0.isOwn }
            }
            try operation.resolveReferences { try serverID(of: $0) }
            return operation
        }
    }

    private func isKnown(_ id: OperationID) throws -> Bool {
        let find = try statement(Self.isKnown)
        find.bind(1, id)
        defer { find.reset() }
        return try find.step()
    }

    /// What `operation` points to whose create is stored and not settled: it must wait, and ``keep(_:ofOperation:)`` be told.
    func openReferences(of operation: GuardianCore.Operation) throws -> [Reference] {
        guard !operation.references.isEmpty, try knowsOpenCreates() else { return [] }
        return try operation.waiting { try openCreate(of: $0, after: 0) != nil }
    }

    /// Keeps in sight what a stored operation waits for. Does not park it.
    func keep(_ references: [Reference], ofOperation seq: Int64) throws {
        for reference in references {
            let save = try statement(Self.saveReference, of: reference.entity)
            save.bind(3, seq)
            save.bind(4, reference.field as String?)
            try save.run()
        }
    }

    /// A create was stored whose entity may get another id.
    func openLocalID(_ entity: EntityKey, _ seq: Int64) throws {
        let save = try statement(Self.saveOpen, of: entity)
        save.bind(3, seq)
        try save.run()
        knownOpenCreates = true
    }

    /// The first stored create of `entity` after a number.
    func openCreate(of entity: EntityKey, after seq: Int64) throws -> Int64? {
        let find = try statement(Self.firstOpen, of: entity)
        find.bind(3, seq)
        defer { find.reset() }
        return try find.step() ? find.int(0) : nil
    }

    /// Parks a pending row that was made due, if it still waits for a create.
    func parkIfAwaiting(_ seq: Int64) throws {
        guard try knowsOpenCreates() else { return }
        let update = try statement(Self.park)
        update.bind(1, seq)
        try update.run()
    }

    /// Drops aliases that are older than `before`, at most `limit`.
    func sweepAliases(before: Timestamp, limit: Int) throws {
        guard try knowsAliases() else { return }
        let delete = try statement(
            """
            DELETE FROM guardian_alias WHERE (entity_type, local_id) IN
                (SELECT entity_type, local_id FROM guardian_alias INDEXED BY guardian_alias_age WHERE at < ?1 ORDER BY at LIMIT ?2)
            """)
        delete.bind(1, before)
        delete.bind(2, limit)
        try delete.run()
    }
}
