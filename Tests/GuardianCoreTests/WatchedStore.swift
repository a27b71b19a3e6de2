import GuardianCore
import GuardianTesting
import Synchronization

/// A memory store that counts what the engine asks of it, and refuses the calls that a test picks.
final class WatchedStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore {
    enum Call: CaseIterable {
        case enqueue, exchange, loadControl, setPause, acquireLock, renewLock, rescue, releaseLock, clampRetries, sweepLedger, operations
        case rebuildIndex
    }

    private struct State {
        var calls: [Call: Int] = [:]
        var underWay = 0
        var refuses: @Sendable (Call, Int) -> Bool = { _, _ in false }
        var processed: Set<OperationID> = []
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
        var holdsExchanges = false
        var givesNothing = false
        var seesStall = true
        var counted = 0
        var hides: @Sendable (OptimisticEnding) -> Bool = { _ in false }
        var endingLooks: [Int64] = []
    }

    let memory: MemoryStore
    private let state = Mutex(State())

    init(_ memory: MemoryStore) { self.memory = memory }

    /// From now on calls fail as `.unavailable` when `refuses` says so; it gets each call with its number, from 1.
    func refuse(when refuses: @escaping @Sendable (Call, Int) -> Bool) { state.withLock { $0.refuses = refuses } }

    /// From now on looks at the operations of an entity wait for ``release()``.
    func hold() { state.withLock { $0.isHeld = true } }

    /// From now on exchanges wait for ``release()``, as for a lock that another process has on the file.
    func holdExchanges() { state.withLock { $0.holdsExchanges = true } }

    /// Whether exchanges claim nothing, whatever is due.
    func giveNothing(_ givesNothing: Bool) { state.withLock { $0.givesNothing = givesNothing } }

    /// What a look says that goes before counting the queue.
    func seeStall(_ seesStall: Bool) { state.withLock { $0.seesStall = seesStall } }

    /// How often the queue was counted.
    var counted: Int { state.withLock { $0.counted } }

