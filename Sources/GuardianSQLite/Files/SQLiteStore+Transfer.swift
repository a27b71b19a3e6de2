internal import GRDB
package import GuardianCore

extension SQLiteStore: TransferStore {
    package func transferPage(_ fence: Fence, limit: Int) async throws(StoreError) -> TransferPage {
        let device = try await deviceID()
        return try await queue.write { [vault] transaction in
            try Self.checkFence(fence, transaction)
            var page = TransferPage(source: device)
            let settings = try transaction.statement("SELECT name, value FROM guardian_setting")
            while try settings.step() {
                if let name = settings.text(0), TransferPage.settingNames.contains(name) { page.settings[name] = settings.text(1) }
            }
            page.remembered = try Self.page(
                "SELECT id, seq, idempotency_key, at, \(EndingColumns.names) FROM guardian_ledger ORDER BY number", limit, transaction
            ) {
                TransferPage.Remembered(
                    id: try $0.operationID(0), seq: $0.int(1), key: try $0.uuid(2), at: Timestamp(milliseconds: $0.int(3)),
                    ending: try EndingColumns.read($0, of: $0.int(1), from: 4, vault))
            }
            guard page.isEmpty else { return page }
            page.entities = try Self.page(
                "SELECT line, at, state, etag, gone, marks FROM guardian_entity ORDER BY line", limit, transaction
            ) {
                TransferPage.KnownEntity(
                    line: $0.int(0), at: Timestamp(milliseconds: $0.int(1)),
                    known: try EntityTable.knowledge($0, $0.int(0), vault, from: 2))
            }
            guard page.isEmpty else { return page }
            page.feeds = try Self.page("SELECT name, cursor, at FROM guardian_feed ORDER BY name", limit, transaction) {
                TransferPage.Feed(name: $0.text(0) ?? "", cursor: $0.text(1), at: Timestamp(milliseconds: $0.int(2)))
            }
            guard page.isEmpty else { return page }
            page.aliases = try Self.page("SELECT entity_type, local_id, server_id, is_number, at FROM guardian_alias", limit, transaction) {
                TransferPage.Alias(
                    entity: EntityKey(type: $0.text(0) ?? "", id: $0.text(1) ?? ""),
                    server: ServerID($0.text(2) ?? "", isNumber: $0.int(3) == 1),
                    at: Timestamp(milliseconds: $0.int(4)))
            }
            guard page.isEmpty else { return page }
            page.changes = try Self.page(
                """
                SELECT token, entity_type, entity_id, original, depends_on, registered_at, standing FROM guardian_optimistic ORDER BY number
                """, limit, transaction
            ) {
                TransferPage.OpenChange(
                    change: OptimisticChange(
                        txnToken: $0.text(0) ?? "", entity: EntityKey(type: $0.text(1) ?? "", id: $0.text(2) ?? ""),
                        original: try $0.text(3, vault, SealedKind.original.at($0.text(0) ?? "")), dependsOn: $0.text(4)),
                    registeredAt: Timestamp(milliseconds: $0.int(5)),
                    standing: OptimisticStanding(rawValue: Int($0.int(6))) ?? .lost)
            }
            guard page.isEmpty else { return page }
            page.endings = try Self.page(
                "SELECT \(OptimisticRow.endingColumns) FROM guardian_optimistic_ending ORDER BY number", limit, transaction
            ) { try OptimisticRow.ending($0, vault) }
            guard page.isEmpty else { return page }
            page.operations = try Self.oldest(limit, transaction)
            guard page.isEmpty else { return page }
            page.history = try Self.books(transaction.db).past
            return page
        }
    }

    private static func page<Value>(
        _ sql: String, _ limit: Int, _ transaction: WriteTransaction, _ read: (RawStatement) throws -> Value
    ) throws -> [Value] {
        let find = try transaction.statement(sql + " LIMIT ?1")
        find.bind(1, limit)
        defer { find.reset() }
        var found: [Value] = []
        while try find.step() { found.append(try read(find)) }
        return found
    }

    private static func oldest(_ limit: Int, _ transaction: WriteTransaction) throws -> [TransferPage.Moved] {
        var found = try page("SELECT \(OperationRow.columns) FROM guardian_operation ORDER BY seq", limit, transaction) {
            TransferPage.Moved(operation: try OperationRow.read($0, transaction.vault))
        }
        let opens = try transaction.statement("SELECT 1 FROM guardian_open_create WHERE seq = ?1")
        let references = try transaction.statement("SELECT entity_type, entity_id, field FROM guardian_reference WHERE seq = ?1")
        for place in found.indices {
            opens.bind(1, found[place].operation.seq)
            found[place].opensLocalID = try opens.step()
            opens.reset()
            references.bind(1, found[place].operation.seq)
            while try references.step() {
                let entity = EntityKey(type: references.text(0) ?? "", id: references.text(1) ?? "")
                found[place].awaits.append(Reference(to: entity, field: references.text(2) ?? ""))
            }
        }
        return found
    }

