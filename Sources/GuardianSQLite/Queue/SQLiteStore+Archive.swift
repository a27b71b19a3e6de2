internal import GRDB
package import GuardianCore

extension SQLiteStore {
    /// Takes failed operations that were last touched before `before` out of the store, at most `limit`, after `keep` has them safe.
    ///
    /// They are counted as cleared. Should the process die in between they are in both places: an archive that is put back adds nothing
    /// that is still stored. One of which a sealed value can't be opened stays. Returns how many; 0 when none is left.
    package func archiveFailed(
        before: Timestamp, limit: Int = 500, keep: ([GuardianCore.Operation]) throws -> Void
    ) async throws -> Int {
        let old = try await read { [vault] db in
            let find = try RawStatement(
                db,
                "SELECT \(OperationRow.columns) FROM guardian_operation WHERE status = 2 AND updated_at < ?1 ORDER BY seq LIMIT \(limit)")
            find.bind(1, before as Timestamp?)
            var found: [GuardianCore.Operation] = []
            while try find.step() { if let operation = try OperationRow.opened(find, vault) { found.append(operation) } }
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

    /// Enqueues an operation of an archive. One that was sent, as its `lastAttemptAt` says, comes back as that.
    ///
    /// Its outcome counts as unknown since then: a look comes first once the upstream may have forgotten its key, nothing is folded into
    /// it, and a cancel says that it may have been applied.
    package func enqueueArchived(_ operation: GuardianCore.Operation) async throws(StoreError) -> Receipt {
        var archived = operation
        archived.folds = false
        try space.admit([archived])
        return try await queue.write(.growth) { [archived] transaction in
            let receipt = try Self.insert([archived], transaction)[0]
            guard let sentAt = archived.lastAttemptAt, receipt.outcome == .accepted else { return receipt }
            let mark = try transaction.statement("UPDATE guardian_operation SET last_attempt_at = ?2, unknown_at = ?2 WHERE seq = ?1")
            mark.bind(1, receipt.seq)
            mark.bind(2, sentAt.milliseconds)
            try mark.run()
            return receipt
        }
    }
}
