/// The one list of things worth telling (spec section 6). Told after the commit they speak of.
public enum Event: Sendable, Equatable {
    case enqueued(id: OperationID, seq: Int64)
    /// Folded into one that waits, whose outcome is its own.
    case coalesced(id: OperationID, into: OperationID)
    /// A delete and the create that still waited: neither is ever sent.
    case cancelledOut(id: OperationID, with: OperationID)
    case claimed(id: OperationID, attempt: Int)
    case retryScheduled(id: OperationID, due: Timestamp, backoffMs: Int64, error: LastError)
    case processed(id: OperationID, latencyMs: Int64, httpStatus: Int?)
    case failed(id: OperationID, error: LastError)
    case conflict(id: OperationID, error: LastError)
    /// A conflict was settled by the route's policy, or by a person (`manual`): how (`already_done`, `server`, `sent_again`).
    case conflictResolved(id: OperationID, strategy: String, resolution: String)
    case expired(id: OperationID)
    /// Taken out of the queue by a person or the app.
    case cancelled(id: OperationID, mayHaveApplied: Bool)
    /// Failed operations were put back into their lines by a person or the app.
    case retried(count: Int)
    /// An optimistic change was rolled back.
    case rolledBack(token: String, reason: LastError)
    /// The app did not take the ending of an optimistic change; it is asked again. `error` is the name of the error's type.
    case endingNotTaken(token: String, error: String)
    /// What the upstream is said to have now of an entity.
    case remoteChanged(EntityKey)
    case breakerOpened(forMs: Int64)
    case breakerProbing
    case breakerClosed
    case originHeld(milliseconds: Int64)
    /// The upstream asked what goes by one route to wait; `route` is its pair of operation and entity type, such as `update room`.
    case routeHeld(route: String, milliseconds: Int64)
    case plagueHeld(status: Int)
    case plagueReleased(afterMs: Int64)
    case lockAcquired(epoch: Int64)
    case lockTakenOver(from: String, epoch: Int64)
    case lockLost(epoch: Int64)
    case paused(Pause)
    case resumed(Pause)
    /// Too many answers after a change were errors; delivery is paused until a person resumes it.
    case rolloutHalted(errors: Int, answers: Int)
    /// The token provider was asked: whether it gave another token than before, and why not, in words that hold no secret.
    case tokenRefreshed(success: Bool, reason: String? = nil)
    /// No safe connection to the upstream could be made: its certificate or its key is not the one that is trusted. Critical: told at once,
    /// once for each row of failures; nothing was sent.
    case upstreamDistrusted(detail: String)
    case storeError(StoreError)
    /// A damaged store was set aside, and what could be read of it brought over into a new one. More is lost than `lost` where that is not
    /// known to be all.
    case storeSalvaged(aside: String, recovered: Int, lost: Int, isLossKnown: Bool, unreadBytes: Int64)
    /// Operations were due, workers free, and nothing was claimed; what is done about it.
    case stalled(due: Int, repair: String)
    case booksUnbalanced(gap: Int64)
    case clockStepped(milliseconds: Int64)
    case drained
    /// A ``Delivery`` could not begin a run; it tries again.
    case notDelivering(reason: String)
    /// An alert's condition has held for long enough.
    case alertFired(Alert)
    /// An alert that had fired holds no more.
    case alertCleared(Alert)

    /// A fixed word for logs and streams.
    public var name: String {
        switch self {
        case .enqueued: "enqueued"
        case .coalesced: "coalesced"
        case .cancelledOut: "cancelled_out"
        case .claimed: "claimed"
        case .retryScheduled: "retry_scheduled"
        case .processed: "processed"
        case .failed: "failed"
        case .conflict: "conflict"
        case .conflictResolved: "conflict_resolved"
        case .expired: "expired"
        case .cancelled: "cancelled"
        case .retried: "retried"
        case .rolledBack: "rolled_back"
        case .endingNotTaken: "ending_not_taken"
        case .remoteChanged: "remote_changed"
        case .breakerOpened: "breaker_opened"
        case .breakerProbing: "breaker_probing"
        case .breakerClosed: "breaker_closed"
        case .originHeld: "origin_held"
        case .routeHeld: "route_held"
        case .plagueHeld: "plague_held"
        case .plagueReleased: "plague_released"
        case .lockAcquired: "lock_acquired"
        case .lockTakenOver: "lock_taken_over"
        case .lockLost: "lock_lost"
        case .paused: "paused"
        case .resumed: "resumed"
        case .rolloutHalted: "rollout_halted"
        case .tokenRefreshed: "token_refreshed"
        case .upstreamDistrusted: "upstream_distrusted"
        case .storeError: "store_error"
        case .storeSalvaged: "store_salvaged"
        case .stalled: "stalled"
        case .booksUnbalanced: "books_unbalanced"
        case .clockStepped: "clock_stepped"
        case .drained: "drained"
        case .notDelivering: "not_delivering"
        case .alertFired: "alert_fired"
        case .alertCleared: "alert_cleared"
        }
    }
}
