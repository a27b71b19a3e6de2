package import GuardianCore
package import GuardianPostgres
package import GuardianSQLite

/// A store that this process has open, of whichever kind the key `store` says.
package protocol OpenedStore: Store, SearchStore, TransferStore {
    /// The name under which requests are sent (`X-Device-Id`), made once and kept.
    func deviceID() async throws(StoreError) -> String
    /// Ends all connections; calls that wait are answered first.
    func shut() throws(StoreError)
    /// How commits reach the disk, for people, and whether an answer comes after its fsync.
    func durabilityForPeople() async throws(StoreError) -> (text: String, holds: Bool)
    /// How operations line up in it.
    func ordering() async throws(StoreError) -> Ordering
    /// Calls `wake` when another process has written, where the store can tell.
    func wakes(_ wake: @escaping @Sendable () -> Void)
}

extension SQLiteStore: OpenedStore {
    package func shut() throws(StoreError) { try close() }

    package func durabilityForPeople() async throws(StoreError) -> (text: String, holds: Bool) {
        let (journal, synchronous) = try await durability()
        return ("journal_mode \(journal), synchronous \(synchronous)", journal == "wal" && synchronous >= 2)
    }

    /// A file tells nobody: its other writers are found by polling.
    package func wakes(_ wake: @escaping @Sendable () -> Void) {}
}

extension PostgresStore: OpenedStore {
    package func shut() throws(StoreError) { close() }

    package func durabilityForPeople() async throws(StoreError) -> (text: String, holds: Bool) {
        let (fsync, commit, pages) = try await durability()
        return (
            "fsync \(fsync), synchronous_commit \(commit), full_page_writes \(pages)", fsync == "on" && commit != "off" && pages == "on"
        )
    }

    package func wakes(_ wake: @escaping @Sendable () -> Void) { listen(wake) }
}
