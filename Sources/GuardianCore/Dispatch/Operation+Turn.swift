extension Operation {
    /// What becomes of the head of a line when its turn comes.
    package enum Turn: Sendable, Equatable {
        /// It may be claimed.
        case goes
        /// It leaves the queue, certainly without effect: its `expiresAt` has passed.
        case expires
        /// It is not sent, and stands in `failed` for this reason.
        case isSetAside(LastError)
    }

    func hasExpired(at now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// One that expires after an attempt whose outcome is unknown is left to a person: nobody can say that it had no effect.
    package func turn(at now: Timestamp) -> Turn {
        if hasExpired(at: now) { return unknownAt == nil ? .expires : .isSetAside(.expiredInDoubt) }
        return crashes >= Self.mostCrashes ? .isSetAside(.crashSuspect) : .goes
    }
}
