import GuardianCore

extension MemoryQueue {
    /// What is known of local ids.
    struct LocalIDs {
        var aliases: [EntityKey: (server: ServerID, at: Timestamp)] = [:]
        /// Numbers of stored creates whose entities may get another id.
        var open: [EntityKey: Set<Int64>] = [:]
        /// What stored operations wait for.
        var references: [Int64: [Reference]] = [:]

        /// The first create of `entity` after a number.
        func create(of entity: EntityKey, after seq: Int64 = 0) -> Int64? { open[entity]?.filter { $0 > seq }.min() }
    }

    /// The `due` of an operation that points to an entity whose create is not settled.
    static let awaiting = Int64.max / 2

    /// Milliseconds that an alias is kept beyond the ledger's window.
    private static let aliasMs: Int64 = 29 * 86_400_000

    func resolve(_ entity: EntityKey) -> EntityKey {
        localIDs.aliases[entity].map { EntityKey(type: entity.type, id: $0.server.text) } ?? entity
    }

    /// A new operation with the upstream's ids where the app still uses local ones.
    mutating func resolved(_ operation: Operation) -> Operation {
        var operation = operation
        if operation.type == "create" {
            localIDs.aliases[operation.entity] = nil
        } else if let alias = localIDs.aliases[operation.entity] {
            operation.entity.id = alias.server.text
            operation.references.removeAll { $0.isOwn }
        }
        operation.resolveReferences { localIDs.aliases[$0]?.server }
        return operation
    }

    /// What `operation` points to whose create is stored and not settled.
    func awaited(by operation: Operation) -> [Reference] { operation.waiting { localIDs.create(of: $0) != nil } }

    /// Keeps in sight what a pending operation waits for.
    mutating func keep(_ references: [Reference], _ seq: Int64) {
        guard !references.isEmpty else { return }
        let known = localIDs.references[seq, default: []]
        localIDs.references[seq] = known + references.filter { !known.contains($0) }
        rows[seq]?.due = Self.awaiting
    }

    /// A pending operation has got another payload: what it no longer points to, it does not wait for.
    mutating func letGo(of operation: Operation) {
        guard let known = localIDs.references[operation.seq] else { return }
        let gone = Set(operation.lost(among: known))
        let left = known.filter { !gone.contains($0) }
        localIDs.references[operation.seq] = left.isEmpty ? nil : left
        let due = due(of: operation)
        rows[operation.seq]?.due = due
    }

    /// A create was stored whose entity may get another id.
    mutating func openLocalID(of operation: Operation) { localIDs.open[operation.entity, default: []].insert(operation.seq) }

    /// The create for which an operation waits.
    func create(awaitedBy seq: Int64) -> Int64? {
        localIDs.references[seq]?.compactMap { localIDs.open[$0.entity]?.filter { $0 < seq }.max() }.max()
    }

    /// The create `seq` has brought the upstream's id: all that is stored of its entity goes on under that id.
    mutating func adopt(_ seq: Int64, _ server: ServerID, at now: Timestamp) {
        guard let create = rows[seq]?.operation, create.entity.id != server.text else { return }
        let entity = create.entity
        let younger = localIDs.create(of: entity, after: seq)
        if younger == nil { localIDs.aliases[entity] = (server, now) }
        let end = all { $0.entity == entity && $0.type == "create" && $0.seq > seq }.map(\.seq).reduce(younger ?? Int64.max, min)
        for operation in all({ $0.entity == entity && $0.seq < end && ($0.type != "create" || $0.seq == seq) }) {
            rename(operation.seq, server, isCreate: operation.seq == seq, at: now)
        }
        for place in optimism.entries.indices where optimism.entries[place].change.entity == entity {
            optimism.entries[place].change.entity.id = server.text
        }
        settleReferences(to: entity, before: end, server, at: now)
    }

    private mutating func rename(_ seq: Int64, _ server: ServerID, isCreate: Bool, at now: Timestamp) {
        guard var row = rows[seq] else { return }
        row.operation.entity.id = server.text
        row.operation.ifMatch = nil
        row.operation.updatedAt = now
        if !isCreate { row.operation.renewKey(for: server) }
        let line = ordering.line(for: row.operation)
        guard !isCreate, line != row.line else {
            rows[seq] = row
            return
        }
        leaveLine(seq)
        row.line = line
        rows[seq] = row
        guard row.operation.status != .failed else { return }
        var members = lines[line, default: []]
        members.insert(seq, at: members.firstIndex { $0 > seq } ?? members.endIndex)
        lines[line] = members
    }

    /// An operation has left the queue: what waits for it alone goes on.
    mutating func forgetReferences(_ seq: Int64) {
        localIDs.references[seq] = nil
        // Not by its entity: a create that was adopted is known by its local id here.
        guard let opened = localIDs.open.first(where: { $0.value.contains(seq) })?.key else { return }
        localIDs.open[opened]?.remove(seq)
        if localIDs.open[opened]?.isEmpty == true { localIDs.open[opened] = nil }
        let oldest = localIDs.create(of: opened)
        if let oldest, oldest < seq { return }
        settleReferences(to: opened, before: oldest ?? Int64.max, nil, at: nil)
    }

    /// Rewrites what points to `entity`, if the upstream's id is known, and lets it go.
    private mutating func settleReferences(to entity: EntityKey, before end: Int64, _ server: ServerID?, at now: Timestamp?) {
        for (seq, references) in localIDs.references where seq < end {
            let settled = references.filter { $0.entity == entity }
            guard !settled.isEmpty, var row = rows[seq] else { continue }
            let rest = references.filter { $0.entity != entity }
            localIDs.references[seq] = rest.isEmpty ? nil : rest
            if let server, let now {
                var isChanged = false
                for reference in settled where !reference.isOwn {
                    if row.operation.rewrite(reference.field, from: entity.id, to: server) { isChanged = true }
                }
                if isChanged {
                    row.operation.renewKey(for: server)
                    row.operation.updatedAt = now
                }
            }
            if row.operation.status == .pending { row.due = due(of: row.operation) }
            rows[seq] = row
        }
    }

    mutating func sweepAliases(before: Timestamp) {
        let oldest = before.adding(milliseconds: -Self.aliasMs)
        localIDs.aliases = localIDs.aliases.filter { $0.value.at >= oldest }
    }

    var aliasProblems: [String] {
        var problems: [String] = []
        for row in rows.values where row.operation.status == .pending {
            let isAwaiting = localIDs.references[row.operation.seq] != nil
            if (row.due == Self.awaiting) != isAwaiting { problems.append("\(row.operation.id) waits for no create, or does not wait") }
        }
        for seq in localIDs.references.keys where create(awaitedBy: seq) == nil {
            problems.append("\(seq) waits for a create that is gone")
        }
        for (entity, creates) in localIDs.open where creates.contains(where: { rows[$0]?.operation.entity != entity }) {
            problems.append("a create of \(entity.orderingKey) is waited for and not stored")
        }
        return problems
    }
}