    // MARK: Taking over

    package func takeOver(_ page: TransferPage) async throws(StoreError) {
        try await queue.write { transaction in
            for (name, value) in page.settings { try Self.save(setting: name, value, transaction) }
            for entry in page.remembered { try transaction.remember(entry.id, seq: entry.seq, key: entry.key, entry.ending, entry.at) }
            try Self.takeOver(page.entities, transaction)
            let feeds = try transaction.statement(
                "INSERT INTO guardian_feed (name, cursor, at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING")
            for feed in page.feeds {
                feeds.bind(1, feed.name as String?)
                feeds.bind(2, feed.cursor)
                feeds.bind(3, feed.at as Timestamp?)
                try feeds.run()
            }
            for alias in page.aliases { try transaction.saveAlias(alias.entity, alias.server, alias.at) }
            let changes = try transaction.statement(
                """
                INSERT INTO guardian_optimistic (token, entity_type, entity_id, original, depends_on, registered_at, standing)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (token) DO NOTHING
                """)
            for open in page.changes {
                try OptimisticRow.bind(open.change, to: changes, transaction)
                changes.bind(6, open.registeredAt as Timestamp?)
                changes.bind(7, open.standing.rawValue)
                try changes.run()
            }
            try Self.takeOver(page.endings, page.source, transaction)
            for moved in page.operations { try Self.takeOver(moved, transaction) }
            if let history = page.history { try Self.takeOver(history, page.source, transaction) }
        }
    }

    private static func takeOver(_ entities: [TransferPage.KnownEntity], _ transaction: WriteTransaction) throws {
        guard !entities.isEmpty else { return }
        let insert = try transaction.statement(
            """
            INSERT INTO guardian_entity (line, at, etag, gone, state, marks, passed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (line) DO NOTHING
            """)
        for entity in entities {
            let known = entity.known.moved
            insert.bind(1, entity.line)
            insert.bind(2, entity.at as Timestamp?)
            insert.bind(3, known.server?.etag)
            insert.bind(4, known.server?.isGone == true ? 1 : 0)
            insert.bind(5, try transaction.stored(known.server?.state, SealedKind.entityState.at(entity.line)))
            insert.bind(6, try transaction.stored(known.marks, SealedKind.entityMarks.at(entity.line)))
            insert.bind(7, known.passedAt)
            try insert.run()
        }
        transaction.knowsEntities = true
    }

    private static func save(setting name: String, _ value: String, _ transaction: WriteTransaction) throws {
        let save = try transaction.statement("INSERT OR REPLACE INTO guardian_setting (name, value) VALUES (?1, ?2)")
        save.bind(1, name as String?)
        save.bind(2, value as String?)
        try save.run()
    }

    private static func setting(_ name: String, _ transaction: WriteTransaction) throws -> String? {
        let find = try transaction.statement("SELECT value FROM guardian_setting WHERE name = ?1")
        find.bind(1, name as String?)
        defer { find.reset() }
        return try find.step() ? find.text(0) : nil
    }

    /// Endings have no name of their own: how far they have come is kept.
    private static func takeOver(_ endings: [OptimisticEnding], _ source: String, _ transaction: WriteTransaction) throws {
        guard let last = endings.last else { return }
        let name = "endings_of_" + source
        let taken = try setting(name, transaction).flatMap { Int64($0) } ?? 0
        for ending in endings where ending.number > taken {
            _ = try OptimisticRow.tell(ending.change, ending.result, state: ending.state, nil, transaction)
        }
        try save(setting: name, "\(max(taken, last.number))", transaction)
    }

    private static func takeOver(_ history: Books, _ source: String, _ transaction: WriteTransaction) throws {
        let name = "history_of_" + source
        guard try setting(name, transaction) != "\(history.accepted)" else { return }
        try save(setting: name, "\(history.accepted)", transaction)
        count(history, 1, transaction)
    }

    private static func count(_ history: Books, _ sign: Int64, _ transaction: WriteTransaction) {
        transaction.count {
            $0.accepted += sign * history.accepted
            $0.processed += sign * history.processed
            $0.coalesced += sign * history.coalesced
            $0.cancelled += sign * history.cancelled
            $0.expired += sign * history.expired
            $0.cleared += sign * history.cleared
        }
    }

