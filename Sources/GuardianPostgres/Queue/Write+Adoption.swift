internal import GuardianCore

/// What happens to the operations that point to a local id when its create leaves the queue.
extension Write {
    /// A stored operation of the entity, as far as its place matters.
    private struct Named {
        var seq: Int64
        var line: Int64
        var isOwnLine: Bool
        var wasAttempted: Bool
        var isCreate: Bool
        var key: UniqueID
    }

    private static let lockCreate = SQL("SELECT entity_type, entity_id FROM guardian_open_create WHERE seq = $1 FOR UPDATE")
    private static let entityOf = SQL("SELECT entity_type, entity_id FROM guardian_operation WHERE seq = $1")
    private static let lockLines = SQL("SELECT 1 FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE")
    private static let named = SQL(
        """
        SELECT o.seq, o.line, o.ordering_key IS NULL, coalesce(l.claimed_at, o.last_attempt_at) IS NOT NULL, o.operation_type = 'create',
            o.idempotency_key
        FROM \(OperationRow.source) WHERE o.seq IN (
            SELECT seq FROM guardian_operation WHERE entity_line IS NOT NULL AND entity_line = $1
            UNION SELECT seq FROM guardian_operation WHERE status = 2 AND line = $1
            UNION SELECT seq FROM guardian_operation WHERE follows AND status = 0 AND line = $1
            UNION SELECT head FROM guardian_line WHERE line = $1
        ) AND o.entity_type = $2 AND o.entity_id = $3 ORDER BY o.seq
        """)
    private static let rename = SQL(
        """
        UPDATE guardian_operation SET entity_id = $2, line = $3, entity_line = $4, updated_at = $5, if_match = NULL, idempotency_key = $6,
            unknown_at = CASE WHEN last_attempt_at IS NULL THEN unknown_at ELSE NULL END, follows = follows OR line <> $3
        WHERE seq = $1
        """)
    private static let renameOptimistic = SQL(
        "UPDATE guardian_optimistic SET entity_id = $3 WHERE entity_type = $1 AND entity_id = $2")
    private static let close = SQL("DELETE FROM guardian_open_create WHERE seq = $1")
    private static let pointing = SQL(
        "SELECT seq, field FROM guardian_reference WHERE entity_type = $1 AND entity_id = $2 AND seq < $3 ORDER BY seq")
    private static let unpoint = SQL("DELETE FROM guardian_reference WHERE entity_type = $1 AND entity_id = $2 AND seq < $3")
    private static let unpointFrom = SQL("DELETE FROM guardian_reference WHERE seq = $1")
    private static let release = SQL(
        """
        UPDATE guardian_operation SET due_at = \(Parking.sql(due: Parking.ownDue))
        WHERE seq = $1 AND status = 0 AND due_at = \(Parking.awaiting)
            AND NOT EXISTS (SELECT 1 FROM guardian_reference WHERE seq = $1) RETURNING line
        """)
    private static let kept = SQL("SELECT entity_type, entity_id, field FROM guardian_reference WHERE seq = $1")
    private static let unpointOne = SQL(
        "DELETE FROM guardian_reference WHERE entity_type = $1 AND entity_id = $2 AND seq = $3 AND field = $4")
    private static let content = SQL("SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE o.seq = $1")
    private static let saveContent = SQL(
        "UPDATE guardian_operation SET payload = $2, base = $3, idempotency_key = $4, unknown_at = $5, updated_at = $6 WHERE seq = $1")

    /// Holds those of the lines that are there until the commit, by rising numbers, before what comes next.
    func lock(lines: Set<Int64>) { later(Self.lockLines, .ints(lines.sorted())) }

    /// Holds the create `seq`, if it is one that others wait for, so that nobody begins to wait for it any more.
    func lockCreate(_ seq: Int64) throws { if try uses(.localIDs) { try rows(Self.lockCreate, .int(seq)) } }

