import GuardianCore
import GuardianTesting

/// What it leaves alone.
extension SabotagedStore {
    func setPause(_ pause: Pause, to active: Bool) async throws(StoreError) { try await store.setPause(pause, to: active) }
    func releaseLock(_ fence: Fence) async throws(StoreError) { try await store.releaseLock(fence) }
    func leave(owner: String) async throws(StoreError) { try await store.leave(owner: owner) }
    func forceReleaseLock(through epoch: Int64?) async throws(StoreError) -> [LockState] {
        try await store.forceReleaseLock(through: epoch)
    }
    func processors() async throws(StoreError) -> [LockState] { try await store.processors() }
    func books() async throws(StoreError) -> Books { try await store.books() }
    func operation(_ id: OperationID) async throws(StoreError) -> Operation? { try await store.operation(id) }
    func list(_ filter: OperationFilter) async throws(StoreError) -> [Operation] { try await store.list(filter) }
    func accountingGap() async throws(StoreError) -> Int64 { try await store.accountingGap() }
    func ending(of id: OperationID) async throws(StoreError) -> Ending? { try await store.ending(of: id) }
    func operations(of entity: EntityKey, limit: Int) async throws(StoreError) -> [Operation] {
        try await store.operations(of: entity, limit: limit)
    }
    func unsent(for principal: String, afterSeq: Int64, limit: Int) async throws(StoreError) -> [Operation] {
        try await store.unsent(for: principal, afterSeq: afterSeq, limit: limit)
    }
    func oldestPending() async throws(StoreError) -> Timestamp? { try await store.oldestPending() }
    func retry(_ ids: [OperationID]?, now: Timestamp) async throws(StoreError) -> Int { try await store.retry(ids, now: now) }
    func clearFailed(through: Int64, asOf: Timestamp?) async throws(StoreError) -> Int {
        try await store.clearFailed(through: through, asOf: asOf)
    }
    func sweepLedger(before: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await store.sweepLedger(before: before, limit: limit)
    }
    func clampRetries(now: Timestamp) async throws(StoreError) -> Int { try await store.clampRetries(now: now) }
    func rebuildIndex(ordering: Ordering?) async throws(StoreError) -> Int { try await store.rebuildIndex(ordering: ordering) }
}
