public import GuardianCore

extension PostgresStore {
    public func enqueue(_ operations: [Operation]) async throws(StoreError) -> [Receipt] {
        guard !operations.isEmpty else { return [] }
        let ordering = currentOrdering
        let deadline = Connection.nowMs() + configuration.patienceMs
        let isEach = operations.contains { $0.folds || !$0.references.isEmpty || $0.opensLocalID }
        // What is known of its tries: a call of that kind is a group by itself.
        let tries = EnqueueQueue.Group()
        if isEach, !enqueues.holdsUp(operations, ordering) {
            // Ids make it safe to say the same again; what is stored under one of ours is ours.
            let receipts = try await pool.with(isRepeatable: true) { connection -> [Receipt]? in
                do {
                    return try Write.run(on: connection) { try Self.insertEach(operations, $0, isDoubtful: tries.isDoubtful) }
                } catch let failure as ServerFailure {
                    if failure.isLost, connection.mayHaveCommitted { tries.isDoubtful = true }
                    guard failure.state == ServerFailure.busy else { throw failure }
                    return nil
                }
            }
            if let receipts { return receipts }
        }
        let result: Result<[Receipt], StoreError> = await withUnsafeContinuation { continuation in
            let call = EnqueueQueue.Waiting(
                operations: operations, isEach: isEach, ordering: ordering, deadline: deadline, isDoubtful: tries.isDoubtful
            ) {
                continuation.resume(returning: $0)
            }
            if isEach { holdUp([call]) } else if enqueues.put(call) { startGroup() }
        }
        return try result.get()
    }

    // MARK: Groups

    /// Milliseconds within which calls fail together.
    private static let togetherMs: Int64 = 100

    func startGroup() { if let group = enqueues.take() { submit(group) } }

    /// Has a group written, while its oldest call has time.
    private func submit(_ group: EnqueueQueue.Group) {
        let deadline = group.calls.map(\.deadline).min() ?? Connection.nowMs()
        let job = SessionPool.Job(lane: .normal, deadline: deadline) { [self] connection in
            run(group, on: connection, deadline)
        } fail: { [self] failure in
            giveUp(group, failure, deadline)
        }
        pool.submit(job)
    }

    /// The time of a group's oldest calls is up; the others go on.
    private func giveUp(_ group: EnqueueQueue.Group, _ failure: ServerFailure, _ deadline: Int64) {
        let error = pool.storeError(failure)
        let isLast = pool.isClosed
        let late = group.calls.filter { isLast || $0.deadline <= deadline + Self.togetherMs }
        group.calls.removeAll { isLast || $0.deadline <= deadline + Self.togetherMs }
        for call in late { call.finish(.failure(error)) }
        if group.calls.isEmpty { startGroup() } else { submit(group) }
    }

    private func finish(_ group: EnqueueQueue.Group, _ result: Result<[Receipt], StoreError>) {
        var from = 0
        for call in group.calls {
            call.finish(result.map { Array($0[from..<from + call.operations.count]) })
            from += call.operations.count
        }
        group.calls = []
        startGroup()
    }

    private func run(_ group: EnqueueQueue.Group, on connection: Connection, _ deadline: Int64) -> SessionPool.End {
        connection.patienceMs = 30_000
        do {
            if group.isAlone {
                try runAlone(group, on: connection)
                startGroup()
                return .done
            }
            let receipts = try insert(group.calls.flatMap(\.operations), on: connection, isDoubtful: group.isDoubtful)
            finish(group, .success(receipts))
            return .done
        } catch {
            let failure = error as? ServerFailure ?? ServerFailure(state: "", message: "\(error)", isLost: false)
            if failure.isPooled { pool.stopPreparing() }
            if failure.isLost && connection.mayHaveCommitted { group.isDoubtful = true }
            if failure.state == ServerFailure.busy {
                // Somebody's open transaction is in the way of some of them.
                group.isAlone = true
                return .again
            }
            group.repetitions -= 1
            if failure.isLost || failure.mayRepeat, group.repetitions >= 0 {
                if Connection.nowMs() < deadline { return .again }
                giveUp(group, failure, deadline)
                return .done
            }
            if !failure.isLost, !failure.mayRepeat, group.calls.count > 1 {
                group.isAlone = true
                return .again
            }
            finish(group, .failure(error as? StoreError ?? pool.storeError(failure)))
            return .done
        }
    }

    /// One after the other, each with an end of its own; those that somebody's open transaction is in the way of are held up.
    private func runAlone(_ group: EnqueueQueue.Group, on connection: Connection) throws {
        var heldLines = Set<Int64>()
        var vain = 0
        while var call = group.calls.first {
            if group.isDoubtful { call.isDoubtful = true }
            var result: Result<[Receipt], StoreError>?
            do {
                let isFree = heldLines.isEmpty || heldLines.isDisjoint(with: call.lines)
                if isFree {
                    if let receipts = try insertAlone(call, on: connection, waitMs: Self.waitMs(after: vain)) {
                        result = .success(receipts)
                    } else {
                        vain += 1
                    }
                }
            } catch {
                guard let failure = error as? ServerFailure, !failure.isLost, !failure.mayRepeat else { throw error }
                result = .failure(pool.storeError(failure))
            }
            group.calls.removeFirst()
            if let result {
                call.finish(result)
            } else {
                call.note(in: &heldLines)
                holdUp([call])
            }
        }
    }

