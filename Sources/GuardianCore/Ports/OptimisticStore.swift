/// Keeps what the app shows before the upstream has it: snapshots, how changes ended, and what is known of the server's side.
///
/// The endings are written by the calls that make them (settle, cancel, clear, expire, set aside), in the same transaction: a crash loses
/// neither or both.
public protocol OptimisticStore: Sendable {
    /// Keeps a change; on disk when it returns. A token that is known adds nothing. One that depends on a change which is rolled back and
    /// still known is rolled back at once.
    func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError)
    /// Endings that nobody has taken yet, by rising numbers greater than `after`.
    func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding]
    /// The app has taken it.
    func forgetEnding(_ number: Int64) async throws(StoreError)
    /// Rolls back an open change of which no operation is stored, such as one whose app died before it enqueued. False for any other.
    func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool
    /// All that is known of an entity, in one transaction; also under the local id that it had before the upstream gave it its own.
    func view(of entity: EntityKey) async throws(StoreError) -> EntityView
    /// Keeps what the upstream is said to have now, in one transaction, unless it is older than what is known
    /// (``ServerState/isOlder(than:)``). Touches no operation. Returns for each whether it was taken.
    ///
    /// The ETag of an entity with operations that wait stays the one they were made on: their `If-Match` must not hide from the upstream
    /// that they did not know this change.
    func saveRemote(_ states: [RemoteState], now: Timestamp) async throws(StoreError) -> [Bool]
}
