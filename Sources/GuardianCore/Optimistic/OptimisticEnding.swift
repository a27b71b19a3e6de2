/// How an optimistic change came to its end: written in the transaction that settled it, and kept until the app has taken it.
public struct OptimisticEnding: Sendable, Equatable {
    /// What the app is to do with what it shows: let it stand, or take it back.
    public enum Result: Sendable, Equatable {
        /// All operations of the change have reached the upstream.
        case committed
        /// One of them was given up on, cancelled, cleared, has expired, or lost a conflict; or what it depends on was rolled back.
        case rolledBack(LastError)
    }

    /// Endings are told in the order of their numbers.
    public var number: Int64
    /// As it was registered, but for an id that the upstream has given its entity since.
    public var change: OptimisticChange
    /// A change that was rolled back may end once more, as committed, when a person retries what had failed.
    public var result: Result
    /// The server's state of the entity, a JSON object as text, where a conflict has shown it: go there rather than to `change.original`.
    public var state: String?

    /// For whoever implements a store.
    public init(number: Int64, change: OptimisticChange, result: Result, state: String? = nil) {
        self.number = number
        self.change = change
        self.result = result
        self.state = state
    }

    /// Why it was rolled back; nil for one that was committed.
    public var reason: LastError? {
        if case .rolledBack(let reason) = result { return reason }
        return nil
    }
}
