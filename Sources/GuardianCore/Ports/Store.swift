/// Where operations live. Small ports, each for one caller; every store passes the same contract suite.
public typealias Store = EnqueueStore & DeliveryStore & LockStore & InspectStore & ExplainStore & RepairStore & OptimisticStore
    & SearchStore

/// Takes operations in.
public protocol EnqueueStore: Sendable {
    /// Writes `operations` in one transaction and returns after they are on disk: one receipt each, in order.
    /// An id that is in the queue, or has left it within the ledger's window, adds nothing: its receipt is a `duplicate`, with the number
    /// of the first one and no ``Receipt/into``.
    func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt]
}

/// Hands operations out and takes results back. Every call names its fence and is refused when stale.
public protocol DeliveryStore: Sendable {
    /// In one durable transaction: settles, saves the upstream's state, then claims heads of idle lines.
    func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult
    /// What the last processor knew of the upstream, and which pauses are in force.
    func loadControl() async throws(StoreError) -> Control
    /// A person pauses or resumes delivery. Durable.
    func setPause(_ pause: Pause, to active: Bool) async throws(StoreError)
}

/// The processing lock: one row, owner, epoch, heartbeat (spec section 4).
public protocol LockStore: Sendable {
    /// Takes the lock when it is free, stale for `staleAfterMs`, or its holder's process is known to be dead; raises the epoch, and
    /// gives claims of older epochs back.
    func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer
    /// Beats the heart; `stale` when the lock has gone to another.
    func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError)
    /// Gives back what others hold who have gone quiet, in a store that several processors share; to be called after each heartbeat.
    /// Returns how many claims. That it fails says nothing of the heartbeat.
    func rescue(_ fence: Fence, now: Timestamp) async throws(StoreError) -> Int
    /// Gives the lock back, and what is still claimed under it as unsettled: its outcome counts as unknown. `stale` when another has it.
    func releaseLock(_ fence: Fence) async throws(StoreError)
    /// A processor has ended, and calls nothing any more: what shows that `owner` is alive goes, and a lock that it could not release is
    /// free for whoever comes next. What it held goes back then as with a release: it has not crashed. Where a store that several machines
    /// share can't be told, those of other processes wait for the end of its lease.
    func leave(owner: String) async throws(StoreError)
    /// Takes the lock from all who have it, and fences them off by raising the epoch. Returns them as ``processors()`` does. Where somebody
    /// has it under a later epoch than `epoch`, it is `stale`, and nobody loses it; nil takes it from anybody.
    func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState]
    /// Who has the lock, longest first: one at most, but for a store that several processors share.
    func processors() async throws(StoreError) -> [LockState]
}

extension LockStore {
    /// For a store with one lock: whoever takes it over gives back what was held.
    public func rescue(_ fence: Fence, now: Timestamp) async throws(StoreError) -> Int { 0 }

    /// For a store that knows by nothing but heartbeats who is alive: a lock that could not be released grows stale.
    public func leave(owner: String) async throws(StoreError) {}

    /// Takes the lock from whoever has it.
    public func forceReleaseLock() async throws(StoreError) -> [LockState] { try await forceReleaseLock(through: nil) }

    /// Who has the lock, and of several who has had it longest; nil when it is free.
    public func lockState() async throws(StoreError) -> LockState? { try await processors().first }
}

