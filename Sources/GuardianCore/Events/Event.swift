/// The one list of things worth telling (spec section 6). Told after the commit they speak of.
public enum Event: Sendable, Equatable {
    /// It is on disk, at this place in the order of enqueues.
    case enqueued(id: OperationID, seq: Int64)
    /// Folded into one that waits, whose outcome is its own.
    case coalesced(id: OperationID, into: OperationID)
    /// A delete and the create that still waited: neither is ever sent.
    case cancelledOut(id: OperationID, with: OperationID)
    /// A request for it goes out, or a look that comes first: told each time, so that a request that follows a look has the same number as
    /// that. `attempt` counts from 1, and anew after a person's retry.
    case claimed(id: OperationID, attempt: Int)
    /// The attempt failed; it is tried again at `due`, `backoffMs` after the failure.
    case retryScheduled(id: OperationID, due: Timestamp, backoffMs: Int64, error: LastError)
    /// It has left the queue: the upstream took it, or what is there left nothing to send. `latencyMs` is from the first request of its
    /// claim to the answer; it is 0, and `httpStatus` nil, where the server's state has settled it.
    case processed(id: OperationID, latencyMs: Int64, httpStatus: Int?)
    /// It stands in `failed` until a person retries, cancels or clears it; conflicts are told as ``conflict(id:error:)``.
    case failed(id: OperationID, error: LastError)
    /// It stands in `failed` as a conflict, for a person to choose a side.
    case conflict(id: OperationID, error: LastError)
    /// A conflict was settled by the route's policy, or by a person (`manual`): how (`already_done`, `server`, `sent_again`).
    case conflictResolved(id: OperationID, strategy: String, resolution: String)
    /// Its `expiresAt` had passed when its turn came; it has left the queue, without effect.
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
    /// Nothing is sent for so long, jitter included; also when another processor of the store has opened its own.
    case breakerOpened(forMs: Int64)
    /// The cool-down is over: one request asks whether the upstream is back.
    case breakerProbing
    /// The probe succeeded, or that of another processor of the store.
    case breakerClosed
    /// The upstream asked everyone to wait (429, `Retry-After`), jitter included; a longer wait meanwhile is not told again.
    case originHeld(milliseconds: Int64)
    /// The upstream asked what goes by one route to wait; `route` is its pair of operation and entity type, such as `update room`.
    case routeHeld(route: String, milliseconds: Int64)
    /// Permanent answers of this status hit so many lines that the server must be wrong: delivery is held, nothing fails.
    case plagueHeld(status: Int)
    /// Delivery goes on: a probe got through, or a hold on little evidence ran out. `afterMs` is how long it lasted.
    case plagueReleased(afterMs: Int64)
    /// This engine delivers from now on, under this epoch.
    case lockAcquired(epoch: Int64)
    /// It took the lock from the processor `from`, which was silent for too long or is dead; `epoch` is the new one.
    case lockTakenOver(from: String, epoch: Int64)
    /// Somebody else delivers now; `epoch` is the one that this engine had. What it held changes nothing any more.
    case lockLost(epoch: Int64)
    /// Delivery stands still, by whoever; also told of each pause that is in force when the lock is acquired.
    case paused(Pause)
    /// That pause is over; others may still be in force.
    case resumed(Pause)
    /// Too many answers after a change were errors; delivery is paused until a person resumes it.
    case rolloutHalted(errors: Int, answers: Int)
    /// The token provider was asked: whether it gave another token than before, and why not, in words that hold no secret.
    case tokenRefreshed(success: Bool, reason: String? = nil)
    /// No safe connection to the upstream could be made: its certificate or its key is not the one that is trusted. Critical: told at once,
    /// once for each row of failures; nothing was sent.
    case upstreamDistrusted(detail: String)
    /// A call to the store that no caller waits for has failed; delivery goes on when the store does.
    case storeError(StoreError)
    /// A damaged store was set aside, and what could be read of it brought over into a new one. More is lost than `lost` where that is not
    /// known to be all.
    case storeSalvaged(aside: String, recovered: Int, lost: Int, isLossKnown: Bool, unreadBytes: Int64)
    /// Operations were due, workers free, and nothing was claimed; what is done about it.
    case stalled(due: Int, repair: String)
    /// The audit, once a minute, misses so many accepted operations, stored or counted as gone; below zero there are too many.
    case booksUnbalanced(gap: Int64)
    /// The wall clock moved by 2 s or more against the steady one; negative when it went back.
    case clockStepped(milliseconds: Int64)
    /// A run has ended, by a drain or a cancellation: the lock is given back, if it was held.
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
