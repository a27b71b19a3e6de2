internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        try presence.announce(owner)
        let presence = presence
        let answer: LockAnswer = try await queue.write { transaction in
            let before = try Self.holder(transaction)
            let isGone = before.map { $0.fence.owner != owner && presence.isDead($0.fence.owner) } ?? false
            let isCrash = isGone && !(before.map { presence.hasLeft($0.fence.owner) } ?? false)
            if let before, before.fence.owner != owner {
                let silence = now.milliseconds - before.heartbeatAt.milliseconds
                // A heartbeat from the far future is one of a clock that has been set back since.
                let isStale = silence >= staleAfterMs || silence <= -staleAfterMs
                guard isStale || isGone else { return .heldBy(before) }
            }
            let take = try transaction.statement(
                "UPDATE guardian_lock SET epoch = epoch + 1, owner = ?1, heartbeat_at = ?2, acquired_at = ?2 RETURNING epoch")
            take.bind(1, owner as String?)
            take.bind(2, now)
            guard try take.step() else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the lock's row is missing") }
            let fence = Fence(owner: owner, epoch: take.int(0))
            try take.run()
            let takenOver = before.flatMap { $0.fence.owner == owner ? nil : $0 }
            return .acquired(fence, takenOver: takenOver, returned: try Self.returnClaims(transaction, now, isCrash: isCrash))
        }
        if case .acquired(_, let before?, _) = answer { presence.forget(before.fence.owner) }
        if case .acquired = answer {
            presence.sweep()
            space.begin()
        }
        return answer
    }

    public func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        try await queue.write { transaction in
            let beat = try transaction.statement("UPDATE guardian_lock SET heartbeat_at = ?3 WHERE owner = ?1 AND epoch = ?2")
            beat.bind(1, fence.owner as String?)
            beat.bind(2, fence.epoch)
            beat.bind(3, now)
            guard try beat.run() == 1 else { throw StoreError.stale }
        }
        guard presence.isAnnounced(fence.owner) else { return }
        // The file may have been removed, by hand or after a takeover. The lock holds without it, and the next heartbeat tries again.
        do { try presence.announce(fence.owner) } catch {}
    }

    public func releaseLock(_ fence: Fence) async throws(StoreError) {
        try await queue.write { transaction in
            try Self.checkFence(fence, transaction)
            _ = try Self.returnClaims(transaction, nil)
            try transaction.statement("UPDATE guardian_lock SET owner = NULL").run()
        }
        presence.forget(fence.owner)
    }

    public func leave(owner: String) async throws(StoreError) {
        guard presence.isAnnounced(owner) else { return }
        presence.leave(owner)
        // Whoever takes the lock over forgets whose it was.
        if try await processors().contains(where: { $0.fence.owner == owner }) { return }
        presence.forget(owner)
    }

    public func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        try await queue.write { transaction in
            let before = try Self.holder(transaction)
            if let before, let epoch, before.fence.epoch > epoch { throw StoreError.stale }
            try transaction.statement("UPDATE guardian_lock SET epoch = epoch + 1, owner = NULL").run()
            if before != nil { _ = try Self.returnClaims(transaction, nil) }
            return before.map { [$0] } ?? []
        }
    }

    public func processors() async throws(StoreError) -> [LockState] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT owner, epoch, heartbeat_at, acquired_at FROM guardian_lock WHERE owner IS NOT NULL").map {
                row in
                LockState(
                    fence: Fence(owner: row[0], epoch: row[1]), heartbeatAt: Timestamp(milliseconds: row[2]),
                    acquiredAt: Timestamp(milliseconds: row[3]))
            }
        }
    }

    static func holder(_ transaction: WriteTransaction) throws -> LockState? {
        let find = try transaction.statement("SELECT owner, epoch, heartbeat_at, acquired_at FROM guardian_lock WHERE owner IS NOT NULL")
        defer { find.reset() }
        guard try find.step() else { return nil }
        return LockState(
            fence: Fence(owner: find.text(0) ?? "", epoch: find.int(1)), heartbeatAt: Timestamp(milliseconds: find.int(2)),
            acquiredAt: Timestamp(milliseconds: find.int(3)))
    }

    /// Claims of whoever had the lock go back to the heads of their lines; after a crash each of them is a suspect. Walks the few claimed
    /// heads, not the queue.
    static func returnClaims(_ transaction: WriteTransaction, _ now: Timestamp?, isCrash: Bool = false) throws -> Int {
        try Claims.takeAll(transaction)
        let update = try transaction.statement(
            """
            UPDATE guardian_operation INDEXED BY guardian_operation_head SET status = 0, claim_epoch = NULL, updated_at = coalesce(?1, updated_at),
                crashes = coalesce(crashes, 0) + ?2, unknown_at = coalesce(unknown_at, last_attempt_at),
                due_at = \(Parking.sql(due: "due_at"))
            WHERE head = 1 AND status = 1 RETURNING seq, next
            """)
        update.bind(1, now)
        update.bind(2, isCrash ? 1 : 0)
        var heads: [(seq: Int64, next: Int64?)] = []
        while try update.step() { heads.append((update.int(0), update.optionalInt(1))) }
        for (seq, next) in heads { if let next, next < seq { try transaction.makeWay(seq) } }
        return heads.count
    }
}
