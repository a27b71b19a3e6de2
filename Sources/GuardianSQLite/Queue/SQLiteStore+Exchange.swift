internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// Results and claims of an exchange that is done in a moment.
    private static let shortExchange = 16

    public func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        // A switch of user may park the whole queue.
        let isShort =
            exchange.signedIn == nil && exchange.settlements.count + exchange.urgent + exchange.normal <= Self.shortExchange
        return try await queue.write(.hot, isShort: isShort) { transaction in
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
            if exchange.pauses[.upgrade] == true { try Self.save(refusedVersion: exchange.appVersion, transaction) }
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
            unknown_at = CASE WHEN ?4 THEN unknown_at WHEN ?5 THEN ?6 ELSE coalesce(unknown_at, last_attempt_at) END,
            crashes = CASE WHEN ?4 THEN crashes ELSE NULL END,
            last_attempt_at = CASE WHEN ?4 THEN attempted_before ELSE last_attempt_at END
        WHERE seq = ?1 AND status = 1 AND claim_epoch = ?2 RETURNING next
        """)
    private static let writePutOff = SQL(
        """
        UPDATE guardian_operation SET status = 0, claim_epoch = NULL, updated_at = ?3, due_at = \(Parking.sql(due: "?4")),
            next_retry_at = ?4, backoff_ms = ?5, last_attempt_at = attempted_before
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
        let isProcessed = settlement.result == .processed || settlement.result == .overruled
        if !isProcessed { try Claims.take(seq, epoch, transaction) }
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
            update.bind(5, settlement.standstill == nil ? 0 : 1)
            update.bind(6, settlement.unknownAt)
            guard try backToPending(update, seq, transaction) else { return false }
            try keep(settlement.standstill, of: seq, transaction)
            return true
        case .putOff(let until, let waitMs):
            let update = try transaction.statement(writePutOff)
            bind(update, seq, epoch, now)
            update.bind(4, until)
            update.bind(5, waitMs)
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
        WHERE seq = ?1 AND EXISTS (SELECT 1 FROM guardian_claim WHERE operation = ?1 AND epoch = ?2)
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
            try Claims.take(settlement.seq, epoch, transaction)
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
        bind(update, error, try transaction.stored(error.storedMessage, SealedKind.errorMessage.at(seq)), from: index)
    }

    static func bind(_ update: RawStatement, _ error: LastError, _ message: Stored, from index: Int32) {
        update.bind(index, error.class.rawValue as String?)
        update.bind(index + 1, error.code as String?)
        update.bind(index + 2, error.httpStatus.map { Int64($0) })
        update.bind(index + 3, message)
    }
}
