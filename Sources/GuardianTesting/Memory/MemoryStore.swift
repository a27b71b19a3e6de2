public import GuardianCore
import Synchronization

/// A store in memory with the promises of the real ones, except that it ends with the process.
///
/// For tests of an app and for the simulator. It passes the same contract suite as the others. Claims and inspection walk every line,
/// so it is meant for thousands of operations, not millions.
public final class MemoryStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore, OptimisticStore {
    private let state: Mutex<MemoryQueue>

    /// Empty, with nobody at the lock.
    public convenience init(ordering: Ordering = .entity) {
        self.init(ordering: ordering) { Folding(payloadBytes: $0.foldedBytes).decide($0, behind: $1) }
    }

    /// With another rule for the new operation and the last of its line: how a test sees whether a wrong one is noticed.
    package init(ordering: Ordering = .entity, folding: @escaping @Sendable (Operation, Operation) -> Folding.Decision) {
        state = Mutex(MemoryQueue(ordering: ordering, folding: folding))
    }

    func withQueue<Value>(_ look: (MemoryQueue) -> Value) -> Value { state.withLock { look($0) } }

    /// Says that the process of `owner` has died: its lock may be taken at once.
    public func processDied(owner: String) { state.withLock { _ = $0.deadOwners.insert(owner) } }

    public func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        state.withLock { state in operations.map { state.insert($0) } }
    }

    public func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        try state.withLock { state throws(StoreError) in try state.exchange(exchange) }
    }

    public func loadControl() async throws(StoreError) -> Control {
        state.withLock { state in
            var control = Control(health: state.health, pauses: state.pauses, processed: state.books.processed)
            control.signedIn = state.signedIn
            control.refusedVersion = state.refusedVersion
            return control
        }
    }

    public func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) {
        state.withLock { $0.set(pause, active) }
    }

    public func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        state.withLock { $0.acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs) }
    }

    public func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            try state.check(fence)
            state.lock?.heartbeatAt = now
        }
    }

    public func releaseLock(_ fence: Fence) async throws(StoreError) {
        try state.withLock { state throws(StoreError) in
            try state.check(fence)
            _ = state.returnClaims(at: nil)
            state.lock = nil
        }
    }

    public func leave(owner: String) async throws(StoreError) {
        state.withLock { state in
            guard state.lock?.fence.owner == owner else { return }
            _ = state.returnClaims(at: nil)
            state.lock = nil
        }
    }

    public func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        try state.withLock { state throws(StoreError) in
            let before = state.lock
            if let before, let epoch, before.fence.epoch > epoch { throw StoreError.stale }
            state.epoch += 1
            state.lock = nil
            if before != nil { _ = state.returnClaims(at: nil) }
            return before.map { [$0] } ?? []
        }
    }

    public func processors() async throws(StoreError) -> [LockState] { state.withLock { state in state.lock.map { [$0] } ?? [] } }

    public func books() async throws(StoreError) -> Books { state.withLock { $0.currentBooks } }

    public func accountingGap() async throws(StoreError) -> Int64 { state.withLock { $0.check().gap } }

    public func operation(_ id: OperationID) async throws(StoreError) -> Operation? {
        state.withLock { state in state.ids[id].flatMap { state.rows[$0]?.operation } }
    }

    public func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] { state.withLock { $0.list(filter) } }

    public func tallies() async throws(StoreError) -> [Tally] { state.withLock { $0.tallies.all } }

    public func oldestPending() async throws(StoreError) -> Timestamp? {
        state.withLock { $0.rows.values.filter { $0.operation.status == .pending }.map(\.operation.enqueuedAt).min() }
    }

    public func standing(of id: OperationID) async throws(StoreError) -> Standing? { state.withLock { $0.standing(of: id) } }

    public func census(at now: Timestamp) async throws(StoreError) -> Census { state.withLock { $0.census(at: now) } }

    public func ending(of id: OperationID) async throws(StoreError) -> Ending? { state.withLock { $0.ledger[id]?.ending } }

    public func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        state.withLock { state in
            let entity = state.resolve(entity)
            return Array(state.all { $0.entity == entity }.prefix(limit))
        }
    }

    public func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { state.withLock { $0.resolve(entity) } }

    public func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        state.withLock { state in Array(state.all { $0.principal == principal && $0.seq > afterSeq }.prefix(limit)) }
    }

    public func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) {
        state.withLock { $0.register(change, at: now) }
    }

    public func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        state.withLock { state in Array(state.optimism.endings.filter { $0.number > after }.prefix(limit)) }
    }

    public func forgetEnding(_ number: Int64) async throws(StoreError) {
        state.withLock { state in state.optimism.endings.removeAll { $0.number == number } }
    }

    public func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        state.withLock { $0.withdraw(txnToken, at: now) }
    }

    public func view(of entity: EntityKey) async throws(StoreError) -> EntityView { state.withLock { $0.view(of: entity) } }

    public func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try state.withLock { state throws(StoreError) in try state.saveRemote(states, mark, now: now) }
    }

    public func feedCursor(of feed: String) async throws(StoreError) -> String? { state.withLock { $0.feeds[feed] ?? nil } }

    public func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        state.withLock { $0.takePassed(now: now, limit: limit) }
    }

    public func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int {
        state.withLock { state in
            let wanted = ids ?? state.rows.values.map(\.operation.id)
            return wanted.count { state.retry($0, now: now) }
        }
    }

    public func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        state.withLock { $0.resolve(id, revision, now: now) }
    }

    public func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        state.withLock { $0.cancel(id, ifStill: status, now: now) }
    }

    public func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        state.withLock { $0.clearFailed(through: through, asOf: asOf) }
    }

    public func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        state.withLock { $0.sweepLedger(before: before, limit: limit) }
    }

    public func clampRetries(now: Timestamp) async throws(StoreError) -> Int { state.withLock { $0.clampRetries(now: now) } }

    public func check() async throws(StoreError) -> CheckReport { state.withLock { $0.check() } }

    public func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int { state.withLock { $0.rebuild(ordering: ordering) } }
}
