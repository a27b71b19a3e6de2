import GuardianCore
import GuardianTesting
import Synchronization

/// A memory store that fails when told to, or keeps its writers waiting.
final class TroubledStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore {
    private struct State {
        var trouble: StoreError?
        var readsLeft: Int?
        var isHeld = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let store = MemoryStore()
    private let state = Mutex(State())

    /// What every call throws, while it is set.
    var trouble: StoreError? {
        get { state.withLock { $0.trouble } }
        set { state.withLock { $0.trouble = newValue } }
    }

    /// After so many more pages of operations the store fails; nil for never.
    var readsLeft: Int? {
        get { state.withLock { $0.readsLeft } }
        set { state.withLock { $0.readsLeft = newValue } }
    }

    func holdWrites() { state.withLock { $0.isHeld = true } }

    func releaseWrites() {
        let waiting = state.withLock { state in
            defer { (state.isHeld, state.waiting) = (false, []) }
            return state.waiting
        }
        for writer in waiting { writer.resume() }
    }

    private func sound() throws(StoreError) -> MemoryStore {
        if let trouble { throw trouble }
        return store
    }

    func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        let store = try sound()
        await withCheckedContinuation { writer in
            let isHeld = state.withLock { state in
                if state.isHeld { state.waiting.append(writer) }
                return state.isHeld
            }
            if !isHeld { writer.resume() }
        }
        return try await store.enqueue(operations)
    }

    func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult { try await sound().exchange(exchange) }
    func loadControl() async throws(StoreError) -> Control { try await sound().loadControl() }
    func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) { try await sound().setPause(pause, to: active) }
    func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        try await sound().acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs)
    }
    func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) { try await sound().renewLock(fence, now: now) }
    func releaseLock(_ fence: Fence) async throws(StoreError) { try await sound().releaseLock(fence) }
    func forceReleaseLock() async throws(StoreError) -> LockState? { try await sound().forceReleaseLock() }
    func lockState() async throws(StoreError) -> LockState? { try await sound().lockState() }
    func books() async throws(StoreError) -> Books { try await sound().books() }
    func operation(_ id: OperationID) async throws(StoreError) -> Operation? { try await sound().operation(id) }
    func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] {
        if let readsLeft {
            guard readsLeft > 0 else { throw .unavailable("no more reads, says the test") }
            self.readsLeft = readsLeft - 1
        }
        return try await sound().list(filter)
    }
    func oldestPending() async throws(StoreError) -> Timestamp? { try await sound().oldestPending() }
    func accountingGap() async throws(StoreError) -> Int64 { try await sound().accountingGap() }
    func standing(of id: OperationID) async throws(StoreError) -> Standing? { try await sound().standing(of: id) }
    func census(at now: Timestamp) async throws(StoreError) -> Census { try await sound().census(at: now) }
    func ending(of id: OperationID) async throws(StoreError) -> Ending? { try await sound().ending(of: id) }
    func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        try await sound().operations(of: entity, limit: limit)
    }
    func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await sound().unsent(for: principal, afterSeq: afterSeq, limit: limit)
    }
    func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int { try await sound().retry(ids, now: now) }
    func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { try await sound().resolve(entity) }
    func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await sound().resolve(id, revision, now: now)
    }
    func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        try await sound().cancel(id, ifStill: status, now: now)
    }
    func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        try await sound().clearFailed(through: through, asOf: asOf)
    }
    func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await sound().sweepLedger(before: before, limit: limit)
    }
    func clampRetries(now: Timestamp) async throws(StoreError) -> Int { try await sound().clampRetries(now: now) }
    func check() async throws(StoreError) -> CheckReport { try await sound().check() }
    func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int { try await sound().rebuildIndex(ordering: ordering) }
}

extension TroubledStore: OptimisticStore {
    func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) { try await sound().register(change, now: now) }
    func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        try await sound().endings(after: after, limit: limit)
    }
    func forgetEnding(_ number: Int64) async throws(StoreError) { try await sound().forgetEnding(number) }
    func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await sound().withdraw(txnToken: txnToken, now: now)
    }
    func view(of entity: EntityKey) async throws(StoreError) -> EntityView { try await sound().view(of: entity) }
    func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try await sound().saveRemote(states, mark: mark, now: now)
    }
    func feedCursor(of feed: String) async throws(StoreError) -> String? { try await sound().feedCursor(of: feed) }
    func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        try await sound().takePassed(now: now, limit: limit)
    }
}

extension TroubledStore: SearchStore {}
