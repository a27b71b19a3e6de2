/// Where one stored operation stands.
public struct Standing: Sendable, Equatable {
    /// As it is stored.
    public var operation: Operation
    /// Whether it leads its line.
    public var isHead: Bool
    /// The one that leads its line, when that is another.
    public var behind: OperationID?
    /// Whether it waits for its principal to come back.
    public var isParked: Bool
    /// Whether it points to an entity whose create is not settled.
    public var isAwaiting = false
    /// That create.
    public var awaits: OperationID?

    /// For whoever implements a store; what it points to is set afterwards.
    public init(operation: Operation, isHead: Bool, behind: OperationID? = nil, isParked: Bool = false) {
        self.operation = operation
        self.isHead = isHead
        self.behind = behind
        self.isParked = isParked
    }
}

/// Pending operations by where they stand. Each is counted once.
public struct Census: Sendable, Equatable {
    /// Behind another of their line.
    public var behind: Int64 = 0
    /// Heads that wait for their principal.
    public var parked: Int64 = 0
    /// Heads that point to an entity whose create is not settled.
    public var awaiting: Int64 = 0
    /// Heads whose `notBefore` lies ahead.
    public var notBefore: Int64 = 0
    /// Heads that wait for their retry.
    public var backoff: Int64 = 0
    /// Heads that nothing of their own holds back.
    public var due: Int64 = 0
    /// When the one of those that waits longest became due.
    public var dueSince: Timestamp?
    /// In a processor's hands.
    public var leased: Int64 = 0
    /// In `failed`, in no line; not part of ``pending``.
    public var failed: Int64 = 0

    /// That of an empty queue.
    public init() {}

    /// All that wait, whatever for.
    public var pending: Int64 { behind + parked + awaiting + notBefore + backoff + due }
}

/// How an operation ended that has left the queue.
public enum Ending: Sendable, Equatable {
    /// The upstream took it; the body of its answer when that was kept.
    case processed(answer: String?)
    /// Folded into another one, whose ending is its own.
    case merged(into: OperationID)
    /// Taken out by a person or the app, or a create and the delete that cancelled each other out.
    case cancelled
    /// Its `expiresAt` had passed when its turn came, and it had no effect.
    case expired
    /// Removed by a person after it had failed.
    case cleared
}
