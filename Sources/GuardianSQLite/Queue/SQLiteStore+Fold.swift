internal import GRDB
internal import GuardianCore

/// One call of enqueue in which operations may be folded into ones that wait: each is written by itself, one after the other, so that
/// several in one call fold into each other exactly as in calls of their own.
///
/// The last of the line is found by its number, and so is everything that is written; nothing grows with the queue.
struct FoldingInsertion {
    let transaction: WriteTransaction
    let ordering: Ordering

    private static let findLast = SQL("SELECT \(OperationRow.columns) FROM \(WriteTransaction.lastOfLine)")
    private static let findPointing = SQL("SELECT 1 FROM guardian_reference WHERE entity_type = ?1 AND entity_id = ?2 LIMIT 1")
    private static let update = SQL("UPDATE guardian_operation SET operation_type = ?2, payload = ?3, updated_at = ?4 WHERE seq = ?1")

    func run(_ operations: [GuardianCore.Operation]) throws -> [Receipt] {
        var receipts: [Receipt] = []
        receipts.reserveCapacity(operations.count)
        for operation in operations { receipts.append(try enqueue(operation)) }
        return receipts
    }

    private func enqueue(_ new: GuardianCore.Operation) throws -> Receipt {
        let new = try transaction.resolved([new])[0]
        guard new.folds, let waiting = try last(of: ordering.line(for: new)) else { return try append(new) }
        let decision = Folding(payloadBytes: new.foldedBytes).decide(new, behind: waiting)
        if decision == .append { return try append(new) }
        if let known = try Insertion.seq(of: new.id, transaction) { return Receipt(id: new.id, seq: known, outcome: .duplicate) }
        switch decision {
        case .append: return try append(new)
        case .fold(var folded):
            folded.references = new.references
            let awaited = try transaction.openReferences(of: folded)
            // Nothing waits for a create that is younger than itself.
            guard try awaited.allSatisfy({ try transaction.openCreate(of: $0.entity, after: waiting.seq) == nil }) else {
                return try append(new)
            }
            try write(folded)
            try transaction.letGo(of: folded)
            try transaction.keep(awaited, ofOperation: waiting.seq)
            if !awaited.isEmpty { try transaction.parkIfAwaiting(waiting.seq) }
            try transaction.remember(new.id, seq: waiting.seq, key: new.idempotencyKey, .merged(into: waiting.id), new.enqueuedAt)
            transaction.count {
                $0.accepted += 1
                $0.coalesced += 1
            }
            return Receipt(id: new.id, seq: waiting.seq, outcome: .coalesced, into: waiting.id)
        case .vanish:
            // What points to it needs the upstream's id of it, if only to be sent before the delete.
            if try isAwaited(waiting.entity) { return try append(new) }
            try vanish(new, with: waiting)
            return Receipt(id: new.id, seq: waiting.seq, outcome: .cancelledOut, into: waiting.id)
        }
    }

    private func isAwaited(_ entity: EntityKey) throws -> Bool {
        guard try transaction.knowsOpenCreates() else { return false }
        let find = try transaction.statement(Self.findPointing, of: entity)
        defer { find.reset() }
        return try find.step()
    }

    private func append(_ new: GuardianCore.Operation) throws -> Receipt {
        try Insertion(transaction, [new]).run()[0]
    }

    /// Nothing is folded into one that can't be opened.
    private func last(of line: Int64) throws -> GuardianCore.Operation? {
        let find = try transaction.statement(Self.findLast)
        find.bind(1, line)
        defer { find.reset() }
        return try find.step() ? try OperationRow.opened(find, transaction.vault) : nil
    }

    /// What may change when nothing has been sent. When it is due, and whether it leads its line, stays.
    private func write(_ folded: GuardianCore.Operation) throws {
        let update = try transaction.statement(Self.update)
        update.bind(1, folded.seq)
        update.bind(2, folded.type as String?)
        update.bind(3, try transaction.stored(folded.payload, SealedKind.payload.at(folded.seq)))
        update.bind(4, folded.updatedAt)
        try update.run()
    }

    /// Both leave without an effect: the one that waits from its line, the new one before it stood in any.
    private func vanish(_ new: GuardianCore.Operation, with waiting: GuardianCore.Operation) throws {
        guard let member = try transaction.member(waiting.seq) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the last of a line is gone")
        }
        try transaction.leave(member)
        try SQLiteStore.remove(waiting.seq, transaction)
        try transaction.remember(waiting.id, seq: waiting.seq, key: waiting.idempotencyKey, .cancelled, new.enqueuedAt)
        try transaction.remember(new.id, seq: waiting.seq, key: new.idempotencyKey, .cancelled, new.enqueuedAt)
        transaction.count {
            $0.accepted += 1
            $0.coalesced += 2
        }
        if let token = waiting.txnToken { try SQLiteStore.endOptimistic(token, .processed, new.enqueuedAt, transaction) }
    }
}
