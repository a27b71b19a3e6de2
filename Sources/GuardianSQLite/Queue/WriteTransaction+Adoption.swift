internal import GRDB
internal import GuardianCore

/// What happens to the operations that point to a local id when its create leaves the queue.
extension WriteTransaction {
    /// A stored operation of the entity, as far as its place matters.
    private struct Named {
        var seq: Int64
        var line: Int64
        var isOwnLine: Bool
        var isFailed: Bool
        var wasAttempted: Bool
        var key: UniqueID
    }

    private static let named = """
        seq, line, ordering_key IS NULL, status, last_attempt_at IS NOT NULL OR \(Claims.holdsRow), idempotency_key, entity_type, \
        entity_id, operation_type
        """
    private static let ofOtherLines = SQL(
        "SELECT \(named) FROM guardian_operation INDEXED BY guardian_operation_entity WHERE entity_line IS NOT NULL AND entity_line = ?1 ORDER BY seq"
    )
    private static let failed = SQL(
        "SELECT \(named) FROM guardian_operation INDEXED BY guardian_operation_failed_line WHERE status = 2 AND line = ?1 ORDER BY seq")
    private static let one = SQL("SELECT \(named) FROM guardian_operation WHERE seq = ?1")
    private static let rename = SQL(
        """
        UPDATE guardian_operation SET entity_id = ?2, line = ?3, entity_line = ?4, updated_at = ?5, if_match = NULL, idempotency_key = ?6,
            unknown_at = CASE WHEN last_attempt_at IS NULL THEN unknown_at ELSE NULL END
        WHERE seq = ?1
        """)
    private static let place = SQL("UPDATE guardian_operation SET previous = ?2, next = ?3, head = ?4 WHERE seq = ?1")
    private static let forgetLine = SQL("DELETE FROM guardian_line WHERE line = ?1")
    private static let opened = SQL("SELECT entity_type, entity_id FROM guardian_open_create WHERE seq = ?1")
    private static let close = SQL("DELETE FROM guardian_open_create WHERE seq = ?1")
    private static let pointing = SQL(
        "SELECT seq, field FROM guardian_reference WHERE entity_type = ?1 AND entity_id = ?2 AND seq < ?3 ORDER BY seq")
    private static let unpoint = SQL("DELETE FROM guardian_reference WHERE entity_type = ?1 AND entity_id = ?2 AND seq < ?3")
    private static let unpointFrom = SQL("DELETE FROM guardian_reference WHERE seq = ?1")
    private static let release = SQL(
        """
        UPDATE guardian_operation SET due_at = \(Parking.sql(due: Parking.ownDue))
        WHERE seq = ?1 AND status = 0 AND due_at = \(Parking.awaiting) AND NOT EXISTS (SELECT 1 FROM guardian_reference WHERE seq = ?1)
        """)
    private static let kept = SQL("SELECT entity_type, entity_id, field FROM guardian_reference WHERE seq = ?1")
    private static let unpointOne = SQL(
        "DELETE FROM guardian_reference WHERE entity_type = ?1 AND entity_id = ?2 AND seq = ?3 AND field = ?4")
    private static let content = SQL("SELECT \(OperationRow.columns) FROM guardian_operation WHERE seq = ?1")
    private static let saveContent = SQL(
        "UPDATE guardian_operation SET payload = ?2, base = ?3, idempotency_key = ?4, unknown_at = ?5, updated_at = ?6 WHERE seq = ?1")

    /// The create `seq`, which is claimed and about to be removed, has brought the upstream's id: everything that is stored of its entity
    /// goes on under that id, in the line of that id and in the same order, and what points to it holds that id.
    ///
    /// The row of the create is renamed too, so that what the upstream told is kept under the real id, but it stays where it stands. Its
    /// `next` may be another afterwards. Operations behind a younger create of the same local id belong to that one and stay as they are.
    func adopt(_ seq: Int64, _ server: ServerID, _ now: Timestamp) throws {
        guard let entity = try self.entity(of: seq), entity.id != server.text else { return }
        let adopted = EntityKey(type: entity.type, id: server.text)
        let younger = try openCreate(of: entity, after: seq)
        if younger == nil { try saveAlias(entity, server, now) }
        let (old, new) = (Line.of(entity), Line.of(adopted))
        let standing = try rows(of: old)
        let (end, named) = try self.named(entity, standing, after: seq, before: younger ?? Int64.max)
        for row in named where row.seq != seq {
            let line = row.isOwnLine && row.line == old ? new : row.line
            try rename(row, server, line, new, now)
        }
        let moved = Set(named.filter { $0.isOwnLine && $0.line == old && !$0.isFailed && $0.seq != seq }.map(\.seq))
        try move(moved, of: standing, from: old, to: new)
        if let own = named.first(where: { $0.seq == seq }) { try rename(own, server, own.line, new, now) }
        try renameOptimistic(entity, server)
        try settleReferences(to: entity, before: end, server, now)
    }

