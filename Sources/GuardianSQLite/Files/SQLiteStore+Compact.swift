internal import GRDB
public import GuardianCore

extension SQLiteStore {
    /// What a compaction has given back.
    public struct CompactReport: Sendable, Equatable {
        /// Bytes of the database and its log, before and after.
        public var before: Int64
        /// No less than ``before`` where there was nothing to give back.
        public var after: Int64
    }

    /// Gives room that processed operations have left back to the file system. Writers wait meanwhile, readers do not.
    ///
    /// Writes the whole file anew (`VACUUM`) through a temporary copy and the log, so it needs twice the size of what is kept, and says so
    /// when there is less. The copy stands where SQLite keeps such files (`SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp`, `/tmp`), which may be
    /// another volume: when that one is full, the error names the directory.
    public func compact() async throws(StoreError) -> CompactReport {
        let path = configuration.path
        let files = StoreFiles(path: configuration.path)
        let bytes = files.bytes
        let needed = 2 * (bytes.database + bytes.log)
        if let free = Disk.freeBytes(at: configuration.path), free < needed { throw .full(free: free, needed: needed) }
        do {
            let patienceMs = configuration.busyTimeoutMs
            try await pool.writeWithoutTransaction { [queue] db in
                try queue.checkpointer.empty(db, patienceMs: patienceMs)
                try Self.vacuum(db, path: path)
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
    /// Throws ``StoreError/unavailable(_:)`` when it is the volume of that copy that is full, and not the store's.
    static func vacuum(_ db: Database, path: String) throws {
        do { try vacuum(db, throughFile: true) } catch let error as DatabaseError where lacksFile(error) {
            try vacuum(db, throughFile: false)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            if let reason = try lackOfTemporaryRoom(db, path: path) { throw StoreError.unavailable(reason) }
            throw error
        }
    }

    /// Where the temporary copy has another volume than the store, with less room than it takes: what to tell. What was written of it is
    /// gone by now.
    private static func lackOfTemporaryRoom(_ db: Database, path: String) throws -> String? {
        let directory = Disk.temporaryDirectory
        guard let free = Disk.freeBytes(at: directory), !Disk.isSameVolume(directory, path) else { return nil }
        func figure(_ name: String) throws -> Int64 { try Int64.fetchOne(db, sql: "PRAGMA \(name)") ?? 0 }
        let needed = try (figure("page_count") - figure("freelist_count")) * figure("page_size")
        guard free < needed else { return nil }
        return "no room for a temporary copy in \(directory), \(free) bytes free, \(needed) needed; set SQLITE_TMPDIR to another directory"
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
