extension Processor {
    mutating func tendLock(_ now: Moment, _ actions: inout [Action]) {
        guard !lockCallUnderWay, !releasing else { return }
        if let lease {
            guard now.steady >= lease.heartbeatDue, now.steady >= askForLockAt else { return }
            lockCallUnderWay = true
            actions.append(.renewLock(lease.fence))
        } else if drainDeadline == nil, now.steady >= askForLockAt {
            lockCallUnderWay = true
            lockCallBegunAt = now.steady
            actions.append(.acquireLock(owner: owner, staleAfterMs: configuration.lease.staleAfterMs))
        }
    }

    mutating func lockAnswered(_ answer: LockAnswer, _ control: Control, _ now: Moment, _ actions: inout [Action]) {
        lockCallUnderWay = false
        guard case .acquired(let fence, let before, _) = answer else {
            askForLockAt = now.steady + configuration.pollMs
            return
        }
        lease = Lease(policy: configuration.lease, fence: fence, renewedAt: lockCallBegunAt)
        serial.restart(epoch: fence.epoch)
        if let before { actions.append(.emit(.lockTakenOver(from: before.fence.owner, epoch: fence.epoch))) }
        actions += [.emit(.lockAcquired(epoch: fence.epoch)), .clampRetries]
        mayHaveMore = true
        askStoreAt = now.steady
        storeFailures = 0
        storedSignedIn = control.signedIn
        signedInSent = nil
        pauses = control.pauses
        for pause in Pause.allCases where pauses.contains(pause) { actions.append(.emit(.paused(pause))) }
        // Another version of the app may be taken; if not, the upstream says so again. A version that nobody has said counts as another.
        if let version = configuration.appVersion, version != control.refusedVersion { resume(.upgrade) }
        adopt(control.health, now, &actions)
    }

    /// What the store knows of the breaker and of a plague is what holds from now on, whatever was learnt under an earlier lease.
    private mutating func adopt(_ health: OriginHealth?, _ now: Moment, _ actions: inout [Action]) {
        trips = health?.trips ?? 0
        breaker = CircuitBreaker(policy: configuration.breaker)
        // One whose cool-down has passed meanwhile asks with one probe, like any other.
        if let until = health?.openUntil {
            breaker = CircuitBreaker(
                policy: configuration.breaker, openForMs: until.milliseconds - now.wall.milliseconds, now: now.steady)
        }
        // A probe of an earlier lease ends no hold: its answer is nobody's. And another processor may have ended the hold meanwhile.
        let wasHeld = plague.isHeld
        plague = PlagueDetector()
        plagueIsUntold = false
        if let status = health?.plagueStatus {
            plague.resume(status: status, now: now.steady)
            plagueSince = health?.plagueSince ?? now.wall
        } else if wasHeld {
            released(now, &actions)
        }
        if let until = health?.holdUntil, until > now.wall {
            holdUntil = now.steady + min(until.milliseconds - now.wall.milliseconds, OutcomeDecider.longestHoldMs)
        }
    }

    /// What another processor of the same store has learnt of the upstream holds for all of them: its breaker, the wait it asked for, and
    /// that it refuses everything.
    mutating func follow(_ shared: OriginHealth, _ now: Moment, _ actions: inout [Action]) {
        trips = max(trips, shared.trips)
        if let until = shared.openUntil {
            let change = breaker.followOpen(forMs: until.milliseconds - now.wall.milliseconds, now: now.steady)
            if case .opened(let until) = change {
                ramp.restart(begun: serial.begun)
                actions.append(.emit(.breakerOpened(forMs: until - now.steady)))
            }
        } else if breaker.followClosed() != nil {
            mayHaveMore = true
            ramp.restart(begun: serial.begun)
            actions.append(.emit(.breakerClosed))
        }
        if let until = shared.holdUntil, until > now.wall {
            let ours = now.steady + min(until.milliseconds - now.wall.milliseconds, OutcomeDecider.longestHoldMs)
            if holdUntil <= now.steady { actions.append(.emit(.originHeld(milliseconds: ours - now.steady))) }
            holdUntil = max(holdUntil, ours)
        }
        if let status = shared.plagueStatus {
            guard !plague.isHeld else { return }
            plagueSince = shared.plagueSince ?? now.wall
            apply(plague.join(status: status, now: now.steady), now, &actions)
        } else if plague.followReleased(heldBefore: exchangeBegunAt, now: now.steady) {
            released(now, &actions)
        } else {
            plagueIsUntold = plague.isOwn
        }
    }

    mutating func renewed(_ result: Result<Void, StoreError>, begunAt: Int64, _ now: Moment, _ actions: inout [Action]) {
        lockCallUnderWay = false
        switch result {
        case .success: lease?.renewed(begunAt: begunAt)
        case .failure(.stale): loseLease(now, &actions)
        case .failure(let error):
            askForLockAt = now.steady + configuration.pollMs
            actions.append(.emit(.storeError(error)))
        }
    }

    /// Somebody else delivers now. What we hold is no longer ours; answers still under way will change nothing.
    mutating func loseLease(_ now: Moment, _ actions: inout [Action]) {
        guard let lost = lease else { return }
        actions.append(.emit(.lockLost(epoch: lost.fence.epoch)))
        lease = nil
        _ = ready.takeAll()
        flights = [:]
        accused = [:]
        plague.forgetAll()
        normalInFlight = 0
        waitingForToken = []
        outbox = []
        outboxSent = 0
        outboxSince = nil
        forgetPostponed()
        awaitsProbe = false
        healthChanged = false
        plagueEnded = false
        pauseWrites = [:]
        askForLockAt = now.steady + configuration.pollMs
        actions.append(.interruptAll)
    }
}
