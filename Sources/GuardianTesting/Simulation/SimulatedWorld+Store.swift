import GuardianCore

extension SimulatedWorld {
    /// A producer hands in operations, and tries again with the same ids until it hears a receipt.
    mutating func produce(_ range: Range<Int>) async {
        if isTroubled, chance(script.storeErrors) || chance(script.crashes) {
            agenda.add(.produce(range), at: delay(1...5000))
            return
        }
        do throws(StoreError) {
            for index in range { try await register(index) }
            if script.others > 0 {
                // One by one, each made on what the user sees then.
                for index in range { try await enqueue(index..<index + 1) }
            } else {
                try await enqueue(range)
            }
        } catch { judge.violated("enqueue: \(error)") }
        await checkStore()
        if isTroubled, chance(script.crashes) {
            // The receipt was not heard.
            agenda.add(.produce(range), at: delay(1...60_000))
            return
        }
        for index in range { judge.records[index].isAcknowledged = true }
        if script.localIDs > 0, range.upperBound < judge.records.count { planNext(from: range.upperBound) }
        for process in processes.indices { deliver(.wake, to: .init(process: process, life: processes[process].life)) }
    }

    private mutating func enqueue(_ range: Range<Int>) async throws(StoreError) {
        for index in range where script.others > 0 { try await edit(index) }
        let receipts = try await store.enqueue(range.map { judge.records[$0].handed })
        for (index, receipt) in zip(range, receipts) {
            judge.stored(index, receipt)
            if script.folds > 0 { judge.compare(try await store.ending(of: receipt.id), of: receipt) }
        }
        await checkEndings(nil)
    }

    mutating func perform(_ call: Agenda.StoreCall, for life: Agenda.Incarnation) async {
        guard lives(life) else { return }
        if let until = processes[life.process].frozenUntil, until > now {
            agenda.add(.storeCall(life, call), at: until)
            return
        }
        if isTroubled, chance(script.crashes) { return crash(life.process) }
        let input: Processor.Input?
        if isTroubled, chance(script.storeErrors) {
            input = Self.failed(call, .unavailable("busy"), begunAt: now)
        } else {
            input = await apply(call)
            await checkStore()
        }
        if isTroubled, chance(script.crashes) { return crash(life.process) }
        if let input { agenda.add(.input(life, input), at: delay(0...5)) }
    }

    private static func failed(_ call: Agenda.StoreCall, _ error: StoreError, begunAt: Int64) -> Processor.Input {
        switch call {
        case .acquireLock: .lockFailed(error)
        case .renewLock: .renewed(.failure(error), begunAt: begunAt)
        case .releaseLock: .lockReleased
        case .exchange: .exchanged(.failure(error))
        case .clampRetries: .wake
        }
    }

    private mutating func apply(_ call: Agenda.StoreCall) async -> Processor.Input? {
        do throws(StoreError) {
            let before = try await store.lockState()
            switch call {
            case .acquireLock(let owner, let staleAfterMs):
                let answer = try await store.acquireLock(owner: owner, now: moment.wall, staleAfterMs: staleAfterMs)
                judge.asked(answer, before: before, dead: deadOwners)
                let control = try await store.loadControl()
                judge.loaded(control)
                return .lockAnswered(answer, control)
            case .renewLock(let fence):
                try await store.renewLock(fence, now: moment.wall)
                if before?.fence != fence { judge.violated("a stale heartbeat was taken: \(fence)") }
                return .renewed(.success(()), begunAt: now)
            case .releaseLock(let fence):
                try await store.releaseLock(fence)
                if before?.fence != fence { judge.violated("a stale release was taken: \(fence)") }
                judge.claimsReturned()
                return .lockReleased
            case .exchange(let exchange):
                let result = try await store.exchange(exchange)
                if before?.fence != exchange.fence { judge.violated("a stale exchange was taken: \(exchange.fence)") }
                witness(exchange, result)
                await checkEndings(result)
                return .exchanged(.success(result))
            case .clampRetries:
                _ = try await store.clampRetries(now: moment.wall)
                judge.clamped(at: moment.wall)
                return .wake
            }
        } catch {
            if error != .stale { judge.violated("the store: \(error)") }
            return Self.failed(call, error, begunAt: now)
        }
    }

    private mutating func witness(_ exchange: Exchange, _ result: ExchangeResult) {
        judge.confirmed(exchange, result)
        if result.settled.count != exchange.settlements.count { judge.violated("settlements without an answer") }
        for (settlement, isSettled) in zip(exchange.settlements, result.settled) {
            note(UInt64(bitPattern: settlement.seq) &* 2 &+ (isSettled ? 1 : 0))
            guard isSettled, let record = judge.record(of: settlement.seq) else { continue }
            if case .recast(let payload, let base, let version, _) = settlement.result { witnessCast(payload, base, version, of: record) }
            judge.settled(
                settlement, by: exchange.fence, wasApplied: upstream.hasApplied(record.operation.id),
                maxAttempts: configuration.retry.maxAttempts)
        }
        // What left while heads were claimed was there before what was claimed, or not: nothing of it has stepped out for the others.
        let moved = Set(result.claims.map(\.seq) + (result.expired + result.setAside.map(\.id)).compactMap { judge.seq(of: $0) })
        for id in result.expired { if let seq = judge.seq(of: id) { judge.left(seq, as: .expired, besides: moved) } }
        for (id, reason) in result.setAside { judge.setAside(id, reason, at: exchange.now, besides: moved) }
        let steppedOut = Set(result.steppedOut.map(\.id))
        if steppedOut != judge.optimism.steppedOut {
            judge.violated(
                "stepped out: \(steppedOut.map(\.description).sorted()), not \(judge.optimism.steppedOut.map(\.description).sorted())")
        }
        if result.claims.count > exchange.urgent + exchange.normal { judge.violated("more claims than asked for") }
        for claim in result.claims {
            note(UInt64(bitPattern: claim.seq))
            judge.claimed(claim, at: exchange.now)
        }
    }

    /// A cast leaves what the build's casters make of the operation.
    private mutating func witnessCast(_ payload: String, _ base: String?, _ version: Int, of record: Judge.Record) {
        let due = Self.casts.cast(record.operation)
        guard due != .changed(payload: payload, base: base, schemaVersion: version) else { return }
        judge.violated("seq \(record.seq ?? 0) was cast to version \(version) as \(payload) with base \(base ?? "none"), not \(due)")
    }

    /// The books, the rows and the place of each, after every step that touched the store.
    mutating func checkStore() async {
        guard report.steps % script.checkEvery == 0 else { return }
        // Each place is looked up and put into words, which a long queue can't afford at every step.
        if script.operations <= 50 || report.steps % (script.checkEvery * 16) == 0 { await checkPlaces() }
        do throws(StoreError) {
            judge.compare(try await store.check())
            try await checkView()
        } catch { judge.violated("check: \(error)") }
    }
}
