extension Processor {
    /// Refused as a conflict: looks what is there before anything is decided. What can't be asked now is sent again later.
    mutating func fetchOtherSide(_ flight: Flight, _ error: LastError, _ now: Moment, _ actions: inout [Action]) {
        var flight = flight
        flight.conflict = error
        guard beginFetch(flight, now, &actions) else { return sendAgain(flight, error, now) }
    }

    /// Asks what is there, as far as anything may go out for this operation now. Returns whether it does.
    mutating func beginFetch(_ flight: Flight, _ now: Moment, _ actions: inout [Action]) -> Bool {
        guard let left = lease?.timeLeftMs(now: now.steady), case .known(let credential) = token, mayGoOut(flight, now)
        else { return false }
        var flight = flight
        flight.attempt = serial.begin()
        flight.credential = token
        flight.generation = breaker.generation
        // While the breaker is half-open it uses nothing up. Whether writes are taken it does not tell.
        flight.isProbe = breaker.isHalfOpen
        if flight.isPlagueProbe { (flight.isPlagueProbe, flight.mayProbe) = (false, true) }
        flight.standstill = nil
        if flight.claim.operation.priority <= 0 { normalInFlight += 1 }
        flights[flight.claim.seq] = flight
        let timeoutMs = min(configuration.attemptTimeoutMs, left)
        actions.append(.fetch(flight.claim, attempt: flight.attempt, token: credential?.value, timeoutMs: timeoutMs))
        return true
    }

    // MARK: Before the first write

    /// Where a route merges, an edit is written only over a state that its base knows: a payload holds fields that others may have changed
    /// since, which an ETag of our own could not tell. What the upstream is known to have is merged in first where it is newer than the
    /// base; else what is there is fetched, for the app may have read the entity by itself, and know more than we do. `isCleared` says that
    /// no earlier attempt had an effect, `mayProbe` that what is sent may go as a plague's probe. Returns whether the claim is taken care
    /// of.
    mutating func rebase(
        _ claim: Claim, isCleared: Bool = false, mayProbe: Bool = false, _ now: Moment, _ random: inout Xoshiro256,
        _ actions: inout [Action]
    ) -> Bool {
        let operation = claim.operation
        guard operation.base != nil, operation.type != "create", operation.type != "delete", operation.customOrderingKey == nil,
            case .merge = configuration.conflicts.policy(for: operation)
        else { return false }
        if operation.unknownAt != nil, !isCleared {
            // What may have been applied goes out again as it was, which is safe where its If-Match names what it knows or what is no more.
            guard !needsLook(operation, now), mayOverwrite(operation) else { return false }
        } else if let known = operation.server, Operation.strong(known.etag) != nil, let state = JSONValue.reading(known.state) {
            if Self.knows(operation, state) { return false }
            let isNewer = ServerState(state: operation.base).isOlder(than: known)
            if isNewer, case .send(let revision)? = merged(operation, with: state, known.etag) {
                revise(operation, revision.payload, over: state, known.etag, &random)
                return true
            }
        } else if operation.sentIfMatch != nil, operation.server == nil {
            return false
        }
        var flight = Flight(
            claim: claim, attempt: 0, startedAt: now.steady, generation: breaker.generation, isProbe: false, tokenIsFresh: false)
        flight.looksAhead = true
        (flight.isCleared, flight.mayProbe) = (isCleared, mayProbe)
        return beginFetch(flight, now, &actions)
    }

    /// Whether an operation, sent again as it is, may be written over a state that it does not know: no If-Match stands in the way of that,
    /// or one that names the state that is there.
    private func mayOverwrite(_ operation: Operation) -> Bool {
        guard let wanted = operation.sentIfMatch else { return true }
        guard let known = operation.server, known.etag == wanted, let state = JSONValue.reading(known.state) else { return false }
        return !Self.knows(operation, state)
    }

    /// Whether the base of an operation is this state.
    private static func knows(_ operation: Operation, _ state: JSONValue) -> Bool {
        let fields = SystemFields.standard
        guard let base = JSONValue.reading(operation.base) else { return true }
        return fields.content(of: state).means(fields.content(of: base))
    }

    /// What becomes of an edit where `state` is; nil when its base knows that.
    private func merged(_ operation: Operation, with state: JSONValue, _ etag: String?) -> Resolution? {
        guard let base = JSONValue.reading(operation.base), !Self.knows(operation, state) else { return nil }
        let conflict = Conflict(
            operationType: operation.type, entity: operation.entity, local: JSONValue.reading(operation.payload), base: base,
            server: .present(state, etag: etag))
        return Reconciler().decide(conflict, policy: configuration.conflicts.policy(for: operation))
    }

