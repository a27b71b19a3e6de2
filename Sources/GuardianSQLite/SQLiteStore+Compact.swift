internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public struct CompactReport: Sendable, Equatable {
        /// Bytes of the database and its log, before and after.
        public var before: Int64
        public var after: Int64
    }

    /// Gives room that processed operations have left back to the file system. Writers wait meanwhile, readers do not.
    ///
    /// Writes the whole file anew (`VACUUM`) through a temporary copy and the log, so it needs twice the size of what is kept, and says so
    /// when there is less. The copy stands where SQLite keeps such files (`SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp`, `/tmp`), which may be
    /// another volume.
    public func compact() async throws(StoreError) -> CompactReport {
        let files = StoreFiles(path: configuration.path)
        let bytes = files.bytes
        let needed = 2 * (bytes.database + bytes.log)
        if let free = Disk.freeBytes(at: configuration.path), free < needed { throw .full(free: free, needed: needed) }
        do {
            let patienceMs = configuration.busyTimeoutMs
            try await pool.writeWithoutTransaction { [queue] db in
                try queue.checkpointer.empty(db, patienceMs: patienceMs)
                try Self.vacuum(db)
                try queue.checkpointer.empty(db, patienceMs: patienceMs)
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
        let after = files.bytes
        return CompactReport(before: bytes.database + bytes.log, after: after.database + after.log)
    }

    /// Writes the file anew, outside of a transaction. The copy of all of it that SQLite makes meanwhile is a file without a name, so that
    /// memory stays as small as it is; in memory only where no such file can be made. It is sealed where the store is.
    static func vacuum(_ db: Database) throws {
        do { try vacuum(db, throughFile: true) } catch let error as DatabaseError where lacksFile(error) {
            try vacuum(db, throughFile: false)
        }
    }

    /// Whether a temporary file could not be made.
    private static func lacksFile(_ error: DatabaseError) -> Bool {
        error.extendedResultCode == .SQLITE_IOERR_GETTEMPPATH || error.resultCode == .SQLITE_CANTOPEN
    }

    private static func vacuum(_ db: Database, throughFile: Bool) throws {
        try db.execute(sql: "PRAGMA temp_store = \(throughFile ? "FILE" : "MEMORY")")
        defer { do { try db.execute(sql: "PRAGMA temp_store = MEMORY") } catch {} }
        try db.execute(sql: "VACUUM")
    }
}
