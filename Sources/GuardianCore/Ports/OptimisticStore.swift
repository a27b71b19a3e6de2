/// Keeps what the app shows before the upstream has it: snapshots, how changes ended, and what is known of the server's side.
///
/// The endings are written by the calls that make them (settle, cancel, clear, expire, set aside), in the same transaction: a crash loses
/// neither or both.
public protocol OptimisticStore: Sendable {
    /// Keeps a change; on disk when it returns. A token that is known adds nothing, also for as long as the ledger's window after its
    /// change has ended. One that depends on a change which is rolled back and still known is rolled back at once. Operations that are
    /// enqueued for a change that was rolled back with what it depends on, then or later, are stored as failed, with the class
    /// `dependency`.
    func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError)
    /// Endings that nobody has taken yet, by rising numbers greater than `after`.
    func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding]
    /// The app has taken it.
    func forgetEnding(_ number: Int64) async throws(StoreError)
    /// Rolls back an open change of which no operation is stored, such as one whose app died before it enqueued. False for any other.
    func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool
    /// All that is known of an entity, in one transaction; also under the local id that it had before the upstream gave it its own.
    func view(of entity: EntityKey) async throws(StoreError) -> EntityView
    /// Keeps what the upstream is said to have now, and how far a feed was followed, in one transaction. Touches no operation. Returns for
    /// each whether it was taken: what is older than what is known is not (`EntityKnowledge`).
    ///
    /// Operations that are stored keep the ETag that they were made on: their `If-Match` must not hide from the upstream that they did not
    /// know this change. Throws ``StoreError/stale``, and keeps nothing, when the mark does not follow the one that is kept.
    func saveRemote(_ states: [RemoteState], mark: FeedMark?, now: Timestamp) async throws(StoreError) -> [Bool]
    /// Where a feed goes on; nil for one that was never followed.
    func feedCursor(of feed: String) async throws(StoreError) -> String?
    /// Takes what is passed over since longer than `EntityKnowledge/patienceMs`, at most `limit`; to be called while the feed works.
    /// Returns of which entities.
    func takePassed(now: Timestamp, limit: Int) async throws(StoreError) -> [EntityKey]
}

extension OptimisticStore {
    /// Keeps what somebody says who is no feed.
    public func saveRemote(_ states: [RemoteState], now: Timestamp) async throws(StoreError) -> [Bool] {
        try await saveRemote(states, mark: nil, now: now)
    }
}
