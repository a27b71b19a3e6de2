internal import GuardianCore

/// An exchange in steps, and claims one by one: for what needs a look of its own.
extension Write {
    private static let fence = SQL("SELECT 1 FROM guardian_processor WHERE owner = $1 AND epoch = $2 FOR KEY SHARE")
    private static let saveHealth = SQL(
        """
        UPDATE guardian_upstream SET version = version + 1, epoch = $1, is_set = true,
            open_until = CASE WHEN version = $2 OR epoch = $1 THEN $3 ELSE greatest(open_until, $3) END,
            hold_until = CASE WHEN version = $2 OR epoch = $1 THEN $4 ELSE greatest(hold_until, $4) END,
            trips = CASE WHEN version = $2 OR epoch = $1 THEN $5 ELSE greatest(trips, $5) END,
            plague_since = CASE WHEN (version = $2 OR epoch = $1) AND ($7 IS NOT NULL OR $8) THEN $6 ELSE coalesce(plague_since, $6) END,
            plague_status = CASE WHEN (version = $2 OR epoch = $1) AND ($7 IS NOT NULL OR $8) THEN $7 ELSE coalesce(plague_status, $7) END
        """)
    private static let claimed = SQL(
        "SELECT line, head FROM guardian_line WHERE state = 1 AND epoch = $1 ORDER BY line FOR UPDATE SKIP LOCKED")
    private static let countClaimed = SQL("SELECT count(*) FROM guardian_line WHERE state = 1 AND epoch = $1")
    private static let endings = SQL("SELECT id FROM guardian_ledger WHERE id = ANY($1) AND ending = 0")

    /// Refuses what comes under a fence that is no longer in force; holds the seat until the commit.
    func checkFence(_ fence: Fence) throws {
        guard try first(Self.fence, .text(fence.owner), .int(fence.epoch)) != nil else { throw StoreError.stale }
    }

    /// Settles, and nothing else.
    func settle(_ exchange: Exchange, _ plan: ExchangePlan) throws -> Exchanged {
        var done = Exchanged()
        // Creates are locked before lines.
        for settlement in exchange.settlements where settlement.serverID != nil { try lockCreate(settlement.seq) }
        let fence = Call(Self.fence, [.text(exchange.fence.owner), .int(exchange.fence.epoch)])
        let answers = try all([fence, Self.holdCall(exchange)])
        guard answers[0].first != nil else { throw StoreError.stale }
        try settle(exchange, answers[1], &done.result)
        if plan.isDoubtful { try recognize(exchange, &done.result) }
        done.settled = Set(zip(exchange.settlements, done.result.settled).filter { $1 }.map { $0.0.seq })
        return done
    }

    func exchange(_ exchange: Exchange, _ plan: ExchangePlan) throws -> Exchanged {
        var done = try settle(exchange, plan)
        if let known = plan.reclaims { done.isDoubtful = try !reclaim(exchange, known) }
        if let health = exchange.health {
            later(
                Self.saveHealth, .int(exchange.fence.epoch), .int(plan.healthSeen), .time(health.openUntil), .time(health.holdUntil),
                .int(health.trips), .time(health.plagueSince), .int32(health.plagueStatus), .bool(health.endsPlague))
            endProbe(exchange)
        }
        for (pause, active) in exchange.pauses { PostgresStore.save(pause, active, self) }
        if exchange.pauses[.upgrade] == true { PostgresStore.save(refusedVersion: exchange.appVersion, self) }
        if let signedIn = exchange.signedIn { done.signIn = try signIn(signedIn) }
        if exchange.isProbe { done.result.awaitsProbe = try !beginProbe(exchange) }
        if exchange.urgent + exchange.normal > 0, !done.result.awaitsProbe {
            let call = Call(
                PostgresStore.claimMany,
                [
                    .text(exchange.fence.owner), .int(exchange.fence.epoch), .int32(connection.stripe), .time(exchange.now),
                    .int32(exchange.urgent), .int32(exchange.normal), .text(plan.cursor),
                ])
            try done.readClaims(try rows(call), exchange)
        }
        if done.isUnfinished {
            done.isUnfinished = false
            try claimEach(exchange, plan.cursors, &done)
        }
        // With nothing to ask with it is another one's turn.
        if exchange.isProbe, done.result.claims.isEmpty { endProbe(exchange) }
        done.readNews(try rows(PostgresStore.news, .int(max(exchange.now.milliseconds, 0))), exchange, seen: plan.healthSeen)
        return done
    }

