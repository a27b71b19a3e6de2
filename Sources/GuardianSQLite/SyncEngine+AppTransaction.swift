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
extension SyncEngine {
    /// Runs `change` and writes the operations it returns, in one durable transaction; delivery is woken after the commit.
    ///
    /// GRDB opens a pool's writer with `synchronous = NORMAL`, by which a commit may be gone after a power cut. For this transaction it is
    /// FULL. Throws what `change` throws, ``SyncError`` for what can't be enqueued, and then nothing of it is stored.
    @discardableResult
    public func write(
        to database: any DatabaseWriter, store: SQLiteStore, _ change: @escaping @Sendable (Database) throws -> [NewOperation]
    ) async throws -> [Receipt] {
        let written = try await database.writeWithoutTransaction { db in
            let before = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 1
            if before < 2 { try db.execute(sql: "PRAGMA synchronous = FULL") }
            // A connection on which this fails stays FULL, which is only slower.
            defer { if before < 2 { do { try db.execute(sql: "PRAGMA synchronous = \(before)") } catch {} } }
            var written: (receipts: [Receipt], operations: [GuardianCore.Operation]) = ([], [])
            try db.inTransaction(.immediate) {
                let operations = try change(db)
                written = try enqueueInside(operations, of: db, store: store)
                return .commit
            }
            return written
        }
        enqueued(written.receipts, of: written.operations)
        return written.receipts
    }

    /// Writes operations inside a transaction that is open on `db`; delivery is woken when that commits.
    ///
    /// For apps that manage transactions themselves. The connection must be durable (`PRAGMA synchronous = FULL`, set outside of any
    /// transaction) and to the store's own file: anything else is refused with an error that says so. Receipts hold once the transaction
    /// has committed.
    @discardableResult
    public func enqueue(_ operations: [NewOperation], in db: Database, store: SQLiteStore) throws -> [Receipt] {
        guard db.isInsideTransaction else { throw SyncError.refused(reason: "enqueue(in:) must be called inside a transaction") }
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
        guard synchronous >= 2 else {
            throw SyncError.store(.notDurable("`PRAGMA synchronous` of the app's connection is \(synchronous), not FULL (2)"))
        }
        let written = try enqueueInside(operations, of: db, store: store)
        db.afterNextTransaction { [self] _ in enqueued(written.receipts, of: written.operations) }
        return written.receipts
    }

    private func enqueueInside(
        _ operations: [NewOperation], of db: Database, store: SQLiteStore
    ) throws -> (receipts: [Receipt], operations: [GuardianCore.Operation]) {
        guard try store.isFile(of: db) else {
            throw SyncError.refused(reason: "the transaction is in another file than the store, so they can't commit as one")
        }
        guard !operations.isEmpty else { return ([], []) }
        let admitted = try admit(operations)
        return (try store.insert(admitted, inside: db), admitted)
    }
}

extension SQLiteStore {
    /// Whether a connection is to this store's file.
    fileprivate func isFile(of db: Database) throws -> Bool {
        let file = try String.fetchOne(db, sql: "SELECT file FROM pragma_database_list WHERE name = 'main'") ?? ""
        return Disk.isSame(file, configuration.path)
    }

    fileprivate func insert(_ operations: [GuardianCore.Operation], inside db: Database) throws -> [Receipt] {
        try space.admit(operations)
        let transaction = WriteTransaction(db, vault)
        let receipts = try Self.insert(operations, transaction)
        try transaction.saveCounters()
        return receipts
    }
}
