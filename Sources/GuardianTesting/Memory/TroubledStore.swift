package import GuardianCore
import Synchronization

/// A memory store that fails when told to, keeps its writers waiting, or has other processors that share it.
package final class TroubledStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore {
    /// What somebody else does to the store.
    package typealias Interference = @Sendable (MemoryStore) async throws(StoreError) -> Void

    private struct State {
        var trouble: StoreError?
        var readsLeft: Int?
        var beforeCancel: Interference?
        var afterRead: Interference?
        var afterList: Interference?
        var afterControl: Interference?
        var isHeld = false
        var others: [LockState] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let store = MemoryStore()
    private let state = Mutex(State())

    package init() {}

    /// What every call throws, while it is set.
    package var trouble: StoreError? {
        get { state.withLock { $0.trouble } }
        set { state.withLock { $0.trouble = newValue } }
    }

    /// After so many more pages of operations the store fails; nil for never.
    package var readsLeft: Int? {
        get { state.withLock { $0.readsLeft } }
        set { state.withLock { $0.readsLeft = newValue } }
    }

    /// What happens between the call of a cancel and its transaction.
    package var beforeCancel: Interference? {
        get { state.withLock { $0.beforeCancel } }
        set { state.withLock { $0.beforeCancel = newValue } }
    }

    /// What happens, once, between the next reading of one operation and what its reader does then.
    package var afterRead: Interference? {
        get { state.withLock { $0.afterRead } }
        set { state.withLock { $0.afterRead = newValue } }
    }

    /// What happens, once, between the next reading of a page of operations and what its reader does then.
    package var afterList: Interference? {
        get { state.withLock { $0.afterList } }
        set { state.withLock { $0.afterList = newValue } }
    }

    /// What happens, once, between the next reading of breaker and pauses and what its reader does then.
    package var afterControl: Interference? {
        get { state.withLock { $0.afterControl } }
        set { state.withLock { $0.afterControl = newValue } }
    }

    /// Processors that deliver beside the one that holds the memory store's lock, as if it had room for them.
    package var otherProcessors: [LockState] {
        get { state.withLock { $0.others } }
        set { state.withLock { $0.others = newValue } }
    }

    package func holdWrites() { state.withLock { $0.isHeld = true } }

    package func releaseWrites() {
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

    package func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
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

    package func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult { try await sound().exchange(exchange) }
    package func loadControl() async throws(StoreError) -> Control {
        let control = try await sound().loadControl()
        if let interfere = afterControl {
            afterControl = nil
            try await interfere(store)
        }
        return control
    }
    package func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) { try await sound().setPause(pause, to: active) }
    package func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        try await sound().acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs)
    }
    package func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) { try await sound().renewLock(fence, now: now) }
    package func releaseLock(_ fence: Fence) async throws(StoreError) { try await sound().releaseLock(fence) }
    package func leave(owner: String) async throws(StoreError) { try await sound().leave(owner: owner) }
    package func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        if let epoch, otherProcessors.contains(where: { $0.fence.epoch > epoch }) { throw .stale }
        let released = try await sound().forceReleaseLock(through: epoch) + otherProcessors
        otherProcessors = []
        return released
    }
    package func processors() async throws(StoreError) -> [LockState] { try await sound().processors() + otherProcessors }
    package func books() async throws(StoreError) -> Books { try await sound().books() }
    package func operation(_ id: OperationID) async throws(StoreError) -> Operation? {
        let operation = try await sound().operation(id)
        if let interfere = afterRead {
            afterRead = nil
            try await interfere(store)
        }
        return operation
    }
    package func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] {
        if let readsLeft {
            guard readsLeft > 0 else { throw .unavailable("no more reads, says the test") }
            self.readsLeft = readsLeft - 1
        }
        let operations = try await sound().list(filter)
        if let interfere = afterList {
            afterList = nil
            try await interfere(store)
        }
        return operations
    }
    package func oldestPending() async throws(StoreError) -> Timestamp? { try await sound().oldestPending() }
    package func accountingGap() async throws(StoreError) -> Int64 { try await sound().accountingGap() }
    package func standing(of id: OperationID) async throws(StoreError) -> Standing? { try await sound().standing(of: id) }
    package func census(at now: Timestamp) async throws(StoreError) -> Census { try await sound().census(at: now) }
    package func ending(of id: OperationID) async throws(StoreError) -> Ending? { try await sound().ending(of: id) }
    package func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        try await sound().operations(of: entity, limit: limit)
    }
    package func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await sound().unsent(for: principal, afterSeq: afterSeq, limit: limit)
    }
    package func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int { try await sound().retry(ids, now: now) }
    package func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { try await sound().resolve(entity) }
    package func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await sound().resolve(id, revision, now: now)
    }
    package func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        if let beforeCancel { try await beforeCancel(try sound()) }
        return try await sound().cancel(id, ifStill: status, now: now)
    }
    package func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        try await sound().clearFailed(through: through, asOf: asOf)
    }
    package func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await sound().sweepLedger(before: before, limit: limit)
    }
    package func clampRetries(now: Timestamp) async throws(StoreError) -> Int { try await sound().clampRetries(now: now) }
    package func check() async throws(StoreError) -> CheckReport { try await sound().check() }
    package func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int { try await sound().rebuildIndex(ordering: ordering) }
}

extension TroubledStore: OptimisticStore {
    package func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) {
        try await sound().register(change, now: now)
    }
    package func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        try await sound().endings(after: after, limit: limit)
    }
    package func forgetEnding(_ number: Int64) async throws(StoreError) { try await sound().forgetEnding(number) }
    package func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await sound().withdraw(txnToken: txnToken, now: now)
    }
    package func view(of entity: EntityKey) async throws(StoreError) -> EntityView { try await sound().view(of: entity) }
    package func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try await sound().saveRemote(states, mark: mark, now: now)
    }
    package func feedCursor(of feed: String) async throws(StoreError) -> String? { try await sound().feedCursor(of: feed) }
    package func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        try await sound().takePassed(now: now, limit: limit)
    }
}

extension TroubledStore: SearchStore {}
