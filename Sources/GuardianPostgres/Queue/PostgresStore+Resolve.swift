public import GuardianCore

extension PostgresStore {
    private static let findConflict = SQL(
        """
        SELECT seq, line, idempotency_key, txn_token FROM guardian_operation
        WHERE id = $1 AND status = 2 AND error_class = 'conflict' FOR UPDATE
        """)
    private static let revise = SQL(
        """
        UPDATE guardian_operation SET payload = $2, operation_type = $3, base = coalesce($4, base), if_match = $5, idempotency_key = $6,
            rounds = 0, unknown_at = NULL, server_state = NULL, server_etag = NULL, server_gone = NULL
        WHERE seq = $1
        """)

    public func resolve(_ id: OperationID, _ revision: Settlement.Revision?, now: Timestamp) async throws(StoreError) -> Bool {
        try await write { write in
            guard let row = try write.first(Self.findConflict, .id(id)) else { return false }
            let (seq, line) = (row.int(0), row.int(1))
            guard let revision else {
                try write.remove(seq)
                write.remember(id, seq: seq, key: try row.uuid(2), .processed(answer: nil), now)
                write.count {
                    $0.failed -= 1
                    $0.processed += 1
                }
                write.tally(.processed, .other)
                if let token = row.text(3) { try write.endOptimistic(token, .overruled, now) }
                return true
            }
            write.later(
                Self.revise, .int(seq), .text(revision.payload), .text(revision.type), .text(revision.base), .text(revision.ifMatch),
                .uuid(revision.newKey))
            _ = try Self.putBack([(seq, line)], now, write)
            return true
        }
    }
}
