/// Changes in the order in which the upstream made them, and where the feed goes on behind them.
public struct ChangeBatch: Sendable, Equatable {
    /// Why changes may be missing before the cursor.
    public enum Reset: Sendable, Equatable {
        /// The upstream no longer has what followed the cursor it was asked for.
        case tooOld
        /// A change could not be read.
        case unreadable(String)
    }

    /// Oldest first; empty for a batch that only moves the cursor.
    public var changes: [RemoteChange]
    /// Keep this with the changes, in one transaction: it is where the next run begins.
    public var cursor: String
    /// When set, there are no changes, and what is known of the upstream's state must be read anew before the cursor is kept.
    public var reset: Reset?

    /// For whoever implements a feed.
    public init(_ changes: [RemoteChange] = [], cursor: String, reset: Reset? = nil) {
        self.changes = changes
        self.cursor = cursor
        self.reset = reset
    }
}

/// Tells what changes at the upstream. At least once: what a consumer did not take is told again.
public protocol ChangeFeed: Sendable {
    /// Feeds `consumer` with what follows `cursor`, which is one of this feed's, or nil for all there is.
    ///
    /// Goes on until it is cancelled, through every trouble of the network and the server's. Throws `CancellationError` then, or what the
    /// consumer has thrown.
    func run(from cursor: String?, into consumer: any ChangeConsumer) async throws
}

/// Who takes changes.
public protocol ChangeConsumer: Sendable {
    /// Takes a batch; returns when it and its cursor are kept. The feed reads on only then. An error ends the run; the batch counts as not
    /// taken. A batch without changes moves the cursor.
    func take(_ batch: ChangeBatch) async throws
    /// The feed is now in another state. Must not wait.
    func feedIs(_ state: FeedState)
}

extension ChangeConsumer {
    /// For a consumer to whom it does not matter.
    public func feedIs(_ state: FeedState) {}
}

/// How a feed gets its changes at the moment.
public enum FeedState: Sendable, Equatable {
    /// Asks for a stream.
    case connecting
    /// A stream is open.
    case streaming
    /// Asks again and again, since there is no stream.
    case polling
    /// Waits for the steady time, after a failure.
    case waiting(until: Int64, after: FeedFailure)
}

/// How a stream ended, or a poll failed.
public enum FeedFailure: Error, Sendable, Equatable {
    /// The server ended the stream, or the connection broke.
    case closed
    /// Nothing was heard for too long, not even a heartbeat.
    case silent
    /// No answer: no route, refused, DNS, TLS.
    case unreachable
    /// An answer that is no stream or page of changes: a stranger's page, garbage, something too large.
    case unreadable
    /// There is no such page: 404, 405, 406 or 501.
    case unsupported
    /// 204: the server asks not to come back.
    case noContent
    /// 401.
    case unauthorized
    /// Whoever has tokens gave none.
    case noToken
    /// Any other status, and how long the server asked to wait.
    case refused(status: Int, retryAfterMs: Int64?)

    /// What a status means; nil for 200.
    package init?(status: Int, retryAfterMs: Int64? = nil) {
        switch status {
        case 200: return nil
        case 204: self = .noContent
        case 401: self = .unauthorized
        case 404, 405, 406, 501: self = .unsupported
        default: self = .refused(status: status, retryAfterMs: retryAfterMs)
        }
    }
}