    /// Claims under our own epoch that nobody was told of: the answer was lost after the commit. They go back as if not claimed. False when
    /// somebody's open transaction is in the way of some.
    private func reclaim(_ exchange: Exchange, _ known: Set<Int64>) throws -> Bool {
        let found = try rows(Self.claimed, .int(exchange.fence.epoch))
        let all = try first(Self.countClaimed, .int(exchange.fence.epoch))?.int(0) ?? 0
        for row in found where !known.contains(row.int(1)) {
            mend(row.int(0), exchange.now, releases: true)
            count { $0.processing -= 1 }
        }
        return found.count >= Int(all)
    }

    /// Results that were written when an earlier answer was lost count as written now.
    private func recognize(_ exchange: Exchange, _ result: inout ExchangeResult) throws {
        let open = zip(exchange.settlements, result.settled).filter { !$1 && $0.result == .processed }.map { $0.0.id }
        guard !open.isEmpty else { return }
        let done = Set(try rows(Self.endings, .ids(open)).map { try $0.operationID(0) })
        for (place, settlement) in exchange.settlements.enumerated() where done.contains(settlement.id) { result.settled[place] = true }
    }

    // MARK: Claims

    private static let priorityBelow = SQL(
        "SELECT priority FROM guardian_line WHERE state = 0 AND priority < $1 ORDER BY priority DESC LIMIT 1")
    private static let tenants = SQL("SELECT unnest(tenants) FROM guardian_due_tenants($1, $2, $3, 1000)")
    private static let heads = SQL(
        """
        SELECT line, head FROM guardian_line WHERE state = 0 AND priority = $1 AND tenant = $2 AND due_at > $3 AND due_at <= $4
        ORDER BY due_at, head LIMIT $5 FOR UPDATE SKIP LOCKED
        """)
    private static let content = SQL(
        """
        SELECT \(OperationRow.claimColumns), o.line FROM guardian_operation o
        LEFT JOIN guardian_entity e ON e.line = coalesce(o.entity_line, o.line) WHERE o.seq = ANY($1)
        """)
    private static let mark = SQL(
        "UPDATE guardian_line SET state = 1, epoch = $2, claimed_at = $3, updated_at = $3 WHERE line = ANY($1)")

    /// Claims heads that may have expired or be suspects, the highest priority first; what `done` has already counts. Of each priority it
    /// goes on behind the tenant that had its turn last: `known`, where `done` does not say.
    func claimEach(_ exchange: Exchange, _ known: [Int: String], _ done: inout Exchanged) throws {
        let cursors = known.merging(done.cursors) { $1 }
        var result = done.result
        defer { done.result = result }
        var urgent = exchange.urgent - result.claims.count { $0.operation.priority > 0 }
        var normal = exchange.normal - result.claims.count { $0.operation.priority <= 0 }
        var limit = Int(Int32.max)
        while let row = try first(Self.priorityBelow, .int32(limit)) {
            limit = Int(row.int(0))
            var wanted = limit > 0 ? urgent : normal
            guard wanted > 0, !result.isAlone, !result.isFull else { continue }
            let now = exchange.now.milliseconds
            let tenants = try rows(Self.tenants, .int32(limit), .text(cursors[limit] ?? ""), .int(now)).map { $0.text(0) ?? "" }
            for tenant in tenants where wanted > 0 && !result.isAlone && !result.isFull {
                try claimEach(limit, tenant, dueAfter: 0, dueUntil: now, &wanted, exchange, &result)
                if wanted > 0, !result.isAlone, !result.isFull {
                    try claimEach(limit, tenant, dueAfter: -1, dueUntil: 0, &wanted, exchange, &result)
                }
                // One that has to be claimed alone stays the next.
                if !result.isAlone { done.cursors[limit] = tenant }
            }
            if limit > 0 { urgent = wanted } else { normal = wanted }
        }
    }