/// Looks, changes nothing.
public protocol InspectStore: Sendable {
    /// The durable counters as of one instant.
    func books() async throws(StoreError) -> Books
    /// nil when none of that id is stored: it never was, or has left the queue.
    func operation(_ id: OperationID) async throws(StoreError) -> Operation?
    /// Accepted operations that are neither stored nor counted as gone; must be 0. Counts rows by an index, so that it can be asked often.
    func accountingGap() async throws(StoreError) -> Int64
    /// Stored operations after `filter.afterSeq` in `seq` order, at most `filter.limit`.
    func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation]
    /// When the oldest pending operation was enqueued.
    func oldestPending() async throws(StoreError) -> Timestamp?
    /// What has ever been processed, failed, put off and retried, by bounded labels; exact over restarts.
    func tallies() async throws(StoreError) -> [Tally]
    /// Writes something durable that changes nothing, to know whether the store can be written.
    func probeWrite() async throws(StoreError)
    /// Hands `reader` all that match `filter`, whatever its limit, in `seq` order, in memory that does not grow with their number.
    /// `includingPayload`: whether payload and base are read at all.
    func export(_ filter: OperationFilter, includingPayload: Bool, to reader: any OperationReader) async throws(StoreError)
}

/// Says where operations stand and what became of them.
public protocol ExplainStore: Sendable {
    /// A stored operation and its place; nil when none has that id.
    func standing(of id: OperationID) async throws(StoreError) -> Standing?
    /// How many pending operations stand where, counted at `now`.
    func census(at now: Timestamp) async throws(StoreError) -> Census
    /// Whether something may be due for `patienceMs`, or nothing of what waits may lead a line: a look that costs little however long the
    /// queue is, before ``census(at:)`` counts. It may say yes for nothing, and says no only where neither is so.
    func mayStall(at now: Timestamp, patienceMs: Int64) async throws(StoreError) -> Bool
    /// How an operation ended that has left the queue, as long as the ledger remembers it.
    func ending(of id: OperationID) async throws(StoreError) -> Ending?
    /// All operations of one entity that are stored, in `seq` order, at most `limit`.
    func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation]
    /// The entity under the id that the upstream has given it, where `entity` has a local one; otherwise `entity` itself.
    func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey
    /// What is stored for one principal (its hash), in `seq` order after `afterSeq`, at most `limit`.
    func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation]
}

/// What people and janitors do to stored operations.
public protocol RepairStore: Sendable {
    /// Puts failed operations back into their lines, at their old place. nil means all. Returns how many.
    func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int
    /// Ends a conflict by a person's choice: with a revision the operation goes back to its old place, to be sent under a new key; without
    /// one the server's state stands, and it leaves the queue, counted as processed. False when it is no failed conflict.
    func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool
    /// Takes an operation out of the queue unless it is on the wire. One that has another status than `status` stays, as if it were not
    /// found; nil takes any.
    func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer
    /// Removes failed operations with a number up to `through` for good, oldest first, and of those only what has not changed since `asOf`;
    /// they are counted as cleared. Returns how many.
    func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int
    /// Drops ledger entries older than `before`, at most `limit`. Returns how many.
    func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int
    /// After the wall clock went back: no retry waits longer than its own backoff from `now`.
    func clampRetries(now: Timestamp) async throws(StoreError) -> Int
    /// Counts everything anew and looks for broken invariants. Reads all; changes nothing.
    func check() async throws(StoreError) -> CheckReport
    /// Computes lines and heads anew from the operations, under another ordering where one is given. Returns how many rows were wrong.
    func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int
}

extension InspectStore {
    /// For a store that keeps no tallies: totals begin at 0 with each process then.
    public func tallies() async throws(StoreError) -> [Tally] { [] }

    /// For a store that can't try: whether it can be read.
    public func probeWrite() async throws(StoreError) { _ = try await books() }
}

extension RepairStore {
    /// Takes an operation out of the queue unless it is on the wire.
    public func cancel(_ id: OperationID, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        try await cancel(id, ifStill: nil, now: now)
    }

    /// Removes failed operations with a number up to `through` for good, all without one. Returns how many.
    public func clearFailed(through: Int64 = .max) async throws(StoreError) -> Int { try await clearFailed(through: through, asOf: nil) }
}

extension ExplainStore {
    /// For a store that has no quicker look than to count.
    public func mayStall(at now: Timestamp, patienceMs: Int64) async throws(StoreError) -> Bool { true }

    /// For a store that keeps no aliases.
    public func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { entity }
}
