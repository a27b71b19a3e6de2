/// A processor's hold on the lock: hold, renew, distrust, give up (spec section 4).
///
/// States: *none* → *held* (acquired) → held again at each heartbeat → *distrusted* when no heartbeat got through for so long that
/// another may be about to take over → none. A request is sent only if its answer, or its timeout, comes before distrust begins.
public struct Lease: Sendable, Equatable {
    /// How often the holder says that it is alive, and when others stop believing it.
    public struct Policy: Sendable, Equatable {
        /// Milliseconds between two heartbeats, each of them a durable write; 10 s by default. A processor takes 100 ms…1 day.
        public var heartbeatMs: Int64
        /// Milliseconds without a heartbeat after which another may take over; 2 min by default. A processor takes twice the heartbeat at
        /// least, and 1 year at most.
        public var staleAfterMs: Int64

        /// The defaults, but for what is given. A processor takes the nearest that is in range.
        public init(heartbeatMs: Int64 = 10_000, staleAfterMs: Int64 = 120_000) {
            self.heartbeatMs = heartbeatMs
            self.staleAfterMs = staleAfterMs
        }

        /// What a processor goes by.
        var clamped: Policy {
            let beatMs = min(max(heartbeatMs, 100), 86_400_000)
            return Policy(heartbeatMs: beatMs, staleAfterMs: max(ProcessorConfiguration.span(staleAfterMs), beatMs * 2))
        }

        /// Milliseconds that an acquired or renewed lock is trusted: a tenth less than until another can take it, for clocks that drift.
        var trustedMs: Int64 { staleAfterMs * 9 / 10 }

        /// Milliseconds that a request may take whenever it starts, even just before a heartbeat.
        public var longestRequestMs: Int64 { trustedMs - heartbeatMs }
    }

    package let policy: Policy
    package let fence: Fence
    /// Steady time at which the last heartbeat that got through was begun.
    package private(set) var renewedAt: Int64

    package init(policy: Policy, fence: Fence, renewedAt: Int64) {
        self.policy = policy
        self.fence = fence
        self.renewedAt = renewedAt
    }

    package var heartbeatDue: Int64 { renewedAt + policy.heartbeatMs }

    /// From here on another may be about to hold the lock.
    package var trustedUntil: Int64 { renewedAt + policy.trustedMs }

    package mutating func renewed(begunAt: Int64) { renewedAt = max(renewedAt, begunAt) }

    /// How long a request may take that starts now; nil when none may start.
    package func timeLeftMs(now: Int64) -> Int64? {
        let left = trustedUntil - now
        return left > 0 ? left : nil
    }
}
