public import GuardianCore
internal import Synchronization

extension PostgresStore {
    private static let settleMany = SQL("SELECT guardian_settle($1, $2, $3, $4, $5, $6, $7, $8)")
    static let claimMany = SQL(
        """
        SELECT \(OperationRow.claimedColumns) FROM guardian_claim($1, $2, $3, $4, $5, $6, $7) c
        """)
    static let news = SQL(
        """
        SELECT (SELECT string_agg(reason, ',') FROM guardian_pause),
            (SELECT due_at FROM guardian_line WHERE state = 0 AND due_at > 0 AND due_at > $1 AND due_at < \(Parking.due)
                ORDER BY due_at LIMIT 1),
            u.version, u.epoch, u.is_set, u.open_until, u.hold_until, u.trips, u.plague_since, u.plague_status
        FROM guardian_upstream u
        """)

    public func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        let begun = memory.withLock { $0.begin(exchange) }
        let open = exchange.settlements.filter { !begun.untold.settled.contains($0.seq) }
        do throws(StoreError) {
            var done = begun.untold
            // What somebody was in the way of the last time goes by itself, and keeps the others waiting no more.
            let late = try await settleApart(exchange, open.filter { begun.late.contains($0.seq) }, patient: begun.patient)
            done.add(late)
            var others = exchange
            others.settlements = open.filter { !begun.late.contains($0.seq) }
            let last = try await exchangeTogether(others)
            done.add(last)
            done.answer(exchange)
            if done.isUnfinished { done = await finish(exchange, done) }
            keep(done, of: exchange)
            if let place = done.signIn { goOnSigningIn(from: place) }
            return done.result
        } catch {
            // Maybe it was committed all the same: claims that nobody has heard of are looked for by the next one.
            if error == .stale {
                memory.withLock { $0.forgetClaims(of: exchange.fence.epoch) }
            } else {
                memory.withLock { _ = $0.doubtful.insert(exchange.fence.epoch) }
            }
            throw error
        }
    }

    /// All of it in one transaction; where somebody's open transaction is in the way of a settlement, those in one each.
    private func exchangeTogether(_ exchange: Exchange) async throws(StoreError) -> Exchanged {
        let plan = memory.withLock { ExchangePlan(exchange, $0) }
        var outcome = Plain.oneByOne(forGood: false)
        if plan.isPlain { outcome = try await pool.with(.urgent) { try Self.exchangePlainly(exchange, plan, $0) } }
        switch outcome {
        case .done(let done): return done
        case .inTheWay: break
        case .oneByOne(let isForGood):
            if isForGood { memory.withLock { $0.settlesOneByOne = true } }
            let done = try await pool.with(.urgent) { connection -> Exchanged? in
                try Self.unlessInTheWay(of: exchange.settlements) { try Write.run(on: connection) { try $0.exchange(exchange, plan) } }
            }
            if let done { return done }
        }
        var done = try await settleApart(exchange, exchange.settlements)
        var others = exchange
        others.settlements = []
        let rest = others
        let last = try await write(.urgent) { try $0.exchange(rest, plan) }
        done.add(last)
        return done
    }

    /// Milliseconds that a settlement by itself waits for its line.
    private static let apartMs = 50

    /// Each in a transaction of its own, so that only those stay behind that somebody is in the way of. One (`patient`) may wait longer.
    private func settleApart(
        _ exchange: Exchange, _ settlements: [Settlement], patient: Int64? = nil
    ) async throws(StoreError) -> Exchanged {
        var all = Exchanged()
        for settlement in settlements {
            let one = Exchange(fence: exchange.fence, now: exchange.now, settlements: [settlement])
            let plan = memory.withLock { ExchangePlan(one, $0) }
            var done: Exchanged?
            // It may have been the books' row that was held; the next time it is another one.
            for waitMs in [settlement.seq == patient ? Write.lockMs : Self.apartMs, Self.apartMs] where done == nil {
                done = try await pool.with(.urgent) { connection -> Exchanged? in
                    try Self.unlessInTheWay(of: one.settlements) {
                        try Write.run(on: connection, lockMs: waitMs) { try $0.settle(one, plan) }
                    }
                }
            }
            if let done {
                memory.withLock { $0.settledApart(settlement, done, exchange.fence) }
                all.add(done)
            } else {
                all.result.postponed.insert(settlement.seq)
            }
        }
        return all
    }

    /// nil when a lock was not to be had in time: nothing was done then, and there are settlements to be done without it.
    private static func unlessInTheWay(of settlements: [Settlement], _ body: () throws -> Exchanged) throws -> Exchanged? {
        do { return try body() } catch let failure as ServerFailure {
            guard failure.state == ServerFailure.busy, !settlements.isEmpty else { throw failure }
            return nil
        }
    }

    /// What came of an exchange in one round trip.
    private enum Plain: Sendable {
        case done(Exchanged)
        /// The database knows of something that is settled one by one: nothing was done. `forGood`: that stays so.
        case oneByOne(forGood: Bool)
        /// Somebody's open transaction is in the way of a settlement: nothing was done.
        case inTheWay
    }

    /// Settles and claims in one round trip.
    private static func exchangePlainly(_ exchange: Exchange, _ plan: ExchangePlan, _ connection: Connection) throws -> Plain {
        // By rising lines: that is the order of locks.
        let sorted = zip(plan.lines, exchange.settlements).sorted { $0.0 < $1.0 }
        let answers = sorted.contains { $0.1.answer != nil } ? sorted.map(\.1.answer) : nil
        let etags = sorted.contains { $0.1.server != nil } ? sorted.map { $0.1.server?.etag } : nil
        let fence = exchange.fence
        let calls = [
            Write.bounds(on: connection),
            Call(
                settleMany,
                [
                    .text(fence.owner), .int(fence.epoch), .int32(connection.stripe), .time(exchange.now), .ints(sorted.map(\.0)),
                    .ints(sorted.map(\.1.seq)), .texts(answers), .texts(etags),
                ]),
            Call(
                claimMany,
                [
                    .text(fence.owner), .int(fence.epoch), .int32(connection.stripe), .time(exchange.now), .int32(exchange.urgent),
                    .int32(exchange.normal), .text(plan.cursor),
                ]),
            Call(news, [.int(max(exchange.now.milliseconds, 0))]),
        ]
        let answered: [Rows]
        do { answered = try connection.run(calls) } catch let failure as ServerFailure {
            if failure.state == ServerFailure.busy, !exchange.settlements.isEmpty { return .inTheWay }
            let isForGood = failure.state == ServerFailure.oneByOne
            guard isForGood || failure.state == ServerFailure.theseOneByOne || failure.isDuplicate else { throw failure }
            return .oneByOne(forGood: isForGood)
        }
        var done = Exchanged()
        done.settled = Set(answered[1].first?.ints(0) ?? [])
        try done.readClaims(answered[2], exchange)
        done.readNews(answered[3], exchange, seen: plan.healthSeen)
        return .done(done)
    }

    /// Among the heads are some that need a look of their own. What was done stands, so an error here is not the exchange's.
    private func finish(_ exchange: Exchange, _ done: Exchanged) async -> Exchanged {
        let known = memory.withLock { $0.cursors }
        do throws(StoreError) {
            return try await write(.urgent) { write in
                var done = done
                try write.checkFence(exchange.fence)
                try write.claimEach(exchange, known, &done)
                return done
            }
        } catch {
            var done = done
            done.isDoubtful = true
            return done
        }
    }

    static func health(_ row: Row, from column: Int32) -> OriginHealth {
        var health = OriginHealth(openUntil: row.time(column), holdUntil: row.time(column + 1), trips: row.int(column + 2))
        health.plagueSince = row.time(column + 3)
        health.plagueStatus = row.optionalInt(column + 4).map { Int($0) }
        return health
    }

    /// Remembers what was handed out and taken back.
    private func keep(_ done: Exchanged, of exchange: Exchange) {
        let ordering = currentOrdering
        let result = done.result
        memory.withLock { memory in
            if done.isDoubtful { memory.doubtful.insert(exchange.fence.epoch) } else { memory.doubtful.remove(exchange.fence.epoch) }
            memory.healthSeen[exchange.fence.epoch] = done.healthVersion
            memory.told(exchange.settlements, postponed: result.postponed)
            for claim in result.claims {
                memory.handed[claim.seq] = Handed(line: ordering.line(for: claim.operation), epoch: exchange.fence.epoch)
            }
            memory.cursors.merge(done.cursors) { $1 }
        }
    }

    private static let addPause = SQL("INSERT INTO guardian_pause VALUES ($1) ON CONFLICT (reason) DO NOTHING")
    private static let dropPause = SQL("DELETE FROM guardian_pause WHERE reason = $1")

    private static let saveRefused = SQL(
        "INSERT INTO guardian_setting VALUES ('refused_version', $1) ON CONFLICT (name) DO UPDATE SET value = $1")
    private static let dropRefused = SQL("DELETE FROM guardian_setting WHERE name = 'refused_version'")

    static func save(_ pause: Pause, _ active: Bool, _ write: Write) {
        write.later(active ? addPause : dropPause, .text(pause.rawValue))
        if pause == .upgrade, !active { save(refusedVersion: nil, write) }
    }

    /// Keeps which version of the app met the 426 behind a pause for an upgrade.
    static func save(refusedVersion version: String?, _ write: Write) {
        if let version { write.later(saveRefused, .text(version)) } else { write.later(dropRefused) }
    }

    public func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) {
        try await write(.urgent, isRepeatable: true) { write in
            Self.save(pause, active, write)
            write.later(.wakeAll)
        }
    }

    private static let control = SQL(
        """
        SELECT (SELECT string_agg(reason, ',') FROM guardian_pause), (SELECT sum(processed)::bigint FROM guardian_books),
            (SELECT value FROM guardian_setting WHERE name = 'signed_in'),
            u.is_set, u.open_until, u.hold_until, u.trips, u.plague_since, u.plague_status,
            (SELECT value FROM guardian_setting WHERE name = 'refused_version')
        FROM guardian_upstream u
        """)

    public func loadControl() async throws(StoreError) -> Control {
        try await pool.with(.urgent, isRepeatable: true) { connection in
            guard let row = try connection.look(Call(Self.control)).first else {
                throw StoreError.corrupt("the upstream's row is gone")
            }
            let pauses = Set((row.text(0) ?? "").split(separator: ",").compactMap { Pause(rawValue: String($0)) })
            var control = Control(health: row.bool(3) ? Self.health(row, from: 4) : nil, pauses: pauses, processed: row.int(1))
            if let hash = row.text(2) { control.signedIn = .principal(hash) }
            control.refusedVersion = row.text(9)
            return control
        }
    }
}
