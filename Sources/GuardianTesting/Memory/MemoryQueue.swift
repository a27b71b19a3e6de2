import GuardianCore

/// The rows of a ``MemoryStore`` and what keeps them in line.
struct MemoryQueue {
    struct Row {
        var operation: Operation
        var line: Int64
        /// Milliseconds of wall time from which it may be claimed; 0 for at once.
        var due: Int64
        var epoch: Int64?
        var attemptedBefore: Timestamp?
    }

    struct LedgerEntry {
        var seq: Int64
        var at: Timestamp
        var ending: Ending
    }

    /// The `due` of an operation whose principal is not signed in.
    static let parked = Int64.max / 4

    var ordering: Ordering
    var rows: [Int64: Row] = [:]
    var ids: [OperationID: Int64] = [:]
    /// Numbers of pending and processing operations of each line, in order.
    var lines: [Int64: [Int64]] = [:]
    /// The one of each line that is claimed.
    var claimed: [Int64: Int64] = [:]
    var ledger: [OperationID: LedgerEntry] = [:]
    /// Ledger ids, oldest first.
    var ledgerOrder: [OperationID] = []
    var books = Books()
    var tallies = TallyBook()
    var nextSeq: Int64 = 1
    var localIDs = LocalIDs()
    var epoch: Int64 = 0
    var lock: LockState?
    var deadOwners: Set<String> = []
    var health: OriginHealth?
    var pauses: Set<Pause> = []
    var refusedVersion: String?
    var signedIn = SignedIn.nobody
    /// What the upstream has told of entities.
    var entities: [EntityKey: EntityKnowledge] = [:]
    /// When something was heard of them last.
    var heardAt: [EntityKey: Timestamp] = [:]
    /// How far feeds were followed.
    var feeds: [String: String?] = [:]
    var optimism = Optimism()

    /// What becomes of a new operation and the last of its line.
    let folding: @Sendable (Operation, Operation) -> Folding.Decision

    init(ordering: Ordering, folding: @escaping @Sendable (Operation, Operation) -> Folding.Decision) {
        self.ordering = ordering
        self.folding = folding
    }

    var currentBooks: Books {
        var books = books
        books.processing = Int64(claimed.count)
        return books
    }

    /// The operation of `line` that may go next, or is under way.
    func head(of line: Int64) -> Int64? { claimed[line] ?? lines[line]?.first }

    mutating func insert(_ operation: Operation) -> Receipt {
        if let seq = ids[operation.id] ?? ledger[operation.id]?.seq {
            return Receipt(id: operation.id, seq: seq, outcome: .duplicate)
        }
        let operation = resolved(operation)
        if let receipt = fold(operation) { return receipt }
        let awaited = awaited(by: operation)
        var stored = operation
        stored.references = []
        stored.folds = false
        stored.foldedBytes = Limits().payloadBytes
        stored.seq = nextSeq
        stored.status = .pending
        nextSeq += 1
        let line = ordering.line(for: operation.orderingKey)
        rows[stored.seq] = Row(operation: stored, line: line, due: due(of: operation))
        ids[stored.id] = stored.seq
        lines[line, default: []].append(stored.seq)
        keep(awaited, stored.seq)
        if operation.opensLocalID { openLocalID(of: stored) }
        books.accepted += 1
        stepOutIfRefused(stored)
        return Receipt(id: stored.id, seq: stored.seq, outcome: .accepted)
    }

    /// Takes a row out of its line; it may stay in the store as failed.
    mutating func leaveLine(_ seq: Int64) {
        guard let row = rows[seq] else { return }
        if claimed[row.line] == seq { claimed[row.line] = nil }
        lines[row.line]?.removeAll { $0 == seq }
        if lines[row.line]?.isEmpty == true { lines[row.line] = nil }
    }

    mutating func remove(_ seq: Int64) {
        leaveLine(seq)
        if let row = rows.removeValue(forKey: seq) { ids[row.operation.id] = nil }
        forgetReferences(seq)
    }

    /// From when a pending operation may be claimed, as far as it is up to itself, what it points to and its principal.
    func due(of operation: Operation) -> Int64 {
        if localIDs.references[operation.seq] != nil { return Self.awaiting }
        if let principal = operation.principal, principal != signedIn.hash { return Self.parked }
        return max(0, (operation.nextRetryAt ?? operation.notBefore)?.milliseconds ?? 0)
    }

    /// Another principal is signed in: the operations of all others park, and its own come back.
    mutating func signIn(_ signedIn: SignedIn) {
        self.signedIn = signedIn
        for (seq, row) in rows where row.operation.principal != nil && row.operation.status == .pending {
            var moved = row
            moved.due = due(of: row.operation)
            rows[seq] = moved
        }
    }

    /// An id that has left stays known for a while, so that a producer that tries again adds nothing.
    mutating func remember(_ id: OperationID, _ seq: Int64, _ ending: Ending, at now: Timestamp) {
        if ledger.updateValue(LedgerEntry(seq: seq, at: now, ending: ending), forKey: id) == nil { ledgerOrder.append(id) }
    }

    mutating func set(_ pause: Pause, _ active: Bool) {
        if active { pauses.insert(pause) } else { pauses.remove(pause) }
        if pause == .upgrade, !active { refusedVersion = nil }
    }

    func check(_ fence: Fence) throws(StoreError) {
        guard lock?.fence == fence else { throw .stale }
    }

    mutating func acquireLock(owner: String, now: Timestamp, staleAfterMs: Int64) -> LockAnswer {
        let before = lock
        if let before, before.fence.owner != owner {
            let silence = now.milliseconds - before.heartbeatAt.milliseconds
            guard abs(silence) >= staleAfterMs || deadOwners.contains(before.fence.owner) else { return .heldBy(before) }
        }
        epoch += 1
        let fence = Fence(owner: owner, epoch: epoch)
        lock = LockState(fence: fence, heartbeatAt: now, acquiredAt: now)
        let takenOver = before.flatMap { $0.fence.owner == owner ? nil : $0 }
        let isCrash = takenOver.map { deadOwners.contains($0.fence.owner) } ?? false
        return .acquired(fence, takenOver: takenOver, returned: returnClaims(at: now, isCrash: isCrash))
    }

    /// Claims of whoever had the lock go back to the heads of their lines; after a crash each of them is a suspect.
    mutating func returnClaims(at now: Timestamp?, isCrash: Bool = false) -> Int {
        let seqs = Array(claimed.values)
        for seq in seqs {
            guard var row = rows[seq] else { continue }
            row.operation.status = .pending
            row.epoch = nil
            if let now { row.operation.updatedAt = now }
            if isCrash { row.operation.crashes += 1 }
            row.operation.unknownAt = row.operation.unknownAt ?? row.operation.lastAttemptAt
            row.due = due(of: row.operation)
            rows[seq] = row
        }
        claimed = [:]
        return seqs.count
    }
}
