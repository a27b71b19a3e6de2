internal import GuardianCore

/// Operations that may be folded into ones that wait, or that point to others: each is written by itself, one after the other, so that
/// several in one call meet each other exactly as in calls of their own. The line is locked before its last is read.
struct FoldingInsertion {
    let write: Write
    let ordering: Ordering
    /// The answer to an earlier try was lost: what is stored under an operation's own key is its own.
    let isDoubtful: Bool

    private static let lock = SQL("SELECT 1 FROM guardian_line WHERE line = $1 FOR UPDATE")
    private static let findLast = SQL(
        "SELECT \(OperationRow.columns) FROM \(OperationRow.source) WHERE o.seq = (SELECT tail FROM guardian_line WHERE line = $1) AND o.status = 0"
    )
    private static let findPointing = SQL("SELECT 1 FROM guardian_reference WHERE entity_type = $1 AND entity_id = $2 LIMIT 1")
    private static let update = SQL("UPDATE guardian_operation SET operation_type = $2, payload = $3, updated_at = $4 WHERE seq = $1")

    func enqueue(_ given: Operation) throws -> Receipt {
        let new = try write.resolved([given])[0]
        let line = ordering.line(for: new)
        guard new.folds, let waiting = try last(of: line) else { return try append(new, given) }
        let decision = Folding(payloadBytes: new.foldedBytes).decide(new, behind: waiting)
        if decision == .append { return try append(new, given) }
        if let known = try known(new) { return known }
        switch decision {
        case .append: return try append(new, given)
        case .fold(var folded):
            folded.references = new.references
            let awaited = try write.openReferences(of: folded)
            // Nothing waits for a create that is younger than itself.
            guard try awaited.allSatisfy({ try write.openCreate(of: $0.entity, after: waiting.seq) == nil }) else {
                return try append(new, given)
            }
            write.later(Self.update, .int(folded.seq), .text(folded.type), .text(folded.payload), .time(folded.updatedAt))
            try write.letGo(of: folded)
            write.keep(awaited, ofOperation: waiting.seq)
            if !awaited.isEmpty { try write.parkIfAwaiting(waiting.seq, line) }
            write.remember(new.id, seq: waiting.seq, key: new.idempotencyKey, .merged(into: waiting.id), new.enqueuedAt)
            write.count {
                $0.accepted += 1
                $0.coalesced += 1
            }
            return Receipt(id: new.id, seq: waiting.seq, outcome: .coalesced, into: waiting.id)
        case .vanish:
            // What points to it needs the upstream's id of it, if only to be sent before the delete.
            if try isAwaited(waiting.entity) { return try append(new, given) }
            try vanish(new, with: waiting, line)
            return Receipt(id: new.id, seq: waiting.seq, outcome: .cancelledOut, into: waiting.id)
        }
    }

    private func isAwaited(_ entity: EntityKey) throws -> Bool {
        guard try write.uses(.localIDs) else { return false }
        return try write.first(Self.findPointing, .text(entity.type), .text(entity.id)) != nil
    }

    /// The receipt of one that is stored or remembered already; nil for a new one.
    private func known(_ new: Operation) throws -> Receipt? {
        guard let (seq, key) = try PostgresStore.known([new.id], write)[new.id] else { return nil }
        guard isDoubtful, key == new.idempotencyKey else { return Receipt(id: new.id, seq: seq, outcome: .duplicate) }
        let ending = try write.first(PostgresStore.findEnding, .id(new.id)).map { try EndingColumns.read($0, from: 0) }
        return switch ending {
        case .merged(let into)?: Receipt(id: new.id, seq: seq, outcome: .coalesced, into: into)
        // Which create it took along is not remembered.
        case .cancelled? where new.type == "delete": Receipt(id: new.id, seq: seq, outcome: .cancelledOut)
        default: Receipt(id: new.id, seq: seq, outcome: .accepted)
        }
    }

    private func append(_ new: Operation, _ given: Operation) throws -> Receipt {
        if let known = try known(new) { return known }
        let awaited = try write.openReferences(of: new)
        let due = awaited.isEmpty ? try write.due(of: new) : Parking.awaiting
        let call = Insertion([new], ordering: ordering, dues: [due]).call(isPlain: false, stripe: write.connection.stripe)
        guard let seq = try write.rows(call).first?.ints(0).first else { throw StoreError.corrupt("guardian_put gave no number") }
        write.checkLocal([given], [new])
        if new.opensLocalID { try write.openLocalID(new.entity, seq) }
        write.keep(awaited, ofOperation: seq)
        if let token = new.txnToken { try write.stepOutIfRefused([token], new.enqueuedAt) }
        return Receipt(id: new.id, seq: seq, outcome: .accepted)
    }

    private func last(of line: Int64) throws -> Operation? {
        write.later(Self.lock, .int(line))
        return try write.first(Self.findLast, .int(line)).map { try OperationRow.read($0) }
    }

    /// Both leave without an effect: the one that waits from its line, the new one before it stood in any.
    private func vanish(_ new: Operation, with waiting: Operation, _ line: Int64) throws {
        try write.remove(waiting.seq)
        write.mend(line, new.enqueuedAt)
        write.remember(waiting.id, seq: waiting.seq, key: waiting.idempotencyKey, .cancelled, new.enqueuedAt)
        write.remember(new.id, seq: waiting.seq, key: new.idempotencyKey, .cancelled, new.enqueuedAt)
        write.count {
            $0.accepted += 1
            $0.coalesced += 2
        }
        if let token = waiting.txnToken { try write.endOptimistic(token, .processed, new.enqueuedAt) }
    }
}
