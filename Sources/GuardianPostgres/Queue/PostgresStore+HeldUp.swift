internal import GuardianCore

/// Calls that add to a line which somebody's open transaction holds: tried by one session until they get through or their time is up, while
/// the others go on (``EnqueueQueue``).
extension PostgresStore {
    /// Milliseconds that a call which is tried by itself waits for its line, when others before it have waited in vain: less each time, so
    /// that all of them together don't wait long, and deadlines are kept.
    static func waitMs(after vain: Int) -> Int { max(1, 64 >> min(vain, 6)) }
    /// Milliseconds between rounds in which nobody got through. What else such calls add to is free meanwhile.
    private static let pauseMs: Int64 = 100

    func holdUp(_ calls: [EnqueueQueue.Waiting]) { if enqueues.holdUp(calls) { tryHeldUp() } }

    private func tryHeldUp() {
        let deadline = Connection.nowMs() + configuration.patienceMs
        let job = SessionPool.Job(lane: .normal, deadline: deadline) { [self] connection in
            connection.patienceMs = 30_000
            let calls = enqueues.takeHeldUp()
            let left = insertHeldUp(calls, on: connection)
            if left.count == calls.count { OwnThread.pause(milliseconds: Self.pauseMs) }
            putBack(heldUp: left)
            return .done
        } fail: { [self] failure in
            for call in enqueues.takeHeldUp() { call.finish(.failure(pool.storeError(failure))) }
            putBack(heldUp: [])
        }
        pool.submit(job)
    }

    private func putBack(heldUp calls: [EnqueueQueue.Waiting]) {
        let next = enqueues.putBack(heldUp: calls)
        if next.startsGroup { startGroup() }
        if next.isHeldUp { tryHeldUp() }
    }

    /// Tries each of them; returns those that are held up still.
    private func insertHeldUp(_ calls: [EnqueueQueue.Waiting], on connection: Connection) -> [EnqueueQueue.Waiting] {
        var left: [EnqueueQueue.Waiting] = []
        var heldLines = Set<Int64>()
        var vain = 0
        for var call in calls {
            guard Connection.nowMs() < call.deadline else {
                call.finish(.failure(.unavailable("a transaction that is open elsewhere holds the ordering key; end it")))
                continue
            }
            guard !connection.isBroken, heldLines.isEmpty || heldLines.isDisjoint(with: call.lines) else {
                left.append(call)
                continue
            }
            do {
                if let receipts = try insertAlone(call, on: connection, waitMs: Self.waitMs(after: vain)) {
                    call.finish(.success(receipts))
                    continue
                }
                vain += 1
                call.note(in: &heldLines)
            } catch let failure as ServerFailure where failure.isLost || failure.mayRepeat {
                if failure.isPooled { pool.stopPreparing() }
                if failure.isLost, connection.mayHaveCommitted { call.isDoubtful = true }
            } catch {
                let failure = (error as? ServerFailure).map { pool.storeError($0) }
                call.finish(.failure(failure ?? (error as? StoreError) ?? .unavailable("\(type(of: error))")))
                continue
            }
            left.append(call)
        }
        return left
    }

    /// Writes one call; nil when somebody's open transaction is in its way.
    func insertAlone(_ call: EnqueueQueue.Waiting, on connection: Connection, waitMs: Int) throws -> [Receipt]? {
        do {
            guard call.isEach else {
                return try insert(call.operations, on: connection, isDoubtful: call.isDoubtful, lockMs: waitMs)
            }
            return try Write.run(on: connection, lockMs: waitMs) {
                try Self.insertEach(call.operations, $0, isDoubtful: call.isDoubtful)
            }
        } catch let failure as ServerFailure {
            guard failure.state == ServerFailure.busy else { throw failure }
            return nil
        }
    }
}

extension EnqueueQueue.Waiting {
    /// It was found held up: others that add to its line alone need not be tried. Which line of several it was is not known.
    func note(in heldLines: inout Set<Int64>) {
        let own = lines
        if own.count == 1 { heldLines.formUnion(own) }
    }
}
