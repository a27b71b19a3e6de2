extension Processor {
    /// An attempt has ended. One that is no longer ours, or no longer the latest for its operation, changes nothing.
    mutating func attempted(
        _ seq: Int64, _ attempt: Int64, _ outcome: Outcome, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        guard let flight = flights[seq], flight.attempt == attempt else { return }
        flights[seq] = nil
        if flight.claim.operation.priority <= 0 { normalInFlight -= 1 }
        let operation = flight.claim.operation
        var outcome = outcome
        var isShared = false
        while case .shared(let inner) = outcome { (outcome, isShared) = (inner, true) }
        workers.attemptTook(milliseconds: now.steady - flight.startedAt)
        // A late refusal of a token that has been replaced says nothing of the one in force.
        if case .refused(.auth, _) = outcome, flight.credential == token { refusedToken = token }
        // That others succeed says nothing of an operation whose route is to wait by itself: they go by other routes.
        let othersSucceed = !holdsRoute(outcome, operation) && serial.othersSucceed(since: operation.failureMark, now: now.steady)
        observe(outcome, flight, isShared: isShared, now, &random, &actions)

        let situation = OutcomeDecider.Situation(
            operation: operation, othersSucceed: othersSucceed, isProbe: flight.isProbe, tokenIsFresh: flight.tokenIsFresh,
            tlsFailures: tlsFailures)
        let decision = decider.decide(outcome, situation, random: &random)
        if case .refused(.permanent, let answer) = outcome, !answer.asksToWait, case .failed(let error, _) = decision {
            return accuse(flight, error, status: answer.status, now, &random, &actions)
        }
        switch decision {
        case .processed:
            let latencyMs = now.steady - flight.startedAt
            var settlement = Settlement(seq: operation.seq, id: operation.id, result: .processed)
            if case .accepted(let answer) = outcome { settlement = success(operation, answer) }
            outbox.append(
                Verdict(
                    settlement: settlement, events: [.processed(id: operation.id, latencyMs: latencyMs, httpStatus: outcome.status)],
                    subject: Event.Subject(operation, attempt: operation.tries + 1)))
        case .retry(let delayMs, let error, let charged, let holdMs):
            if let holdMs { hold(operation, holdMs, now, &actions) }
            let due = now.wall.adding(milliseconds: delayMs)
            settle(
                operation,
                .retry(
                    due: due, backoffMs: delayMs, error: error, charged: charged, failureMark: serial.mark,
                    unknownAt: flight.unknownAt(after: outcome)),
                .retryScheduled(id: operation.id, due: due, backoffMs: delayMs, error: error))
        case .failed(let error, _) where error.class == .conflict: fetchOtherSide(flight, error, now, &actions)
        case .failed(let error, let holdMs):
            if let holdMs { hold(operation, holdMs, now, &actions) }
            settle(operation, .failed(error), .failed(id: operation.id, error: error))
        case .refreshToken:
            var waiting = flight
            waiting.standstill = decider.standstill(outcome, of: operation)
            awaitToken(waiting, now, &actions)
        case .pause(let reason):
            giveBack(flight, refused: decider.standstill(outcome, of: operation))
            pause(reason)
        case .returned: giveBackInterrupted(flight, now)
        }
    }

    /// Stopped by us. A fetch writes nothing: what was to be sent after it was not sent, and what was refused before it had no effect.
    private mutating func giveBackInterrupted(_ flight: Flight, _ now: Moment) {
        if let conflict = flight.conflict { return sendAgain(flight, conflict, now) }
        outbox.append(Verdict(flight.claim, flight.looksAhead ? .unsent : .returned))
    }

    /// Hands a result to the next exchange; `event` is told once it is on disk.
    mutating func settle(_ operation: Operation, _ result: Settlement.Result, _ events: Event..., server: ServerState? = nil) {
        let settlement = Settlement(seq: operation.seq, id: operation.id, result: result, server: server)
        outbox.append(
            Verdict(settlement: settlement, events: events, subject: Event.Subject(operation, attempt: operation.tries + 1)))
    }

    /// Whether an answer makes what goes by the operation's route wait, and nobody else.
    private func holdsRoute(_ outcome: Outcome, _ operation: Operation) -> Bool {
        outcome.asksToWait && configuration.holds.route(of: operation) != nil
    }

    /// What the outcome says about the upstream as a whole.
    private mutating func observe(
        _ outcome: Outcome, _ flight: Flight, isShared: Bool, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        let holdsRoute = holdsRoute(outcome, flight.claim.operation)
        if !isShared, !holdsRoute { observeLoad(outcome, flight, now) }
        let failed: Bool
        switch outcome {
        case .accepted:
            failed = false
            serial.succeeded(flight.attempt, now: now.steady)
            let line = Line.of(flight.claim.operation.orderingKey)
            apply(plague.succeeded(seq: flight.claim.seq, line: line, attempt: flight.attempt), now, &actions)
            endPlagueProbe(flight, success: true, now, &random, &actions)
        case .refused(let kind, let answer):
            // A permanent answer ends it when it is judged, unless it asks to wait.
            if kind != .permanent || answer.asksToWait { endPlagueProbe(flight, success: kind == .conflict, now, &random, &actions) }
            // A 4xx is about the request, also one that is asked again: 408, 409, 425, 429.
            failed = kind == .transient && !(400..<500).contains(answer.status)
        case .unanswered:
            failed = true
            endPlagueProbe(flight, success: false, now, &random, &actions)
        case .unsendable, .interrupted, .shared:
            // Nothing went out, or nobody knows what came of it: no answer to a probe.
            if flight.isPlagueProbe { plague.probeVoid(now: now.steady) }
            breaker.probeVoid(generation: flight.generation)
            return
        }
        watchRollout(outcome, now, &actions)
        // The breaker counts requests, not what they carried.
        guard !isShared else { return }
        if case .unanswered(.tls, let detail) = outcome {
            tlsFailures += 1
            if tlsFailures == 1 { actions.append(.emit(.upstreamDistrusted(detail: detail))) }
        } else {
            tlsFailures = 0
        }
        // That one route is to wait says nothing of the origin, be it a 503.
        if failed, holdsRoute { return breaker.probeVoid(generation: flight.generation) }
        switch breaker.record(failed: failed, generation: flight.generation, now: now.steady, unit: random.unit()) {
        case .opened(let until):
            trips += 1
            healthChanged = true
            ramp.restart(begun: serial.begun)
            actions.append(.emit(.breakerOpened(forMs: until - now.steady)))
        case .closed:
            healthChanged = true
            mayHaveMore = true
            ramp.restart(begun: serial.begun)
            actions.append(.emit(.breakerClosed))
        case nil: break
        }
    }
}

