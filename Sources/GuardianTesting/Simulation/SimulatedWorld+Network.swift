import GuardianCore

extension SimulatedWorld {
    mutating func send(_ request: Agenda.Request) {
        let sender = request.sender.process
        let line = script.ordering.line(for: request.claim.operation.orderingKey)
        if processes[sender].open.values.contains(where: { script.ordering.line(for: $0.claim.operation.orderingKey) == line }) {
            judge.violated("two requests of one process in a line: seq \(request.claim.seq)")
        }
        processes[sender].open[request.attempt] = request
        judge.sent(request.claim, token: request.token, build: processes[sender].isUpgraded ? 2 : nil)
        if judge.record(of: request.claim.seq)?.verdict == .refusedForGood { report.attemptsOfBadWrites += 1 }
        if judge.record(of: request.claim.seq)?.verdict == .killer { return agenda.add(.attemptEnds(request, .interrupted), at: now + 1) }
        let timeout = now + request.timeoutMs
        if script.outages.contains(where: { $0.contains(now) }) {
            let failure: NetworkFailure = [.refused, .unreachable, .dns, .timeout][Int.random(in: 0..<4, using: &random)]
            agenda.add(.attemptEnds(request, .unanswered(failure, detail: "")), at: failure == .timeout ? timeout : delay(1...200))
        } else if isTroubled, upstream.tlsFailures > 0 {
            upstream.tlsFailures -= 1
            agenda.add(.attemptEnds(request, .unanswered(.tls, detail: "")), at: delay(1...50))
        } else if isTroubled, chance(script.lostRequests) {
            agenda.add(.attemptEnds(request, .unanswered(.timeout, detail: "")), at: timeout)
        } else {
            agenda.add(.arrive(request), at: delay(1...200))
        }
        if isTroubled, chance(script.duplicates) {
            var copy = request
            copy.isCopy = true
            agenda.add(.arrive(copy), at: delay(1...90_000))
        }
    }

    mutating func arrive(_ request: Agenda.Request) {
        let outcome = answer(request)
        note(UInt64(bitPattern: request.claim.seq))
        guard !request.isCopy else { return }
        let timeout = request.sentAt + request.timeoutMs
        if isTroubled, chance(script.lostAnswers) {
            let isReset = chance(0.3)
            agenda.add(
                .attemptEnds(request, .unanswered(isReset ? .reset : .timeout, detail: "")),
                at: isReset ? delay(1...100) : max(timeout, now))
            return
        }
        agenda.add(.attemptEnds(request, outcome), at: min(delay(1...200), max(timeout, now)))
        if isTroubled, chance(script.duplicates) { agenda.add(.attemptEnds(request, outcome), at: delay(200...400)) }
    }

    /// Whether somebody else answers in the upstream's place.
    private var isPortal: Bool { script.portals.contains { $0.contains(now) } }

    /// What a transport makes of a stranger's page.
    private static let stranger = Outcome.unanswered(.foreign, detail: "HTML where JSON was due")

    private mutating func answer(_ request: Agenda.Request) -> Outcome {
        if isPortal { return Self.stranger }
        if let token = request.token, !token.hasSuffix("-\(upstream.validToken)") { return .refused(.auth, Answer(status: 401)) }
        if script.signedOut.contains(where: { $0.contains(now) }) { return .refused(.auth, Answer(status: 401)) }
        if script.gateways.contains(where: { $0.contains(now) }) { return .refused(.permanent, Answer(status: 403, code: "GATEWAY")) }
        if isTroubled, upstream.asksForUpgrade {
            upstream.asksForUpgrade = false
            return .refused(.upgrade, Answer(status: 426))
        }
        if script.storms.contains(where: { $0.contains(now) }) || isTroubled && chance(script.serverErrors) {
            if chance(0.5) { apply(request) }
            return .refused(.transient, Answer(status: [500, 502, 503, 504][Int.random(in: 0..<4, using: &random)]))
        }
        if isTroubled, chance(script.pushBacks) {
            let wait = Int64.random(in: 0...120_000, using: &random)
            return .refused(.transient, Answer(status: chance(0.5) ? 429 : 503, retryAfterMs: wait))
        }
        guard let record = judge.record(of: request.claim.seq) else { return .accepted(Answer(status: 200)) }
        if record.verdict == .shared { return writeShared(request) }
        var outcome = upstream.judge(record.verdict, request.claim.operation, isTroubled: isTroubled)
        if case .accepted(var answer) = outcome {
            apply(request)
            if let id = assignedID(request.claim.operation) { answer.data = ["id": .string(id)] }
            outcome = .accepted(answer)
        }
        return outcome
    }

