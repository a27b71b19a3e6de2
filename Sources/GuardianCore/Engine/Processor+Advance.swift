extension Processor {
    /// Takes in what happened and returns what to do, in order. `random` is the only source of chance.
    package mutating func handle(_ input: Input, now: Moment, random: inout Xoshiro256) -> [Action] {
        guard !isFinished else { return [] }
        var actions: [Action] = []
        watchClock(now, &actions)
        switch input {
        case .tick: break
        case .wake: mayHaveMore = true
        case .drain: if drainDeadline == nil { drainDeadline = now.steady + configuration.drainMs }
        case .stop: drainDeadline = min(drainDeadline ?? .max, now.steady)
        case .lockAnswered(let answer, let control): lockAnswered(answer, control, now, &actions)
        case .lockFailed(let error):
            lockCallUnderWay = false
            askForLockAt = now.steady + configuration.pollMs
            actions.append(.emit(.storeError(error)))
        case .renewed(let result, let begunAt): renewed(result, begunAt: begunAt, now, &actions)
        case .lockReleased:
            isFinished = true
            actions += [.emit(.drained), .finished]
            return actions
        case .exchanged(let result): exchanged(result, now, &actions)
        case .attempted(let seq, let attempt, let outcome): attempted(seq, attempt, outcome, now, &random, &actions)
        case .tokenAnswered(let result): tokenAnswered(result, now, &actions)
        case .tokenChanged: tokenChanged(now)
        case .looked(let seq, let attempt, let look): looked(seq, attempt, look, now, &random, &actions)
        case .fetched(let seq, let attempt, let fetch): fetched(seq, attempt, fetch, now, &random, &actions)
        }
        advance(now, &random, &actions)
        return actions
    }

    /// Steady time at which ``handle(_:now:random:)`` wants a tick at the latest.
    package func deadline(now: Moment) -> Int64 {
        if isFinished { return .max }
        var next = now.steady + configuration.pollMs
        if let lease {
            next = min(next, max(lease.heartbeatDue, askForLockAt))
            if !tokenCallUnderWay, let renewTokenAt { next = min(next, max(renewTokenAt, askForTokenAt)) }
            if !exchangeUnderWay { next = min(next, max(askStoreAt, now.steady + 1)) }
            if !exchangeUnderWay, storeFailures == 0, let outboxSince { next = min(next, outboxSince + Self.gatherMs) }
            if let nextDue { next = min(next, now.steady + max(1, nextDue.milliseconds - now.wall.milliseconds)) }
            next = min(next, postponedUntil)
        } else if !lockCallUnderWay {
            next = min(next, askForLockAt)
        }
        if holdUntil > now.steady { next = min(next, holdUntil) }
        if let asksAt = nextByPace(now) { next = min(next, asksAt) }
        // A probe that is due and has nothing to ask with waits for the next poll.
        if lease != nil, let judgement = plague.deadline, judgement > now.steady { next = min(next, judgement) }
        if case .open(let until) = breaker.state { next = min(next, until) }
        if let drainDeadline, !interrupted { next = min(next, drainDeadline) }
        return max(next, now.steady + 1)
    }

    /// When the pace lets something be claimed or sent; nil when it does not matter.
    private func nextByPace(_ now: Moment) -> Int64? {
        guard configuration.adapts, let opensAt = pacer.opensAt(now: now.steady) else { return nil }
        if !ready.isEmpty { return opensAt }
        let claimsAt = opensAt - Int64(Workers.aheadMs)
        return mayHaveMore && claimsAt > now.steady ? claimsAt : nil
    }

    /// A wall clock that goes back would leave retries waiting for a time that comes again much later.
    private mutating func watchClock(_ now: Moment, _ actions: inout [Action]) {
        if let lastSeen {
            let step = (now.wall.milliseconds - lastSeen.wall.milliseconds) - (now.steady - lastSeen.steady)
            if abs(step) >= 2000 {
                actions.append(.emit(.clockStepped(milliseconds: step)))
                mayHaveMore = true
                nextDue = nil
                if step < 0, lease != nil { actions.append(.clampRetries) }
            }
        }
        lastSeen = now
    }

    private mutating func advance(_ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]) {
        if breaker.advance(now: now.steady) {
            actions.append(.emit(.breakerProbing))
            mayHaveMore = true
        }
        if holdUntil != .min, now.steady >= holdUntil {
            holdUntil = .min
            mayHaveMore = true
            ramp.restart(begun: serial.begun)
        }
        routeHolds.expire(now: now.steady)
        handInPostponed(now)
        judge(now, &actions)
        tendLock(now, &actions)
        tendToken(now, &actions)
        tendDrain(now, &actions)
        giveBackUnsendable(now)
        sendReady(now, &random, &actions)
        if outbox.isEmpty { outboxSince = nil } else if outboxSince == nil { outboxSince = now.steady }
        talkToStore(now, &actions)
    }

    /// Claims in our hands that the next exchange does not settle.
    private var held: Int {
        flights.count + waitingForToken.count + accused.count + ready.urgentCount + ready.normalCount + postponed.count
            + max(0, outbox.count - configuration.settleBatch)
    }

    /// Whether one of them is a crash suspect, beside which nothing else is claimed.
    private var holdsSuspect: Bool {
        flights.values.contains { $0.claim.operation.crashes > 0 } || waitingForToken.contains { $0.claim.operation.crashes > 0 }
            || accused.values.contains { $0.claim.operation.crashes > 0 } || ready.contains { $0.operation.crashes > 0 }
    }

    /// Requests in flight at most. A capacity that was found is for operations of any priority: an urgent one may go beyond it by one.
    /// Where those of any priority take all that the ramp lets go, an urgent one may go beyond that too: it waits for none of them.
    private var limit: Int {
        let adapted = min(ramp.limit, capacity.map { $0.limit + 1 } ?? .max)
        return min(configuration.workers, max(adapted, normalInFlight + 1))
    }

    /// How many of these may be of any priority.
    private var normalPlaces: Int { min(workers.normalPlaces(limit: ramp.limit), capacity?.limit ?? .max) }

    /// How many more requests may start now.
    private func openPlaces(_ now: Moment) -> Int {
        // While a refused token is refreshed, nothing more goes out with it.
        guard let lease, lease.timeLeftMs(now: now.steady) != nil, drainDeadline == nil, pauses.isEmpty, holdUntil <= now.steady,
            waitingForToken.isEmpty, case .known = token
        else { return 0 }
        let onWire = flights.count + waitingForToken.count
        let places = max(0, limit - onWire)
        if plague.isHeld { return onWire == 0 && plague.mayProbe(now: now.steady) ? min(1, breaker.allowance(inFlight: 0) ?? 1) : 0 }
        return min(places, breaker.allowance(inFlight: onWire) ?? places)
    }

    /// Whether another operation could be sent at once, if there were one.
    func hasFreeWorkers(_ now: Moment) -> Bool {
        ready.isEmpty && !holdsSuspect && !awaitsProbe && openPlaces(now) > 0 && !isPaced(now)
    }

    /// Whether the next request has to wait for its turn by the rate. Urgent operations go at once; they only count.
    private func isPaced(_ now: Moment) -> Bool { configuration.adapts && pacer.opensAt(now: now.steady) != nil }

    /// Whether claiming makes sense now, or soon enough.
    private func mayClaim(_ now: Moment) -> Bool {
        guard let lease, lease.timeLeftMs(now: now.steady) != nil, drainDeadline == nil, pauses.isEmpty, holdUntil <= now.steady,
            case .known = token
        else { return false }
        let onWire = flights.count + waitingForToken.count
        if plague.isHeld, onWire > 0 || !plague.mayProbe(now: now.steady) { return false }
        return breaker.allowance(inFlight: onWire) != 0
    }

    /// Claims that can't be sent soon go back, so that they are not held from anyone, and can be cancelled or folded.
    private mutating func giveBackUnsendable(_ now: Moment) {
        guard !ready.isEmpty, !mayClaim(now) else { return }
        // A probe under way leaves its turn to others only if it fails; a few claims may wait for it.
        if case .halfOpen = breaker.state, drainDeadline == nil, pauses.isEmpty { return }
        for claim in ready.takeAll() { outbox.append(Verdict(claim, .unsent)) }
    }

    private mutating func sendReady(_ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]) {
        while openPlaces(now) > 0 {
            let normalIsFree = normalInFlight < normalPlaces && !isPaced(now)
            guard let claim = ready.takeUrgent() ?? (normalIsFree ? ready.takeNormal() : nil) else { return }
            guard mayCarry(claim.operation) else {
                outbox.append(Verdict(claim, .unsent))
                continue
            }
            guard !upcast(claim, isCleared: false, &random), !rebase(claim, now, &random, &actions) else { continue }
            start(
                Flight(claim: claim, attempt: 0, startedAt: now.steady, generation: 0, isProbe: false, tokenIsFresh: false), now, &actions)
        }
    }

    /// Puts an attempt on the wire; the lease bounds its time.
    mutating func start(_ flight: Flight, _ now: Moment, _ actions: inout [Action]) {
        guard let left = lease?.timeLeftMs(now: now.steady), case .known(let credential) = token else { return }
        var flight = flight
        flight.attempt = serial.begin()
        flight.credential = token
        (flight.looksAhead, flight.conflict, flight.standstill) = (false, nil, nil)
        flight.generation = breaker.generation
        flight.isProbe = breaker.sent()
        (flight.isPlagueProbe, flight.mayProbe) = (plague.sent(), false)
        pacer.sent(now: now.steady)
        if flight.claim.operation.priority <= 0 { normalInFlight += 1 }
        flights[flight.claim.seq] = flight
        let subject = Event.Subject(flight.claim.operation, attempt: flight.claim.operation.tries + 1)
        actions.append(.emit(.claimed(id: subject.id, attempt: subject.attempt), about: subject))
        let timeoutMs = min(configuration.attemptTimeoutMs, left)
        if !flight.isCleared, needsLook(flight.claim.operation, now) {
            actions.append(.look(lookedUp(flight.claim), attempt: flight.attempt, token: credential?.value, timeoutMs: timeoutMs))
        } else {
            actions.append(.send(flight.claim, attempt: flight.attempt, token: credential?.value, timeoutMs: timeoutMs))
        }
    }

    private mutating func talkToStore(_ now: Moment, _ actions: inout [Action]) {
        guard let lease, !exchangeUnderWay, storeFailures == 0 || now.steady >= askStoreAt else { return }
        var urgent = 0
        var normal = 0
        let isProbe = breaker.isHalfOpen || plague.isHeld
        if mayClaim(now) {
            if isProbe {
                urgent = ready.isEmpty ? 1 : 0
                normal = urgent
            } else {
                urgent = workers.urgentClaims(limit: limit, inFlight: flights.count, ready: ready)
                normal = workers.normalClaims(places: normalPlaces, normalInFlight: normalInFlight, ready: ready)
                if configuration.adapts, let soon = pacer.allowance(within: Workers.aheadMs, now: now.steady) {
                    normal = min(normal, max(0, soon - ready.normalCount))
                }
            }
        }
        let isDue = nextDue.map { $0 <= now.wall } ?? false
        let isAlone = holdsSuspect
        // Judgement needs to know whether there are others when only urgent ones have been asked for.
        let seeksOthers = normal > 0 && plague.isJudging && askedOnlyUrgent && !isAlone
        let wantsClaims = urgent + normal > 0 && (mayHaveMore || isDue || !outbox.isEmpty || seeksOthers)
        let signedIn = token.signedIn == storedSignedIn ? nil : token.signedIn
        let hasNews = !outbox.isEmpty || healthChanged || !pauseWrites.isEmpty || signedIn != nil
        guard hasNews || wantsClaims || now.steady >= askStoreAt, !mayGather(now) else { return }

        let batch = outbox.prefix(configuration.settleBatch)
        outboxSent = batch.count
        let news = healthChanged ? health(now) : nil
        healthSent = healthChanged
        healthChanged = false
        plagueEndSent = plagueEnded
        plagueEnded = false
        pauseWritesSent = pauseWrites
        exchangeUnderWay = true
        exchangeFence = lease.fence
        exchangeBegunAt = now.steady
        signedInSent = signedIn
        normalAsked = isAlone ? 0 : normal
        if !isAlone, urgent + normal > 0 { askedOnlyUrgent = normal == 0 }
        if urgent + normal > 0 { mayHaveMore = false }
        var exchange = Exchange(
            fence: lease.fence, now: now.wall, settlements: batch.map(\.settlement), health: news,
            pauses: pauseWrites, signedIn: signedIn, held: held, urgent: isAlone ? 0 : urgent, normal: isAlone ? 0 : normal)
        exchange.isProbe = isProbe && exchange.urgent + exchange.normal > 0
        if pauseWrites[.upgrade] == true { exchange.appVersion = configuration.appVersion }
        actions.append(.exchange(exchange))
    }

    /// Whether the exchange may wait for more results, which then share its fsync: answers come fast, workers have enough to send
    /// meanwhile, and nothing of what waits to be written is older than ``gatherMs``.
    private func mayGather(_ now: Moment) -> Bool {
        guard let since = outboxSince, workers.isFast, drainDeadline == nil, pauses.isEmpty, pauseWrites.isEmpty else { return false }
        let isBusy = ready.normalCount * 2 >= normalPlaces && ready.normalCount > 1
        return isBusy && outbox.count < configuration.settleBatch && now.steady < since + Self.gatherMs
    }

    /// Milliseconds that a result may wait for others before it is written.
    private static var gatherMs: Int64 { 5 }

    private func health(_ now: Moment) -> OriginHealth {
        var health = OriginHealth(trips: trips)
        switch breaker.state {
        case .closed: break
        case .open(let until): health.openUntil = now.wall.adding(milliseconds: until - now.steady)
        case .halfOpen: health.openUntil = now.wall
        }
        if case .held(_, let status, _, _, _) = plague.state {
            health.plagueStatus = status
            health.plagueSince = plagueSince
        }
        health.endsPlague = plagueEnded && !plague.isHeld
        if holdUntil > now.steady { health.holdUntil = now.wall.adding(milliseconds: holdUntil - now.steady) }
        return health
    }

    private mutating func exchanged(_ result: Result<ExchangeResult, StoreError>, _ now: Moment, _ actions: inout [Action]) {
        exchangeUnderWay = false
        // The answer to a lease that is over: its claims have been given back, maybe to ourselves under a new epoch.
        guard let lease, lease.fence == exchangeFence else { return }
        switch result {
        case .failure(.stale): loseLease(now, &actions)
        case .failure(let error):
            storeFailures += 1
            mayHaveMore = true
            healthChanged = healthChanged || healthSent
            plagueEnded = plagueEnded || plagueEndSent
            askStoreAt = now.steady + min(5000, 100 << Int64(min(storeFailures, 6)))
            actions.append(.emit(.storeError(error)))
        case .success(let result):
            storeFailures = 0
            askStoreAt = now.steady + configuration.pollMs
            for (verdict, isSettled) in zip(outbox, result.settled) where isSettled {
                for event in verdict.events { actions.append(.emit(event, about: verdict.subject)) }
            }
            if !result.postponed.isEmpty {
                postpone(outbox.prefix(outboxSent).filter { result.postponed.contains($0.settlement.seq) }, now)
            }
            outbox.removeFirst(outboxSent)
            outboxSince = outbox.isEmpty ? nil : now.steady
            awaitsProbe = result.awaitsProbe
            if let signedInSent { storedSignedIn = signedInSent }
            if !result.claims.isEmpty { isDry = false } else if normalAsked > 0 { isDry = !result.isAlone }
            tellPauses(&actions)
            nextDue = result.nextDue
            askProbesAgain(result, now, &actions)
            for id in result.expired { actions.append(.emit(.expired(id: id))) }
            for (id, error) in result.setAside + result.steppedOut { actions.append(.emit(.failed(id: id, error: error))) }
            for ending in result.ended {
                if let reason = ending.reason { actions.append(.emit(.rolledBack(token: ending.change.txnToken, reason: reason))) }
            }
            for claim in result.claims { ready.add(claim) }
            giveBackOthers()
            putOffHeld(now)
            // A settled head may have freed the next of its line after the claim looked; more may wait than the claim took, or looked at.
            let isDueNow = result.nextDue.map { $0 <= now.wall } ?? false
            mayHaveMore = mayHaveMore || !result.claims.isEmpty || outboxSent > 0 || isDueNow
            adopt(result.pauses, &actions)
            if let shared = result.shared { follow(shared, now, &actions) }
        }
        outboxSent = 0
    }

    /// Pauses set or lifted by others; our own unsaved ones stand.
    private mutating func adopt(_ stored: Set<Pause>, _ actions: inout [Action]) {
        var wanted = stored
        for (pause, active) in pauseWrites { if active { wanted.insert(pause) } else { wanted.remove(pause) } }
        for pause in pauses.subtracting(wanted) {
            actions.append(.emit(.resumed(pause)))
            if pause == .tls { tlsFailures = 0 }
            if pause == .rollout { rollout?.rearm() }
            ramp.restart(begun: serial.begun)
            mayHaveMore = true
        }
        for pause in wanted.subtracting(pauses) { actions.append(.emit(.paused(pause))) }
        pauses = wanted
    }

    private mutating func tendDrain(_ now: Moment, _ actions: inout [Action]) {
        guard let drainDeadline, !releasing else { return }
        for flight in waitingForToken { giveBack(flight, refused: flight.standstill) }
        waitingForToken = []
        giveBack(accused.keys.sorted(), waitMs: 0, now)
        plague.forgetAll()
        if now.steady >= drainDeadline, !interrupted {
            interrupted = true
            actions.append(.interruptAll)
        }
        let isWritten = outbox.isEmpty && postponed.isEmpty
        // What can't be written in time goes back with the lock.
        let gaveUp = (storeFailures > 0 || outbox.isEmpty) && now.steady >= drainDeadline
        guard let lease else {
            if !lockCallUnderWay {
                isFinished = true
                actions += [.emit(.drained), .finished]
            }
            return
        }
        guard flights.isEmpty, ready.isEmpty, !exchangeUnderWay, !lockCallUnderWay, isWritten || gaveUp else { return }
        releasing = true
        actions.append(.releaseLock(lease.fence))
        self.lease = nil
    }
}
