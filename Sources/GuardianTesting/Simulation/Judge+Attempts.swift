import GuardianCore

/// What goes over the wire, and what comes of it.
extension Judge {
    /// A request goes out. `build` is the version of payloads that its sender knows, if it casts any.
    mutating func sent(_ claim: Claim, token: String?, build: Int?) {
        let seq = claim.seq
        guard let index = indexOfSeq[seq] else { return violated("seq \(seq) was sent and never enqueued") }
        carried(claim, by: token)
        if records[index].successesAtFirstSend == nil { records[index].successesAtFirstSend = successes }
        records[index].wasSentUnderKey = true
        records[index].lastEnd = nil
        let operation = claim.operation
        let (key, payload) = (operation.idempotencyKey, "\(operation.type) \(operation.entity.orderingKey) \(operation.payload ?? "")")
        if payloadOfKey.updateValue(payload, forKey: key) ?? payload != payload { violated("seq \(seq): two payloads under one key") }
        if let build, claim.operation.schemaVersion < build {
            violated("seq \(seq) was sent as version \(claim.operation.schemaVersion) by a build of version \(build)")
        }
    }

    /// Whoever wrote an operation: nobody else's token carries it, or asks for it.
    mutating func carried(_ claim: Claim, by token: String?) {
        guard let principal = record(of: claim.seq)?.operation.principal, token?.hasPrefix("token-\(principal)-") != true else { return }
        violated("seq \(claim.seq) of \(principal) was sent with \(token ?? "no token")")
    }

    /// The effect of `seq` happens at the upstream for the first time, or again.
    mutating func applied(_ seq: Int64) {
        guard let index = indexOfSeq[seq] else { return violated("an effect of the unknown seq \(seq)") }
        let record = records[index]
        if record.verdict == .killer { violated("the killer \(seq) was applied") }
        if record.isPromisedUnsent { violated("seq \(seq) was applied after cancel had said never_sent") }
        if record.wasGivenUp { return }
        if record.wasApplied { violated("seq \(seq) was applied twice") }
        records[index].wasApplied = true
        if let last = lastEffect[record.line], last > seq { violated("order: seq \(seq) was applied after \(last)") }
        lastEffect[record.line] = max(lastEffect[record.line] ?? 0, seq)
        // A head whose settling was not heard of may have been applied before; none that waits may have been passed.
        for other in seqsOfLine[record.line, default: []] {
            guard let earlier = records[other].seq, earlier < seq else { continue }
            if records[other].fate == .waiting, !records[other].wasGivenUp {
                violated("order: seq \(seq) was applied while \(earlier) still waited")
            }
        }
    }

    /// The sender of an attempt hears what came of it.
    mutating func answered(_ claim: Claim, _ outcome: Outcome) {
        guard let index = indexOfSeq[claim.seq] else { return }
        records[index].lastEnd = AttemptEnd(fence: claim.fence, outcome: outcome, lifts: lifts)
        switch outcome {
        case .accepted: successes += 1
        case .refused, .unanswered: records[index].failedAnswers += 1
        case .unsendable, .interrupted, .shared: break
        }
    }
}
