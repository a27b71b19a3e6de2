import GuardianCore

/// An upstream that honours idempotency keys, as the world sees it: what arrived, and what came of it.
struct SimulatedUpstream {
    /// What the upstream thinks of an operation.
    enum Verdict {
        case fine
        /// 422, 409.
        case refusedForGood, conflict
        /// 500 until the trouble is over.
        case broken
        /// Kills whoever sends it.
        case killer
        /// Of an entity that others write too: taken if it knows the version that is there.
        case shared
    }

    /// When each key was seen first; a key older than the upstream's memory is forgotten.
    private var seen: [UniqueID: Int64] = [:]
    /// How often each operation has had its effect.
    private(set) var effects: [OperationID: Int] = [:]
    var keyMemoryMs: Int64 = 86_400_000
    var validToken = 1
    var asksForUpgrade = false
    var tlsFailures = 0

    /// Entities that others write too.
    var rooms = SharedRooms()

    /// Of the state that a conflicting operation has not seen.
    static let etag = "\"theirs\""
    static let theirs: JSONValue = ["n": "theirs"]

    func hasApplied(_ id: OperationID) -> Bool { effects[id] != nil }

    /// Applies the effect of an operation unless its key is remembered. Returns whether it did.
    mutating func apply(_ operation: Operation, now: Int64) -> Bool {
        if let at = seen[operation.idempotencyKey], now - at < keyMemoryMs { return false }
        seen[operation.idempotencyKey] = now
        effects[operation.id, default: 0] += 1
        return true
    }

    /// The answer when nothing else is wrong, and whether the effect stands afterwards.
    func judge(_ verdict: Verdict, _ operation: Operation, isTroubled: Bool) -> Outcome {
        switch verdict {
        case .conflict where operation.ifMatch == Self.etag: .accepted(Answer(status: 200))
        case .fine, .killer, .shared: .accepted(Answer(status: 200))
        case .refusedForGood: .refused(.permanent, Answer(status: 422, code: "INVALID"))
        case .conflict: .refused(.conflict, Answer(status: 409, code: "VERSION"))
        case .broken: isTroubled ? .refused(.transient, Answer(status: 500)) : .accepted(Answer(status: 200))
        }
    }
}
