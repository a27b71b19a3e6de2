public import GuardianCore
internal import Synchronization

extension PostgresStore {
    private static let openSeats = SQL("SELECT 1 FROM guardian_setting WHERE name = 'seats' FOR UPDATE")
    private static let seats = SQL(
        """
        SELECT owner, epoch, heartbeat_at, acquired_at, stale_after_ms, host, process, started,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint
        FROM guardian_processor ORDER BY epoch FOR UPDATE
        """)
    private static let lookAtSeats = SQL(
        """
        SELECT owner, epoch, heartbeat_at, acquired_at, stale_after_ms, host, process, started,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint
        FROM guardian_processor ORDER BY epoch
        """)
    private static let leave = SQL("DELETE FROM guardian_processor WHERE owner = $1 AND epoch = $2")
    private static let take = SQL(
        """
        INSERT INTO guardian_processor (owner, epoch, heartbeat_at, acquired_at, stale_after_ms, host, process, started)
        VALUES ($1, nextval('guardian_epoch'), $2, $2, $3, $4, $5, $6) RETURNING epoch
        """)
    private static let beat = SQL(
        """
        UPDATE guardian_processor SET heartbeat_at = coalesce($3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
        WHERE owner = $1 AND epoch = $2
        """)
    private static let claims = SQL(
        """
        SELECT l.line, l.head, l.claimed_at FROM guardian_line l WHERE l.state = 1 AND l.epoch = ANY($1) ORDER BY l.line FOR UPDATE
        """)
    private static let giveBack = SQL(
        """
        UPDATE guardian_operation SET updated_at = coalesce($3, updated_at), crashes = nullif(coalesce(crashes, 0) + $4, 0),
            unknown_at = coalesce(unknown_at, $2), last_attempt_at = $2, due_at = \(Parking.sql(due: "due_at"))
        WHERE seq = $1
        """)

    /// One processor at its seat.
    struct Seat {
        var state: LockState
        var staleAfterMs: Int64
        var identity: ProcessIdentity
        /// The database's time when it was read.
        var databaseMs: Int64
        /// Since when the database is up: nobody could beat before.
        var databaseUpSinceMs: Int64

        init(_ row: Row) {
            state = LockState(
                fence: Fence(owner: row.text(0) ?? "", epoch: row.int(1)), heartbeatAt: Timestamp(milliseconds: row.int(2)),
                acquiredAt: Timestamp(milliseconds: row.int(3)))
            staleAfterMs = row.int(4)
            identity = ProcessIdentity(host: row.text(5) ?? "", process: row.int(6), started: row.int(7))
            databaseMs = row.int(8)
            databaseUpSinceMs = row.int(9)
        }
    }

    private func time(_ seat: Seat?, _ now: Timestamp) -> Int64 {
        configuration.leaseClock == .caller ? now.milliseconds : seat?.databaseMs ?? now.milliseconds
    }

    private func isDead(_ seat: Seat) -> Bool {
        seat.identity.isDead || declaredDead.withLock { $0.contains(seat.state.fence.owner) }
    }

    private func isStale(_ seat: Seat, _ staleAfterMs: Int64, _ now: Timestamp) -> Bool {
        var heard = seat.state.heartbeatAt.milliseconds
        // After a restart of the database everyone gets the time of a lease to show up.
        if configuration.leaseClock == .database, heard < seat.databaseUpSinceMs { heard = seat.databaseUpSinceMs }
        let silence = time(seat, now) - heard
        // A heartbeat from the far future is one of a clock that has been set back since.
        return silence >= staleAfterMs || silence <= -staleAfterMs
    }

    /// Gives back what those hold who have gone; false, and nothing is changed, when somebody has not. Nobody takes a seat before the
    /// transaction ends.
    func vacateAll(_ write: Write, _ now: Timestamp) throws -> Bool {
        try write.rows(Self.openSeats)
        let seats = try write.rows(Self.seats).map { Seat($0) }
        guard seats.allSatisfy({ isDead($0) || isStale($0, $0.staleAfterMs, now) }) else { return false }
        _ = try vacate(seats, now, write)
        return true
    }

