public import GuardianCore
internal import Synchronization

extension PostgresStore {
    private static let seatColumns = """
        owner, epoch, heartbeat_at, acquired_at, stale_after_ms, host, process, started,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint
        """
    /// Whoever takes a seat, or one from another, holds this.
    private static let openSeats = SQL("SELECT 1 FROM guardian_setting WHERE name = 'seats' FOR UPDATE")
    private static let tryOpenSeats = SQL("SELECT 1 FROM guardian_setting WHERE name = 'seats' FOR UPDATE SKIP LOCKED")
    private static let holdAllSeats = SQL("SELECT \(seatColumns) FROM guardian_processor ORDER BY epoch FOR UPDATE")
    private static let holdOwnSeat = SQL("SELECT \(seatColumns) FROM guardian_processor WHERE owner = $1 FOR UPDATE")
    /// A seat that a write of its own processor holds is left alone: frozen in the middle of it, that may hold it for long.
    private static let holdSeats = SQL(
        "SELECT \(seatColumns) FROM guardian_processor WHERE epoch = ANY($1) ORDER BY epoch FOR UPDATE SKIP LOCKED")
    private static let lookAtSeats = SQL("SELECT \(seatColumns) FROM guardian_processor ORDER BY epoch")
    private static let take = SQL(
        """
        INSERT INTO guardian_processor (owner, epoch, heartbeat_at, acquired_at, stale_after_ms, host, process, started)
        VALUES ($1, nextval('guardian_epoch'), $2, $2, $3, $4, $5, $6) RETURNING epoch
        """)
    /// Whose seat is the only one, by its epoch.
    private static let saveAlone = SQL(
        "INSERT INTO guardian_setting VALUES ('alone', $1) ON CONFLICT (name) DO UPDATE SET value = $1")
    private static let beat = SQL(
        """
        UPDATE guardian_processor SET heartbeat_at = coalesce($3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
        WHERE owner = $1 AND epoch = $2
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

        /// Whether its processor was fenced off, and only some claims are left to give back.
        var isVacated: Bool { state.fence.owner.hasPrefix(Self.vacated) }

        /// With what the owner of such a seat begins, before its epoch.
        static let vacated = "vacated "

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

    func isDead(_ seat: Seat) -> Bool {
        seat.identity.isDead || declaredDead.withLock { $0.contains(seat.state.fence.owner) } || hasLeft(seat)
    }

    /// Whether its processor has ended in this process: that is no crash.
    func hasLeft(_ seat: Seat) -> Bool { left.withLock { $0.contains(seat.state.fence.owner) } }

    private func isStale(_ seat: Seat, _ staleAfterMs: Int64, _ now: Timestamp) -> Bool {
        var heard = seat.state.heartbeatAt.milliseconds
        // After a restart of the database everyone gets the time of a lease to show up.
        if configuration.leaseClock == .database, heard < seat.databaseUpSinceMs { heard = seat.databaseUpSinceMs }
        let silence = time(seat, now) - heard
        // A heartbeat from the far future is one of a clock that has been set back since.
        return silence >= staleAfterMs || silence <= -staleAfterMs
    }

    private func needsHelp(_ seat: Seat, _ now: Timestamp) -> Bool {
        seat.isVacated || isDead(seat) || isStale(seat, seat.staleAfterMs, now)
    }

    /// Gives back what those hold who have gone; false, and nothing is changed, when somebody has not. Nobody takes a seat before the
    /// transaction ends.
    func vacateAll(_ write: Write, _ now: Timestamp) throws -> Bool {
        try write.rows(Self.openSeats)
        let seats = try write.rows(Self.holdAllSeats).map { Seat($0) }
        guard seats.allSatisfy({ needsHelp($0, now) }) else { return false }
        guard try vacate(seats, now, write).left == 0 else {
            throw StoreError.unavailable("a transaction that is open elsewhere holds what a dead processor had claimed; end it")
        }
        return true
    }

    public func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        let answer: LockAnswer = try await write(.urgent) { [self] write in
            try write.rows(Self.openSeats)
            adopt(try write.ordering())
            let isLone = configuration.processors == 1
            func hasGone(_ seat: Seat) -> Bool {
                seat.isVacated || isDead(seat) || isStale(seat, isLone ? staleAfterMs : seat.staleAfterMs, now)
            }
            let own = try write.rows(Self.holdOwnSeat, .text(owner)).map { Seat($0) }
            let seats = try write.rows(Self.lookAtSeats).map { Seat($0) }
            // Nobody takes a seat meanwhile: who has none any more is not to be known.
            self.left.withLock { $0.formIntersection(seats.map(\.state.fence.owner)) }
            let others = seats.filter { $0.state.fence.owner != owner }
            let epochs = others.filter(hasGone).map(\.state.fence.epoch)
            let gone = try epochs.isEmpty ? [] : write.rows(Self.holdSeats, .ints(epochs)).map { Seat($0) }.filter(hasGone)
            let left = Set(gone.map(\.state.fence))
            let live = others.filter { !$0.isVacated && !left.contains($0.state.fence) }
            let alone = try write.setting("alone").flatMap { Int64($0) }
            let lone = live.first { $0.state.fence.epoch == alone }
            if let holder = lone ?? (live.count < configuration.processors ? nil : live[0]) { return .heldBy(holder.state) }
            let returned = try vacate(own + gone, now, write, except: owner).returned
            let at: Parameter = configuration.leaseClock == .caller ? .time(now) : .int(try Self.databaseTime(write))
            let identity = ProcessIdentity.own
            let row = try write.first(
                Self.take, .text(owner), at, .int(staleAfterMs), .text(identity.host), .int(identity.process), .int(identity.started))
            let fence = Fence(owner: owner, epoch: row?.int(0) ?? 0)
            if isLone { write.later(Self.saveAlone, .text("\(fence.epoch)")) }
            return .acquired(fence, takenOver: gone.first { !$0.isVacated }?.state, returned: returned)
        }
        if case .acquired(let fence, _, _) = answer {
            memory.withLock { memory in
                memory.forgetClaims(of: fence.epoch)
                memory.seated.insert(owner)
            }
            left.withLock { _ = $0.remove(owner) }
        }
        return answer
    }

    private static let clock = SQL("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")

    private static func databaseTime(_ write: Write) throws -> Int64 { try write.first(clock)?.int(0) ?? 0 }

    /// Beats the heart.
    public func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        let isCaller = configuration.leaseClock == .caller
        try await pool.with(.urgent, isRepeatable: true) { connection in
            let call = Call(Self.beat, [.text(fence.owner), .int(fence.epoch), isCaller ? .time(now) : .int(nil)])
            guard try connection.run([Write.bounds(on: connection), call])[1].changed == 1 else { throw StoreError.stale }
        }
    }

    /// Gives back what processors hold that are dead or silent for longer than their lease. What somebody's open transaction holds is left
    /// for the next time. What was left of a switch of user goes on too, and what apps' own transactions have booked is carried over.
    /// Returns how many claims.
    public func rescue(_ fence: Fence, now: Timestamp) async throws(StoreError) -> Int {
        @Sendable func needsIt(_ seat: Seat) -> Bool { seat.state.fence != fence && needsHelp(seat, now) }
        let (isNeeded, signsIn, hasBooked) = try await pool.with(.urgent, isRepeatable: true) { connection in
            let answers = try connection.run([
                Write.bounds(on: connection), Call(Self.lookAtSeats), Call(Write.findUnfinishedSignIn), Call(Self.findBooked),
            ])
            return (answers[1].contains { needsIt(Seat($0)) }, answers[2].first != nil, answers[3].first != nil)
        }
        let returned = try await isNeeded ? giveBack(needsIt, now) : 0
        if signsIn { try await finishSigningIn() }
        if hasBooked { try await carryOver() }
        return returned
    }

    /// Gives back what was claimed from the seats that need it.
    private func giveBack(_ needsIt: @escaping @Sendable (Seat) -> Bool, _ now: Timestamp) async throws(StoreError) -> Int {
        try await write(.urgent) { [self] write -> Int in
            // Another one is at it.
            guard try write.first(Self.tryOpenSeats) != nil else { return 0 }
            let epochs = try write.rows(Self.lookAtSeats).map { Seat($0) }.filter(needsIt).map(\.state.fence.epoch)
            let gone = try epochs.isEmpty ? [] : write.rows(Self.holdSeats, .ints(epochs)).map { Seat($0) }.filter(needsIt)
            return try vacate(gone, now, write).returned
        }
    }

    public func releaseLock(_ fence: Fence) async throws(StoreError) {
        try await write(.urgent) { [self] write in
            let own = try write.rows(Self.holdOwnSeat, .text(fence.owner)).map { Seat($0) }.filter { $0.state.fence == fence }
            guard !own.isEmpty else { throw StoreError.stale }
            _ = try vacate(own, nil, write, except: fence.owner)
        }
        memory.withLock { memory in
            memory.forgetClaims(of: fence.epoch)
            memory.seated.remove(fence.owner)
        }
    }

    /// Milliseconds that one who leaves waits for a session, and for the answer: it ends in any case.
    private static let farewellMs: Int64 = 2_000

    /// Gives the seat back, which could not be released before. Where the database can't be reached still, processors of this process take
    /// it at once, as that of a dead one; others when its lease is over.
    public func leave(owner: String) async throws(StoreError) {
        guard memory.withLock({ $0.seated.remove(owner) != nil }) else { return }
        left.withLock { _ = $0.insert(owner) }
        let given: [Int64]
        do throws(StoreError) {
            given = try await pool.with(.urgent, patienceMs: Int32(Self.farewellMs), waitMs: Self.farewellMs) { [self] connection in
                try Write.run(on: connection) { write in
                    let own = try write.rows(Self.holdOwnSeat, .text(owner)).map { Seat($0) }
                    _ = try vacate(own, nil, write, except: owner)
                    return own.map(\.state.fence.epoch)
                }
            }
        } catch { return }
        memory.withLock { memory in for epoch in given { memory.forgetClaims(of: epoch) } }
        left.withLock { _ = $0.remove(owner) }
    }

    /// Takes the seats from all processors, and fences them off. `stale`, and nobody loses its own, when somebody sits under a later epoch.
    public func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        try await write(.urgent) { [self] write in
            try write.rows(Self.openSeats)
            let seats = try write.rows(Self.holdAllSeats).map { Seat($0) }
            let taken = seats.filter { !$0.isVacated }.map(\.state)
            if let epoch, taken.contains(where: { $0.fence.epoch > epoch }) { throw StoreError.stale }
            _ = try vacate(seats, nil, write, isForced: true)
            return taken
        }
    }

    /// Who delivers now, the one that sits longest first.
    public func processors() async throws(StoreError) -> [LockState] {
        try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.lookAtSeats)).map { Seat($0) }.filter { !$0.isVacated }.map(\.state)
        }
    }
}

extension SQL {
    static let wakeAll = SQL("SELECT pg_notify('guardian', '')")
}