    /// The create `seq`, which is claimed and about to be removed, has brought the upstream's id: everything that is stored of its entity
    /// goes on under that id, in the line of that id and in the same order, and what points to it holds that id.
    ///
    /// The row of the create is renamed too, so that what the upstream told is kept under the real id, but it stays where it stands.
    /// Operations behind a younger create of the same local id belong to that one and stay as they are.
    func adopt(_ seq: Int64, _ server: ServerID, _ now: Timestamp) throws {
        guard let row = try first(Self.entityOf, .int(seq)) else { return }
        let entity = EntityKey(type: row.text(0) ?? "", id: row.text(1) ?? "")
        guard entity.id != server.text else { return }
        let younger = try openCreate(of: entity, after: seq)
        if younger == nil {
            // A create that came by SQL has not said that it opens a local id.
            try use(.localIDs)
            saveAlias(entity, server, now)
        }
        let (old, new) = (Line.of(entity), Line.of(EntityKey(type: entity.type, id: server.text)))
        lock(lines: [old, new])
        var end = younger ?? Int64.max
        let all = try rows(Self.named, .int(old), .text(entity.type), .text(entity.id)).map { row in
            Named(
                seq: row.int(0), line: row.int(1), isOwnLine: row.bool(2), wasAttempted: row.bool(3), isCreate: row.bool(4),
                key: try row.uuid(5))
        }
        for row in all where row.isCreate && row.seq > seq { end = min(end, row.seq) }
        for row in all where row.seq < end && (!row.isCreate || row.seq == seq) {
            // In `ordering: strict` no operation stands in its own line.
            let line = row.seq != seq && row.isOwnLine && row.line == old ? new : row.line
            later(
                Self.rename, .int(row.seq), .text(server.text), .int(line), .int(line == new ? nil : new), .time(now),
                .uuid(row.wasAttempted ? row.key.mixed(with: server.text) : row.key))
        }
        mend(old, now)
        mend(new, now)
        later(Self.renameOptimistic, .text(entity.type), .text(entity.id), .text(server.text))
        try settleReferences(to: entity, before: end, server, now)
    }

    /// An operation leaves the queue: what it waits for is forgotten, and what waits for it alone goes on. To be called whenever a row is
    /// deleted.
    func forgetReferences(_ seq: Int64) throws {
        guard try uses(.localIDs) else { return }
        later(Self.unpointFrom, .int(seq))
        guard let row = try first(Self.lockCreate, .int(seq)) else { return }
        let entity = EntityKey(type: row.text(0) ?? "", id: row.text(1) ?? "")
        later(Self.close, .int(seq))
        // An older one of the same local id that is still stored is waited for as before.
        let oldest = try openCreate(of: entity, after: 0)
        if let oldest, oldest < seq { return }
        try settleReferences(to: entity, before: oldest ?? Int64.max, nil, nil)
    }

    /// A pending operation has got another payload: what it no longer points to, it does not wait for.
    func letGo(of operation: Operation) throws {
        guard try uses(.localIDs) else { return }
        let kept = try rows(Self.kept, .int(operation.seq)).map { row in
            Reference(to: EntityKey(type: row.text(0) ?? "", id: row.text(1) ?? ""), field: row.text(2) ?? "")
        }
        let gone = operation.lost(among: kept)
        guard !gone.isEmpty else { return }
        for reference in gone {
            later(
                Self.unpointOne, .text(reference.entity.type), .text(reference.entity.id), .int(operation.seq), .text(reference.field))
        }
        takeOverDue(of: Set(try rows(Self.release, .int(operation.seq)).map { $0.int(0) }))
    }

    /// Rewrites what points to `entity`, if the upstream's id is known, and lets it go.
    private func settleReferences(to entity: EntityKey, before end: Int64, _ server: ServerID?, _ now: Timestamp?) throws {
        let found = try rows(Self.pointing, .text(entity.type), .text(entity.id), .int(end)).map { ($0.int(0), $0.text(1) ?? "") }
        guard !found.isEmpty else { return }
        later(Self.unpoint, .text(entity.type), .text(entity.id), .int(end))
        var lines = Set<Int64>()
        for (seq, fields) in Dictionary(grouping: found, by: { $0.0 }).sorted(by: { $0.key < $1.key }) {
            let names = fields.map { $0.1 }.filter { !$0.isEmpty }
            if let server, let now, !names.isEmpty { try rewrite(seq, names, entity, server, now) }
            for row in try rows(Self.release, .int(seq)) { lines.insert(row.int(0)) }
        }
        takeOverDue(of: lines)
    }

    private func rewrite(_ seq: Int64, _ fields: [String], _ entity: EntityKey, _ server: ServerID, _ now: Timestamp) throws {
        guard let row = try first(Self.content, .int(seq)) else { return }
        var operation = try OperationRow.read(row)
        var isChanged = false
        for field in fields where operation.rewrite(field, from: entity.id, to: server) { isChanged = true }
        guard isChanged else { return }
        operation.renewKey(for: server)
        later(
            Self.saveContent, .int(seq), .text(operation.payload), .text(operation.base), .uuid(operation.idempotencyKey),
            .time(operation.unknownAt), .time(now))
    }
}
