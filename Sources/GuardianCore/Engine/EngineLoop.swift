import Synchronization

/// Performs a `Processor`'s actions against the real store, network and clocks, in one task tree.
struct EngineLoop {
    let engine: SyncEngine
    let owner: String
    var random: Xoshiro256

    private var mailbox: Mailbox { engine.mailbox }
    private let gathers: Bool
    /// What goes out when all that has happened is dealt with, by its token, for a transport that gathers.
    private var gathered: [String?: [(dispatch: Dispatch, attempt: Int64)]] = [:]

    init(engine: SyncEngine, owner: String, random: Xoshiro256) {
        gathers = engine.transport.gathers
        self.engine = engine
        self.owner = owner
        self.random = random
    }

    mutating func run() async {
        var processor = Processor(owner: owner, configuration: engine.configuration.processor)
        let sends = SendTasks()
        // All tasks of the engine are children of this group: sends and store calls come and go, the others live as long as the loop, and
        // none outlives it.
        await withDiscardingTaskGroup { group in
            let alarm = Alarm()
            group.addTask { [engine] in await alarm.run(clock: engine.clock, mailbox: engine.mailbox) }
            group.addTask { [engine] in await LedgerSweep(engine: engine).run() }
            group.addTask { [engine] in await EndingLoop(engine: engine).run() }
            group.addTask { [engine] in
                var watchdog = Watchdog(engine: engine)
                await watchdog.run()
            }
            var now = engine.clock.now
            var inputs = [Processor.Input.tick]
            while true {
                for input in inputs {
                    // The store stands still until its answer is dealt with.
                    if let answer = mailbox.takeAnswer() { deal(with: answer, by: &processor, at: now, in: &group, sends: sends) }
                    deal(with: input, by: &processor, at: now, in: &group, sends: sends)
                }
                sendGathered(in: &group, sends: sends)
                engine.holdsLock.store(processor.lease != nil, ordering: .releasing)
                engine.hasFreeWorkers.store(processor.hasFreeWorkers(now), ordering: .releasing)
                if processor.isFinished { break }
                alarm.set(processor.deadline(now: now))
                inputs = await mailbox.take()
                now = engine.clock.now
            }
            sends.cancelAll()
            group.cancelAll()
        }
        do throws(StoreError) { try await engine.store.leave(owner: owner) } catch {
            engine.hub.tell(.storeError(error), at: engine.clock.now.wall)
        }
    }

    /// Handles what has happened and does what follows from it, what the store is to do first: it works beside the rest.
    private mutating func deal(
        with input: Processor.Input, by processor: inout Processor, at now: Moment, in group: inout DiscardingTaskGroup, sends: SendTasks
    ) {
        var actions = processor.handle(input, now: now, random: &random)
        if case .exchange = actions.last { perform(actions.removeLast(), at: now, in: &group, sends: sends) }
        for action in actions { perform(action, at: now, in: &group, sends: sends) }
    }

    /// Gives the transport what it would rather have at once.
    private mutating func sendGathered(in group: inout DiscardingTaskGroup, sends: SendTasks) {
        guard !gathered.isEmpty else { return }
        for (token, all) in gathered {
            let ticket = sends.ticket
            group.addTask { [engine] in
                let left = Mutex(Set(all.indices))
                let tell: @Sendable (Int, Outcome) -> Void = { place, outcome in
                    guard left.withLock({ $0.remove(place) != nil }) else { return }
                    engine.mailbox.put(.attempted(seq: all[place].dispatch.claim.seq, attempt: all[place].attempt, outcome))
                }
                await sends.run(ticket, otherwise: ()) { await engine.transport.send(all.map(\.dispatch), token: token, tell: tell) }
                for place in left.withLock({ $0 }) { tell(place, .interrupted) }
            }
        }
        gathered = [:]
    }

