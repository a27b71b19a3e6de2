public import GRDB
public import GuardianCore

/// Enqueue in the app's own transaction (spec section 6): the app's change and the operation are on disk together, or neither is.
///
/// The app keeps its tables in the store's file, and opens that file with GRDB as it always does:
///
/// ```swift
/// try await engine.write(to: pool, store: store) { db in
///     try note.save(db)
///     return [NewOperation("update", entityType: "note", entityID: note.id, payload: note.json)]
/// }
/// ```
///
/// The engine writes to the file too. While it does, the app's other writes fail at once, which is GRDB's default, unless its connections
/// have a `busyMode` that waits, such as `.timeout(10)`.
extension SyncEngine {
    /// Runs `change` and writes the operations it returns, in one durable transaction; delivery is woken after the commit.
    ///
    /// GRDB opens a pool's writer with `synchronous = NORMAL`, by which a commit may be gone after a power cut, and on Apple's platforms
    /// without `fullfsync`. For this transaction the connection is as durable as the store's own, and one that would fail at once while
    /// somebody else writes (`busyMode`) waits as long as the store's would. `store` is the one that this engine delivers from. Throws what
    /// `change` throws, ``SyncError`` for what can't be enqueued and for another store, and GRDB's `DatabaseError` for a transaction that
    /// can't begin or commit; then nothing of it is stored.
    @discardableResult
    public func write(
        to database: any DatabaseWriter, store: SQLiteStore, _ change: @escaping @Sendable (Database) throws -> [NewOperation]
    ) async throws -> [Receipt] {
        let written = try await database.writeWithoutTransaction { db in
            var written: (receipts: [Receipt], operations: [GuardianCore.Operation]) = ([], [])
            try db.withSettings(of: store) {
                try db.inTransaction(.immediate) {
                    let operations = try change(db)
                    written = try enqueueInside(operations, of: db, store: store)
                    return .commit
                }
            }
            return written
        }
        enqueued(written.receipts, of: written.operations)
        return written.receipts
    }

    /// Writes operations inside a transaction that is open on `db`; delivery is woken when that commits.
    ///
    /// For apps that manage transactions themselves. The connection must be to the store's own file, and durable: `PRAGMA synchronous` is
    /// `FULL` and `PRAGMA fullfsync` is 1, both set outside of any transaction. The second has an effect on Apple's platforms only, and is
    /// asked for on all, so that what works on one is safe on the other. Anything else is refused with an error that says so. The
    /// connection should have a `busyMode` that waits. Receipts hold once the transaction has committed.
    @discardableResult
    public func enqueue(_ operations: [NewOperation], in db: Database, store: SQLiteStore) throws -> [Receipt] {
        guard db.isInsideTransaction else { throw SyncError.refused(reason: "enqueue(in:) must be called inside a transaction") }
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
        guard synchronous >= 2 else {
            throw SyncError.store(.notDurable("`PRAGMA synchronous` of the app's connection is \(synchronous), not FULL (2)"))
        }
        let fullfsync = try Int.fetchOne(db, sql: "PRAGMA fullfsync") ?? 0
        guard fullfsync == 1 else {
            throw SyncError.store(.notDurable("`PRAGMA fullfsync` of the app's connection is \(fullfsync), not 1"))
        }
        let written = try enqueueInside(operations, of: db, store: store)
        db.afterNextTransaction { [self] _ in enqueued(written.receipts, of: written.operations) }
        return written.receipts
    }

    private func enqueueInside(
        _ operations: [NewOperation], of db: Database, store: SQLiteStore
    ) throws -> (receipts: [Receipt], operations: [GuardianCore.Operation]) {
        guard let own = self.store as? SQLiteStore, Disk.isSame(own.configuration.path, store.configuration.path) else {
            throw SyncError.refused(reason: "the engine delivers from another store than the one that is named, so nobody would send this")
        }
        guard try store.isFile(of: db) else {
            throw SyncError.refused(reason: "the transaction is in another file than the store, so they can't commit as one")
        }
        guard !operations.isEmpty else { return ([], []) }
        let admitted = try admit(operations)
        do { return (try store.insert(admitted, inside: db), admitted) } catch {
            throw SyncError.store(StoreError(error, path: store.configuration.path))
        }
    }
}

extension Database {
    /// Runs `body`, for which this connection is as durable as a store's, and as patient where the app has not said how patient it is.
    fileprivate func withSettings(of store: SQLiteStore, _ body: () throws -> Void) throws {
        let patience = if case .immediateError = configuration.busyMode { store.configuration.busyTimeoutMs } else { 0 }
        try holding("busy_timeout", atLeast: patience) {
            try holding("synchronous", atLeast: 2) { try holding("fullfsync", atLeast: 1, body) }
        }
    }

    /// Runs `body` with a setting of `value` at least, and puts back what it was. One that can't be put back stays: that is only slower.
    private func holding(_ pragma: String, atLeast value: Int, _ body: () throws -> Void) throws {
        let before = try Int.fetchOne(self, sql: "PRAGMA \(pragma)") ?? 0
        guard before < value else { return try body() }
        try execute(sql: "PRAGMA \(pragma) = \(value)")
        defer { do { try execute(sql: "PRAGMA \(pragma) = \(before)") } catch {} }
        try body()
    }
}

extension SQLiteStore {
    /// Whether a connection is to this store's file.
    fileprivate func isFile(of db: Database) throws -> Bool {
        let file = try String.fetchOne(db, sql: "SELECT file FROM pragma_database_list WHERE name = 'main'") ?? ""
        return Disk.isSame(file, configuration.path)
    }

    fileprivate func insert(_ operations: [GuardianCore.Operation], inside db: Database) throws -> [Receipt] {
        try openFiles.check(db)
        try space.admit(operations)
        var receipts: [Receipt] = []
        // All or nothing, whatever the app makes of an error: a row that the counters know nothing of would keep its number from the next.
        try db.inSavepoint {
            let transaction = WriteTransaction(db, vault)
            try transaction.checkSchema()
            receipts = try Self.insert(operations, transaction)
            try transaction.saveCounters()
            return .commit
        }
        return receipts
    }
}
