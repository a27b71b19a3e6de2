package import GuardianCore

extension PostgresStore: TransferStore {
    private static let ledger = SQL(
        "SELECT id, seq, idempotency_key, at, \(EndingColumns.names) FROM guardian_ledger ORDER BY at, id LIMIT $1")
    private static let entities = SQL("SELECT line, at, state, etag, gone, marks FROM guardian_entity ORDER BY line LIMIT $1")
    private static let feeds = SQL("SELECT name, cursor, at FROM guardian_feed ORDER BY name LIMIT $1")
    private static let aliases = SQL("SELECT entity_type, local_id, server_id, is_number, at FROM guardian_alias LIMIT $1")
    private static let changes = SQL(
        """
        SELECT token, entity_type, entity_id, original, depends_on, registered_at, standing FROM guardian_optimistic ORDER BY number LIMIT $1
        """)
    private static let endings = SQL(
        "SELECT \(OptimisticRow.endingColumns) FROM guardian_optimistic_ending ORDER BY number LIMIT $1")
    private static let oldest = SQL(
        """
        SELECT \(OperationRow.columns), EXISTS (SELECT 1 FROM guardian_open_create c WHERE c.seq = o.seq)
        FROM \(OperationRow.source) ORDER BY o.seq LIMIT $1
        """)
    private static let references = SQL("SELECT seq, entity_type, entity_id, field FROM guardian_reference WHERE seq = ANY($1)")

    package func transferPage(_ fence: Fence, limit: Int) async throws(StoreError) -> TransferPage {
        let device = try await deviceID()
        return try await write { write in
            try write.checkFence(fence)
            var page = TransferPage(source: device)
            for name in TransferPage.settingNames { page.settings[name] = try write.setting(name) }
            let limit = Parameter.int(Int64(limit))
            page.remembered = try write.rows(Self.ledger, limit).map { row in
                TransferPage.Remembered(
                    id: try row.operationID(0), seq: row.int(1), key: try row.uuid(2), at: Timestamp(milliseconds: row.int(3)),
                    ending: try EndingColumns.read(row, from: 4))
            }
            guard page.isEmpty else { return page }
            page.entities = try write.rows(Self.entities, limit).map { row in
                TransferPage.KnownEntity(
                    line: row.int(0), at: Timestamp(milliseconds: row.int(1)), known: Write.knowledge(row, from: 2))
            }
            guard page.isEmpty else { return page }
            page.feeds = try write.rows(Self.feeds, limit).map { row in
                TransferPage.Feed(name: row.text(0) ?? "", cursor: row.text(1), at: Timestamp(milliseconds: row.int(2)))
            }
            guard page.isEmpty else { return page }
            page.aliases = try write.rows(Self.aliases, limit).map { row in
                TransferPage.Alias(
                    entity: EntityKey(type: row.text(0) ?? "", id: row.text(1) ?? ""),
                    server: ServerID(row.text(2) ?? "", isNumber: row.bool(3)), at: Timestamp(milliseconds: row.int(4)))
            }
            guard page.isEmpty else { return page }
            page.changes = try write.rows(Self.changes, limit).map { row in
                TransferPage.OpenChange(
                    change: OptimisticChange(
                        txnToken: row.text(0) ?? "", entity: EntityKey(type: row.text(1) ?? "", id: row.text(2) ?? ""),
                        original: row.text(3), dependsOn: row.text(4)), registeredAt: Timestamp(milliseconds: row.int(5)),
                    standing: OptimisticStanding(rawValue: Int(row.int(6))) ?? .lost)
            }
            guard page.isEmpty else { return page }
            page.endings = try write.rows(Self.endings, limit).map { OptimisticRow.ending($0) }
            guard page.isEmpty else { return page }
            page.operations = try Self.oldest(write, limit)
            // What somebody has in hand would go out from both stores.
            guard !page.operations.contains(where: { $0.operation.status == .processing }) else {
                throw StoreError.unavailable("operations are in a processor's hands; stop it, then go on")
            }
            guard page.isEmpty else { return page }
            page.history = try Self.books(write).past
            return page
        }
    }

    private static func oldest(_ write: Write, _ limit: Parameter) throws -> [TransferPage.Moved] {
        let found = try write.rows(oldest, limit).map {
            TransferPage.Moved(operation: try OperationRow.read($0), opensLocalID: $0.bool(OperationRow.count))
        }
        guard try write.uses(.localIDs) else { return found }
        var awaits: [Int64: [Reference]] = [:]
        for row in try write.rows(references, .ints(found.map(\.operation.seq))) {
            awaits[row.int(0), default: []].append(
                Reference(to: EntityKey(type: row.text(1) ?? "", id: row.text(2) ?? ""), field: row.text(3) ?? ""))
        }
        return found.map {
            var moved = $0
            moved.awaits = awaits[$0.operation.seq] ?? []
            return moved
        }
    }

    // MARK: Taking over

