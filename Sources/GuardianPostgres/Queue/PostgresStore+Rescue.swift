internal import GuardianCore

/// Seats that are taken from their processors, and what those had claimed.
extension PostgresStore {
    private static let leave = SQL("DELETE FROM guardian_processor WHERE owner = $1 AND epoch = $2")
    /// Whose process is not to be taken for dead when the rest is given back is of no process from now on.
    private static let fenceOff = SQL(
        """
        UPDATE guardian_processor SET owner = '\(Seat.vacated)' || epoch, heartbeat_at = 0, host = CASE WHEN $3 THEN host ELSE '' END
        WHERE owner = $1 AND epoch = $2
        """)
    private static let claims = SQL("SELECT line, head, claimed_at, epoch FROM guardian_line WHERE state = 1 AND epoch = ANY($1)")
    private static let holdLines = SQL("SELECT line FROM guardian_line WHERE line = ANY($1) ORDER BY line FOR UPDATE SKIP LOCKED")
    private static let giveBack = SQL(
        """
        UPDATE guardian_operation SET updated_at = coalesce($3, updated_at), crashes = nullif(coalesce(crashes, 0) + $4, 0),
            unknown_at = coalesce(unknown_at, $2), last_attempt_at = $2, due_at = \(Parking.sql(due: "due_at"))
        WHERE seq = $1
        """)

    /// Takes these seats, which the transaction holds, and gives back what was claimed from them. A line that somebody's open transaction
    /// holds is left as it is, with the seat under a name that no processor has: whoever rescues next goes on there.
    ///
    /// Returns how many claims went back, and how many were left. `isForced`: nobody is taken for dead, so no claim counts as a crash,
    /// now or when the rest is given back.
    func vacate(
        _ seats: [Seat], _ now: Timestamp?, _ write: Write, except owner: String? = nil, isForced: Bool = false
    ) throws -> (returned: Int, left: Int) {
        guard !seats.isEmpty else { return (0, 0) }
        let dead = isForced ? [] : seats.filter { $0.state.fence.owner != owner && isDead($0) && !hasLeft($0) }
        let crashed = Set(dead.map(\.state.fence.epoch))
        let claims = try write.rows(Self.claims, .ints(seats.map(\.state.fence.epoch))).map { row in
            (line: row.int(0), seq: row.int(1), claimedAt: row.int(2), epoch: row.int(3))
        }
        let held = try claims.isEmpty ? [] : Set(write.rows(Self.holdLines, .ints(claims.map(\.line))).map { $0.int(0) })
        var left = Set<Int64>()
        for claim in claims.sorted(by: { $0.line < $1.line }) {
            guard held.contains(claim.line) else {
                left.insert(claim.epoch)
                continue
            }
            write.later(
                Self.giveBack, .int(claim.seq), .int(claim.claimedAt), .time(now), .int32(crashed.contains(claim.epoch) ? 1 : 0))
            write.mend(claim.line, now, releases: true)
            write.count { $0.processing -= 1 }
            try write.flushIfMany()
        }
        for seat in seats {
            let fence = seat.state.fence
            if left.contains(fence.epoch) {
                write.later(Self.fenceOff, .text(fence.owner), .int(fence.epoch), .bool(crashed.contains(fence.epoch)))
            } else {
                write.later(Self.leave, .text(fence.owner), .int(fence.epoch))
            }
        }
        if !held.isEmpty { write.later(SQL.wakeAll) }
        return (held.count, claims.count - held.count)
    }
}
