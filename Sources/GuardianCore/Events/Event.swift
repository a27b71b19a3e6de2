/// The one list of things worth telling (spec section 6). Told after the commit they speak of.
public enum Event: Sendable, Equatable {
    case enqueued(id: OperationID, seq: Int64)
    case claimed(id: OperationID, attempt: Int)
    case retryScheduled(id: OperationID, due: Timestamp, backoffMs: Int64, error: LastError)
    case processed(id: OperationID, latencyMs: Int64, httpStatus: Int?)
    case failed(id: OperationID, error: LastError)
    case conflict(id: OperationID, error: LastError)
    case expired(id: OperationID)
    case breakerOpened(forMs: Int64)
    case breakerProbing
    case breakerClosed
    case originHeld(milliseconds: Int64)
    case plagueHeld(status: Int)
    case plagueReleased(afterMs: Int64)
    case lockAcquired(epoch: Int64)
    case lockTakenOver(from: String, epoch: Int64)
    case lockLost(epoch: Int64)
    case paused(Pause)
    case resumed(Pause)
    case tokenRefreshed(success: Bool)
    case storeError(StoreError)
    /// Operations were due, workers free, and nothing was claimed; what is done about it.
    case stalled(due: Int, repair: String)
    case booksUnbalanced(gap: Int64)
    case clockStepped(milliseconds: Int64)
    case drained

    /// A fixed word for logs and streams.
    public var name: String {
        switch self {
        case .enqueued: "enqueued"
        case .claimed: "claimed"
        case .retryScheduled: "retry_scheduled"
        case .processed: "processed"
        case .failed: "failed"
        case .conflict: "conflict"
        case .expired: "expired"
        case .breakerOpened: "breaker_opened"
        case .breakerProbing: "breaker_probing"
        case .breakerClosed: "breaker_closed"
        case .originHeld: "origin_held"
        case .plagueHeld: "plague_held"
        case .plagueReleased: "plague_released"
        case .lockAcquired: "lock_acquired"
        case .lockTakenOver: "lock_taken_over"
        case .lockLost: "lock_lost"
        case .paused: "paused"
        case .resumed: "resumed"
        case .tokenRefreshed: "token_refreshed"
        case .storeError: "store_error"
        case .stalled: "stalled"
        case .booksUnbalanced: "books_unbalanced"
        case .clockStepped: "clock_stepped"
        case .drained: "drained"
        }
    }
}