    public func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        let answer: LockAnswer = try await write(.urgent) { [self] write in
            try write.rows(Self.openSeats)
            adopt(try write.ordering())
            var live: [Seat] = []
            var gone: [Seat] = []
            for row in try write.rows(Self.seats) {
                let seat = Seat(row)
                let isLimit = configuration.processors == 1 ? staleAfterMs : seat.staleAfterMs
                if seat.state.fence.owner == owner || isDead(seat) || isStale(seat, isLimit, now) {
                    gone.append(seat)
                } else {
                    live.append(seat)
                }
            }
            if live.count >= configuration.processors { return .heldBy(live[0].state) }
            let returned = try vacate(gone, now, write, except: owner)
            let at: Parameter = configuration.leaseClock == .caller ? .time(now) : .int(try Self.databaseTime(write))
            let identity = ProcessIdentity.own
            let row = try write.first(
                Self.take, .text(owner), at, .int(staleAfterMs), .text(identity.host), .int(identity.process), .int(identity.started))
            let before = gone.first { $0.state.fence.owner == owner } ?? gone.first
            return .acquired(Fence(owner: owner, epoch: row?.int(0) ?? 0), takenOver: before?.state, returned: returned)
        }
        if case .acquired(let fence, _, _) = answer {
            memory.withLock { memory in
                memory.handed = memory.handed.filter { $0.value.epoch != fence.epoch }
                memory.doubtful.remove(fence.epoch)
            }
        }
        return answer
    }

    private static let clock = SQL("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")

    private static func databaseTime(_ write: Write) throws -> Int64 { try write.first(clock)?.int(0) ?? 0 }

    /// Takes seats from those who have gone, and gives their claims back. Returns how many claims.
    private func vacate(_ gone: [Seat], _ now: Timestamp?, _ write: Write, except owner: String? = nil) throws -> Int {
        var count = 0
        for isCrash in [true, false] {
            let seats = gone.filter { ($0.state.fence.owner != owner && isDead($0)) == isCrash }
            guard !seats.isEmpty else { continue }
            for seat in seats { write.later(Self.leave, .text(seat.state.fence.owner), .int(seat.state.fence.epoch)) }
            count += try Self.returnClaims(of: seats.map(\.state.fence.epoch), now, isCrash: isCrash, write)
        }
        return count
    }

    /// Claims go back to the heads of their lines; after a crash each of them is a suspect.
    private static func returnClaims(of epochs: [Int64], _ now: Timestamp?, isCrash: Bool, _ write: Write) throws -> Int {
        let found = try write.rows(claims, .ints(epochs)).map { ($0.int(0), $0.int(1), $0.int(2)) }
        for (line, seq, claimedAt) in found {
            write.later(giveBack, .int(seq), .int(claimedAt), .time(now), .int32(isCrash ? 1 : 0))
            write.mend(line, now, releases: true)
            write.count { $0.processing -= 1 }
            try write.flushIfMany()
        }
        if !found.isEmpty { write.later(SQL.wakeAll) }
        return found.count
    }

    /// Beats the heart, and rescues the claims of processors whose own has stopped.
    public func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        let isCaller = configuration.leaseClock == .caller
        let othersNeedHelp = try await pool.with(.urgent, isRepeatable: true) { [self] connection in
            let answers = try connection.run([
                Call(Self.beat, [.text(fence.owner), .int(fence.epoch), isCaller ? .time(now) : .int(nil)]), Call(Self.lookAtSeats),
            ])
            guard answers[0].changed == 1 else { throw StoreError.stale }
            return answers[1].map { Seat($0) }.contains { $0.state.fence != fence && needsHelp($0, now) }
        }
        if othersNeedHelp { _ = try await rescue(now: now, except: fence.owner) }
    }

    private func needsHelp(_ seat: Seat, _ now: Timestamp) -> Bool { isDead(seat) || isStale(seat, seat.staleAfterMs, now) }

    /// Gives back what processors hold that are dead or silent for longer than their lease. Returns how many claims.
    @discardableResult
    public func rescue(now: Timestamp, except owner: String? = nil) async throws(StoreError) -> Int {
        try await write(.urgent) { [self] write in
            try write.rows(Self.openSeats)
            let gone = try write.rows(Self.seats).map { Seat($0) }.filter { $0.state.fence.owner != owner && needsHelp($0, now) }
            return try vacate(gone, now, write)
        }
    }

    public func releaseLock(_ fence: Fence) async throws(StoreError) {
        try await write(.urgent) { write in
            guard try write.rows(Self.leave, .text(fence.owner), .int(fence.epoch)).changed == 1 else { throw StoreError.stale }
            _ = try Self.returnClaims(of: [fence.epoch], nil, isCrash: false, write)
        }
        memory.withLock { memory in memory.handed = memory.handed.filter { $0.value.epoch != fence.epoch } }
    }

    /// Takes the seats from all processors, and fences them off. Returns the one that sat longest.
    public func forceReleaseLock() async throws(StoreError) -> LockState? {
        try await write(.urgent) { write in
            try write.rows(Self.openSeats)
            let seats = try write.rows(Self.seats).map { Seat($0) }
            for seat in seats { write.later(Self.leave, .text(seat.state.fence.owner), .int(seat.state.fence.epoch)) }
            if !seats.isEmpty { _ = try Self.returnClaims(of: seats.map(\.state.fence.epoch), nil, isCrash: false, write) }
            return seats.first?.state
        }
    }

    public func lockState() async throws(StoreError) -> LockState? { try await processors().first }

    /// Who delivers now, the one that sits longest first.
    public func processors() async throws(StoreError) -> [LockState] {
        try await pool.with(isRepeatable: true) { connection in
            try connection.run([Call(Self.lookAtSeats)])[0].map { Seat($0).state }
        }
    }
}

extension SQL {
    static let wakeAll = SQL("SELECT pg_notify('guardian', '')")
}
