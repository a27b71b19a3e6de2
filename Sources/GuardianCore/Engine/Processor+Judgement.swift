extension Processor {
    /// A permanent answer: the write may be wrong, or the server. Judgement waits until others have been heard.
    mutating func accuse(
        _ flight: Flight, _ error: LastError, status: Int, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        let operation = flight.claim.operation
        var claim = flight.claim
        claim.operation.unknownAt = flight.unknownBefore
        accused[operation.seq] = Accused(claim: claim, error: error)
        let line = Line.of(operation.orderingKey)
        if flight.isPlagueProbe { plague.probeRefused(line: line, status: status) }
        if endPlagueProbe(flight, success: false, now, &random, &actions) {
            // The next probes ask for others, when there are any; the release brings it back at once.
            askProbesAgainAt = now.steady
            return giveBack([operation.seq], waitMs: plague.isHeld ? Self.probeRotationMs : 0, now)
        }
        // Nothing goes out beside a crash suspect, by which it could be judged. The answer ends that it is one: it is asked again in
        // company.
        if operation.crashes > 0 { return giveBack([operation.seq], waitMs: 0, now) }
        apply(plague.refused(seq: operation.seq, line: line, status: status, begun: serial.begun, now: now.steady), now, &actions)
        judge(now, &actions)
    }

    /// Milliseconds that one that was a probe in vain lets others go first, when there are any.
    private static var probeRotationMs: Int64 { 600_000 }

    /// Where nothing else is left to ask with, those that were probes in vain are due again: in a small queue nothing else would tell that
    /// the upstream is back.
    mutating func askProbesAgain(_ result: ExchangeResult, _ now: Moment, _ actions: inout [Action]) {
        guard plague.mayProbe(now: now.steady), normalAsked > 0, result.claims.isEmpty, !result.awaitsProbe, now.steady >= askProbesAgainAt
        else { return }
        askProbesAgainAt = now.steady + PlagueDetector.longestProbeMs
        actions.append(.clampRetries)
    }

    /// Judges those that have waited long enough, or for whom nothing more can be learnt.
    mutating func judge(_ now: Moment, _ actions: inout [Action]) {
        guard plague.isJudging else { return }
        let isIdle =
            flights.isEmpty && ready.isEmpty && waitingForToken.isEmpty && outbox.isEmpty && !exchangeUnderWay && isDry && !mayHaveMore
        apply(plague.advance(now: now.steady, isIdle: isIdle), now, &actions)
    }

    mutating func apply(_ verdict: PlagueDetector.Verdict?, _ now: Moment, _ actions: inout [Action]) {
        switch verdict {
        case nil: break
        case .poison(let seqs):
            for seq in seqs {
                guard let accused = accused.removeValue(forKey: seq) else { continue }
                settle(accused.claim.operation, .failed(accused.error), .failed(id: accused.claim.operation.id, error: accused.error))
            }
        case .askAgain(let seqs): giveBack(seqs, waitMs: 0, now)
        case .plague(let seqs, let status):
            giveBack(seqs, waitMs: 0, now)
            if plagueSince == nil {
                plagueSince = now.wall
                healthChanged = true
                actions.append(.emit(.plagueHeld(status: status)))
            }
        }
    }

    /// Back to the heads of their lines, with the answer they got, and nothing used up.
    mutating func giveBack(_ seqs: [Int64], waitMs: Int64, _ now: Moment) {
        for seq in seqs {
            guard let accused = accused.removeValue(forKey: seq) else { continue }
            let operation = accused.claim.operation
            settle(
                operation,
                .retry(
                    due: now.wall.adding(milliseconds: waitMs), backoffMs: min(waitMs, 1), error: accused.error, charged: false,
                    failureMark: serial.mark, unknownAt: operation.unknownAt))
        }
    }

    /// The answer to the probe of a plague. Returns whether it was one.
    @discardableResult
    mutating func endPlagueProbe(
        _ flight: Flight, success: Bool, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) -> Bool {
        guard flight.isPlagueProbe, plague.isHeld else { return false }
        if plague.probeEnded(success: success, now: now.steady, unit: random.unit()) {
            healthChanged = true
            plagueEnded = true
            released(now, &actions)
        } else if plagueIsUntold {
            healthChanged = true
        }
        plagueIsUntold = false
        return true
    }

    /// The hold has ended, by a probe of our own or of another processor.
    mutating func released(_ now: Moment, _ actions: inout [Action]) {
        let heldMs = plagueSince.map { now.wall.milliseconds - $0.milliseconds } ?? 0
        plagueSince = nil
        mayHaveMore = true
        ramp.restart(begun: serial.begun)
        actions.append(.clampRetries)
        actions.append(.emit(.plagueReleased(afterMs: max(0, heldMs))))
    }

    // MARK: Doubt

    /// Whether an outcome under the present key has been unknown for longer than the upstream remembers keys. Deleting twice is harmless.
    func isInDoubt(_ operation: Operation, _ now: Moment) -> Bool {
        guard let unknownAt = operation.unknownAt, operation.type != "delete" else { return false }
        return now.wall.milliseconds - unknownAt.milliseconds >= configuration.idempotencyWindowMs
    }

    /// Whether it must be looked up first: it is in doubt, or it must change and may have been applied as it was.
    func needsLook(_ operation: Operation, _ now: Moment) -> Bool {
        if isInDoubt(operation, now) { return true }
        guard operation.unknownAt != nil, case .changed = configuration.cast(operation) else { return false }
        return true
    }

    /// A claim as a look gets it: it says whether the upstream may have given what a create has made another id.
    func lookedUp(_ claim: Claim) -> Claim {
        guard assignsID(claim.operation) else { return claim }
        var claim = claim
        claim.operation.references = [Reference(to: claim.operation.entity)]
        return claim
    }

    /// Brings an operation of an older version up to this build's: the store keeps the new payload and base, and it is claimed again.
    /// Returns whether there was something to do; one that may have been applied as it was is looked up first.
    mutating func upcast(_ claim: Claim, isCleared: Bool, _ random: inout Xoshiro256) -> Bool {
        switch configuration.cast(claim.operation) {
        case .upToDate: return false
        case .impossible(let reason):
            let error = reason.met(by: claim.operation)
            settle(claim.operation, .failed(error), .failed(id: claim.operation.id, error: error))
            return true
        case .changed(let payload, let base, let version):
            guard claim.operation.unknownAt == nil || isCleared else { return false }
            let newKey = UniqueID.v4(using: &random)
            outbox.append(Verdict(claim, .recast(payload: payload, base: base, schemaVersion: version, newKey: newKey)))
            return true
        }
    }

    /// A look has ended: what was done is settled, what was not is sent, and what can't be told is a person's to decide.
    mutating func looked(
        _ seq: Int64, _ attempt: Int64, _ look: Look, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        guard let flight = flights[seq], flight.attempt == attempt else { return }
        switch look {
        case .failed(let outcome) where outcome.isFinal: lookRefused(flight, outcome, now, &random, &actions)
        case .failed(let outcome): attempted(seq, attempt, outcome, now, &random, &actions)
        case .applied(let state, let etag):
            endLook(flight, now)
            let operation = flight.claim.operation
            let told = Event.processed(id: operation.id, latencyMs: now.steady - flight.startedAt, httpStatus: 200)
            outbox.append(
                Verdict(
                    settlement: success(operation, Answer(status: 200, etag: etag, data: state)), events: [told],
                    subject: Event.Subject(operation, attempt: operation.tries + 1)))
        case .notApplied:
            endLook(flight, now)
            var cleared = flight
            cleared.isCleared = true
            if upcast(flight.claim, isCleared: true, &random) { return }
            if rebase(flight.claim, isCleared: true, mayProbe: flight.isPlagueProbe, now, &random, &actions) { return }
            sendAfterAsking(cleared, now, &actions)
        case .unclear(let why):
            endLook(flight, now)
            leaveToPerson(flight.claim.operation, why)
        }
    }

    /// A look that would be refused again. That it was says nothing of the write, which may stand: a person has to tell. While a plague is
    /// held the refusal may be the server's, as that of a write may, and the next look may be answered.
    private mutating func lookRefused(
        _ flight: Flight, _ outcome: Outcome, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        let operation = flight.claim.operation
        let why: String
        switch outcome {
        case .refused(_, let answer): why = "the look was refused with \(answer.status)"
        case .unsendable(let error): why = error.message
        case .accepted, .unanswered, .interrupted, .shared: why = "the look has failed"
        }
        guard plague.isHeld, let status = outcome.status else {
            endLook(flight, now)
            return leaveToPerson(operation, why)
        }
        // A probe in vain, but no witness: what was asked is no write.
        if endPlagueProbe(flight, success: false, now, &random, &actions) { askProbesAgainAt = now.steady }
        endLook(flight, now)
        let error = LastError(class: .permanent, code: "HTTP_\(status)", httpStatus: status, message: why)
        accused[operation.seq] = Accused(claim: flight.claim, error: error)
        giveBack([operation.seq], waitMs: plague.isHeld ? Self.probeRotationMs : 0, now)
    }

    /// Fails what may have had its effect already, and can't be asked about.
    private mutating func leaveToPerson(_ operation: Operation, _ why: String) {
        let error = LastError(
            class: .inDoubt, code: "IN_DOUBT",
            message:
                "it was sent, its outcome is unknown, and the upstream has forgotten its key: \(why); look there, then retry or cancel it"
        ).met(by: operation)
        settle(operation, .failed(error), .failed(id: operation.id, error: error))
    }

    /// Whatever a look has found, that it was answered says nothing of writes: no operation is judged by it, and neither a hold nor the
    /// breaker ends. One that was a probe was none; what is sent next is.
    private mutating func endLook(_ flight: Flight, _ now: Moment) {
        flights[flight.claim.seq] = nil
        if flight.claim.operation.priority <= 0 { normalInFlight -= 1 }
        breaker.probeVoid(generation: flight.generation)
        if flight.isPlagueProbe { plague.probeVoid(now: now.steady) }
    }
}

extension Processor.Flight {
    /// Since when an outcome under the operation's key is unknown, were this request to have no effect. One that was refused as a conflict
    /// had none, and no earlier one had.
    var unknownBefore: Timestamp? { isCleared || conflict != nil ? nil : claim.operation.unknownAt }

    /// Since when an outcome under the operation's key is unknown, after this one.
    func unknownAt(after outcome: Outcome) -> Timestamp? {
        let before = unknownBefore
        // Nothing is written by it.
        if isFetch { return before }
        let isUnknown: Bool
        switch outcome {
        case .unanswered(let failure, _): isUnknown = !failure.neverArrived
        // A 429, and a 503 that says when to come again, come from before the write. Any other may be a gateway's that has passed it on.
        case .refused(.transient, let answer): isUnknown = !(answer.status == 429 || answer.status == 503 && answer.retryAfterMs != nil)
        default: isUnknown = false
        }
        return before ?? (isUnknown ? claim.operation.lastAttemptAt : nil)
    }
}
