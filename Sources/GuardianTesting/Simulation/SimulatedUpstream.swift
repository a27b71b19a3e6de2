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
    }

    /// Keys whose effect stands.
    private(set) var applied: Set<UniqueID> = []
    var validToken = 1
    var asksForUpgrade = false
    var tlsFailures = 0

    /// Applies the effect of `key` once. Returns whether it was the first time.
    mutating func apply(_ key: UniqueID) -> Bool { applied.insert(key).inserted }

    /// The answer when nothing else is wrong, and whether the effect stands afterwards.
    func judge(_ verdict: Verdict, isTroubled: Bool) -> Outcome {
        switch verdict {
        case .fine: .accepted(Answer(status: 200))
        case .refusedForGood: .refused(.permanent, Answer(status: 422, code: "INVALID"))
        case .conflict: .refused(.conflict, Answer(status: 409, code: "VERSION"))
        case .broken: isTroubled ? .refused(.transient, Answer(status: 500)) : .accepted(Answer(status: 200))
        }
    }
}
