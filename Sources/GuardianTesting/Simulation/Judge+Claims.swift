import GuardianCore

/// Who may have what in hand, and when.
extension Judge {
    mutating func claimed(_ claim: Claim, at wall: Timestamp) {
        let seq = claim.seq
        guard let index = indexOfSeq[seq] else { return violated("claimed the unknown seq \(seq)") }
        let record = records[index]
        if let other = claimed[record.line] { violated("two claims in one line: \(seq) beside \(other)") }
        if record.fate != .waiting { violated("claimed seq \(seq), which is \(record.fate)") }
        if let pause = control.pauses.first { violated("claimed seq \(seq) while delivery is paused (\(pause.rawValue))") }
        if let principal = record.operation.principal, principal != control.signedIn.hash {
            violated("claimed seq \(seq) of \(principal) while \(control.signedIn.hash ?? "nobody") is signed in")
        }
        if let head = head(of: record.line), head != seq { violated("claimed seq \(seq), which is behind \(head)") }
        judgeTimes(claim, record, at: wall)
        judgeCrashes(claim, record)
        judgeContent(claim, index)
        if let create = awaited(by: record).first { violated("claimed seq \(seq), which points to what \(create) has yet to make") }
        records[index].wasAttemptedBefore = record.wasAttempted
        records[index].wasAttempted = true
        claimed[record.line] = seq
        records[index].lastEnd = nil
    }

    /// The first of a line that waits; it may be claimed.
    func head(of line: Int64) -> Int64? {
        seqsOfLine[line, default: []].lazy.filter { records[$0].fate == .waiting }.compactMap { records[$0].seq }.min()
    }

    private mutating func judgeTimes(_ claim: Claim, _ record: Record, at wall: Timestamp) {
        // The wall clock may have been set back since its first attempt.
        if let notBefore = record.operation.notBefore, notBefore > wall, record.successesAtFirstSend == nil {
            violated("claimed seq \(claim.seq) before its time")
        }
        if let due = record.retryAt, due > wall { violated("claimed seq \(claim.seq) before its retry is due") }
        if claim.operation.attemptCount != record.charged {
            violated("seq \(claim.seq) has \(claim.operation.attemptCount) attempts against it, not \(record.charged)")
        }
    }

    private mutating func judgeCrashes(_ claim: Claim, _ record: Record) {
        let seq = claim.seq
        if record.crashes >= Operation.mostCrashes { violated("claimed seq \(seq) again after \(record.crashes) crashes") }
        if record.crashes > 0, !claimed.isEmpty { violated("the crash suspect \(seq) was claimed beside others") }
        if let suspect = claimed.values.first(where: { self.record(of: $0)?.crashes ?? 0 > 0 }) {
            violated("seq \(seq) was claimed beside the crash suspect \(suspect)")
        }
        if claim.operation.crashes != record.crashes {
            violated("seq \(seq) has \(claim.operation.crashes) crashes, not \(record.crashes)")
        }
    }

    /// Key, payload and version are those of the enqueue, or of the last cast. What was sent under a key never changes.
    private mutating func judgeContent(_ claim: Claim, _ index: Int) {
        let (seq, operation) = (claim.seq, records[index].operation)
        let key = claim.operation.idempotencyKey
        if let offered = records[index].offeredKey {
            if key != offered, records[index].wasSentUnderKey { violated("seq \(seq) was sent, then changed, and kept its key") }
            if key == offered {
                records[index].operation.idempotencyKey = offered
                records[index].wasSentUnderKey = false
            }
            records[index].offeredKey = nil
        }
        if records[index].mayHaveNewKey {
            let isNew = key != records[index].operation.idempotencyKey
            if !isNew, records[index].wasSentUnderKey { violated("seq \(seq) was sent, then got another id, and kept its key") }
            if isNew {
                records[index].operation.idempotencyKey = key
                records[index].wasSentUnderKey = false
            }
            records[index].mayHaveNewKey = false
        }
        if claim.operation.entity != operation.entity {
            violated("seq \(seq) is of \(claim.operation.entity.orderingKey), not \(operation.entity.orderingKey)")
        }
        let isSame = key == records[index].operation.idempotencyKey && claim.operation.payload == operation.payload
        if !isSame || claim.operation.schemaVersion != operation.schemaVersion {
            violated("seq \(seq) changed its key, payload or version")
        }
    }

    /// A process has died, and it is known: what it had in hand is suspect.
    mutating func crashed() { for seq in claimed.values { if let index = indexOfSeq[seq] { records[index].crashes += 1 } } }

    mutating func setAside(_ id: OperationID, _ reason: LastError, at wall: Timestamp, besides claims: Set<Int64>) {
        guard let index = index(of: id) else { return violated("set aside the unknown \(id)") }
        let seq = records[index].seq ?? 0
        if reason == .expiredInDoubt {
            if !records[index].wasAttempted { violated("seq \(seq) was set aside as in doubt and never attempted") }
            if records[index].operation.expiresAt.map({ $0 > wall }) ?? true { violated("seq \(seq) was set aside before it expired") }
            records[index].hasExpired = true
        } else if records[index].crashes < Operation.mostCrashes {
            violated("seq \(seq) was set aside after \(records[index].crashes) crashes")
        }
        if records[index].fate != .waiting { violated("set aside seq \(seq), which is \(records[index].fate)") }
        failures += 1
        records[index].fate = .failed
        records[index].wasGivenUp = true
        spoiled(index)
        departed(records[index].operation.txnToken, .failed(reason.code), besides: claims)
    }

    /// Claims of an older epoch are void.
    mutating func claimsReturned() { claimed = [:] }

    /// After the wall clock went back, no retry waits longer than its backoff.
    mutating func clamped(at wall: Timestamp) {
        for index in records.indices {
            guard let due = records[index].retryAt else { continue }
            records[index].retryAt = min(due, wall.adding(milliseconds: records[index].backoffMs))
        }
    }
}