extension Processor {
    /// Halts delivery when a change has brought too many errors.
    private mutating func watchRollout(_ outcome: Outcome, _ now: Moment, _ actions: inout [Action]) {
        guard let isError = RolloutGuard.isError(outcome), let finding = rollout?.heard(isError: isError, now: now) else { return }
        actions.append(.emit(.rolloutHalted(errors: finding.errors, answers: finding.answers)))
        pause(.rollout)
    }

    /// What the outcome says about how much the upstream takes.
    private mutating func observeLoad(_ outcome: Outcome, _ flight: Flight, _ now: Moment) {
        switch outcome {
        case .accepted:
            ramp.succeeded(attempt: flight.attempt)
            pacer.succeeded(now: now.steady)
            capacity?.answered(startedAt: flight.startedAt, now: now.steady, inFlight: flights.count + 1)
        case .refused(_, let answer) where answer.status == 429 && !answer.isOverridden:
            // Where the capacity is being found, that backs off by less, and learns.
            if capacity == nil { ramp.pushedBack(attempt: flight.attempt, begun: serial.begun) }
            pacer.pushedBack(startedAt: flight.startedAt, now: now.steady)
            capacity?.refused(startedAt: flight.startedAt, now: now.steady)
        case .refused(.transient, let answer):
            if answer.status == 503, capacity == nil { ramp.pushedBack(attempt: flight.attempt, begun: serial.begun) }
            capacity?.troubled(startedAt: flight.startedAt, now: now.steady)
        case .unanswered: capacity?.troubled(startedAt: flight.startedAt, now: now.steady)
        default: break
        }
    }
}

extension Outcome {
    /// The HTTP status, when there was an answer.
    var status: Int? {
        switch self {
        case .accepted(let answer), .refused(_, let answer): answer.status
        default: nil
        }
    }

    /// Whether the upstream asks to wait.
    fileprivate var asksToWait: Bool {
        guard case .refused(let kind, let answer) = self, kind != .auth, kind != .upgrade else { return false }
        return answer.asksToWait
    }
}
