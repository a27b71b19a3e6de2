/// Decides what a feed does next: open a stream, poll, or wait. A value without clock or chance; both are arguments.
///
/// A stream that ends is opened again after a full-jitter backoff; it has to live a minute to be forgotten as a failure. After three
/// failures, or where there is no stream, the feed polls, and tries the stream again every ten minutes, or as soon as a poll works after
/// polls that failed: then it was the network. After a 204 it never opens a stream again.
public struct FeedSchedule: Sendable {
    /// When it tries again, and when it polls instead. A wait of more than a year counts as one of a year.
    public struct Configuration: Sendable, Equatable {
        /// Milliseconds; 1 s by default.
        public var baseMs: Int64 = 1000
        /// Milliseconds; 60 s by default.
        public var maxMs: Int64 = 60_000
        /// A stream that has lived so long forgets the failures before it; 60 s by default.
        public var healthyMs: Int64 = 60_000
        /// Streams that fail in a row before the feed polls; 3 by default.
        public var failuresBeforePolling = 3
        /// Milliseconds from one poll to the next; 15 s by default.
        public var pollMs: Int64 = 15_000
        /// Milliseconds before a feed that polls tries the stream again; 10 min by default.
        public var streamAgainMs: Int64 = 600_000
        /// How often the server sends at least a comment; 15 s by default.
        public var heartbeatMs: Int64 = 15_000
        /// Heartbeats that may be missing before a stream counts as dead; 3 by default.
        public var missedHeartbeats: Int64 = 3

        /// The defaults.
        public init() {}

        /// How long a stream may say nothing.
        package var silenceMs: Int64 {
            let (silence, isTooLong) = heartbeatMs.multipliedReportingOverflow(by: missedHeartbeats)
            return isTooLong ? Self.longestMs : min(silence, Self.longestMs)
        }

        /// A year: what is meant to be never.
        private static let longestMs: Int64 = 365 * 86_400_000

        /// What a schedule goes by: no wait is longer than a year.
        fileprivate var clamped: Configuration {
            var configuration = self
            for wait in [\Configuration.baseMs, \.maxMs, \.healthyMs, \.pollMs, \.streamAgainMs] {
                configuration[keyPath: wait] = min(configuration[keyPath: wait], Self.longestMs)
            }
            return configuration
        }
    }

    package enum Step: Sendable, Equatable {
        case stream(refreshToken: Bool)
        case poll(refreshToken: Bool)
        /// Until this steady time.
        case wait(until: Int64)
    }

    package let configuration: Configuration
    package private(set) var isPolling = false
    /// The last one there was; nil after a stream has opened or a poll has worked.
    package private(set) var failure: FeedFailure?

    private var dueAt = Int64.min
    /// Nothing is asked before; a server's wish, or a token that is missing.
    private var heldUntil = Int64.min
    /// While polling; nil is never.
    private var streamAgainAt: Int64?
    private var streamFailures = 0
    private var pollFailures = 0
    private var tokenFailures = 0
    private var refreshesToken = false
    private var openedAt: Int64?
    private var serverRetryMs: Int64 = 0

    package init(_ configuration: Configuration = Configuration()) { self.configuration = configuration.clamped }

    package func next(at now: Int64) -> Step {
        let wish = isPolling ? min(dueAt, streamAgainAt ?? .max) : dueAt
        let due = max(wish, heldUntil)
        if now < due { return .wait(until: due) }
        if isPolling, now < streamAgainAt ?? .max { return .poll(refreshToken: refreshesToken) }
        return .stream(refreshToken: refreshesToken)
    }

    /// The stream is open.
    package mutating func opened(at now: Int64) {
        openedAt = now
        isPolling = false
        succeeded()
    }

    /// The server has said `retry:`; ten minutes (``Configuration/streamAgainMs``) at most are honoured.
    package mutating func serverAsked(retryMs: Int64) { serverRetryMs = min(max(retryMs, 0), configuration.streamAgainMs) }

    /// The stream ended, or did not come about. `unit` is a random number in `0..<1`.
    package mutating func streamEnded(_ failure: FeedFailure, at now: Int64, unit: Double) {
        if let openedAt, now - openedAt >= configuration.healthyMs { streamFailures = 0 }
        openedAt = nil
        failed(failure)
        switch failure {
        case .unauthorized, .noToken: awaitToken(failure, now, unit)
        case .noContent: poll(now, streamAgainAt: nil)
        case .unsupported: poll(now, streamAgainAt: now + configuration.streamAgainMs)
        default:
            hold(failure, now)
            streamFailures += 1
            if isPolling || streamFailures >= configuration.failuresBeforePolling {
                poll(now, streamAgainAt: now + configuration.streamAgainMs)
            } else {
                dueAt = now + serverRetryMs + backoff(streamFailures, unit)
            }
        }
    }

    /// A poll worked.
    package mutating func polled(hasMore: Bool, at now: Int64) {
        if pollFailures > 0, streamAgainAt != nil { streamAgainAt = now }
        pollFailures = 0
        succeeded()
        dueAt = hasMore ? now : now + configuration.pollMs
    }

    /// A poll failed.
    package mutating func pollFailed(_ failure: FeedFailure, at now: Int64, unit: Double) {
        failed(failure)
        switch failure {
        case .unauthorized, .noToken: awaitToken(failure, now, unit)
        case .noContent: polled(hasMore: false, at: now)
        case .unsupported: dueAt = now + configuration.streamAgainMs
        default:
            hold(failure, now)
            pollFailures += 1
            dueAt = now + max(configuration.pollMs, backoff(pollFailures, unit))
        }
    }

    private mutating func succeeded() {
        failure = nil
        tokenFailures = 0
        refreshesToken = false
    }

    /// A token is refreshed because it was refused, not because something else went wrong with the fresh one.
    private mutating func failed(_ failure: FeedFailure) {
        self.failure = failure
        if failure != .unauthorized, failure != .noToken { refreshesToken = false }
    }

    private mutating func poll(_ now: Int64, streamAgainAt: Int64?) {
        isPolling = true
        dueAt = now
        self.streamAgainAt = streamAgainAt
    }

    /// A refused token is refreshed at once; a fresh one that is refused too, or none, waits.
    private mutating func awaitToken(_ failure: FeedFailure, _ now: Int64, _ unit: Double) {
        dueAt = now
        if failure == .noToken || refreshesToken {
            tokenFailures += 1
            heldUntil = max(heldUntil, now + configuration.baseMs + backoff(tokenFailures, unit))
        }
        refreshesToken = refreshesToken || failure == .unauthorized
    }

    private mutating func hold(_ failure: FeedFailure, _ now: Int64) {
        guard case .refused(_, let retryAfterMs?) = failure else { return }
        heldUntil = max(heldUntil, now + min(max(retryAfterMs, 0), OutcomeDecider.longestHoldMs))
    }

    /// Full jitter: anything from nothing to `min(max, base · 2^(n−1))`.
    private func backoff(_ n: Int, _ unit: Double) -> Int64 {
        let grown = Double(configuration.baseMs) * Double(UInt64(1) << UInt64(min(max(n, 1) - 1, 40)))
        return Int64(min(Double(configuration.maxMs), grown) * unit)
    }
}
