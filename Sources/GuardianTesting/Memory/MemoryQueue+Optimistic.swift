import GuardianCore

extension MemoryQueue {
    /// Optimistic changes that are not done, and endings that nobody has taken.
    struct Optimism {
        struct Entry {
            var change: OptimisticChange
            var standing: OptimisticStanding
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

    mutating func register(_ change: OptimisticChange) {
        guard optimism.place(of: change.txnToken) == nil else { return }
        let base = change.dependsOn.flatMap { optimism.place(of: $0) }.map { optimism.entries[$0] }
        var change = change
        change.entity = resolve(change.entity)
        optimism.entries.append(Optimism.Entry(change: change, standing: .open))
        guard let base, base.standing != .open else { return }
        _ = optimism.tell(change, .rolledBack(.dependsOn(base.change.txnToken)))
        set(change.txnToken, .lost)
        forgetIfDone(change.txnToken)
    }

    mutating func withdraw(_ token: String) -> Bool {
        guard let place = optimism.place(of: token), optimism.entries[place].standing == .open, !hasOperations(token) else { return false }
        endOptimistic(token, .withdrawn)
        return true
    }

    func view(of entity: EntityKey) -> EntityView {
        let entity = resolve(entity)
        let oldest = optimism.entries.first { $0.change.entity == entity && $0.standing == .open }
        let operations = all { $0.entity == entity }.prefix(EntityView.mostOperations)
        return EntityView(server: entities[entity], original: oldest?.change.original, operations: Array(operations))
    }

    mutating func saveRemote(_ remote: RemoteState) -> Bool {
        let entity = resolve(remote.entity)
        let known = entities[entity]
        if let known, remote.server.isOlder(than: known) { return false }
        var server = remote.server
        if rows.values.contains(where: { $0.operation.entity == entity && $0.operation.status != .failed }) {
            server.etag = known?.etag
        }
        hear(server, of: entity)
        return true
    }

    /// An operation of a change has departed: ends the change when that is its end, and rolls back what depends on it, newest first.
    mutating func endOptimistic(_ token: String?, _ departure: Departure, state: String? = nil, _ result: inout ExchangeResult) {
        guard let token, let place = optimism.place(of: token) else { return }
        let isLast = !hasOperations(token)
        let entry = optimism.entries[place]
        let (standing, told) = entry.standing.after(departure, isLast: isLast)
        set(token, standing)
        if case .rolledBack = told {
            for dependent in optimism.dependents(of: token) {
                let reason = LastError.dependsOn(dependent.dependsOn ?? token)
                set(dependent.txnToken, .rolledBack)
                for id in stepOut(dependent.txnToken, reason) { result.steppedOut.append((id, reason)) }
                result.ended.append(optimism.tell(dependent, .rolledBack(reason)))
                forgetIfDone(dependent.txnToken)
            }
        }
        if let told { result.ended.append(optimism.tell(entry.change, told, state: state)) }
        forgetIfDone(token)
    }

    mutating func endOptimistic(_ token: String?, _ departure: Departure) {
        var result = ExchangeResult()
        endOptimistic(token, departure, &result)
    }

    /// Fails the operations of a change that were never attempted. Returns which.
    private mutating func stepOut(_ token: String, _ reason: LastError) -> [OperationID] {
        let waiting = all { $0.txnToken == token && $0.status == .pending && $0.lastAttemptAt == nil }
        for operation in waiting {
            guard var row = rows[operation.seq] else { continue }
            row.due = 0
            row.operation.status = .failed
            row.operation.nextRetryAt = nil
            row.operation.lastError = reason
            rows[operation.seq] = row
            books.failed += 1
            tallies.add(.failed, .other(reason.class))
            leaveLine(operation.seq)
        }
        return waiting.map(\.id)
    }

    /// The upstream took it and said nothing of the state that came of it: the known state takes it in.
    mutating func foldIntoState(_ operation: Operation) {
        if let next = entities[operation.entity]?.after(operation) { entities[operation.entity] = next }
    }

    private func hasOperations(_ token: String) -> Bool { rows.values.contains { $0.operation.txnToken == token } }

    private mutating func set(_ token: String, _ standing: OptimisticStanding) {
        if let place = optimism.place(of: token) { optimism.entries[place].standing = standing }
    }

    private mutating func forgetIfDone(_ token: String) {
        if !hasOperations(token) { optimism.entries.removeAll { $0.change.txnToken == token } }
    }
}