    private func claimEach(
        _ priority: Int, _ tenant: String, dueAfter: Int64, dueUntil: Int64, _ wanted: inout Int, _ exchange: Exchange,
        _ result: inout ExchangeResult
    ) throws {
        // Those that wait for somebody's open transaction.
        var left = Set<Int64>()
        while wanted > 0 {
            let heads = try rows(
                Self.heads, .int32(priority), .text(tenant), .int(dueAfter), .int(dueUntil), .int(Int64(wanted + left.count))
            ).map { (line: $0.int(0), seq: $0.int(1)) }.filter { !left.contains($0.line) }
            guard !heads.isEmpty else { return }
            var claims: [Int64: Claim] = [:]
            for row in try rows(Self.content, .ints(heads.map(\.seq))) {
                claims[row.int(0)] = try OperationRow.readClaim(row, exchange.fence, at: exchange.now)
            }
            var taken: [Int64] = []
            var isMoved = false
            defer { mark(taken, exchange) }
            for (line, seq) in heads {
                guard wanted > 0, let claim = claims[seq] else { continue }
                let operation = claim.operation
                if operation.turn(at: exchange.now) != .goes {
                    isMoved = true
                    if operation.txnToken != nil {
                        mark(taken, exchange)
                        taken = []
                    }
                    if try !leave(operation, line, exchange.now, &result) {
                        left.insert(line)
                    } else if operation.txnToken != nil {
                        // What depends on it leaves its line: the heads are to be read anew.
                        break
                    }
                } else if operation.crashes > 0 {
                    // Alone, so that the next crash tells which it was.
                    result.isAlone = true
                    if exchange.held == 0, result.claims.isEmpty {
                        result.claims.append(claim)
                        taken.append(line)
                    }
                    return
                } else {
                    result.claims.append(claim)
                    taken.append(line)
                    wanted -= 1
                }
            }
            // Expired heads made room for the next of their lines, and those that are left take up places.
            if !isMoved { return }
            if result.isFull {
                result.nextDue = exchange.now
                return
            }
        }
    }

    /// A head leaves its line instead of being claimed. False, and nothing is done, when somebody's open transaction holds what leaves or
    /// goes on with it: it is looked at again by the next claim.
    private func leave(_ operation: Operation, _ line: Int64, _ now: Timestamp, _ result: inout ExchangeResult) throws -> Bool {
        var sum = result
        func depart() throws {
            let departure: Departure
            if case .isSetAside(let reason) = operation.turn(at: now) {
                try setAside(operation, line, reason, now)
                sum.setAside.append((operation.id, reason))
                departure = .failed(reason)
            } else {
                try expire(operation, line, now)
                sum.expired.append(operation.id)
                departure = .expired
            }
            guard let token = operation.txnToken else { return }
            try endOptimistic(token, departure, now, &sum)
        }
        // Alone it has to do with no other line.
        if try operation.txnToken == nil && !uses(.localIDs) {
            try depart()
        } else if try !attempt(lockMs: 50, depart) {
            return false
        }
        result = sum
        return true
    }

    private func mark(_ lines: [Int64], _ exchange: Exchange) {
        guard !lines.isEmpty else { return }
        later(Self.mark, .ints(lines), .int(exchange.fence.epoch), .time(exchange.now))
        count { $0.processing += Int64(lines.count) }
    }

    private func expire(_ operation: Operation, _ line: Int64, _ now: Timestamp) throws {
        try remove(operation.seq)
        remember(operation.id, seq: operation.seq, key: operation.idempotencyKey, .expired, now)
        count { $0.expired += 1 }
        mend(line, now)
    }

    /// Fails a head that is not to be sent.
    private func setAside(_ operation: Operation, _ line: Int64, _ reason: LastError, _ now: Timestamp) throws {
        fail(operation.seq, reason, now)
        tally(.failed, .other(reason.class))
        mend(line, now)
    }

    /// Fails a waiting row for a reason that no attempt has given.
    func fail(_ seq: Int64, _ error: LastError, _ now: Timestamp?) {
        later(
            Self.setAside, .int(seq), .time(now), .text(error.class.rawValue), .text(error.code), .int32(error.httpStatus),
            .text(error.storedMessage))
        count { $0.failed += 1 }
    }
}
