internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        try await queue.write(.hot) { transaction in
            try Self.checkFence(exchange.fence, transaction)
            try transaction.checkSealing()
            var result = ExchangeResult()
            var departures = Departures(transaction, exchange.now)
            for settlement in exchange.settlements {
                let isSettled = try Self.settle(settlement, exchange, transaction, &departures, &result)
                result.settled.append(isSettled)
            }
            try departures.write()
            if let health = exchange.health { try Self.save(health, transaction) }
            for (pause, active) in exchange.pauses { try Self.save(pause, active, transaction) }
            if let signedIn = exchange.signedIn { try transaction.signIn(signedIn) }
            result.pauses = try Self.pauses(transaction)
            if exchange.urgent + exchange.normal > 0, result.pauses.isEmpty { try Self.claim(exchange, transaction, &result) }
            return result
        }
    }

    private static let fenceHolds = SQL("SELECT 1 FROM guardian_lock WHERE owner = ?1 AND epoch = ?2")

    static func checkFence(_ fence: Fence, _ transaction: WriteTransaction) throws {
        let find = try transaction.statement(fenceHolds)
        find.bind(1, fence.owner as String?)
        find.bind(2, fence.epoch)
        defer { find.reset() }
        guard try find.step() else { throw StoreError.stale }
    }

    // MARK: Settle

    // In each, ?1 and ?2 are the claim that must be in force, and ?3 is now.

    private static let writeRetry = SQL(
        """
        UPDATE guardian_operation SET status = 0, claim_epoch = NULL, due_at = \(Parking.sql(due: "?4")), next_retry_at = ?4,
            backoff_ms = ?5, tries = tries + 1, attempt_count = attempt_count + ?6, failure_mark = ?7, updated_at = ?3,
            error_class = ?8, error_code = ?9, error_status = ?10, error_message = ?11, unknown_at = ?12, crashes = NULL
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2 RETURNING next, tries, operation_type, entity_type
        """)
    private static let writeFailure = SQL(
        """
        UPDATE guardian_operation SET status = 2, head = 0, claim_epoch = NULL, due_at = 0, next_retry_at = NULL, tries = tries + 1,
            attempt_count = attempt_count + 1, updated_at = ?3, error_class = ?4, error_code = ?5, error_status = ?6,
            error_message = ?7, server_state = ?8, server_etag = ?9, server_gone = ?10, error_shape = ?11
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2
        RETURNING next, txn_token, tries, operation_type, entity_type
        """)
    private static let writeReturn = SQL(
        """
        UPDATE guardian_operation SET status = 0, claim_epoch = NULL, updated_at = ?3, due_at = \(Parking.sql(due: "due_at")),
            unknown_at = CASE WHEN ?4 THEN unknown_at ELSE coalesce(unknown_at, last_attempt_at) END,
            crashes = CASE WHEN ?4 THEN crashes ELSE NULL END,
            last_attempt_at = CASE WHEN ?4 THEN attempted_before ELSE last_attempt_at END
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2 RETURNING next
        """)
    private static let writeRecast = SQL(
        """
        UPDATE guardian_operation SET status = 0, claim_epoch = NULL, updated_at = ?3, due_at = \(Parking.sql(due: "due_at")),
            payload = ?4, base = ?5, schema_version = ?6, last_attempt_at = attempted_before,
            idempotency_key = CASE WHEN attempted_before IS NULL THEN idempotency_key ELSE ?7 END, unknown_at = NULL
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2 RETURNING next
        """)

    /// Writes one result, if the claim it belongs to is still in force.
    private static func settle(
        _ settlement: Settlement, _ exchange: Exchange, _ transaction: WriteTransaction, _ departures: inout Departures,
        _ result: inout ExchangeResult
    ) throws -> Bool {
        let seq = settlement.seq
        guard !departures.has(seq) else { return false }
        let epoch = exchange.fence.epoch
        let now = exchange.now
        switch settlement.result {
        case .processed, .overruled: return try settleProcessed(settlement, epoch, now, transaction, &departures, &result)
        case .revised(let revision): return try settleRevised(settlement, revision, epoch, now, transaction)
        case .failed(let error): return try settleFailed(settlement, error, epoch, now, transaction, &departures, &result)
        case .retry(let due, let backoffMs, let error, let charged, let mark, let unknownAt):
            let update = try transaction.statement(writeRetry)
            bind(update, seq, epoch, now)
            update.bind(4, due)
            update.bind(5, backoffMs)
            update.bind(6, charged ? 1 : 0)
            update.bind(7, mark)
            try bind(update, error, of: seq, from: 8, transaction)
            update.bind(12, unknownAt)
            return try backToPending(update, seq, transaction, tallies: settlement.isTold)
        case .unsent, .returned:
            let update = try transaction.statement(writeReturn)
            bind(update, seq, epoch, now)
            update.bind(4, settlement.result == .unsent ? 1 : 0)
            return try backToPending(update, seq, transaction)
        case .recast(let payload, let base, let version, let newKey):
            let update = try transaction.statement(writeRecast)
            bind(update, seq, epoch, now)
            update.bind(4, try transaction.stored(payload, SealedKind.payload.at(seq)))
            update.bind(5, try transaction.stored(base, SealedKind.base.at(seq)))
            update.bind(6, version)
            update.bind(7, newKey)
            return try backToPending(update, seq, transaction)
        }
    }

    /// It steps out of its line, and the next one is due.
    private static func settleFailed(
        _ settlement: Settlement, _ error: LastError, _ epoch: Int64, _ now: Timestamp, _ transaction: WriteTransaction,
        _ departures: inout Departures, _ result: inout ExchangeResult
    ) throws -> Bool {
        let seq = settlement.seq
        let update = try transaction.statement(writeFailure)
        bind(update, seq, epoch, now)
        try bind(update, error, of: seq, from: 4, transaction)
        update.bind(8, try transaction.stored(settlement.server?.state, SealedKind.conflictState.at(seq)))
        update.bind(9, settlement.server?.etag)
        update.bind(10, settlement.server.map { $0.isGone ? 1 : 0 })
        update.bind(11, FailureShape(of: error).id)
        guard try update.step() else { return false }
        let next = update.optionalInt(0)
        let token = update.text(1)
        let isRetry = update.int(2) > 1
        var labels = Tally.Labels(operationType: update.text(3) ?? "", entityType: update.text(4) ?? "")
        try update.run()
        try EntityTable.hear(settlement.server, ofOperation: seq, now, transaction)
        transaction.count { $0.failed += 1 }
        if isRetry { try transaction.tally(.retry, labels) }
        labels.errorClass = error.class.rawValue
        try transaction.tally(.failed, labels)
        if let next {
            try transaction.setHead(next, true)
            try transaction.setNext(of: seq, to: nil)
        }
        if let token {
            try departures.write()
            try endOptimistic(token, .failed(error), state: settlement.server?.state, now, transaction, &result)
        }
        return true
    }

    /// Runs the update that makes a claimed operation pending; it leads its line unless an older one came back meanwhile.
    ///
    /// `tallies`: it tells `tries` and its labels too, and counts as put off.
    private static func backToPending(
        _ update: RawStatement, _ seq: Int64, _ transaction: WriteTransaction, tallies: Bool = false
    ) throws -> Bool {
        guard try update.step() else { return false }
        let next = update.optionalInt(0)
        if tallies {
            let labels = Tally.Labels(operationType: update.text(2) ?? "", entityType: update.text(3) ?? "")
            try transaction.tally(.backoff, labels)
            if update.int(1) > 1 { try transaction.tally(.retry, labels) }
        }
        try update.run()
        if let next, next < seq { try transaction.makeWay(seq) }
        return true
    }

    /// A conflict has changed it: it is due at once, under a new key, and no outcome of that is unknown.
    private static func settleRevised(
        _ settlement: Settlement, _ revision: Settlement.Revision, _ epoch: Int64, _ now: Timestamp, _ transaction: WriteTransaction
    ) throws -> Bool {
        let update = try transaction.statement(
            """
            UPDATE guardian_operation SET status = 0, claim_epoch = NULL, updated_at = ?3, due_at = \(Parking.sql(due: "0")), payload = ?4,
                operation_type = ?5, base = coalesce(?6, base), if_match = ?7, idempotency_key = ?8, rounds = coalesce(rounds, 0) + ?9,
                tries = tries + ?9, next_retry_at = NULL, unknown_at = NULL, crashes = NULL,
                last_attempt_at = CASE WHEN ?9 THEN last_attempt_at ELSE attempted_before END
            WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2 RETURNING next
            """)
        bind(update, settlement.seq, epoch, now)
        let seq = settlement.seq
        update.bind(4, try transaction.stored(revision.payload, SealedKind.payload.at(seq)))
        update.bind(5, revision.type as String?)
        update.bind(6, try transaction.stored(revision.base, SealedKind.base.at(seq)))
        update.bind(7, revision.ifMatch)
        update.bind(8, revision.newKey)
        update.bind(9, revision.wasRefused ? 1 : 0)
        guard try backToPending(update, settlement.seq, transaction) else { return false }
        try EntityTable.hear(settlement.server, ofOperation: settlement.seq, now, transaction)
        return true
    }

    private static let findClaim = SQL(
        """
        SELECT next, idempotency_key, txn_token, tries, operation_type, entity_type FROM guardian_operation
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2
        """)
    private static let delete = SQL("DELETE FROM guardian_operation WHERE seq = ?1")

    private static func settleProcessed(
        _ settlement: Settlement, _ epoch: Int64, _ now: Timestamp, _ transaction: WriteTransaction, _ departures: inout Departures,
        _ result: inout ExchangeResult
    ) throws -> Bool {
        let find = try transaction.statement(findClaim)
        find.bind(1, settlement.seq)
        find.bind(2, epoch)
        guard try find.step() else { return false }
        var next = find.optionalInt(0)
        let key = try find.uuid(1)
        let token = find.text(2)
        let isRetry = find.int(3) > 0
        let labels = Tally.Labels(operationType: find.text(4) ?? "", entityType: find.text(5) ?? "")
        find.reset()
        try transaction.tally(.processed, labels)
        if isRetry { try transaction.tally(.retry, labels) }
        if let server = settlement.serverID {
            try departures.write()
            try transaction.adopt(settlement.seq, server, now)
            next = try transaction.member(settlement.seq)?.next
        }
        try EntityTable.hear(
            settlement.server, ofOperation: settlement.seq, isApplied: settlement.result == .processed, isFirst: settlement.serverID != nil,
            now, transaction)
        try departures.add(settlement, key: key)
        if let next { try transaction.setHead(next, true) }
        if let token {
            try departures.write()
            let departure: Departure = settlement.result == .overruled ? .overruled : .processed
            try endOptimistic(token, departure, state: settlement.server?.state, now, transaction, &result)
        }
        return true
    }

    static func remove(_ seq: Int64, _ transaction: WriteTransaction) throws {
        let delete = try transaction.statement(delete)
        delete.bind(1, seq)
        try delete.run()
        try transaction.forgetReferences(seq)
    }

    private static func bind(_ update: RawStatement, _ seq: Int64, _ epoch: Int64, _ now: Timestamp) {
        update.bind(1, seq)
        update.bind(2, epoch)
        update.bind(3, now)
    }

    static func bind(
        _ update: RawStatement, _ error: LastError, of seq: Int64, from index: Int32, _ transaction: WriteTransaction
    ) throws {
        bind(update, error, try transaction.stored(error.message, SealedKind.errorMessage.at(seq)), from: index)
    }

    static func bind(_ update: RawStatement, _ error: LastError, _ message: Stored, from index: Int32) {
        update.bind(index, error.class.rawValue as String?)
        update.bind(index + 1, error.code as String?)
        update.bind(index + 2, error.httpStatus.map { Int64($0) })
        update.bind(index + 3, message)
    }

    // MARK: Claim

    private static let nextDue = SQL(
        """
        SELECT due_at FROM guardian_operation INDEXED BY guardian_operation_head
        WHERE head = 1 AND status = 0 AND priority = ?1 AND due_at > ?2 ORDER BY due_at LIMIT 1
        """)
    private static let priorityBelow = SQL(
        """
        SELECT priority FROM guardian_operation INDEXED BY guardian_operation_head
        WHERE head = 1 AND status = 0 AND priority < ?1 ORDER BY priority DESC LIMIT 1
        """)
    private static let heads = SQL(
        """
        SELECT \(OperationRow.columns) FROM guardian_operation INDEXED BY guardian_operation_head
        WHERE head = 1 AND status = 0 AND priority = ?1 AND due_at > ?2 AND due_at <= ?3 ORDER BY due_at, seq LIMIT ?4
        """)
    private static let marking =
        "UPDATE guardian_operation SET status = 1, claim_epoch = ?1, attempted_before = last_attempt_at, last_attempt_at = ?2, updated_at = ?2"
    private static let mark = SQL(marking + " WHERE seq = ?3")
    /// Rows of one statement: every statement opens the table and the indexes that change.
    private static let markedTogether = 16
    private static let markMany = SQL(marking + " WHERE seq IN (\(SQL.places(3...markedTogether + 2)))")

    /// Claims heads, the highest priority first; within one priority those whose time has come, then those that wait for none.
    private static func claim(_ exchange: Exchange, _ transaction: WriteTransaction, _ result: inout ExchangeResult) throws {
        var urgent = exchange.urgent
        var normal = exchange.normal
        let now = exchange.now.milliseconds
        for priority in try priorities(transaction) {
            var wanted = priority > 0 ? urgent : normal
            if wanted > 0, !result.isAlone { try claim(priority, dueAfter: 0, dueUntil: now, &wanted, exchange, transaction, &result) }
            if wanted > 0, !result.isAlone { try claim(priority, dueAfter: -1, dueUntil: 0, &wanted, exchange, transaction, &result) }
            if priority > 0 { urgent = wanted } else { normal = wanted }
            let next = try transaction.statement(nextDue)
            next.bind(1, priority)
            next.bind(2, max(now, 0))
            defer { next.reset() }
            if try next.step(), next.int(0) < Parking.due {
                let due = Timestamp(milliseconds: next.int(0))
                result.nextDue = result.nextDue.map { min($0, due) } ?? due
            }
        }
    }

    /// The priorities of pending heads, highest first: one step of the index for each.
    private static func priorities(_ transaction: WriteTransaction) throws -> [Int] {
        let below = try transaction.statement(priorityBelow)
        var found: [Int] = []
        var limit = Int(Int32.max)
        while true {
            below.bind(1, limit)
            guard try below.step() else { return found }
            limit = Int(below.int(0))
            found.append(limit)
            below.reset()
        }
    }

    private static func claim(
        _ priority: Int, dueAfter: Int64, dueUntil: Int64, _ wanted: inout Int, _ exchange: Exchange, _ transaction: WriteTransaction,
        _ result: inout ExchangeResult
    ) throws {
        let heads = try transaction.statement(heads)
        while wanted > 0 {
            heads.bind(1, priority)
            heads.bind(2, dueAfter)
            heads.bind(3, dueUntil)
            heads.bind(4, wanted)
            var found: [(operation: GuardianCore.Operation, next: Int64?)] = []
            while try heads.step() {
                found.append((try OperationRow.read(heads, transaction.vault), heads.optionalInt(OperationRow.nextColumn)))
            }
            var taken: [Int64] = []
            var expired = 0
            for (operation, next) in found {
                let turn = operation.turn(at: exchange.now)
                if turn == .expires {
                    try expire(operation, next, exchange.now, transaction)
                    result.expired.append(operation.id)
                    expired += 1
                    if let token = operation.txnToken {
                        // What depends on it leaves its line: the heads are to be read anew.
                        try mark(&taken, exchange, transaction)
                        try endOptimistic(token, .expired, exchange.now, transaction, &result)
                        break
                    }
                } else if case .isSetAside(let reason) = turn {
                    try setAside(operation, next, reason, exchange.now, transaction)
                    result.setAside.append((operation.id, reason))
                    expired += 1
                    if let token = operation.txnToken {
                        try mark(&taken, exchange, transaction)
                        try endOptimistic(token, .failed(reason), exchange.now, transaction, &result)
                        break
                    }
                } else if operation.crashes > 0 {
                    // Alone, so that the next crash tells which it was.
                    result.isAlone = true
                    if exchange.held == 0, result.claims.isEmpty {
                        taken.append(operation.seq)
                        result.claims.append(try claim(of: operation, exchange, transaction))
                    }
                    break
                } else {
                    taken.append(operation.seq)
                    result.claims.append(try claim(of: operation, exchange, transaction))
                    wanted -= 1
                }
            }
            try mark(&taken, exchange, transaction)
            // Expired heads made room for the next of their lines.
            if expired == 0 || result.isAlone { return }
        }
    }

    /// Marks rows as claimed, many in one statement.
    private static func mark(_ seqs: inout [Int64], _ exchange: Exchange, _ transaction: WriteTransaction) throws {
        var rest = seqs[...]
        while !rest.isEmpty {
            let piece = rest.count >= markedTogether ? rest.prefix(markedTogether) : rest.prefix(1)
            let update = try transaction.statement(piece.count == 1 ? mark : markMany)
            update.bind(1, exchange.fence.epoch)
            update.bind(2, exchange.now)
            for (index, seq) in piece.enumerated() { update.bind(Int32(index + 3), seq) }
            try update.run()
            rest = rest.dropFirst(piece.count)
        }
        seqs.removeAll()
    }

    private static func claim(
        of operation: GuardianCore.Operation, _ exchange: Exchange, _ transaction: WriteTransaction
    ) throws -> Claim {
        var claimed = operation
        claimed.status = .processing
        claimed.lastAttemptAt = exchange.now
        claimed.updatedAt = exchange.now
        if claimed.type != "create", claimed.customOrderingKey == nil {
            if claimed.base != nil { claimed.server = try EntityTable.known(claimed.entity, transaction)?.server }
            if claimed.ifMatch == nil { claimed.ifMatch = try EntityTable.etag(for: claimed, transaction) }
        }
        return Claim(operation: claimed, fence: exchange.fence)
    }

    private static func expire(
        _ operation: GuardianCore.Operation, _ next: Int64?, _ now: Timestamp, _ transaction: WriteTransaction
    ) throws {
        try remove(operation.seq, transaction)
        try transaction.remember(operation.id, seq: operation.seq, key: operation.idempotencyKey, .expired, now)
        transaction.count { $0.expired += 1 }
        if let next { try transaction.setHead(next, true) }
    }

    /// Fails a head that is not to be sent.
    private static func setAside(
        _ operation: GuardianCore.Operation, _ next: Int64?, _ reason: LastError, _ now: Timestamp, _ transaction: WriteTransaction
    ) throws {
        let update = try transaction.statement(
            """
            UPDATE guardian_operation SET status = 2, head = 0, next = NULL, due_at = 0, next_retry_at = NULL, updated_at = ?2, error_class = ?3,
                error_code = ?4, error_status = ?5, error_message = ?6, error_shape = ?7
            WHERE seq = ?1
            """)
        update.bind(1, operation.seq)
        update.bind(2, now)
        try bind(update, reason, of: operation.seq, from: 3, transaction)
        update.bind(7, FailureShape(of: reason).id)
        try update.run()
        transaction.count { $0.failed += 1 }
        try transaction.tally(.failed, .other(reason.class))
        if let next { try transaction.setHead(next, true) }
    }

    // MARK: What outlives a restart

    private static func save(_ health: OriginHealth, _ transaction: WriteTransaction) throws {
        let upsert = try transaction.statement("INSERT OR REPLACE INTO guardian_upstream VALUES (1, ?1, ?2, ?3, ?4, ?5)")
        upsert.bind(1, health.openUntil)
        upsert.bind(2, health.holdUntil)
        upsert.bind(3, health.trips)
        upsert.bind(4, health.plagueSince)
        upsert.bind(5, health.plagueStatus.map { Int64($0) })
        try upsert.run()
    }

    private static func save(_ pause: Pause, _ active: Bool, _ transaction: WriteTransaction) throws {
        let write = try transaction.statement(
            active ? "INSERT OR IGNORE INTO guardian_pause VALUES (?1)" : "DELETE FROM guardian_pause WHERE reason = ?1")
        write.bind(1, pause.rawValue as String?)
        try write.run()
    }

    private static func pauses(_ transaction: WriteTransaction) throws -> Set<Pause> {
        let find = try transaction.statement("SELECT reason FROM guardian_pause")
        var found: Set<Pause> = []
        while try find.step() { if let pause = find.text(0).flatMap(Pause.init(rawValue:)) { found.insert(pause) } }
        return found
    }

    public func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) {
        try await queue.write { transaction in try Self.save(pause, active, transaction) }
    }

    public func loadControl() async throws(StoreError) -> Control {
        try await read { db in
            var control = Control()
            if let row = try Row.fetchOne(
                db, sql: "SELECT open_until, hold_until, trips, plague_since, plague_status FROM guardian_upstream")
            {
                var health = OriginHealth(
                    openUntil: (row[0] as Int64?).map { Timestamp(milliseconds: $0) },
                    holdUntil: (row[1] as Int64?).map { Timestamp(milliseconds: $0) }, trips: row[2])
                health.plagueSince = (row[3] as Int64?).map { Timestamp(milliseconds: $0) }
                health.plagueStatus = row[4]
                control.health = health
            }
            if let hash = try String.fetchOne(db, sql: "SELECT value FROM guardian_setting WHERE name = 'signed_in'") {
                control.signedIn = .principal(hash)
            }
            control.pauses = Set(try String.fetchAll(db, sql: "SELECT reason FROM guardian_pause").compactMap(Pause.init(rawValue:)))
            control.processed = try Int64.fetchOne(db, sql: "SELECT processed FROM guardian_books") ?? 0
            return control
        }
    }
}