    /// Back to the head of its line, with `payload` made on `state`.
    private mutating func revise(
        _ operation: Operation, _ payload: JSONValue?, over state: JSONValue, _ etag: String?, _ random: inout Xoshiro256
    ) {
        let next = Settlement.Revision(
            payload: payload?.text, type: operation.type, base: state.text, ifMatch: etag, newKey: UniqueID.v4(using: &random),
            wasRefused: false)
        settle(operation, .revised(next), server: ServerState(state: state.text, etag: etag))
        mayHaveMore = true
    }

    /// Merges what is there, or with `isFetched` false what was heard of it last. False when the operation is sent as it is.
    private mutating func rebase(
        _ operation: Operation, on state: JSONValue, etag: String?, isFetched: Bool, _ random: inout Xoshiro256
    ) -> Bool {
        switch merged(operation, with: state, etag) {
        case .send(let revision)?: revise(operation, revision.payload, over: state, etag, &random)
        case .alreadyDone? where isFetched:
            settle(
                operation, .processed, .processed(id: operation.id, latencyMs: 0, httpStatus: nil),
                server: ServerState(state: state.text, etag: etag))
        // Nobody has seen it there: that is for the upstream to say, which takes it over that state only.
        case .alreadyDone?: revise(operation, state, over: state, etag, &random)
        case .takeServer?, .person?, nil: return false
        }
        return true
    }

    /// What is there has been fetched before the first write, or before a write whose outcome is unknown is sent again.
    private mutating func lookedAhead(
        _ flight: Flight, _ fetch: Fetch, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        let operation = flight.claim.operation
        let known = operation.server
        var cleared = flight
        switch fetch {
        case .failed(let outcome) where !outcome.isFinal:
            return attempted(flight.claim.seq, flight.attempt, outcome, now, &random, &actions)
        case .present(let state, let etag):
            endFlight(flight)
            let isUnknown = operation.unknownAt != nil && !flight.isCleared
            if isUnknown, let etag, let before = Operation.strong(known?.etag), before != etag, !Self.knows(operation, state) {
                // Under an ETag that is no more it overwrites nothing: its key brings the answer it had, or it meets a conflict.
                cleared.claim.operation.ifMatch = before
            } else {
                if rebase(operation, on: state, etag: etag, isFetched: true, &random) { return }
                cleared.claim.operation.ifMatch = etag
            }
        case .gone: endFlight(flight)
        case .failed:
            endFlight(flight)
            let state = JSONValue.reading(known?.state)
            if let etag = known?.etag, let state, rebase(operation, on: state, etag: etag, isFetched: false, &random) { return }
        }
        sendAfterAsking(cleared, now, &actions)
    }

    /// What was to be asked first has been: now it is written, or goes back unsent when that may not be any more. Since it was asked
    /// another user may have signed in, delivery been paused, or the upstream have asked to wait.
    mutating func sendAfterAsking(_ flight: Flight, _ now: Moment, _ actions: inout [Action]) {
        if putOffIfHeld(flight.claim, now) { return }
        guard mayGoOutByAnyRoute(flight, now) else { return outbox.append(Verdict(flight.claim, .unsent)) }
        start(flight, now, &actions)
    }

    // MARK: After a refusal

    /// Back to the head of its line at once: the refusal has shown that it had no effect.
    mutating func sendAgain(_ flight: Flight, _ error: LastError, _ now: Moment) {
        settle(
            flight.claim.operation,
            .retry(due: now.wall, backoffMs: 1, error: error, charged: false, failureMark: serial.mark, unknownAt: nil))
    }

    mutating func fetched(
        _ seq: Int64, _ attempt: Int64, _ fetch: Fetch, _ now: Moment, _ random: inout Xoshiro256, _ actions: inout [Action]
    ) {
        guard let flight = flights[seq], flight.attempt == attempt else { return }
        if flight.looksAhead { return lookedAhead(flight, fetch, now, &random, &actions) }
        guard let conflictError = flight.conflict else { return }
        let server: Conflict.Server
        switch fetch {
        case .present(let state, let etag): server = .present(state, etag: etag)
        case .gone: server = .gone
        case .failed(let outcome) where outcome.isFinal:
            endFlight(flight)
            let operation = flight.claim.operation
            var error = conflictError
            // Whoever settles it is to know why nobody has looked; a transport that never can needs no mention.
            if case .unsendable(let why) = outcome, fetch != .unable {
                error.message = LastError.kept("\(conflictError.message); \(why.message)")
            }
            return settle(operation, .failed(error), .conflict(id: operation.id, error: error))
        case .failed(let outcome): return attempted(seq, attempt, outcome, now, &random, &actions)
        }
        endFlight(flight)
        reconcile(flight.claim.operation, server, conflictError, &random)
    }

