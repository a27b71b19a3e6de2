import GuardianCore

extension MemoryQueue {
    mutating func exchange(_ exchange: Exchange) throws(StoreError) -> ExchangeResult {
        try check(exchange.fence)
        var result = ExchangeResult()
        for settlement in exchange.settlements {
            let isSettled = settle(settlement, exchange, &result)
            result.settled.append(isSettled)
        }
        if let health = exchange.health {
            self.health = health
            self.health?.endsPlague = false
        }
        for (pause, active) in exchange.pauses { set(pause, active) }
        if exchange.pauses[.upgrade] == true { refusedVersion = exchange.appVersion }
        if let signedIn = exchange.signedIn { signIn(signedIn) }
        result.pauses = pauses
        if exchange.urgent + exchange.normal > 0, pauses.isEmpty { claim(exchange, &result) }
        return result
    }

    private mutating func settle(_ settlement: Settlement, _ exchange: Exchange, _ result: inout ExchangeResult) -> Bool {
        let seq = settlement.seq
        guard var row = rows[seq], row.operation.status == .processing, row.epoch == exchange.fence.epoch else { return false }
        tallies.add(settlement, of: row.operation)
        row.epoch = nil
        row.operation.status = .pending
        row.operation.updatedAt = exchange.now
        switch settlement.result {
        case .processed, .overruled:
            var isFirst = false
            if let server = settlement.serverID {
                adopt(seq, server, at: exchange.now)
                row.operation.entity.id = server.text
                isFirst = true
            }
            hear(settlement.server, of: row.operation, isApplied: settlement.result == .processed, isFirst: isFirst, at: exchange.now)
            remove(seq)
            books.processed += 1
            remember(settlement.id, seq, .processed(answer: settlement.answer), at: exchange.now)
            let departure: Departure = settlement.result == .overruled ? .overruled : .processed
            endOptimistic(row.operation.txnToken, departure, state: settlement.server?.state, at: exchange.now, &result)
            return true
        case .revised(let revision):
            hear(settlement.server, of: row.operation, at: exchange.now)
            row.operation.revise(revision)
            if !revision.wasRefused { row.operation.lastAttemptAt = row.attemptedBefore }
        case .retry(let due, let backoffMs, let error, let charged, let mark, let unknownAt):
            row.operation.unknownAt = unknownAt
            row.operation.crashes = 0
            row.operation.nextRetryAt = due
            row.operation.backoffMs = backoffMs
            row.operation.tries += 1
            row.operation.attemptCount += charged ? 1 : 0
            row.operation.failureMark = mark
            row.operation.lastError = error
        case .failed(let error):
            row.due = 0
            row.operation.status = .failed
            row.operation.nextRetryAt = nil
            row.operation.tries += 1
            row.operation.attemptCount += 1
            row.operation.lastError = error
            row.operation.server = settlement.server
            hear(settlement.server, of: row.operation, at: exchange.now)
            books.failed += 1
            leaveLine(seq)
        case .unsent: row.operation.lastAttemptAt = row.attemptedBefore
        case .putOff(let until, let waitMs):
            row.operation.lastAttemptAt = row.attemptedBefore
            row.operation.nextRetryAt = until
            row.operation.backoffMs = waitMs
        case .returned:
            let hadNoEffect = settlement.standstill != nil
            row.operation.unknownAt = hadNoEffect ? settlement.unknownAt : row.operation.unknownAt ?? row.operation.lastAttemptAt
            row.operation.crashes = 0
            row.operation.lastError = settlement.standstill ?? row.operation.lastError
        case .recast(let payload, let base, let version, let newKey):
            row.operation.lastAttemptAt = row.attemptedBefore
            row.operation.payload = payload
            row.operation.base = base
            row.operation.schemaVersion = version
            row.operation.unknownAt = nil
            if row.attemptedBefore != nil { row.operation.idempotencyKey = newKey }
        }
        if row.operation.status == .pending { row.due = due(of: row.operation) }
        claimed[row.line] = nil
        rows[seq] = row
        if case .failed(let error) = settlement.result {
            endOptimistic(row.operation.txnToken, .failed(error), state: settlement.server?.state, at: exchange.now, &result)
        }
        return true
    }

    private mutating func claim(_ exchange: Exchange, _ result: inout ExchangeResult) {
        var urgent = exchange.urgent
        var normal = exchange.normal
        let now = exchange.now.milliseconds
        for priority in Set(pendingHeads().map(\.operation.priority)).sorted(by: >) {
            for isDated in [true, false] where !result.isAlone && !result.isFull {
                var wanted = priority > 0 ? urgent : normal
                claim(priority, isDated: isDated, &wanted, exchange, &result)
                if priority > 0 { urgent = wanted } else { normal = wanted }
            }
            let next = pendingHeads().filter { $0.operation.priority == priority && $0.due > max(now, 0) && $0.due < Self.parked }.map(
                \.due
            ).min()
            if let next { result.nextDue = min(result.nextDue ?? Timestamp(milliseconds: next), Timestamp(milliseconds: next)) }
        }
    }