    private static func takeOver(_ moved: TransferPage.Moved, _ transaction: WriteTransaction) throws {
        let operation = moved.operation
        guard try Insertion.seq(of: operation.id, transaction) == nil else { return }
        let seq = try Insertion(transaction, [operation]).run()[0].seq
        let isFailed = operation.status == .failed
        if isFailed, let member = try transaction.member(seq) {
            try transaction.leave(member)
            transaction.count { $0.failed += 1 }
        }
        let update = try transaction.statement(
            """
            UPDATE guardian_operation SET updated_at = ?2, attempt_count = ?3, tries = ?4, backoff_ms = ?5, last_attempt_at = ?6,
                next_retry_at = ?7, failure_mark = ?8, error_class = ?9, error_code = ?10, error_status = ?11, error_message = ?12,
                crashes = ?13, unknown_at = ?14, rounds = ?15, if_match = ?16, server_etag = ?17, server_gone = ?18, server_state = ?19,
                error_shape = ?22,
                status = CASE WHEN ?20 THEN 2 ELSE 0 END, head = CASE WHEN ?20 THEN 0 ELSE head END,
                next = CASE WHEN ?20 THEN NULL ELSE next END,
                due_at = CASE WHEN ?20 THEN 0 WHEN ?21 THEN \(Parking.awaiting)
                    ELSE \(Parking.sql(due: "max(0, coalesce(?7, not_before, 0))")) END
            WHERE seq = ?1
            """)
        update.bind(1, seq)
        update.bind(2, operation.updatedAt as Timestamp?)
        update.bind(3, operation.attemptCount)
        update.bind(4, operation.tries)
        update.bind(5, operation.backoffMs)
        update.bind(6, operation.lastAttemptAt)
        update.bind(7, operation.nextRetryAt)
        update.bind(8, operation.failureMark)
        update.bind(9, operation.lastError?.class.rawValue)
        update.bind(10, operation.lastError?.code)
        update.bind(11, operation.lastError?.httpStatus.map { Int64($0) })
        update.bind(12, try transaction.stored(operation.lastError?.storedMessage, SealedKind.errorMessage.at(seq)))
        update.bind(13, operation.crashes == 0 ? nil : Int64(operation.crashes))
        update.bind(14, operation.unknownAt)
        update.bind(15, operation.rounds == 0 ? nil : Int64(operation.rounds))
        update.bind(16, operation.ifMatch)
        update.bind(17, operation.server?.etag)
        update.bind(18, operation.server.map { $0.isGone ? 1 : 0 })
        update.bind(19, try transaction.stored(operation.server?.state, SealedKind.conflictState.at(seq)))
        update.bind(20, isFailed ? 1 : 0)
        update.bind(21, moved.awaits.isEmpty ? 0 : 1)
        update.bind(22, isFailed ? operation.lastError.map { FailureShape(of: $0).id } : nil)
        try update.run()
        if moved.opensLocalID { try transaction.openLocalID(operation.entity, seq) }
        try transaction.keep(moved.awaits, ofOperation: seq)
        try EntityTable.took(operation.entity, operation.seq, as: seq, transaction)
    }

    // MARK: Letting go

    package func letGo(_ page: TransferPage, _ fence: Fence) async throws(StoreError) {
        try await queue.write { transaction in
            try Self.checkFence(fence, transaction)
            try Self.drop("DELETE FROM guardian_ledger WHERE id = ?1", page.remembered, transaction) { $1.bind(1, $0.id) }
            try Self.drop("DELETE FROM guardian_entity WHERE line = ?1", page.entities, transaction) { $1.bind(1, $0.line) }
            try Self.drop("DELETE FROM guardian_feed WHERE name = ?1", page.feeds, transaction) { $1.bind(1, $0.name as String?) }
            try Self.drop("DELETE FROM guardian_alias WHERE entity_type = ?1 AND local_id = ?2", page.aliases, transaction) {
                $1.bind(1, $0.entity.type as String?)
                $1.bind(2, $0.entity.id as String?)
            }
            try Self.drop("DELETE FROM guardian_optimistic WHERE token = ?1", page.changes, transaction) {
                $1.bind(1, $0.change.txnToken as String?)
            }
            try Self.drop("DELETE FROM guardian_optimistic_ending WHERE number = ?1", page.endings, transaction) { $1.bind(1, $0.number) }
            for moved in page.operations { try Self.drop(moved.operation, transaction) }
            if let history = page.history, try Self.books(transaction.db).past == history { Self.count(history, -1, transaction) }
        }
    }

    private static func drop<Value>(
        _ sql: String, _ values: [Value], _ transaction: WriteTransaction, _ bind: (Value, RawStatement) -> Void
    ) throws {
        guard !values.isEmpty else { return }
        let delete = try transaction.statement(sql)
        for value in values {
            bind(value, delete)
            try delete.run()
        }
    }

    /// Without a word to those who wait for it: they follow.
    private static func drop(_ operation: GuardianCore.Operation, _ transaction: WriteTransaction) throws {
        guard let member = try transaction.member(operation.seq) else { return }
        if member.status < 2 { try transaction.leave(member) }
        for sql in [
            "DELETE FROM guardian_operation WHERE seq = ?1", "DELETE FROM guardian_reference WHERE seq = ?1",
            "DELETE FROM guardian_open_create WHERE seq = ?1",
        ] {
            let delete = try transaction.statement(sql)
            delete.bind(1, operation.seq)
            try delete.run()
        }
        transaction.count {
            $0.accepted -= 1
            if member.status == 2 { $0.failed -= 1 }
        }
    }
}