    /// An operation leaves the queue: what it waits for is forgotten, and what waits for it alone goes on. To be called whenever a row is
    /// deleted.
    func forgetReferences(_ seq: Int64) throws {
        guard try knowsOpenCreates() else { return }
        let unpoint = try statement(Self.unpointFrom)
        unpoint.bind(1, seq)
        try unpoint.run()
        let find = try statement(Self.opened)
        find.bind(1, seq)
        guard try find.step() else { return }
        let entity = EntityKey(type: find.text(0) ?? "", id: find.text(1) ?? "")
        find.reset()
        let close = try statement(Self.close)
        close.bind(1, seq)
        try close.run()
        knownOpenCreates = nil
        // An older one of the same local id that is still stored is waited for as before.
        let oldest = try openCreate(of: entity, after: 0)
        if let oldest, oldest < seq { return }
        try settleReferences(to: entity, before: oldest ?? Int64.max, nil, nil)
    }

    /// A pending operation has got another payload: what it no longer points to, it does not wait for.
    func letGo(of operation: GuardianCore.Operation) throws {
        guard try knowsOpenCreates() else { return }
        let find = try statement(Self.kept)
        find.bind(1, operation.seq)
        var kept: [Reference] = []
        while try find.step() {
            kept.append(Reference(to: EntityKey(type: find.text(0) ?? "", id: find.text(1) ?? ""), field: find.text(2) ?? ""))
        }
        let gone = operation.lost(among: kept)
        guard !gone.isEmpty else { return }
        for reference in gone {
            let unpoint = try statement(Self.unpointOne, of: reference.entity)
            unpoint.bind(3, operation.seq)
            unpoint.bind(4, reference.field as String?)
            try unpoint.run()
        }
        let release = try statement(Self.release)
        release.bind(1, operation.seq)
        try release.run()
        claimed.forgetAll()
    }

    // MARK: The operations of the entity

    private func entity(of seq: Int64) throws -> EntityKey? {
        let find = try statement(Self.one)
        find.bind(1, seq)
        defer { find.reset() }
        guard try find.step() else { return nil }
        return EntityKey(type: find.text(6) ?? "", id: find.text(7) ?? "")
    }

    /// Those that stand in a line, in order.
    private func rows(of line: Int64) throws -> [Member] {
        var found: [Member] = []
        var at = try last(of: line).flatMap { try member($0) }
        while let member = at {
            found.append(member)
            at = member.isHead ? nil : try member.previous.flatMap { try self.member($0) }
        }
        return found.reversed()
    }

    /// The stored operations of `entity` that a create of number `seq` has made possible, that one included, in enqueue order; and the
    /// number at which those of a younger create begin.
    private func named(
        _ entity: EntityKey, _ standing: [Member], after seq: Int64, before younger: Int64
    ) throws -> (end: Int64, rows: [Named]) {
        var found: [(row: Named, isCreate: Bool)] = []
        func add(_ find: RawStatement) throws {
            while try find.step() {
                guard find.text(6)?.utf8.elementsEqual(entity.type.utf8) == true, find.text(7)?.utf8.elementsEqual(entity.id.utf8) == true
                else { continue }
                let row = Named(
                    seq: find.int(0), line: find.int(1), isOwnLine: find.int(2) == 1, isFailed: find.int(3) == 2,
                    wasAttempted: find.int(4) == 1, key: try find.uuid(5))
                found.append((row, find.text(8) == "create"))
            }
        }
        for sql in [Self.ofOtherLines, Self.failed] {
            let find = try statement(sql)
            find.bind(1, Line.of(entity))
            try add(find)
        }
        let one = try statement(Self.one)
        for member in standing {
            one.bind(1, member.seq)
            try add(one)
        }
        let end = found.filter { $0.isCreate && $0.row.seq > seq }.map(\.row.seq).reduce(younger, min)
        let rows = found.filter { $0.row.seq < end && (!$0.isCreate || $0.row.seq == seq) }.map(\.row)
        return (end, rows.sorted { $0.seq < $1.seq })
    }