    private func pendingHeads() -> [Row] {
        lines.keys.compactMap { line in claimed[line] == nil ? lines[line]?.first.flatMap { rows[$0] } : nil }
    }

    private mutating func claim(
        _ priority: Int, isDated: Bool, _ wanted: inout Int, _ exchange: Exchange, _ result: inout ExchangeResult
    ) {
        while wanted > 0 {
            let due = pendingHeads().filter {
                $0.operation.priority == priority && (isDated ? $0.due > 0 && $0.due <= exchange.now.milliseconds : $0.due == 0)
            }
            let found = due.sorted { ($0.due, $0.operation.seq) < ($1.due, $1.operation.seq) }.prefix(wanted)
            var expired = false
            for row in found {
                let turn = row.operation.turn(at: exchange.now)
                if turn == .expires {
                    remove(row.operation.seq)
                    books.expired += 1
                    remember(row.operation.id, row.operation.seq, .expired, at: exchange.now)
                    result.expired.append(row.operation.id)
                    expired = true
                    endOptimistic(row.operation.txnToken, .expired, at: exchange.now, &result)
                    // What depends on it leaves its line: the heads are to be read anew.
                    if row.operation.txnToken != nil { break }
                } else if case .isSetAside(let reason) = turn {
                    setAside(row, reason, at: exchange.now)
                    result.setAside.append((row.operation.id, reason))
                    expired = true
                    endOptimistic(row.operation.txnToken, .failed(reason), at: exchange.now, &result)
                    if row.operation.txnToken != nil { break }
                } else if row.operation.crashes > 0 {
                    // Alone, so that the next crash tells which it was.
                    result.isAlone = true
                    if exchange.held == 0, result.claims.isEmpty { result.claims.append(take(row, exchange)) }
                    return
                } else {
                    result.claims.append(take(row, exchange))
                    wanted -= 1
                }
            }
            // Expired heads made room for the next of their lines.
            if !expired { return }
            if result.isFull {
                result.nextDue = exchange.now
                return
            }
        }
    }

    private mutating func setAside(_ row: Row, _ reason: LastError, at now: Timestamp) {
        var row = row
        row.due = 0
        row.operation.updatedAt = now
        row.operation.nextRetryAt = nil
        row.operation.status = .failed
        row.operation.lastError = reason
        rows[row.operation.seq] = row
        books.failed += 1
        tallies.add(.failed, .other(reason.class))
        leaveLine(row.operation.seq)
    }

    private mutating func take(_ row: Row, _ exchange: Exchange) -> Claim {
        var row = row
        row.attemptedBefore = row.operation.lastAttemptAt
        row.epoch = exchange.fence.epoch
        row.operation.status = .processing
        row.operation.lastAttemptAt = exchange.now
        row.operation.updatedAt = exchange.now
        rows[row.operation.seq] = row
        claimed[row.line] = row.operation.seq
        var claimed = row.operation
        if claimed.type != "create", claimed.customOrderingKey == nil, let known = entities[claimed.entity] {
            if claimed.ifMatch == nil { claimed.ifMatch = known.ifMatch(for: claimed.seq) }
            if claimed.base != nil { claimed.server = known.server }
        }
        return Claim(operation: claimed, fence: exchange.fence)
    }

    /// Keeps what an answer has told of an operation's entity.
    mutating func hear(
        _ server: ServerState?, of operation: Operation, isApplied: Bool = false, isFirst: Bool = false, at now: Timestamp
    ) {
        guard server != nil || isApplied else { return }
        let entity = operation.entity
        var known = entities[entity] ?? EntityKnowledge()
        let statement = EntityKnowledge.Statement(
            server: server, of: operation, isApplied: isApplied, firstUpTo: isFirst ? newest(of: entity) : nil)
        known.answered(statement, isFollowed: !feeds.isEmpty, at: now)
        save(known, of: entity, at: now)
    }

    mutating func save(_ known: EntityKnowledge, of entity: EntityKey, at now: Timestamp) {
        guard known != EntityKnowledge() else { return }
        // As a real store keeps it, so that the simulator sees whether that is enough.
        entities[entity] = EntityKnowledge(server: known.server, marks: known.marks)
        heardAt[entity] = now
    }
}

extension Operation {
    /// What a conflict has made of it: due at once, under a new key, and no outcome of that is unknown.
    mutating func revise(_ revision: Settlement.Revision) {
        payload = revision.payload
        type = revision.type
        base = revision.base ?? base
        ifMatch = revision.ifMatch
        idempotencyKey = revision.newKey
        rounds += revision.wasRefused ? 1 : 0
        tries += revision.wasRefused ? 1 : 0
        nextRetryAt = nil
        unknownAt = nil
        crashes = 0
    }
}
