public import GuardianCore

extension PostgresStore {
    private static let insert = SQL(
        """
        INSERT INTO guardian_optimistic (token, entity_type, entity_id, original, depends_on, registered_at, standing)
        VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (token) DO NOTHING
        """)
    private static let pageOfEndings = SQL(
        "SELECT \(OptimisticRow.endingColumns) FROM guardian_optimistic_ending WHERE number > $1 ORDER BY number LIMIT $2")
    private static let deleteEnding = SQL("DELETE FROM guardian_optimistic_ending WHERE number = $1")
    private static let readState = SQL("SELECT state, etag, gone, marks FROM guardian_entity WHERE line = $1")
    private static let oldestOpen = SQL(
        """
        SELECT original FROM guardian_optimistic WHERE entity_type = $1 AND entity_id = $2 AND standing = 0 ORDER BY number LIMIT 1
        """)

    public func register(_ change: OptimisticChange, now: Timestamp) async throws(StoreError) {
        try await write(isRepeatable: true) { write in
            var change = change
            if let server = try write.serverID(of: change.entity) { change.entity.id = server.text }
            try write.use(.optimistic)
            let isNew =
                try write.rows(
                    Self.insert, .text(change.txnToken), .text(change.entity.type), .text(change.entity.id), .text(change.original),
                    .text(change.dependsOn), .time(now)
                ).changed == 1
            guard isNew, let base = change.dependsOn else { return }
            guard let known = try OptimisticRow.find(base, write), known.standing.isRolledBack else { return }
            let reason = LastError.dependsOn(base)
            _ = try OptimisticRow.tell(change, .rolledBack(reason), state: nil, now, write)
            OptimisticRow.set(change.txnToken, .refused, write)
            _ = try write.stepOut(change.txnToken, reason, now)
        }
    }

    public func endings(after: Int64, limit: Int) async throws(StoreError) -> [OptimisticEnding] {
        try await pool.with(isRepeatable: true) { connection in
            try connection.look(Call(Self.pageOfEndings, [.int(after), .int(Int64(limit))])).map { OptimisticRow.ending($0) }
        }
    }

    public func forgetEnding(_ number: Int64) async throws(StoreError) {
        try await write(isRepeatable: true) { write in write.later(Self.deleteEnding, .int(number)) }
    }

    public func withdraw(txnToken: String, now: Timestamp) async throws(StoreError) -> Bool {
        try await write { write in
            guard let known = try OptimisticRow.find(txnToken, write), known.standing == .open,
                try !OptimisticRow.hasOperations(txnToken, write)
            else { return false }
            try write.endOptimistic(txnToken, .withdrawn, now)
            return true
        }
    }

    public func view(of entity: EntityKey) async throws(StoreError) -> EntityView {
        try await look { write in
            let entity = try Self.resolve(entity, write)
            let operations = try Self.operations(write, of: entity, limit: EntityView.mostOperations)
            let known = try write.first(Self.readState, .int(Line.of(entity))).map { Write.knowledge($0) } ?? EntityKnowledge()
            let original = try write.first(Self.oldestOpen, .text(entity.type), .text(entity.id))?.text(0)
            return EntityView(known, original: original, operations: operations)
        }
    }
}
