import GuardianCore

extension MemoryQueue {
    /// Optimistic changes that are not done, and endings that nobody has taken.
    struct Optimism {
        struct Entry {
            var change: OptimisticChange
            var standing: OptimisticStanding
            /// Of its registration, then of its end.
            var at: Timestamp
        }

        /// In the order of their registration.
        var entries: [Entry] = []
        var endings: [OptimisticEnding] = []
        var nextNumber: Int64 = 1

        func place(of token: String) -> Int? { entries.firstIndex { $0.change.txnToken == token } }

        mutating func tell(_ change: OptimisticChange, _ result: OptimisticEnding.Result, state: String? = nil) -> OptimisticEnding {
            let ending = OptimisticEnding(number: nextNumber, change: change, result: result, state: state)
            nextNumber += 1
            endings.append(ending)
            return ending
        }

        /// Open changes that depend on `token`, also by way of others; the newest first.
        func dependents(of token: String) -> [OptimisticChange] {
            var found: Set<String> = []
            var next = [token]
            while let base = next.popLast() {
                for entry in entries where entry.change.dependsOn == base && entry.standing == .open {
                    if found.insert(entry.change.txnToken).inserted { next.append(entry.change.txnToken) }
                }
            }
            return entries.map(\.change).filter { found.contains($0.txnToken) }.reversed()
        }
    }

    mutating func register(_ change: OptimisticChange, at now: Timestamp) {
        guard optimism.place(of: change.txnToken) == nil else { return }
        let base = change.dependsOn.flatMap { optimism.place(of: $0) }.map { optimism.entries[$0] }
        var change = change
        change.entity = resolve(change.entity)
        optimism.entries.append(Optimism.Entry(change: change, standing: .open, at: now))
        guard let base, base.standing.isRolledBack else { return }
        _ = optimism.tell(change, .rolledBack(.dependsOn(base.change.txnToken)))
        set(change.txnToken, .refused)
        _ = stepOut(change.txnToken, .dependsOn(base.change.txnToken), at: now)
    }

    mutating func withdraw(_ token: String, at now: Timestamp) -> Bool {
        guard let place = optimism.place(of: token), optimism.entries[place].standing == .open, !hasOperations(token) else { return false }
        endOptimistic(token, .withdrawn, at: now)
        return true
    }

    func view(of entity: EntityKey) -> EntityView {
        let entity = resolve(entity)
        let oldest = optimism.entries.first { $0.change.entity == entity && $0.standing == .open }
        let operations = all { $0.entity == entity }.prefix(EntityView.mostOperations)
        return EntityView(entities[entity] ?? EntityKnowledge(), original: oldest?.change.original, operations: Array(operations))
    }

    mutating func saveRemote(_ states: [RemoteState], _ mark: FeedMark?, now: Timestamp) throws(StoreError) -> [Bool] {
        if let mark {
            guard (feeds[mark.feed] ?? nil) == mark.after else { throw .stale }
            feeds[mark.feed] = .some(mark.cursor)
        }
        return states.map { remote in
            let entity = resolve(remote.entity)
            var known = entities[entity] ?? EntityKnowledge()
            if mark?.isReset == true { known.beginAnew() }
            let isTaken = known.tell(remote, newest: newest(of: entity)) { attempted(of: entity) }
            save(known, of: entity, at: now)
            return isTaken
        }
    }

    mutating func takePassed(now: Timestamp, limit: Int) -> [EntityKey] {
        var taken: [EntityKey] = []
        for (entity, known) in entities where known.passedAt != nil && taken.count < limit {
            var known = known
            guard let of = known.takePassed(newest: newest(of: entity), at: now) else { continue }
            save(known, of: entity, at: now)
            taken.append(of)
        }
        return taken
    }

    /// The greatest number of an operation of the entity that is stored.
    func newest(of entity: EntityKey) -> Int64? {
        rows.values.lazy.filter { $0.operation.entity == entity }.map(\.operation.seq).max()
    }

    private func attempted(of entity: EntityKey) -> [EntityKnowledge.Attempted] {
        all { $0.entity == entity && $0.lastAttemptAt != nil }.map { .init(seq: $0.seq, key: $0.idempotencyKey) }
    }

    /// Forgets entities of which nothing was heard for long and nothing is stored.
    mutating func sweepEntities(before: Timestamp) {
        for (entity, at) in heardAt where at < before && newest(of: entity) == nil {
            guard feeds.isEmpty || entities[entity]?.server?.state == nil else { continue }
            entities[entity] = nil
            heardAt[entity] = nil
        }
    }

    /// An operation of a change has departed: ends the change when that is its end, and rolls back what depends on it, newest first.
    mutating func endOptimistic(
        _ token: String?, _ departure: Departure, state: String? = nil, at now: Timestamp?, _ result: inout ExchangeResult
    ) {
        guard let token, let place = optimism.place(of: token) else { return }
        let isLast = !hasOperations(token)
        let entry = optimism.entries[place]
        let (standing, told) = entry.standing.after(departure, isLast: isLast)
        set(token, standing)
        if case .rolledBack = told {
            for dependent in optimism.dependents(of: token) {
                let reason = LastError.dependsOn(dependent.dependsOn ?? token)
                set(dependent.txnToken, .refused)
                for id in stepOut(dependent.txnToken, reason, at: now) { result.steppedOut.append((id, reason)) }
                result.ended.append(optimism.tell(dependent, .rolledBack(reason)))
            }
        }
        if let told { result.ended.append(optimism.tell(entry.change, told, state: state)) }
        if isLast, let now { optimism.entries[place].at = now }
    }

    mutating func endOptimistic(_ token: String?, _ departure: Departure, at now: Timestamp?) {
        var result = ExchangeResult()
        endOptimistic(token, departure, at: now, &result)
    }

    /// An operation was stored: if its change was rolled back with what it depends on, it steps out at once.
    mutating func stepOutIfRefused(_ operation: Operation) {
        guard let place = operation.txnToken.flatMap({ optimism.place(of: $0) }) else { return }
        let entry = optimism.entries[place]
        guard entry.standing == .refused else { return }
        _ = stepOut(entry.change.txnToken, .dependsOn(entry.change.dependsOn ?? entry.change.txnToken), at: operation.enqueuedAt)
    }

    /// Forgets changes that have ended and of which nothing is stored.
    mutating func sweepEnded(before: Timestamp) {
        let stored = Set(rows.values.compactMap(\.operation.txnToken))
        optimism.entries.removeAll { $0.standing != .open && $0.at < before && !stored.contains($0.change.txnToken) }
    }

    /// Fails the operations of a change that were never attempted. Returns which.
    private mutating func stepOut(_ token: String, _ reason: LastError, at now: Timestamp?) -> [OperationID] {
        let waiting = all { $0.txnToken == token && $0.status == .pending && $0.lastAttemptAt == nil }
        for operation in waiting {
            guard var row = rows[operation.seq] else { continue }
            row.due = 0
            row.operation.status = .failed
            if let now { row.operation.updatedAt = now }
            row.operation.nextRetryAt = nil
            row.operation.lastError = reason
            rows[operation.seq] = row
            books.failed += 1
            tallies.add(.failed, .other(reason.class))
            leaveLine(operation.seq)
        }
        return waiting.map(\.id)
    }

    private func hasOperations(_ token: String) -> Bool { rows.values.contains { $0.operation.txnToken == token } }

    private mutating func set(_ token: String, _ standing: OptimisticStanding) {
        if let place = optimism.place(of: token) { optimism.entries[place].standing = standing }
    }
}
