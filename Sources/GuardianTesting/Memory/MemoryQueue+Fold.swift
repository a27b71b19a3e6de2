import GuardianCore

extension MemoryQueue {
    /// Folds a new operation into the last of its line; nil when it must stand in the line itself.
    mutating func fold(_ new: Operation) -> Receipt? {
        guard let seq = lines[ordering.line(for: new.orderingKey)]?.last, let waiting = rows[seq]?.operation else { return nil }
        switch folding(new, waiting) {
        case .append: return nil
        case .fold(var folded):
            folded.references = new.references
            let awaited = awaited(by: folded)
            // Nothing waits for a create that is younger than itself.
            guard awaited.allSatisfy({ localIDs.create(of: $0.entity, after: seq) == nil }) else { return nil }
            folded.references = []
            rows[seq]?.operation = folded
            letGo(of: folded)
            keep(awaited, seq)
            books.accepted += 1
            books.coalesced += 1
            remember(new.id, seq, .merged(into: waiting.id), at: new.enqueuedAt)
            return Receipt(id: new.id, seq: seq, outcome: .coalesced, into: waiting.id)
        case .vanish:
            // What points to it needs the upstream's id of it, if only to be sent before the delete.
            guard !localIDs.references.values.contains(where: { $0.contains { $0.entity == waiting.entity } }) else { return nil }
            remove(seq)
            books.accepted += 1
            books.coalesced += 2
            remember(waiting.id, seq, .cancelled, at: new.enqueuedAt)
            remember(new.id, seq, .cancelled, at: new.enqueuedAt)
            endOptimistic(waiting.txnToken, .processed, at: new.enqueuedAt)
            return Receipt(id: new.id, seq: seq, outcome: .cancelledOut, into: waiting.id)
        }
    }
}