    private mutating func apply(_ request: Agenda.Request) {
        guard let record = judge.record(of: request.claim.seq) else { return }
        switch record.verdict {
        case .fine: break
        case .shared:
            _ = writeShared(request)
            return
        case .broken where !isTroubled: break
        case .conflict where request.claim.operation.ifMatch == SimulatedUpstream.etag: break
        default: return
        }
        if upstream.apply(request.claim.operation, now: now) { judge.applied(request.claim.seq) }
    }

    /// A look goes the way of a request, and changes nothing.
    mutating func look(_ request: Agenda.Request) {
        processes[request.sender.process].open[request.attempt] = request
        judge.carried(request.claim, by: request.token)
        if isPortal { return agenda.add(.looked(request, .failed(Self.stranger)), at: delay(1...200)) }
        let answers = script.outages.contains { $0.contains(now) } ? false : !(isTroubled && chance(script.lostAnswers))
        let look: Look =
            answers
            ? (upstream.hasApplied(request.claim.operation.id) ? .applied() : .notApplied) : .failed(.unanswered(.timeout, detail: ""))
        agenda.add(.looked(request, look), at: answers ? delay(1...200) : now + request.timeoutMs)
    }

    /// A fetch goes the way of a request, and changes nothing.
    mutating func fetch(_ request: Agenda.Request) {
        processes[request.sender.process].open[request.attempt] = request
        judge.carried(request.claim, by: request.token)
        if isPortal { return agenda.add(.fetched(request, .failed(Self.stranger)), at: delay(1...200)) }
        let answers = script.outages.contains { $0.contains(now) } ? false : !(isTroubled && chance(script.lostAnswers))
        let found = self.found(request.claim.operation.entity)
        agenda.add(
            .fetched(request, answers ? found : .failed(.unanswered(.timeout, detail: ""))),
            at: answers ? delay(1...200) : now + request.timeoutMs)
    }

    mutating func fetched(_ request: Agenda.Request, _ fetch: Fetch) {
        guard lives(request.sender) else { return }
        if processes[request.sender.process].open.removeValue(forKey: request.attempt) != nil, case .failed(let outcome) = fetch {
            judge.answered(request.claim, outcome)
        }
        deliver(.fetched(seq: request.claim.seq, attempt: request.attempt, fetch), to: request.sender)
    }

    mutating func looked(_ request: Agenda.Request, _ look: Look) {
        guard lives(request.sender) else { return }
        if processes[request.sender.process].open.removeValue(forKey: request.attempt) != nil {
            switch look {
            case .failed(let outcome): judge.answered(request.claim, outcome)
            case .applied: judge.answered(request.claim, .accepted(Answer(status: 200)))
            case .notApplied, .unclear: break
            }
        }
        deliver(.looked(seq: request.claim.seq, attempt: request.attempt, look), to: request.sender)
    }

    mutating func attemptEnds(_ request: Agenda.Request, _ outcome: Outcome) {
        guard lives(request.sender) else { return }
        if judge.record(of: request.claim.seq)?.verdict == .killer, outcome == .interrupted {
            return crash(request.sender.process, isKnown: true)
        }
        if processes[request.sender.process].open.removeValue(forKey: request.attempt) != nil { judge.answered(request.claim, outcome) }
        // An answer told twice, or after the request was interrupted, must change nothing.
        deliver(.attempted(seq: request.claim.seq, attempt: request.attempt, outcome), to: request.sender)
    }
}