    private mutating func perform(_ action: Processor.Action, at now: Moment, in group: inout DiscardingTaskGroup, sends: SendTasks) {
        switch action {
        case .emit(let event, let subject):
            engine.hub.tell(event, about: subject, at: now.wall)
        case .send(let claim, let attempt, let token, let timeoutMs) where gathers:
            gathered[token, default: []].append((Dispatch(claim: claim, timeoutMs: timeoutMs), attempt))
        case .send(let claim, let attempt, let token, let timeoutMs):
            let ticket = sends.ticket
            group.addTask { [engine] in
                let outcome = await sends.run(ticket, otherwise: .interrupted) {
                    await engine.transport.send(claim, token: token, timeoutMs: timeoutMs)
                }
                engine.mailbox.put(.attempted(seq: claim.seq, attempt: attempt, outcome))
            }
        case .look(let claim, let attempt, let token, let timeoutMs):
            let ticket = sends.ticket
            group.addTask { [engine] in
                let look = await sends.run(ticket, otherwise: .failed(.interrupted)) {
                    await engine.transport.look(claim, token: token, timeoutMs: timeoutMs)
                }
                engine.mailbox.put(.looked(seq: claim.seq, attempt: attempt, look))
            }
        case .fetch(let claim, let attempt, let token, let timeoutMs):
            let ticket = sends.ticket
            group.addTask { [engine] in
                let fetch = await sends.run(ticket, otherwise: .failed(.interrupted)) {
                    await engine.transport.fetch(claim, token: token, timeoutMs: timeoutMs)
                }
                engine.mailbox.put(.fetched(seq: claim.seq, attempt: attempt, fetch))
            }
        case .interruptAll:
            sends.cancelAll()
            for (dispatch, attempt) in gathered.values.joined() {
                mailbox.put(.attempted(seq: dispatch.claim.seq, attempt: attempt, .interrupted))
            }
            gathered = [:]
        case .exchange(let exchange):
            group.addTask { [engine] in
                let result = await attempt { () async throws(StoreError) in try await engine.store.exchange(exchange) }
                if exchange.urgent + exchange.normal > 0, isAnswer(result) { engine.claimAnswers.add(1, ordering: .relaxed) }
                if case .success(let exchanged) = result, !exchanged.ended.isEmpty { engine.endingHandlers.ring() }
                engine.mailbox.putAnswer(.exchanged(result))
            }
        case .acquireLock(let owner, let staleAfterMs):
            group.addTask { [engine] in await acquire(engine, owner: owner, staleAfterMs: staleAfterMs) }
        case .renewLock(let fence):
            group.addTask { [engine] in
                let now = engine.clock.now
                let result = await attempt { () async throws(StoreError) in try await engine.store.renewLock(fence, now: now.wall) }
                engine.mailbox.put(.renewed(result, begunAt: now.steady))
                guard case .success = result else { return }
                let rescue = await attempt { () async throws(StoreError) in try await engine.store.rescue(fence, now: now.wall) }
                if case .failure(let error) = rescue { engine.hub.tell(.storeError(error), at: engine.clock.now.wall) }
            }
        case .releaseLock(let fence):
            group.addTask { [engine] in
                if case .failure(let error) = await attempt({ () async throws(StoreError) in try await engine.store.releaseLock(fence) }) {
                    engine.hub.tell(.storeError(error), at: engine.clock.now.wall)
                }
                engine.mailbox.put(.lockReleased)
            }
        case .clampRetries:
            group.addTask { [engine] in
                let now = engine.clock.now.wall
                if case .failure(let error) = await attempt({ () async throws(StoreError) in try await engine.store.clampRetries(now: now) }
                ) {
                    engine.hub.tell(.storeError(error), at: now)
                }
                engine.mailbox.put(.wake)
            }
        case .fetchToken(let refresh):
            group.addTask { [engine] in engine.mailbox.put(.tokenAnswered(await ask(engine, refresh: refresh))) }
        case .finished: break
        }
    }
}

private func attempt<Value: Sendable>(_ call: () async throws(StoreError) -> Value) async -> Result<Value, StoreError> {
    do throws(StoreError) { return .success(try await call()) } catch { return .failure(error) }
}

/// Whether the store was asked, and not only waited for. What is damaged in it may be an index.
private func isAnswer(_ result: Result<ExchangeResult, StoreError>) -> Bool {
    switch result {
    case .success, .failure(.corrupt): true
    case .failure: false
    }
}

private func acquire(_ engine: SyncEngine, owner: String, staleAfterMs: Int64) async {
    do throws(StoreError) {
        let answer = try await engine.store.acquireLock(owner: owner, now: engine.clock.now.wall, staleAfterMs: staleAfterMs)
        let control = try await engine.store.loadControl()
        engine.mailbox.put(.lockAnswered(answer, control))
    } catch {
        engine.mailbox.put(.lockFailed(error))
    }
}

/// The provider's token, its principal as it is stored.
private func ask(_ engine: SyncEngine, refresh: Bool) async -> Result<Token?, Processor.TokenFailure> {
    do {
        var token = try await engine.tokens.token(refresh: refresh)
        guard let principal = token?.principal else { return .success(token) }
        guard let hash = engine.configuration.principalHash else { return .failure(.withoutPrincipalHash) }
        token?.principal = hash(principal)
        return .success(token)
    } catch {
        return .failure(Processor.TokenFailure(of: error))
    }
}

/// The requests on the wire, so that a shutdown can cut them short while their results are still taken.
private final class SendTasks: Sendable {
    /// A handle may be cancelled from any thread while its task lives: each is cancelled under the lock only, and takes itself out before
    /// its task ends. Cancellation handlers of the transport run under it too: like all of those they must not wait. A task of its own for
    /// each request would do the same without that, at two more switches of threads.
    private struct Handle: @unchecked Sendable { var task: UnsafeCurrentTask }

    private struct State {
        var handles: [Int: Handle] = [:]
        var next = 0
        var interruptions = 0
    }

    private let state = Mutex(State())

    /// What a request needs that is to begin later: an interruption in between is meant for it too.
    var ticket: Int { state.withLock { $0.interruptions } }

    /// `otherwise` is the answer of one that was interrupted before it began.
    func run<Answer: Sendable>(_ ticket: Int, otherwise: Answer, _ send: @Sendable () async -> Answer) async -> Answer {
        await withUnsafeCurrentTask { task in
            let handle = task.map { Handle(task: $0) }
            let number: Int? = state.withLock { state in
                guard state.interruptions == ticket else { return nil }
                state.next += 1
                state.handles[state.next] = handle
                return state.next
            }
            guard let number else { return otherwise }
            let answer = await send()
            state.withLock { $0.handles[number] = nil }
            return answer
        }
    }

    func cancelAll() {
        state.withLock { state in
            state.interruptions += 1
            for handle in state.handles.values { handle.task.cancel() }
        }
    }
}

/// Forgets processed ids after the ledger's window, a little at a time.
private struct LedgerSweep {
    static let everyMs: Int64 = 60_000
    static let batch = 2000

    let engine: SyncEngine

    func run() async {
        while !Task.isCancelled {
            let now = engine.clock.now
            if engine.isActive {
                do throws(StoreError) {
                    let before = now.wall.adding(milliseconds: -engine.configuration.ledgerHours * 3_600_000)
                    while try await engine.store.sweepLedger(before: before, limit: Self.batch) == Self.batch, !Task.isCancelled {}
                } catch {
                    engine.hub.tell(.storeError(error), at: now.wall)
                }
            }
            do { try await engine.clock.wait(untilSteady: now.steady + Self.everyMs) } catch { return }
        }
    }
}
