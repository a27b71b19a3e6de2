public import GuardianCore
internal import Synchronization

extension PostgresStore {
    private static let settleMany = SQL("SELECT guardian_settle($1, $2, $3, $4, $5, $6, $7)")
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
        let epoch = exchange.fence.epoch
        let plan = memory.withLock { ExchangePlan(exchange, $0) }
        do throws(StoreError) {
            var outcome: Exchanged?
            if plan.isPlain { outcome = try await pool.with(.urgent) { try Self.exchangePlainly(exchange, plan, $0) } }
            if plan.isPlain, outcome == nil { memory.withLock { $0.settlesOneByOne = true } }
            var done: Exchanged
            if let outcome { done = outcome } else { done = try await write(.urgent) { try $0.exchange(exchange, plan) } }
            if done.isUnfinished { done.result = await finish(exchange, done.result) }
            keep(done, of: exchange)
            return done.result
        } catch {
            // Maybe it was committed all the same: claims that nobody has heard of are looked for by the next one.
            if error != .stale { memory.withLock { _ = $0.doubtful.insert(epoch) } }
            throw error
        }
    }

    /// Settles and claims in one round trip. nil when the database knows of something that is settled one by one: nothing was done then.
    private static func exchangePlainly(_ exchange: Exchange, _ plan: ExchangePlan, _ connection: Connection) throws -> Exchanged? {
        // By rising lines: that is the order of locks.
        let sorted = zip(plan.lines, exchange.settlements).sorted { $0.0 < $1.0 }
        let answers = sorted.contains { $0.1.answer != nil } ? sorted.map(\.1.answer) : nil
        let fence = exchange.fence
        let calls = [
            Call(
                settleMany,
                [
                    .text(fence.owner), .int(fence.epoch), .int32(connection.stripe), .time(exchange.now), .ints(sorted.map(\.0)),
                    .ints(sorted.map(\.1.seq)), .texts(answers),
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
            guard failure.state == ServerFailure.oneByOne || failure.isDuplicate else { throw failure }
            return nil
        }
        var done = Exchanged()
        var settled = Set(answered[0].first?.ints(0) ?? [])
        done.result.settled = exchange.settlements.map { settled.remove($0.seq) != nil }
        try done.readClaims(answered[1], exchange)
        done.readNews(answered[2], exchange, seen: plan.healthSeen)
        return done
    }

    /// Among the heads are some that need a look of their own. What was done stands, so an error here is not the exchange's.
    private func finish(_ exchange: Exchange, _ result: ExchangeResult) async -> ExchangeResult {
        do throws(StoreError) {
            return try await write(.urgent) { write in
                var result = result
                try write.checkFence(exchange.fence)
                try write.claimEach(exchange, &result)
                return result
            }
        } catch {
            memory.withLock { _ = $0.doubtful.insert(exchange.fence.epoch) }
            return result
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
            memory.doubtful.remove(exchange.fence.epoch)
            memory.healthSeen[exchange.fence.epoch] = done.healthVersion
            for settlement in exchange.settlements { memory.handed[settlement.seq] = nil }
            for claim in result.claims {
                memory.handed[claim.seq] = Handed(line: ordering.line(for: claim.operation), epoch: exchange.fence.epoch)
            }
            if let last = result.claims.last { memory.cursor = last.operation.customOrderingKey.flatMap { Tenant.of($0) } ?? "" }
        }
    }

    private static let addPause = SQL("INSERT INTO guardian_pause VALUES ($1) ON CONFLICT (reason) DO NOTHING")
    private static let dropPause = SQL("DELETE FROM guardian_pause WHERE reason = $1")

    static func save(_ pause: Pause, _ active: Bool, _ write: Write) { write.later(active ? addPause : dropPause, .text(pause.rawValue)) }

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
            u.is_set, u.open_until, u.hold_until, u.trips, u.plague_since, u.plague_status
        FROM guardian_upstream u
        """)

    public func loadControl() async throws(StoreError) -> Control {
        try await pool.with(.urgent, isRepeatable: true) { connection in
            guard let row = try connection.run([Call(Self.control)])[0].first else {
                throw StoreError.corrupt("the upstream's row is gone")
            }
            let pauses = Set((row.text(0) ?? "").split(separator: ",").compactMap { Pause(rawValue: String($0)) })
            var control = Control(health: row.bool(3) ? Self.health(row, from: 4) : nil, pauses: pauses, processed: row.int(1))
            if let hash = row.text(2) { control.signedIn = .principal(hash) }
            return control
        }
    }
}

/// What is known of an exchange before it begins.
struct ExchangePlan: Sendable {
    /// Whether it needs nothing but the lines of its settlements.
    let isPlain: Bool
    /// The line of each settlement, where all are known.
    let lines: [Int64]
    /// What was handed out, when it is to be compared with what is claimed: the answer to an earlier exchange was lost.
    let reclaims: Set<Int64>?
    /// The tenant that was served last.
    let cursor: String
    /// The version of the upstream's health that this processor knows.
    let healthSeen: Int64

    init(_ exchange: Exchange, _ memory: PostgresStore.Memory) {
        let epoch = exchange.fence.epoch
        let found = exchange.settlements.compactMap { memory.handed[$0.seq] }.filter { $0.epoch == epoch }.map(\.line)
        let isDoubtful = memory.doubtful.contains(epoch)
        lines = found
        isPlain =
            !memory.settlesOneByOne && !isDoubtful && found.count == exchange.settlements.count && exchange.health == nil
            && exchange.pauses.isEmpty && exchange.signedIn == nil
            && exchange.settlements.allSatisfy { $0.result == .processed && $0.server == nil && $0.assignedID == nil }
            && Set(exchange.settlements.map(\.seq)).count == found.count
        reclaims = isDoubtful ? Set(memory.handed.filter { $0.value.epoch == epoch }.keys) : nil
        cursor = memory.cursor
        healthSeen = memory.healthSeen[epoch] ?? -1
    }
}

/// What came of an exchange, and what the store remembers of it.
struct Exchanged: Sendable {
    var result = ExchangeResult()
    /// Among the heads are some that need a look of their own.
    var isUnfinished = false
    var healthVersion: Int64 = -1

    mutating func readClaims(_ rows: Rows, _ exchange: Exchange) throws {
        for row in rows {
            if row.int(0) < 0 {
                isUnfinished = true
            } else {
                result.claims.append(try OperationRow.readClaim(row, exchange.fence, at: exchange.now))
            }
        }
    }

    mutating func readNews(_ rows: Rows, _ exchange: Exchange, seen: Int64) {
        guard let row = rows.first else { return }
        result.pauses = Set((row.text(0) ?? "").split(separator: ",").compactMap { Pause(rawValue: String($0)) })
        if exchange.urgent + exchange.normal > 0, result.pauses.isEmpty { result.nextDue = row.time(1) }
        healthVersion = row.int(2)
        guard row.bool(4) else { return }
        // Our own write was merged with what we had not heard of, or another one has written.
        let isMerged = exchange.health != nil && seen >= 0 && healthVersion != seen + 1
        let isOthers = row.int(3) != exchange.fence.epoch && healthVersion != seen
        if isMerged || isOthers { result.shared = PostgresStore.health(row, from: 5) }
    }
}
