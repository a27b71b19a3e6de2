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
    /// Writes the whole file anew (`VACUUM`) through the log, so it needs twice the size of what is kept, and says so when there is less.
    public func compact() async throws(StoreError) -> CompactReport {
        let files = StoreFiles(path: configuration.path)
        let bytes = files.bytes
        let needed = 2 * (bytes.database + bytes.log)
        if let free = Disk.freeBytes(at: configuration.path), free < needed { throw .full(free: free, needed: needed) }
        do {
            let patienceMs = configuration.busyTimeoutMs
            try await pool.writeWithoutTransaction { db in
                try Checkpointer.empty(db, patienceMs: patienceMs)
                try db.execute(sql: "VACUUM")
                try Checkpointer.empty(db, patienceMs: patienceMs)
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
        let after = files.bytes
        return CompactReport(before: bytes.database + bytes.log, after: after.database + after.log)
    }
}
