extension Event {
    /// What a receipt tells of; nil for a duplicate, of which nothing came.
    init?(of receipt: Receipt) {
        switch (receipt.outcome, receipt.into) {
        case (.accepted, _): self = .enqueued(id: receipt.id, seq: receipt.seq)
        case (.coalesced, let into?): self = .coalesced(id: receipt.id, into: into)
        case (.cancelledOut, let with?): self = .cancelledOut(id: receipt.id, with: with)
        case (.duplicate, _), (.coalesced, nil), (.cancelledOut, nil): return nil
        }
    }
}
