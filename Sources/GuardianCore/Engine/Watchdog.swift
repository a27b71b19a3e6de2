import Synchronization

/// Sees to it that nothing stalls in silence (spec section 3.12): an operation that is due, while workers are free and nothing holds
/// delivery, is claimed within two seconds, or it is told, and mended: first by waking the processor, then by lining the queue up anew.
///
/// A store that does not answer, as when another process writes for long, is no queue out of order: that is told, and lining it up would
/// only hold up writers for longer.
///
/// It also counts the books once a minute.
struct Watchdog {
    static let everyMs: Int64 = 1000
    static let patienceMs: Int64 = 2000
    static let auditMs: Int64 = 60_000

    let engine: SyncEngine
    private var stall: Stall?
    private var lastAudit: Int64

    /// Something due that waits, while nothing of what is due is taken.
    private struct Stall {
        /// Since when, in steady time.
        var since: Int64
        /// How often the store had answered a claim by then.
        var answers: Int
        /// Since when the one that waits longest is due.
        var dueSince: Timestamp?
        /// How many were due by then.
        var due: Int64
    }

    init(engine: SyncEngine) {
        self.engine = engine
        lastAudit = engine.clock.now.steady
    }

    mutating func run() async {
        while !Task.isCancelled {
            let now = engine.clock.now
            do { try await engine.clock.wait(untilSteady: now.steady + Self.everyMs) } catch { return }
            do throws(StoreError) {
                try await look()
                try await audit()
            } catch {
                engine.hub.tell(.storeError(error), at: engine.clock.now.wall)
            }
        }
    }

    /// Whether something is due that nobody claims.
    private mutating func look() async throws(StoreError) {
        guard engine.hasFreeWorkers.load(ordering: .acquiring) else { return self.stall = nil }
        let now = engine.clock.now
        guard try await engine.store.mayStall(at: now.wall, patienceMs: Self.patienceMs) else { return self.stall = nil }
        let census = try await engine.store.census(at: now.wall)
        let waits = census.dueSince.map { now.wall.milliseconds - $0.milliseconds >= Self.patienceMs } ?? false
        let isHeadless = census.pending > 0 && census.behind == census.pending && census.leased == 0
        guard waits || isHeadless, engine.hasFreeWorkers.load(ordering: .acquiring) else { return self.stall = nil }
        let answers = engine.claimAnswers.load(ordering: .relaxed)
        // Where the one that waits longest has gone, or fewer are due than before, the queue moves, however long it is: as one does that is
        // claimed and put back because its route is held.
        guard let stall, stall.dueSince == census.dueSince, census.due >= stall.due else {
            return self.stall = Stall(since: now.steady, answers: answers, dueSince: census.dueSince, due: census.due)
        }
        engine.stalls.add(1, ordering: .relaxed)
        // Of two answers one at least is to a claim that was asked for since, and took nothing of what is due.
        let isPassedOver = now.steady - stall.since >= 2 * Self.patienceMs && answers - stall.answers >= 2
        if !isPassedOver, !isHeadless {
            engine.hub.tell(.stalled(due: Int(census.due), repair: "wake"), at: now.wall)
            engine.mailbox.wake()
        } else {
            engine.hub.tell(.stalled(due: Int(census.due), repair: "rebuild_index"), at: now.wall)
            // Also when that fails: it holds up writers while it tries, and is not tried at every look.
            self.stall = nil
            _ = try await engine.store.rebuildIndex(ordering: nil)
            engine.mailbox.wake()
        }
    }

    /// What must be waiting by the books, and what is.
    private mutating func audit() async throws(StoreError) {
        let now = engine.clock.now
        guard engine.isActive, now.steady - lastAudit >= Self.auditMs else { return }
        lastAudit = now.steady
        let gap = try await engine.store.accountingGap()
        engine.accountingGap.store(Int(gap), ordering: .relaxed)
        if gap != 0 { engine.hub.tell(.booksUnbalanced(gap: gap), at: now.wall) }
    }
}