    private mutating func endFlight(_ flight: Flight) {
        flights[flight.claim.seq] = nil
        if flight.claim.operation.priority <= 0 { normalInFlight -= 1 }
    }

    private mutating func reconcile(
        _ operation: Operation, _ server: Conflict.Server, _ conflictError: LastError, _ random: inout Xoshiro256
    ) {
        let policy = configuration.conflicts.policy(for: operation)
        let conflict = Conflict(
            operationType: operation.type, entity: operation.entity, local: JSONValue.reading(operation.payload),
            base: JSONValue.reading(operation.base),
            server: server, round: operation.rounds + 1, status: conflictError.httpStatus ?? 409, ifMatch: operation.sentIfMatch)
        let found = server.stored
        let resolution = Reconciler().decide(conflict, policy: policy)
        let done = Event.processed(id: operation.id, latencyMs: 0, httpStatus: nil)
        let told = Event.conflictResolved(id: operation.id, strategy: policy.name, resolution: resolution.name)
        switch resolution {
        case .alreadyDone:
            var settlement = Settlement(seq: operation.seq, id: operation.id, result: .processed)
            if case .present(let state, _) = server { settlement = success(operation, Answer(status: 200, data: state)) }
            settlement.server = found
            outbox.append(
                Verdict(settlement: settlement, events: [told, done], subject: Event.Subject(operation, attempt: operation.tries + 1)))
        case .takeServer: settle(operation, .overruled, told, done, server: found)
        case .send(let revision):
            let next = Settlement.Revision(
                payload: revision.payload?.text, type: revision.operationType ?? operation.type, base: revision.base?.text,
                ifMatch: revision.ifMatch, newKey: UniqueID.v4(using: &random))
            settle(operation, .revised(next), told, server: found)
            mayHaveMore = true
        case .person(let why):
            var error = conflictError
            error.message = LastError.kept("\(conflictError.message); \(why)")
            settle(operation, .failed(error), .conflict(id: operation.id, error: error), server: found)
        }
    }

    // MARK: What a success brings

    /// Bytes of an answer that are kept at most.
    static var mostAnswerBytes: Int { 4096 }

    /// A settled success, with what its answer says of the entity.
    func success(_ operation: Operation, _ answer: Answer) -> Settlement {
        var settlement = Settlement(seq: operation.seq, id: operation.id, result: .processed)
        let isDelete = operation.type == "delete"
        var keepsState = configuration.keepsStates
        // A route that merges needs to know what is there before its next write.
        if case .merge = configuration.conflicts.policy(for: operation) { keepsState = true }
        if answer.etag != nil || keepsState && (isDelete || answer.data != nil) {
            settlement.server = ServerState(
                state: keepsState && !isDelete ? answer.data?.text : nil, etag: isDelete ? nil : answer.etag, isGone: isDelete)
        }
        let isCreate = operation.type == "create"
        guard isCreate || configuration.keptAnswers == .all, let data = answer.data else { return settlement }
        let text = data.text
        if text.utf8.count <= Self.mostAnswerBytes { settlement.answer = text }
        if isCreate, assignsID(operation), let id = data["id"]?.idText, id != operation.entity.id {
            settlement.assignedID = id
            if case .number = data["id"] { settlement.assignedIsNumber = true }
        }
        return settlement
    }

    /// Whether the upstream gives entities of its type their ids.
    func assignsID(_ operation: Operation) -> Bool {
        configuration.assignsIDs.contains(operation.entity.type) || configuration.assignsIDs.contains("*")
    }
}

extension JSONValue {
    /// A text or a whole number, as an id; nil for a text with a zero byte too, which not every store can hold.
    fileprivate var idText: String? {
        switch self {
        case .string(let text): text.isEmpty || text.utf8.contains(0) ? nil : text
        case .number(let text): text
        default: nil
        }
    }
}

extension Outcome {
    /// Asking again would not change it.
    var isFinal: Bool {
        switch self {
        case .unsendable: true
        case .refused(.permanent, let answer), .refused(.conflict, let answer): !answer.asksToWait
        default: false
        }
    }
}

extension Conflict.Server {
    fileprivate var stored: ServerState {
        switch self {
        case .present(let state, let etag): ServerState(state: state.text, etag: etag)
        case .gone: ServerState(isGone: true)
        }
    }
}

extension Resolution {
    /// A word for events and metrics.
    package var name: String {
        switch self {
        case .alreadyDone: "already_done"
        case .takeServer: "server"
        case .send: "sent_again"
        case .person: "person"
        }
    }
}