    private static let saveSetting = SQL("INSERT INTO guardian_setting VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
    private static let saveEntity = SQL(
        """
        INSERT INTO guardian_entity (line, at, etag, gone, state, marks, passed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (line) DO NOTHING
        """)
    private static let saveFeed = SQL("INSERT INTO guardian_feed (name, cursor, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
    private static let saveAlias = SQL(
        "INSERT INTO guardian_alias VALUES ($1, $2, $3, $4, $5) ON CONFLICT (entity_type, local_id) DO NOTHING")
    private static let saveChange = SQL(
        """
        INSERT INTO guardian_optimistic (token, entity_type, entity_id, original, depends_on, registered_at, standing)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token) DO NOTHING
        """)

    package func takeOver(_ page: TransferPage) async throws(StoreError) {
        try await write(isRepeatable: true) { write in
            for (name, value) in page.settings.sorted(by: { $0.key < $1.key }) {
                write.later(Self.saveSetting, .text(name), .text(value))
                write.remember(setting: name, value)
            }
            for entry in page.remembered {
                write.remember(entry.id, seq: entry.seq, key: entry.key, entry.ending, entry.at)
                try write.flushIfMany()
            }
            if !page.entities.isEmpty { try write.use(.entities) }
            for entity in page.entities {
                let known = entity.known.moved
                write.later(
                    Self.saveEntity, .int(entity.line), .time(entity.at), .text(known.server?.etag), .bool(known.server?.isGone == true),
                    .text(known.server?.state), .text(known.marks), .time(known.passedAt))
                try write.flushIfMany()
            }
            if !page.feeds.isEmpty { try write.use(.feeds) }
            for feed in page.feeds { write.later(Self.saveFeed, .text(feed.name), .text(feed.cursor), .time(feed.at)) }
            if !page.aliases.isEmpty { try write.use(.localIDs) }
            for alias in page.aliases {
                write.later(
                    Self.saveAlias, .text(alias.entity.type), .text(alias.entity.id), .text(alias.server.text),
                    .bool(alias.server.isNumber), .time(alias.at))
            }
            if !page.changes.isEmpty { try write.use(.optimistic) }
            for open in page.changes {
                write.later(
                    Self.saveChange, .text(open.change.txnToken), .text(open.change.entity.type), .text(open.change.entity.id),
                    .text(open.change.original), .text(open.change.dependsOn), .time(open.registeredAt), .int32(open.standing.rawValue))
            }
            try Self.takeOver(page.endings, page.source, write)
            try Self.takeOver(page.operations, try write.ordering(), write)
            if let history = page.history { try Self.takeOver(history, page.source, write) }
        }
    }

    /// Endings have no name of their own: how far they have come is kept.
    private static func takeOver(_ endings: [OptimisticEnding], _ source: String, _ write: Write) throws {
        guard let last = endings.last else { return }
        try write.use(.optimistic)
        let name = "endings_of_" + source
        let taken = try write.setting(name).flatMap { Int64($0) } ?? 0
        for ending in endings where ending.number > taken {
            _ = try OptimisticRow.tell(ending.change, ending.result, state: ending.state, nil, write)
        }
        write.later(saveSetting, .text(name), .text("\(max(taken, last.number))"))
    }

    private static func takeOver(_ history: Books, _ source: String, _ write: Write) throws {
        let name = "history_of_" + source
        let text = "\(history.accepted)"
        guard try write.setting(name) != text else { return }
        write.later(saveSetting, .text(name), .text(text))
        write.count {
            $0.accepted += history.accepted
            $0.processed += history.processed
            $0.coalesced += history.coalesced
            $0.cancelled += history.cancelled
            $0.expired += history.expired
            $0.cleared += history.cleared
        }
    }

    private static let complete = SQL(
        """
        UPDATE guardian_operation SET updated_at = $2, attempt_count = $3, tries = $4, backoff_ms = $5, status = $6, last_attempt_at = $7,
            next_retry_at = $8, failure_mark = $9, error_class = $10, error_code = $11, error_status = $12, error_message = $13,
            crashes = $14, unknown_at = $15, rounds = $16, if_match = $17, server_etag = $18, server_gone = $19, server_state = $20
        WHERE seq = $1
        """)

    private static func takeOver(_ moved: [TransferPage.Moved], _ ordering: Ordering, _ write: Write) throws {
        guard !moved.isEmpty else { return }
        let known = try known(moved.map(\.operation.id), write)
        let fresh = moved.filter { known[$0.operation.id] == nil }
        guard !fresh.isEmpty else { return }
        let dues = try fresh.map { moved -> Int64? in
            if moved.operation.status == .failed { return 0 }
            if !moved.awaits.isEmpty { return Parking.awaiting }
            return try write.due(of: moved.operation) ?? moved.operation.nextRetryAt.map { max(0, $0.milliseconds) }
        }
        let seqs = try write.put(fresh.map(\.operation), ordering: ordering, dues: dues)
        var lines = Set<Int64>()
        for (moved, seq) in zip(fresh, seqs) {
            let operation = moved.operation
            let isFailed = operation.status == .failed
            write.later(
                complete, .int(seq), .time(operation.updatedAt), .int32(operation.attemptCount), .int32(operation.tries),
                .int(operation.backoffMs), .int32(isFailed ? 2 : 0), .time(operation.lastAttemptAt), .time(operation.nextRetryAt),
                .int(operation.failureMark), .text(operation.lastError?.class.rawValue), .text(operation.lastError?.code),
                .int32(operation.lastError?.httpStatus), .text(operation.lastError?.storedMessage),
                .int32(operation.crashes == 0 ? nil : operation.crashes), .time(operation.unknownAt),
                .int32(operation.rounds == 0 ? nil : operation.rounds), .text(operation.ifMatch), .text(operation.server?.etag),
                .bool(operation.server?.isGone), .text(operation.server?.state))
            if moved.opensLocalID { try write.openLocalID(operation.entity, seq) }
            write.keep(moved.awaits, ofOperation: seq)
            if isFailed { write.count { $0.failed += 1 } }
            if isFailed || operation.crashes > 0 { lines.insert(ordering.line(for: operation)) }
            try write.flushIfMany()
        }
        for line in lines.sorted() { write.mend(line, fresh[0].operation.updatedAt) }
        try know(zip(fresh, seqs).map { ($0.operation, $1) }, write)
    }

    private static let findMarked = SQL(
        "SELECT state, etag, gone, marks, line FROM guardian_entity WHERE line = ANY($1) AND marks IS NOT NULL ORDER BY line FOR UPDATE")
    private static let saveMarks = SQL("UPDATE guardian_entity SET marks = $2 WHERE line = $1")

    /// Those that did not know the newest state of their entity do not know it here.
    private static func know(_ taken: [(operation: Operation, seq: Int64)], _ write: Write) throws {
        guard try write.uses(.entities) else { return }
        let byEntity = Dictionary(grouping: taken) { Line.of($0.operation.entity) }
        for row in try write.rows(findMarked, .ints(byEntity.keys.sorted())) {
            var known = Write.knowledge(row)
            let isNews = byEntity[row.int(4), default: []].reduce(false) { known.took($1.operation.seq, as: $1.seq) || $0 }
            if isNews { write.later(saveMarks, .int(row.int(4)), .text(known.marks)) }
        }
    }

    // MARK: Letting go

    private static let dropLedger = SQL("DELETE FROM guardian_ledger WHERE id = ANY($1)")
    private static let dropEntities = SQL("DELETE FROM guardian_entity WHERE line = ANY($1)")
    private static let dropFeeds = SQL("DELETE FROM guardian_feed WHERE name = ANY($1)")
    private static let dropAliases = SQL(
        "DELETE FROM guardian_alias WHERE (entity_type, local_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))")
    private static let dropChanges = SQL("DELETE FROM guardian_optimistic WHERE token = ANY($1)")
    private static let dropEndings = SQL("DELETE FROM guardian_optimistic_ending WHERE number = ANY($1)")
    private static let dropOperations = SQL("DELETE FROM guardian_operation WHERE seq = ANY($1) RETURNING status, line")
    private static let dropReferences = SQL("DELETE FROM guardian_reference WHERE seq = ANY($1)")
    private static let dropCreates = SQL("DELETE FROM guardian_open_create WHERE seq = ANY($1)")

    private static let dropMarks = SQL("DELETE FROM guardian_setting WHERE name LIKE 'history_of_%' OR name LIKE 'endings_of_%'")

    package func letGo(_ page: TransferPage, _ fence: Fence) async throws(StoreError) {
        try await write(isRepeatable: true) { write in
            try write.checkFence(fence)
            if !page.remembered.isEmpty { write.later(Self.dropLedger, .ids(page.remembered.map(\.id))) }
            if !page.entities.isEmpty { write.later(Self.dropEntities, .ints(page.entities.map(\.line))) }
            if !page.feeds.isEmpty { write.later(Self.dropFeeds, .texts(page.feeds.map(\.name))) }
            if !page.aliases.isEmpty {
                write.later(Self.dropAliases, .texts(page.aliases.map(\.entity.type)), .texts(page.aliases.map(\.entity.id)))
            }
            if !page.changes.isEmpty { write.later(Self.dropChanges, .texts(page.changes.map(\.change.txnToken))) }
            if !page.endings.isEmpty { write.later(Self.dropEndings, .ints(page.endings.map(\.number))) }
            if !page.operations.isEmpty {
                let seqs = Parameter.ints(page.operations.map(\.operation.seq))
                write.later(Self.dropReferences, seqs)
                write.later(Self.dropCreates, seqs)
                let gone = try write.rows(Self.dropOperations, seqs).map { (isFailed: $0.int(0) == 2, line: $0.int(1)) }
                for line in Set(gone.map(\.line)).sorted() {
                    write.mend(line, nil)
                    try write.flushIfMany()
                }
                write.count {
                    $0.accepted -= Int64(gone.count)
                    $0.failed -= Int64(gone.count { $0.isFailed })
                }
            }
            guard let history = page.history, try Self.books(write).past == history else { return }
            // What it took over from others is gone too, and may come again.
            write.later(Self.dropMarks)
            write.count {
                $0.accepted -= history.accepted
                $0.processed -= history.processed
                $0.coalesced -= history.coalesced
                $0.cancelled -= history.cancelled
                $0.expired -= history.expired
                $0.cleared -= history.cleared
            }
        }
    }
}
