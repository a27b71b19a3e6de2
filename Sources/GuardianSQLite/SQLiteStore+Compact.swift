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
            try await pool.writeWithoutTransaction { db in
                _ = try db.checkpoint(.truncate)
                try db.execute(sql: "VACUUM")
                _ = try db.checkpoint(.truncate)
            }
        } catch {
            throw StoreError(error, path: configuration.path)
        }
        let after = files.bytes
        return CompactReport(before: bytes.database + bytes.log, after: after.database + after.log)
    }

    /// Takes failed operations that were last touched before `before` out of the store, at most `limit`, after `keep` has them safe.
    ///
    /// They are counted as cleared. Should the process die in between they are in both places: an archive that is put back adds nothing
    /// that is still stored. Returns how many; 0 when none is left.
    public func archiveFailed(
        before: Timestamp, limit: Int = 500, keep: ([GuardianCore.Operation]) throws -> Void
    ) async throws -> Int {
        let old = try await read { db in
            let find = try RawStatement(
                db,
                "SELECT \(OperationRow.columns) FROM guardian_operation WHERE status = 2 AND updated_at < ?1 ORDER BY seq LIMIT \(limit)")
            find.bind(1, before as Timestamp?)
            var found: [GuardianCore.Operation] = []
            while try find.step() { found.append(try OperationRow.read(find)) }
            return found
        }
        guard !old.isEmpty else { return 0 }
        try keep(old)
        return try await queue.write { transaction in
            // One that was put back into its line meanwhile stays.
            let delete = try transaction.statement("DELETE FROM guardian_operation WHERE seq = ?1 AND status = 2 AND updated_at < ?2")
            var count = 0
            for operation in old {
                delete.bind(1, operation.seq)
                delete.bind(2, before as Timestamp?)
                guard try delete.run() == 1 else { continue }
                count += 1
                if try transaction.knowsOpenCreates() { try transaction.forgetReferences(operation.seq) }
                if let token = operation.txnToken { try Self.endOptimistic(token, .cleared, nil, transaction) }
            }
            let cleared = Int64(count)
            transaction.count {
                $0.cleared += cleared
                $0.failed -= cleared
            }
            return count
        }
    }
}