    private func rename(_ row: Named, _ server: ServerID, _ line: Int64, _ entityLine: Int64, _ now: Timestamp) throws {
        let update = try statement(Self.rename)
        update.bind(1, row.seq)
        update.bind(2, server.text as String?)
        update.bind(3, line)
        update.bind(4, line == entityLine ? nil : entityLine)
        update.bind(5, now)
        update.bind(6, row.wasAttempted ? row.key.mixed(with: server.text) : row.key)
        try update.run()
    }

    private func renameOptimistic(_ entity: EntityKey, _ server: ServerID) throws {
        let update = try statement(
            "UPDATE guardian_optimistic INDEXED BY guardian_optimistic_entity SET entity_id = ?3 WHERE entity_type = ?1 AND entity_id = ?2")
        update.bind(1, entity.type as String?)
        update.bind(2, entity.id as String?)
        update.bind(3, server.text as String?)
        try update.run()
    }

    /// Moves rows from one line to another by their numbers; one in flight there stays first.
    private func move(_ moved: Set<Int64>, of standing: [Member], from old: Int64, to new: Int64) throws {
        guard !moved.isEmpty, old != new else { return }
        // What stands in the new line is read before the moved ones have places there.
        let present = try rows(of: new)
        let inFlight = present.prefix { $0.status == 1 }
        let rest = present.dropFirst(inFlight.count) + standing.filter { moved.contains($0.seq) }
        try arrange(inFlight + rest.sorted { $0.seq < $1.seq }, in: new)
        try arrange(standing.filter { !moved.contains($0.seq) }, in: old)
    }

    /// Writes who follows whom, where that is another than before.
    private func arrange(_ members: [Member], in line: Int64) throws {
        let update = try statement(Self.place)
        for (place, member) in members.enumerated() {
            let previous = place > 0 ? members[place - 1].seq : nil
            let next = place + 1 < members.count ? members[place + 1].seq : nil
            if member.isHead == (previous == nil), member.next == next, previous == nil || member.previous == previous { continue }
            update.bind(1, member.seq)
            update.bind(2, previous)
            update.bind(3, next)
            update.bind(4, previous == nil ? 1 : 0)
            try update.run()
        }
        if let last = members.last { return try setLast(of: line, to: last.seq) }
        // Its entry would name a row that stands elsewhere.
        let forget = try statement(Self.forgetLine)
        forget.bind(1, line)
        try forget.run()
    }

    // MARK: What points to it

    /// Rewrites what points to `entity`, if the upstream's id is known, and lets it go.
    private func settleReferences(to entity: EntityKey, before end: Int64, _ server: ServerID?, _ now: Timestamp?) throws {
        let find = try statement(Self.pointing, of: entity)
        find.bind(3, end)
        var fields: [(seq: Int64, field: String)] = []
        while try find.step() { fields.append((find.int(0), find.text(1) ?? "")) }
        guard !fields.isEmpty else { return }
        let unpoint = try statement(Self.unpoint, of: entity)
        unpoint.bind(3, end)
        try unpoint.run()
        var at = 0
        while at < fields.count {
            let seq = fields[at].seq
            var names: [String] = []
            while at < fields.count, fields[at].seq == seq {
                if !fields[at].field.isEmpty { names.append(fields[at].field) }
                at += 1
            }
            if let server, let now, !names.isEmpty { try rewrite(seq, names, entity, server, now) }
            let release = try statement(Self.release)
            release.bind(1, seq)
            try release.run()
            claimed.forgetAll()
        }
    }

    private func rewrite(_ seq: Int64, _ fields: [String], _ entity: EntityKey, _ server: ServerID, _ now: Timestamp) throws {
        let find = try statement(Self.content)
        find.bind(1, seq)
        defer { find.reset() }
        // One that can't be opened stays as it is: nothing of it is sent.
        guard try find.step(), var operation = try OperationRow.opened(find, vault) else { return }
        find.reset()
        var isChanged = false
        for field in fields where operation.rewrite(field, from: entity.id, to: server) { isChanged = true }
        guard isChanged else { return }
        operation.renewKey(for: server)
        let save = try statement(Self.saveContent)
        save.bind(1, seq)
        save.bind(2, try stored(operation.payload, SealedKind.payload.at(seq)))
        save.bind(3, try stored(operation.base, SealedKind.base.at(seq)))
        save.bind(4, operation.idempotencyKey)
        save.bind(5, operation.unknownAt)
        save.bind(6, now)
        try save.run()
    }
}
