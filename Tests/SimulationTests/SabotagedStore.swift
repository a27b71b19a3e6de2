import GuardianCore
import GuardianTesting
import Synchronization

/// A memory store that breaks one promise.
final class SabotagedStore: EnqueueStore, DeliveryStore, LockStore, InspectStore, ExplainStore, RepairStore {
    enum Sabotage: CaseIterable {
        /// Says yes and writes nothing, now and then.
        case losesEnqueues
        /// Takes writes of fences that are no longer the lock's.
        case ignoresFences
        /// Forgets a settlement that it has confirmed.
        case forgetsSettlements
        /// Enqueues an id again under another name.
        case doublesEnqueues
        /// Hands out a claim twice.
        case claimsTwice
        /// Changes an operation's key between attempts.
        case changesKeys
        /// Miscounts what was processed.
        case miscounts
        /// Gives up on operations that only have to wait.
        case failsRetries
        case none

        static let allCases: [Sabotage] = [
            .losesEnqueues, .ignoresFences, .forgetsSettlements, .doublesEnqueues, .claimsTwice, .changesKeys, .miscounts, .failsRetries,
        ]
    }

    private let store: MemoryStore
    private let sabotage: Sabotage
    private let calls = Mutex((count: 0, claim: Claim?.none, ids: UInt64(1)))

    init(_ store: MemoryStore, _ sabotage: Sabotage) {
        self.store = store
        self.sabotage = sabotage
    }

    private func every(_ n: Int) -> Bool {
        calls.withLock {
            $0.count += 1
            return $0.count % n == 0
        }
    }

    func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        if sabotage == .losesEnqueues, every(3) {
            return operations.enumerated().map { Receipt(id: $1.id, seq: 1000 + Int64($0), outcome: .accepted) }
        }
        if sabotage == .doublesEnqueues {
            var twins = operations
            var random = Xoshiro256(
                seed: calls.withLock {
                    $0.ids += 1; return $0.ids
                })
            for index in twins.indices { twins[index].id = .uuid(.v4(using: &random)) }
            _ = try await store.enqueue(twins)
        }
        return try await store.enqueue(operations)
    }

    func exchange(_ exchange: Exchange) async throws(StoreError) -> ExchangeResult {
        var changed = exchange
        if sabotage == .ignoresFences, let lock = try await store.lockState() { changed.fence = lock.fence }
        if sabotage == .forgetsSettlements, every(5) { changed.settlements = [] }
        if sabotage == .failsRetries {
            for (index, settlement) in changed.settlements.enumerated() {
                guard case .retry(_, _, var error, _, _, _) = settlement.result else { continue }
                error.class = .exhausted
                changed.settlements[index].result = .failed(error)
            }
        }
        var result = try await store.exchange(changed)
        if sabotage == .forgetsSettlements { result.settled = exchange.settlements.map { _ in true } }
        if sabotage == .claimsTwice, let claim = result.claims.first {
            result.claims.append(calls.withLock { $0.claim } ?? claim)
            calls.withLock { $0.claim = claim }
        }
        if sabotage == .changesKeys {
            var random = Xoshiro256(
                seed: calls.withLock {
                    $0.ids += 1; return $0.ids
                })
            for index in result.claims.indices { result.claims[index].operation.idempotencyKey = .v4(using: &random) }
        }
        return result
    }

    func check() async throws(StoreError) -> CheckReport {
        var report = try await store.check()
        if sabotage == .miscounts, report.books.processed > 3 { report.books.processed -= 1 }
        return report
    }

    func loadControl() async throws(StoreError) -> Control { try await store.loadControl() }
    func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) { try await store.setPause(pause, to: active) }
    func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) async throws(StoreError) -> LockAnswer {
        try await store.acquireLock(owner: owner, now: now, staleAfterMs: staleAfterMs)
    }
    func renewLock(_ fence: Fence, now: Timestamp) async throws(StoreError) {
        if sabotage == .ignoresFences { return }
        try await store.renewLock(fence, now: now)
    }
    func releaseLock(_ fence: Fence) async throws(StoreError) { try await store.releaseLock(fence) }
    func forceReleaseLock() async throws(StoreError) -> LockState? { try await store.forceReleaseLock() }
    func lockState() async throws(StoreError) -> LockState? { try await store.lockState() }
    func books() async throws(StoreError) -> Books { try await store.books() }
    func operation(_ id: OperationID) async throws(StoreError) -> Operation? { try await store.operation(id) }
    func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] { try await store.list(filter) }
    func accountingGap() async throws(StoreError) -> Int64 { try await store.accountingGap() }
    func standing(of id: OperationID) async throws(StoreError) -> Standing? { try await store.standing(of: id) }
    func census(at now: Timestamp) async throws(StoreError) -> Census { try await store.census(at: now) }
    func ending(of id: OperationID) async throws(StoreError) -> Ending? { try await store.ending(of: id) }
    func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        try await store.operations(of: entity, limit: limit)
    }
    func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await store.unsent(for: principal, afterSeq: afterSeq, limit: limit)
    }
    func oldestPending() async throws(StoreError) -> Timestamp? { try await store.oldestPending() }
    func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int { try await store.retry(ids, now: now) }
    func cancel(_ id: OperationID, now: Timestamp) async throws(StoreError) -> CancelAnswer { try await store.cancel(id, now: now) }
    func clearFailed() async throws(StoreError) -> Int { try await store.clearFailed() }
    func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await store.sweepLedger(before: before, limit: limit)
    }
    func clampRetries(now: Timestamp) async throws(StoreError) -> Int { try await store.clampRetries(now: now) }
    func rebuildIndex(ordering: Ordering) async throws(StoreError) -> Int { try await store.rebuildIndex(ordering: ordering) }
}
