/// What has become of one operation that belongs to an optimistic change.
package enum Departure: Sendable, Equatable {
    /// The upstream took it.
    case processed
    /// It stands in `failed`. The change is rolled back at once, for its user should not wait for a person; retried later with success, the
    /// change is told as committed after all.
    case failed(LastError)
    /// It has left the queue without effect: the change can't be committed any more.
    case lost(LastError)
}

/// How much is left of a registered change. The raw values are stored.
package enum OptimisticStanding: Int, Sendable {
    /// Waits for its operations.
    case open = 0
    /// Rolled back; operations of it are still stored, and may succeed.
    case rolledBack = 1
    /// Rolled back, and an operation of it has left for good.
    case lost = 2
    /// Rolled back because what it depends on was: operations of it that come later are set aside, not sent.
    case refused = 3
    /// Committed, and told. Like every change that has come to its end it stays known for as long as the ledger's window: registered again,
    /// it adds nothing.
    case committed = 4

    /// Whether what depends on it has no ground any more.
    package var isRolledBack: Bool { self == .rolledBack || self == .lost || self == .refused }

    /// What a departure makes of a change, and what is to be told. `isLast` says that no other operation of it is stored.
    package func after(_ departure: Departure, isLast: Bool) -> (standing: OptimisticStanding, told: OptimisticEnding.Result?) {
        switch departure {
        case .processed where isLast && self != .lost && self != .committed: (.committed, .committed)
        case .processed: (self, nil)
        case .lost where self == .committed: (self, nil)
        case .failed(let reason): (self == .open ? .rolledBack : self, self == .open ? .rolledBack(reason) : nil)
        case .lost(let reason): (.lost, self == .open ? .rolledBack(reason) : nil)
        }
    }
}

extension LastError {
    static let cancelledByPerson = LastError(class: .permanent, code: "CANCELLED", message: "an operation of the change was cancelled")
    static let clearedByPerson = LastError(class: .permanent, code: "CLEARED", message: "a failed operation of the change was removed")
    static let tooLate = LastError(class: .expired, code: "EXPIRED", message: "an operation of the change was not delivered in time")
    static let withdrawn = LastError(class: .permanent, code: "WITHDRAWN", message: "the app has withdrawn the change")
    static let overruled = LastError(
        class: .conflict, code: "SERVER_WINS", message: "the upstream has another version, and the route lets it stand")

    /// Of what rests on a change that was rolled back.
    package static func dependsOn(_ txnToken: String) -> LastError {
        LastError(class: .dependency, code: "DEPENDS_ON", message: "the change \(txnToken), which this one depends on, was rolled back")
    }
}

extension Departure {
    /// A person has cancelled it.
    package static let cancelled = Departure.lost(.cancelledByPerson)
    /// It had failed, and was removed.
    package static let cleared = Departure.lost(.clearedByPerson)
    /// Its `expiresAt` has passed.
    package static let expired = Departure.lost(.tooLate)
    /// The app gave the change up.
    package static let withdrawn = Departure.lost(.withdrawn)
    /// A conflict was settled for the server.
    package static let overruled = Departure.lost(.overruled)
}
