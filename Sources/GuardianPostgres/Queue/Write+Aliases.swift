internal import GuardianCore

/// What is known of local ids. Where no route ever assigned one, nothing is asked.
///
/// An operation that points to a create and the settlement of that create may meet: each locks the create's row in `guardian_open_create`
/// first, so that the one that comes second sees what the other did.
extension Write {
    private static let findAlias = SQL("SELECT server_id, is_number FROM guardian_alias WHERE entity_type = $1 AND local_id = $2")
    private static let saveAlias = SQL(
        """
        INSERT INTO guardian_alias VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (entity_type, local_id) DO UPDATE SET server_id = $3, is_number = $4, at = $5
        """)
    private static let dropAlias = SQL("DELETE FROM guardian_alias WHERE entity_type = $1 AND local_id = $2")
    private static let firstOpen = SQL(
        "SELECT seq FROM guardian_open_create WHERE entity_type = $1 AND entity_id = $2 AND seq > $3 ORDER BY seq LIMIT 1")
    private static let saveOpen = SQL("INSERT INTO guardian_open_create VALUES ($1, $2, $3)")
    private static let saveReference = SQL("INSERT INTO guardian_reference VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
    private static let park = SQL(
        """
        UPDATE guardian_operation SET due_at = \(Parking.awaiting)
        WHERE seq = $1 AND status = 0 AND EXISTS (SELECT 1 FROM guardian_reference WHERE seq = $1)
        """)
    private static let lockCreates = SQL(
        """
        SELECT 1 FROM guardian_open_create WHERE (entity_type, entity_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        ORDER BY seq FOR KEY SHARE
        """)

    /// Holds the creates that operations point to until the commit: they are settled before it, or after it.
    func lockCreates(_ references: [Reference]) throws {
        guard !references.isEmpty, try uses(.localIDs) else { return }
        let entities = Set(references.map(\.entity)).sorted { $0.orderingKey < $1.orderingKey }
        try rows(Self.lockCreates, .texts(entities.map(\.type)), .texts(entities.map(\.id)))
    }

    /// The id that the upstream has given to `entity`.
    func serverID(of entity: EntityKey) throws -> ServerID? {
        guard try uses(.localIDs) else { return nil }
        return try first(Self.findAlias, .text(entity.type), .text(entity.id)).map { ServerID($0.text(0) ?? "", isNumber: $0.bool(1)) }
    }

    func saveAlias(_ entity: EntityKey, _ server: ServerID, _ now: Timestamp) {
        later(Self.saveAlias, .text(entity.type), .text(entity.id), .text(server.text), .bool(server.isNumber), .time(now))
    }

    /// The operations with the upstream's ids where the app still uses local ones. A create that uses a local id again begins anew.
    func resolved(_ operations: [Operation]) throws -> [Operation] {
        guard try uses(.localIDs) else { return operations }
        return try operations.map { operation in
            var operation = operation
            if operation.type == "create" {
                if try serverID(of: operation.entity) != nil, try PostgresStore.known([operation.id], self).isEmpty {
                    later(Self.dropAlias, .text(operation.entity.type), .text(operation.entity.id))
                }
            } else if let server = try serverID(of: operation.entity) {
                operation.entity.id = server.text
                operation.references.removeAll { $0.isOwn }
            }
            try operation.resolveReferences { try serverID(of: $0) }
            return operation
        }
    }

    private static let checkLocal = SQL("SELECT guardian_check_local($1, $2)")

    /// `operations`, which ``resolved(_:)`` has made of `given`, were added: has the transaction repeated when the upstream's id of one's
    /// entity became known while its line was waited for.
    func checkLocal(_ given: [Operation], _ operations: [Operation]) {
        let entities = zip(given, operations).filter { $1.type != "create" && $0.entity == $1.entity }.map { $0.1.entity }
        guard !entities.isEmpty else { return }
        later(Self.checkLocal, .texts(entities.map(\.type)), .texts(entities.map(\.id)))
    }

    /// What `operation` points to whose create is stored and not settled: it must wait, and ``keep(_:ofOperation:)`` be told.
    func openReferences(of operation: Operation) throws -> [Reference] {
        guard !operation.references.isEmpty, try uses(.localIDs) else { return [] }
        return try operation.waiting { try openCreate(of: $0, after: 0) != nil }
    }

    /// Keeps in sight what a stored operation waits for. Does not park it.
    func keep(_ references: [Reference], ofOperation seq: Int64) {
        for reference in references {
            later(Self.saveReference, .text(reference.entity.type), .text(reference.entity.id), .int(seq), .text(reference.field))
        }
    }

    /// A create was stored whose entity may get another id.
    func openLocalID(_ entity: EntityKey, _ seq: Int64) throws {
        try use(.localIDs)
        later(Self.saveOpen, .text(entity.type), .text(entity.id), .int(seq))
    }

    /// The first stored create of `entity` after a number.
    func openCreate(of entity: EntityKey, after seq: Int64) throws -> Int64? {
        try first(Self.firstOpen, .text(entity.type), .text(entity.id), .int(seq))?.int(0)
    }

    /// Parks a pending row that was made due, if it still waits for a create.
    func parkIfAwaiting(_ seq: Int64, _ line: Int64) throws {
        guard try uses(.localIDs) else { return }
        later(Self.park, .int(seq))
        takeOverDue(of: [line])
    }

    private static let sweep = SQL(
        """
        DELETE FROM guardian_alias WHERE (entity_type, local_id) IN
            (SELECT entity_type, local_id FROM guardian_alias WHERE at < $1 ORDER BY at LIMIT $2)
        """)

    /// Drops aliases that are older than `before`, at most `limit`.
    func sweepAliases(before: Timestamp, limit: Int) throws {
        if try uses(.localIDs) { later(Self.sweep, .time(before), .int(Int64(limit))) }
    }
}
