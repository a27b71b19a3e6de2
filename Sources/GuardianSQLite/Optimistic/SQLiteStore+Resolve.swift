internal import GRDB
public import GuardianCore

extension SQLiteStore {
    public func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await queue.write { transaction in
            let find = try transaction.statement(
                "SELECT seq, line, idempotency_key, txn_token FROM guardian_operation WHERE id = ?1 AND status = 2 AND error_class = 'conflict'"
            )
            find.bind(1, id)
            guard try find.step() else { return false }
            let (seq, line, key, token) = (find.int(0), find.int(1), try find.uuid(2), find.text(3))
            find.reset()
            guard let revision else {
                try Self.remove(seq, transaction)
                try transaction.remember(id, seq: seq, key: key, .processed(answer: nil), now)
                transaction.count {
                    $0.failed -= 1
                    $0.processed += 1
                }
                try transaction.tally(.processed, .other)
                if let token { try Self.endOptimistic(token, .overruled, now, transaction) }
                return true
            }
            let update = try transaction.statement(
                """
                UPDATE guardian_operation SET payload = ?2, operation_type = ?3, base = coalesce(?4, base), if_match = ?5, idempotency_key = ?6,
                    rounds = 0, unknown_at = NULL, server_state = NULL, server_etag = NULL, server_gone = NULL
                WHERE seq = ?1
                """)
            update.bind(1, seq)
            update.bind(2, try transaction.stored(revision.payload, SealedKind.payload.at(seq)))
            update.bind(3, revision.type as String?)
            update.bind(4, try transaction.stored(revision.base, SealedKind.base.at(seq)))
            update.bind(5, revision.ifMatch)
            update.bind(6, revision.newKey)
            try update.run()
            var heads: [Int64: Int64] = [:]
            try Self.putBack(seq, line, now, transaction, &heads)
            return true
        }
    }
}