    /// Writes a batch in one transaction: in one statement, unless some of it is stored already or it is too large.
    func insert(
        _ operations: [Operation], on connection: Connection, isDoubtful: Bool, lockMs: Int = Write.lockMs
    ) throws -> [Receipt] {
        var isNew = Set<OperationID>()
        let isPlain =
            !isDoubtful && StatementBytes.of(operations) <= StatementBytes.limit
            && operations.allSatisfy { $0.principal == nil && isNew.insert($0.id).inserted }
        if isPlain {
            do {
                let call = Insertion(operations, ordering: currentOrdering).call(isPlain: true, stripe: connection.stripe)
                let seqs = try connection.run([Write.bounds(lockMs: lockMs, on: connection), call])[1].first?.ints(0) ?? []
                guard seqs.count == operations.count else { throw StoreError.corrupt("guardian_put gave \(seqs.count) numbers") }
                return zip(operations, seqs).map { Receipt(id: $0.id, seq: $1, outcome: .accepted) }
            } catch let failure as ServerFailure {
                let isOther = failure.state == ServerFailure.otherOrdering
                guard failure.isDuplicate || isOther || failure.state == ServerFailure.oneByOne else { throw failure }
            }
        }
        return try Write.run(on: connection, lockMs: lockMs) { write in
            adopt(try write.ordering())
            return try Self.insertBatch(operations, write, isDoubtful: isDoubtful)
        }
    }

    // MARK: In a transaction

    private static let findKnown = SQL(
        """
        SELECT id, seq, idempotency_key FROM guardian_operation WHERE id = ANY($1)
        UNION ALL SELECT id, seq, idempotency_key FROM guardian_ledger WHERE id = ANY($1)
        """)

    /// The numbers and keys of those that are stored, or that the ledger remembers.
    static func known(_ ids: [OperationID], _ write: Write) throws -> [OperationID: (seq: Int64, key: UniqueID)] {
        var found: [OperationID: (seq: Int64, key: UniqueID)] = [:]
        for row in try write.rows(findKnown, .ids(ids)) { found[try row.operationID(0)] = (row.int(1), try row.uuid(2)) }
        return found
    }

    /// Appends each operation that is new to the end of its line; none of them points to another or may be folded.
    static func insertBatch(
        _ given: [Operation], _ write: Write, isDoubtful: Bool = false
    ) throws -> [Receipt] {
        let operations = try write.resolved(given)
        var known = try known(operations.map(\.id), write)
        var fresh: [Operation] = []
        var ids = Set<OperationID>()
        for operation in operations where known[operation.id] == nil && ids.insert(operation.id).inserted { fresh.append(operation) }
        if !fresh.isEmpty {
            let dues = try fresh.map { try write.due(of: $0) }
            let seqs = try write.put(fresh, ordering: try write.ordering(), dues: dues)
            guard seqs.count == fresh.count else { throw StoreError.corrupt("guardian_put gave \(seqs.count) numbers") }
            write.checkLocal(given, operations)
            for (operation, seq) in zip(fresh, seqs) { known[operation.id] = (seq, operation.idempotencyKey) }
            try write.stepOutIfRefused(Set(fresh.compactMap(\.txnToken)), fresh[0].enqueuedAt)
        }
        var accepted = ids
        return operations.map { operation in
            let (seq, key) = known[operation.id] ?? (0, operation.idempotencyKey)
            let isOurs = accepted.remove(operation.id) != nil || isDoubtful && key == operation.idempotencyKey
            return Receipt(id: operation.id, seq: seq, outcome: isOurs ? .accepted : .duplicate)
        }
    }

    /// Any operations, one after the other where they may depend on each other.
    static func insertEach(_ operations: [Operation], _ write: Write, isDoubtful: Bool = false) throws -> [Receipt] {
        guard operations.contains(where: { $0.folds || !$0.references.isEmpty || $0.opensLocalID }) else {
            return try insertBatch(operations, write, isDoubtful: isDoubtful)
        }
        try write.lockCreates(operations.flatMap(\.references))
        let ordering = try write.ordering()
        // Two batches of the same lines, each in an order of its own, would wait for each other crosswise.
        if operations.count > 1 { write.lock(lines: try write.lines(of: operations, ordering)) }
        let insertion = FoldingInsertion(write: write, ordering: ordering, isDoubtful: isDoubtful)
        return try operations.map { try insertion.enqueue($0) }
    }
}

extension Write {
    /// The lines that operations are to stand in, under the upstream's ids where they are known.
    fileprivate func lines(of operations: [Operation], _ ordering: Ordering) throws -> Set<Int64> {
        try Set(
            operations.map { operation -> Int64 in
                var operation = operation
                if operation.type != "create", let server = try serverID(of: operation.entity) { operation.entity.id = server.text }
                return ordering.line(for: operation)
            })
    }

    /// Appends operations, each to the end of its line, in as many statements as their bytes need; returns their numbers. No id may stand
    /// there twice, or be stored.
    func put(_ operations: [Operation], ordering: Ordering, dues: [Int64?]) throws -> [Int64] {
        let pieces = StatementBytes.pieces(operations.map { StatementBytes.of($0) })
        if pieces.count > 1 { lock(lines: Set(operations.map { ordering.line(for: $0) })) }
        return try pieces.flatMap { piece -> [Int64] in
            let insertion = Insertion(Array(operations[piece]), ordering: ordering, dues: Array(dues[piece]))
            return try rows(insertion.call(isPlain: false, stripe: connection.stripe)).first?.ints(0) ?? []
        }
    }

    /// When an operation of a principal who is not signed in is due; nil for by its own time.
    func due(of operation: Operation) throws -> Int64? {
        guard let principal = operation.principal, try signedIn() != principal else { return nil }
        return Parking.due
    }
}
