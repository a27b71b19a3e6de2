extension Processor {
    /// What is known of the credential.
    enum Credential: Sendable, Equatable {
        case unknown
        /// In force; nil when the upstream wants none.
        case known(Token?)

        /// Whose it is.
        var signedIn: SignedIn? {
            guard case .known(let token) = self else { return nil }
            return token?.principal.map { .principal($0) } ?? .nobody
        }
    }

    /// Whether an operation may be sent with the token in force: one of a principal only with that principal's.
    func mayCarry(_ operation: Operation) -> Bool { operation.principal == nil || operation.principal == token.signedIn?.hash }

    /// Claims of somebody who has signed out go back; the store parks them.
    mutating func giveBackOthers() {
        let signedIn = token.signedIn?.hash
        let others = ready.take { $0.operation.principal != nil && $0.operation.principal != signedIn }
        for claim in others { outbox.append(Verdict(claim, .unsent)) }
    }

    /// How often a provider is asked again while delivery waits for a token.
    static var tokenPollMs: Int64 { 2000 }

    private static var sameToken: String { "the provider gave the token that was refused" }

    /// Milliseconds after which a renewal that failed is tried again.
    private static var renewAgainMs: Int64 { 10_000 }

    mutating func tendToken(_ now: Moment, _ actions: inout [Action]) {
        guard lease != nil, drainDeadline == nil, !tokenCallUnderWay, now.steady >= askForTokenAt else { return }
        let rejected = pauses.contains(.auth) || !waitingForToken.isEmpty
        let isEnding = renewTokenAt.map { now.steady >= $0 } ?? false
        guard token == .unknown || rejected || isEnding else { return }
        tokenCallUnderWay = true
        actions.append(.fetchToken(refresh: rejected))
    }

    /// A 401 came back: one refresh for all that wait. One that was sent before the last refresh goes out again with what there is now.
    mutating func awaitToken(_ flight: Flight, _ now: Moment, _ actions: inout [Action]) {
        if flight.credential != token, case .known = token, !tokenCallUnderWay, goOn(flight, now, &actions) { return }
        waitingForToken.append(flight)
        if !tokenCallUnderWay { askForTokenAt = now.steady }
    }

    /// Another user may be signed in: the provider is asked at once. An answer that is still to come may be of the last one.
    mutating func tokenChanged(_ now: Moment) {
        token = .unknown
        tokenAnswerIsVoid = tokenCallUnderWay
        askForTokenAt = now.steady
    }

    mutating func tokenAnswered(_ result: Result<Token?, TokenFailure>, _ now: Moment, _ actions: inout [Action]) {
        tokenCallUnderWay = false
        if tokenAnswerIsVoid {
            tokenAnswerIsVoid = false
            askForTokenAt = now.steady
            return
        }
        askForTokenAt = now.steady + Self.tokenPollMs
        let waiting = waitingForToken
        waitingForToken = []
        switch result {
        case .failure(let failure):
            actions.append(.emit(.tokenRefreshed(success: false, reason: failure.reason)))
            if waiting.isEmpty, token != .unknown, token != refusedToken, !pauses.contains(.auth) {
                // Too early for trouble: the one in force goes on until it is refused.
                return renewTokenAt = now.steady + Self.renewAgainMs
            }
            for flight in waiting { giveBack(flight, refused: flight.standstill) }
            pause(.auth)
        case .success(let fresh):
            let isNew = token != .known(fresh)
            let wasKnown = token != .unknown
            token = .known(fresh)
            renewTokenAt = fresh?.renewInMs.map { now.steady + max($0, Self.tokenPollMs) }
            giveBackOthers()
            if wasKnown, isNew || !waiting.isEmpty {
                actions.append(.emit(.tokenRefreshed(success: isNew, reason: isNew ? nil : Self.sameToken)))
            }
            if pauses.contains(.auth), token != refusedToken { resume(.auth) }
            for var flight in waiting {
                flight.tokenIsFresh = true
                if !goOn(flight, now, &actions) { giveBack(flight, refused: flight.standstill) }
            }
            mayHaveMore = true
        }
    }

    /// What waited for a token goes out again, a fetch as a fetch. False when it may not go now: its claim goes back rather than being held
    /// by nobody.
    private mutating func goOn(_ flight: Flight, _ now: Moment, _ actions: inout [Action]) -> Bool {
        if flight.isFetch { return beginFetch(flight, now, &actions) }
        guard mayGoOut(flight, now) else { return false }
        start(flight, now, &actions)
        return true
    }

    /// Whether a request for an operation that was claimed, and asked about or refused meanwhile, may go out now. Where a plague is held,
    /// one at a time may: the next probe in its time, or what follows a probe that has not asked yet.
    func mayGoOut(_ flight: Flight, _ now: Moment) -> Bool {
        !isHeld(flight.claim.operation, now) && mayGoOutByAnyRoute(flight, now)
    }

    /// The same of one whose route is known to be free.
    func mayGoOutByAnyRoute(_ flight: Flight, _ now: Moment) -> Bool {
        let mayProbe = flights.isEmpty && (flight.isPlagueProbe || flight.mayProbe || plague.mayProbe(now: now.steady))
        guard !plague.isHeld || mayProbe else { return false }
        return lease?.timeLeftMs(now: now.steady) != nil && drainDeadline == nil && pauses.isEmpty && holdUntil <= now.steady
            && breaker.allowance(inFlight: flights.count) != 0 && mayCarry(flight.claim.operation)
    }

    /// Back to the head of its line, with the answer that has stopped it: what was refused had no effect, and does not become doubtful.
    mutating func giveBack(_ flight: Flight, refused error: LastError?) {
        outbox.append(Verdict(flight.claim, .returned, standstill: error, unknownAt: flight.unknownBefore))
    }

    /// Stops delivery at once. It is told when it is on disk: whoever hears of it may lift it, and that must find it there.
    mutating func pause(_ pause: Pause) { if pauses.insert(pause).inserted { pauseWrites[pause] = true } }

    /// Delivery goes on at once; told when that is on disk.
    mutating func resume(_ pause: Pause) {
        guard pauses.remove(pause) != nil else { return }
        pauseWrites[pause] = false
        ramp.restart(begun: serial.begun)
    }

    /// The pauses that an exchange has written: from now on others may lift them.
    mutating func tellPauses(_ actions: inout [Action]) {
        for pause in Pause.allCases {
            guard let isActive = pauseWritesSent[pause] else { continue }
            if pauseWrites[pause] == isActive { pauseWrites[pause] = nil }
            actions.append(.emit(isActive ? .paused(pause) : .resumed(pause)))
        }
        pauseWritesSent = [:]
    }
}
