internal import GRDB
internal import GuardianCore

/// Heads of lines are handed out, or leave the queue instead: the last step of an exchange.
extension SQLiteStore {
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
        SELECT \(OperationRow.ownColumns) FROM guardian_operation INDEXED BY guardian_operation_head
        WHERE head = 1 AND status = 0 AND priority = ?1 AND due_at > 0 AND due_at <= ?2 AND \(Claims.leavesRow)
        ORDER BY due_at, seq LIMIT ?3
        """)
    private static let timelessHeads = SQL(
        """
        SELECT \(OperationRow.ownColumns) FROM guardian_operation INDEXED BY guardian_operation_head
        WHERE head = 1 AND status = 0 AND priority = ?1 AND due_at = 0 AND seq > ?2 AND \(Claims.leavesRow) ORDER BY seq LIMIT ?3
        """)

    /// Claims heads, the highest priority first; within one priority those whose time has come, then those that wait for none.
    static func claim(_ exchange: Exchange, _ transaction: WriteTransaction, _ result: inout ExchangeResult) throws {
        var urgent = exchange.urgent
        var normal = exchange.normal
        let now = exchange.now.milliseconds
        func goesOn(_ wanted: Int) -> Bool { wanted > 0 && !result.isAlone && !result.isFull }
        for priority in try priorities(transaction) {
            var wanted = priority > 0 ? urgent : normal
            if goesOn(wanted) { try claim(priority, isTimed: true, &wanted, exchange, transaction, &result) }
            if goesOn(wanted) { try claim(priority, isTimed: false, &wanted, exchange, transaction, &result) }
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
        _ priority: Int, isTimed: Bool, _ wanted: inout Int, _ exchange: Exchange, _ transaction: WriteTransaction,
        _ result: inout ExchangeResult
    ) throws {
        let heads = try transaction.statement(isTimed ? heads : timelessHeads)
        while wanted > 0 {
            let passed = isTimed ? nil : transaction.claimed.number(priority)
            let limit = wanted
            heads.bind(1, priority)
            heads.bind(2, isTimed ? exchange.now.milliseconds : passed ?? 0)
            heads.bind(3, limit)
            let found = try read(heads, transaction)
            var taken: [Int64] = []
            var expired = 0
            for (operation, next, isLost) in found {
                var turn = operation.turn(at: exchange.now)
                if isLost, turn == .goes { turn = .isSetAside(SalvageReport.lostContent) }
                if turn == .expires {
                    try expire(operation, next, exchange.now, transaction)
                    result.expired.append(operation.id)
                    expired += 1
                    if let token = operation.txnToken {
                        // What depends on it leaves its line: the heads are to be read anew.
                        try Claims.write(&taken, exchange.fence, exchange.now, transaction)
                        try endOptimistic(token, .expired, exchange.now, transaction, &result)
                        break
                    }
                } else if case .isSetAside(let reason) = turn {
                    try setAside(operation, next, reason, exchange.now, transaction)
                    result.setAside.append((operation.id, reason))
                    expired += 1
                    if let token = operation.txnToken {
                        try Claims.write(&taken, exchange.fence, exchange.now, transaction)
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
            try Claims.write(&taken, exchange.fence, exchange.now, transaction)
            if result.isAlone { return }
            // Expired heads made room for the next of their lines.
            if expired == 0 {
                if !isTimed, let last = found.last { transaction.claimed.set(priority, upTo: last.operation.seq) }
                if passed == nil || found.count == limit { return }
                transaction.claimed.forget(priority)
            }
            if result.isFull {
                result.nextDue = exchange.now
                return
            }
        }
    }

    /// A head, which one is behind it, and whether what it consists of is lost.
    private typealias Head = (operation: GuardianCore.Operation, next: Int64?, isLost: Bool)

    /// Reads heads. One of which a sealed value can't be opened holds nobody else up; where none of the store's can, it is an error.
    private static func read(_ heads: RawStatement, _ transaction: WriteTransaction) throws -> [Head] {
        var found: [Head] = []
        do {
            while try heads.step() {
                let whole = try OperationRow.opened(heads, transaction.vault)
                let operation = try whole ?? OperationRow.look(heads, transaction.vault)
                found.append((operation, heads.optionalInt(OperationRow.nextColumn), whole == nil))
            }
        } catch {
            heads.reset()
            throw error
        }
        if found.contains(where: { $0.isLost }), try !transaction.opensOthers() {
            throw StoreError.corrupt("no sealed payload can be opened: the salt of the store has changed, or a key")
        }
        return found
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
}
