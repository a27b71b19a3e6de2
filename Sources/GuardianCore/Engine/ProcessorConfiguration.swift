/// How one processor behaves; every value has a default and a unit.
public struct ProcessorConfiguration: Sendable, Equatable {
    /// Requests in flight at most; 4 by default, 1…1024.
    public var workers: Int
    public var retry: RetryPolicy
    public var breaker: CircuitBreaker.Policy
    public var lease: Lease.Policy
    /// Milliseconds after which an attempt is given up as a timeout; 30 s by default.
    public var attemptTimeoutMs: Int64
    /// Milliseconds between looks at the store when nothing wakes the processor: other processes enqueue, pause and retry too.
    public var pollMs: Int64
    /// Milliseconds that a graceful stop waits for answers; 10 s by default.
    public var drainMs: Int64
    /// Milliseconds that the upstream remembers idempotency keys; 24 h by default. An outcome unknown for longer is in doubt.
    public var idempotencyWindowMs: Int64 = 86_400_000
    /// Whether the number of requests in flight and their rate follow what the upstream takes (``Ramp``, ``Pacer``); true by default.
    public var adapts = true
    /// Whether requests in flight are as many as the upstream takes without a queue (``AdaptiveLimit``), ``workers`` at most; false by default.
    public var findsCapacity = false
    /// How conflicts (409, 412) are settled; by a person unless something else is said.
    public var conflicts = ConflictRules()
    /// Whether the state that the upstream tells of an entity is kept, for the app to show (``Overlay``); false by default.
    public var keepsStates = false
    /// Entity types whose creates get their id from the upstream (`data.id` of the answer); `*` means all.
    public var assignsIDs: Set<String> = []
    /// Settlements written in one transaction at most.
    public var settleBatch: Int
    /// What brings operations that an older build has queued up to date; none by default.
    public var upcasters: Upcasters

    public init(
        workers: Int = 4, retry: RetryPolicy = .standard, breaker: CircuitBreaker.Policy = .init(), lease: Lease.Policy = .init(),
        attemptTimeoutMs: Int64 = 30_000, pollMs: Int64 = 500, drainMs: Int64 = 10_000, settleBatch: Int = 256,
        upcasters: Upcasters = Upcasters()
    ) {
        self.workers = min(max(workers, 1), 1024)
        self.retry = retry
        self.breaker = breaker
        self.lease = lease
        self.attemptTimeoutMs = attemptTimeoutMs
        self.pollMs = pollMs
        self.drainMs = drainMs
        self.settleBatch = settleBatch
        self.upcasters = upcasters
    }
}