    /// How many calls wait.
    var held: Int { state.withLock { $0.held.count } }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            (state.isHeld, state.holdsExchanges) = (false, false)
            return state.held
        }
        for look in held { look.resume() }
    }

    /// From now on these endings are not seen, as if their transactions were not committed yet.
    func hideEndings(_ hides: @escaping @Sendable (OptimisticEnding) -> Bool) { state.withLock { $0.hides = hides } }

    /// After which numbers endings were asked for, in order.
    var endingLooks: [Int64] { state.withLock { $0.endingLooks } }

    /// How often a call was made.
    func count(_ call: Call) -> Int { state.withLock { $0.calls[call] ?? 0 } }

    /// Whether no call is under way, but those that the test holds.
    var isQuiet: Bool { state.withLock { $0.underWay == 0 } }

    /// Whether the operation's success has been committed.
    func isProcessed(_ id: OperationID) -> Bool { state.withLock { $0.processed.contains(id) } }

    private func meet<Value>(_ call: Call, _ perform: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        let isRefused = state.withLock { state in
            state.calls[call, default: 0] += 1
            state.underWay += 1
            return state.refuses(call, state.calls[call] ?? 0)
        }
        defer { state.withLock { $0.underWay -= 1 } }
        if isRefused { throw .unavailable("by the test") }
        return try await perform()
    }

    func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        try await meet(.enqueue) { () async throws(StoreError) in try await memory.enqueue(operations) }
    }

    func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        let asked = asked(exchange)
        await wait { $0.holdsExchanges }
        let result = try await meet(.exchange) { () async throws(StoreError) in try await memory.exchange(asked) }
        state.withLock { state in
            for (settlement, isSettled) in zip(exchange.settlements, result.settled) where isSettled && settlement.result == .processed {
                state.processed.insert(settlement.id)
            }
        }
        return result
    }

    private func asked(_ exchange: Exchange) -> Exchange {
        guard state.withLock({ $0.givesNothing }) else { return exchange }
        var asked = exchange
        (asked.urgent, asked.normal) = (0, 0)
        return asked
    }

    /// Waits for ``release()`` if that is what such calls do now.
    private func wait(if isHeld: @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                let waits = isHeld(state)
                if waits { state.held.append(continuation) }
                return waits
            }
            if !waits { continuation.resume() }
        }
    }

    func loadControl() async throws(StoreError) -> Control {
        try await meet(.loadControl) { () async throws(StoreError) in try await memory.loadControl() }
    }

    func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) {
        try await meet(.setPause) { () async throws(StoreError) in try await memory.setPause(pause, to: active) }
    }

    func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        try await meet(.acquireLock) { () async throws(StoreError) in
            try await memory.acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs)
        }
    }

    func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        try await meet(.renewLock) { () async throws(StoreError) in try await memory.renewLock(fence, now: now) }
    }

    func rescue(_ fence: Fence, now: Timestamp) async throws(StoreError) -> Int {
        try await meet(.rescue) { () async throws(StoreError) in try await memory.rescue(fence, now: now) }
    }

    func releaseLock(_ fence: Fence) async throws(StoreError) {
        try await meet(.releaseLock) { () async throws(StoreError) in try await memory.releaseLock(fence) }
    }

    func clampRetries(now: Timestamp) async throws(StoreError) -> Int {
        try await meet(.clampRetries) { () async throws(StoreError) in try await memory.clampRetries(now: now) }
    }

    func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await meet(.sweepLedger) { () async throws(StoreError) in try await memory.sweepLedger(before: before, limit: limit) }
    }

    func leave(owner: String) async throws(StoreError) { try await memory.leave(owner: owner) }

    func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        try await memory.forceReleaseLock(through: epoch)
    }

    func processors() async throws(StoreError) -> [LockState] { try await memory.processors() }
    func books() async throws(StoreError) -> Books { try await memory.books() }
    func operation(_ id: OperationID) async throws(StoreError) -> Operation? { try await memory.operation(id) }
    func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] { try await memory.list(filter) }
    func oldestPending() async throws(StoreError) -> Timestamp? { try await memory.oldestPending() }
    func accountingGap() async throws(StoreError) -> Int64 { try await memory.accountingGap() }
    func standing(of id: OperationID) async throws(StoreError) -> Standing? { try await memory.standing(of: id) }
    func mayStall(at now: Timestamp, patienceMs: Int64) async throws(StoreError) -> Bool { state.withLock { $0.seesStall } }
    func census(at now: Timestamp) async throws(StoreError) -> Census {
        state.withLock { $0.counted += 1 }
        return try await memory.census(at: now)
    }
    func ending(of id: OperationID) async throws(StoreError) -> Ending? { try await memory.ending(of: id) }
    func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        await wait { $0.isHeld }
        return try await meet(.operations) { () async throws(StoreError) in try await memory.operations(of: entity, limit: limit) }
    }
    func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await memory.unsent(for: principal, afterSeq: afterSeq, limit: limit)
    }
    func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int { try await memory.retry(ids, now: now) }
    func resolve(_ entity: EntityKey) async throws(StoreError) -> EntityKey { try await memory.resolve(entity) }
    func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await memory.resolve(id, revision, now: now)
    }
    func cancel(_ id: OperationID, ifStill status: Operation.Status?, now: Timestamp) async throws(StoreError) -> CancelAnswer {
        try await memory.cancel(id, ifStill: status, now: now)
    }
    func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        try await memory.clearFailed(through: through, asOf: asOf)
    }
    func check() async throws(StoreError) -> CheckReport { try await memory.check() }
    func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int {
        try await meet(.rebuildIndex) { () async throws(StoreError) in try await memory.rebuildIndex(ordering: ordering) }
    }
}

extension WatchedStore: OptimisticStore {
    func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) { try await memory.register(change, now: now) }
    func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        let hides = state.withLock { state in
            state.endingLooks.append(after)
            return state.hides
        }
        return try await memory.endings(after: after, limit: limit).filter { !hides($0) }
    }
    func forgetEnding(_ number: Int64) async throws(StoreError) { try await memory.forgetEnding(number) }
    func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await memory.withdraw(txnToken: txnToken, now: now)
    }
    func view(of entity: EntityKey) async throws(StoreError) -> EntityView { try await memory.view(of: entity) }
    func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool] {
        try await memory.saveRemote(states, mark: mark, now: now)
    }
    func feedCursor(of feed: String) async throws(StoreError) -> String? { try await memory.feedCursor(of: feed) }
    func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey] {
        try await memory.takePassed(now: now, limit: limit)
    }
}

extension WatchedStore: SearchStore {}
