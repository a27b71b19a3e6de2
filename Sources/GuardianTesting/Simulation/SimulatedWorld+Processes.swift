import GuardianCore

extension SimulatedWorld {
    func lives(_ life: Agenda.Incarnation) -> Bool { processes[life.process].life == life.life && processes[life.process].processor != nil }

    /// What the newer build does to operations of version 1.
    static let casts: Upcasters = {
        let caster = Upcaster(entity: "room", from: 1, to: 2) { payload in
            guard let members = payload.members else { return payload }
            return .object(members + [.init("v", 2)])
        }
        do { return try Upcasters([caster]) } catch { return Upcasters() }
    }()

    mutating func start(_ process: Int) {
        guard processes[process].processor == nil else { return }
        processes[process].life += 1
        let life = processes[process].life
        processes[process].isUpgraded = script.upgradeAt.map { $0 <= now } ?? false
        var configuration = configuration
        if processes[process].isUpgraded { configuration.upcasters = Self.casts }
        meddling?.configuration(&configuration)
        processes[process].processor = Processor(owner: "process-\(process)-\(life)", configuration: configuration)
        processes[process].random = Xoshiro256(seed: random.next())
        processes[process].open = [:]
        deliver(.tick, to: .init(process: process, life: life))
    }

    /// SIGKILL. Requests on the wire stay there.
    mutating func crash(_ process: Int, isKnown: Bool = false) {
        guard let processor = processes[process].processor else { return }
        report.crashes += 1
        // A process on a machine that is gone can't be known to be dead; its lock must grow stale.
        if isKnown || chance(0.7) {
            processDied(processor.owner)
            deadOwners.insert(processor.owner)
        }
        processes[process].processor = nil
        processes[process].frozenUntil = nil
        agenda.add(.start(process: process), at: delay(0...30_000))
    }

    mutating func deliver(_ input: Processor.Input, to life: Agenda.Incarnation) {
        guard lives(life), var processor = processes[life.process].processor else { return }
        if let until = processes[life.process].frozenUntil, until > now {
            agenda.add(.input(life, input), at: until)
            return
        }
        let heard = meddling?.hears(input) ?? input
        let actions = processor.handle(heard, now: moment, random: &processes[life.process].random)
        processes[life.process].processor = processor
        for action in actions { for done in meddling?.does(action) ?? [action] { perform(done, for: life) } }
        guard lives(life) else { return }
        let deadline = processor.deadline(now: moment)
        if deadline != .max, deadline != processes[life.process].tickAt {
            processes[life.process].tickAt = deadline
            agenda.add(.tick(life), at: deadline)
        }
    }

    private mutating func perform(_ action: Processor.Action, for life: Agenda.Incarnation) {
        switch action {
        case .acquireLock(let owner, let stale): call(.acquireLock(owner: owner, staleAfterMs: stale), life)
        case .renewLock(let fence): call(.renewLock(fence), life)
        case .releaseLock(let fence): call(.releaseLock(fence), life)
        case .exchange(let exchange): call(.exchange(exchange), life)
        case .clampRetries: call(.clampRetries, life)
        case .send(let claim, let attempt, let token, let timeoutMs):
            send(Agenda.Request(sender: life, claim: claim, attempt: attempt, token: token, sentAt: now, timeoutMs: timeoutMs))
        case .look(let claim, let attempt, let token, let timeoutMs):
            look(Agenda.Request(sender: life, claim: claim, attempt: attempt, token: token, sentAt: now, timeoutMs: timeoutMs))
        case .fetch(let claim, let attempt, let token, let timeoutMs):
            fetch(Agenda.Request(sender: life, claim: claim, attempt: attempt, token: token, sentAt: now, timeoutMs: timeoutMs))
        case .fetchToken: agenda.add(.tokenAnswer(life), at: delay(1...100))
        case .interruptAll:
            for (_, request) in processes[life.process].open.sorted(by: { $0.key < $1.key }) {
                agenda.add(.attemptEnds(request, .interrupted), at: now + 1)
            }
        case .emit(.breakerOpened, _): report.breakerOpened += 1
        case .emit(.routeHeld, _): report.routesHeld += 1
        case .emit(.plagueHeld, _):
            report.plaguesHeld += 1
            if let gateway = script.gateways.first(where: { $0.contains(now) }), report.timeToHoldMs == nil {
                report.timeToHoldMs = now - gateway.lowerBound
            }
        case .emit(.plagueReleased, _):
            if let gateway = script.gateways.last(where: { $0.upperBound <= now }), report.timeToReleaseMs == nil {
                report.timeToReleaseMs = now - gateway.upperBound
            }
        case .emit(.processed, _): report.lastDeliveredMs = now
        case .emit(.lockTakenOver, _): report.takeovers += 1
        case .emit(.paused(let pause), _) where pause != .auth && pause != .operator && (!isTroubled || chance(0.5)):
            // Whoever hears of a pause may lift it at once.
            agenda.add(.trouble(.lift), at: delay(0...2))
        case .emit: break
        case .finished:
            processes[life.process].processor = nil
            agenda.add(.start(process: life.process), at: delay(0...30_000))
        }
    }

    private mutating func call(_ call: Agenda.StoreCall, _ life: Agenda.Incarnation) {
        agenda.add(.storeCall(life, call), at: delay(0...5))
    }

    mutating func answerToken(_ life: Agenda.Incarnation) {
        let isRefused = script.signedOut.contains { $0.contains(now) } || isTroubled && chance(0.2)
        deliver(
            .tokenAnswered(isRefused ? .failure(.init("away")) : .success(Token("token-\(user)-\(upstream.validToken)", principal: user))),
            to: life)
    }
}
