/// How one processor behaves; every value has a default and a unit. What lies outside its range is taken as the nearest that is in it.
public struct ProcessorConfiguration: Sendable, Equatable {
    /// Requests in flight at most; 4 by default, 1…1024.
    public var workers: Int
    /// How long failed operations wait, and how often they are tried; ``RetryPolicy/standard`` by default.
    public var retry: RetryPolicy
    /// When the upstream is left alone for a while: 10 failures in 60 s, for 60 s, by default.
    public var breaker: CircuitBreaker.Policy
    /// How the lock is kept: a heartbeat every 10 s, stale after 2 min, by default.
    public var lease: Lease.Policy
    /// Milliseconds after which an attempt is given up as a timeout; 30 s by default, 1 ms…1 day. What is left of the lease bounds it too
    /// (``Lease/Policy/longestRequestMs``).
    public var attemptTimeoutMs: Int64
    /// Milliseconds between looks at the store when nothing wakes the processor: other processes enqueue, pause and retry too; 500 by
    /// default, 10 ms…1 day.
    public var pollMs: Int64
    /// Milliseconds that a graceful stop waits for answers; 10 s by default, 0…1 day.
    public var drainMs: Int64
    /// Milliseconds that the upstream remembers idempotency keys; 24 h by default, 0…1 year. An outcome unknown for longer is in doubt.
    public var idempotencyWindowMs: Int64 = 86_400_000
    /// Whether the number of requests in flight and their rate follow what the upstream takes (`Ramp`, `Pacer`); true by default.
    public var adapts = true
    /// Whether requests in flight are as many as the upstream takes without a queue (`AdaptiveLimit`), ``workers`` at most; false by
    /// default.
    public var findsCapacity = false
    /// How conflicts (409, 412) are settled; by a person unless something else is said.
    public var conflicts = ConflictRules()
    /// Which routes wait by themselves when the upstream asks to wait, instead of the whole origin. An engine takes what its transport says
    /// of its routes (``Transport/holds``) unless something is set here.
    public var holds = HoldRules()
    /// The app's version, 1–128 bytes; nil, the default, for none. An engine takes what its transport says (``Transport/appVersion``)
    /// unless something is set here. The pause of a 426 ends with the first run of another version than the one that met it; where nobody
    /// has said which met it, with the first run that says its own.
    public var appVersion: String?
    /// Whether the state that the upstream tells of an entity is kept, for the app to show (``Overlay``); false by default.
    public var keepsStates = false
    /// Entity types whose creates get their id from the upstream (`data.id` of the answer); `*` means all.
    public var assignsIDs: Set<String> = []
    /// Of which operations the ledger keeps the answer's body for ``SyncEngine/outcome(of:)``; of creates by default.
    public var keptAnswers = KeptAnswers.creates
    /// What watches the answers after a change, and when that was made; nil, the default, when nothing does.
    public var rollout: RolloutGuard?
    /// Settlements written in one transaction at most; 256 by default, 1…10 000.
    public var settleBatch: Int
    /// What brings operations that an older build has queued up to date; none by default.
    public var upcasters: Upcasters

    /// What is given, brought into its range at once; all else has its default and is set afterwards.
    public init(
        workers: Int = 4, retry: RetryPolicy = .standard, breaker: CircuitBreaker.Policy = .init(), lease: Lease.Policy = .init(),
        attemptTimeoutMs: Int64 = 30_000, pollMs: Int64 = 500, drainMs: Int64 = 10_000, settleBatch: Int = 256,
        upcasters: Upcasters = Upcasters()
    ) {
        self.workers = workers
        self.retry = retry
        self.breaker = breaker
        self.lease = lease
        self.attemptTimeoutMs = attemptTimeoutMs
        self.pollMs = pollMs
        self.drainMs = drainMs
        self.settleBatch = settleBatch
        self.upcasters = upcasters
        self = clamped
    }

    /// What a processor goes by, whatever was set since `init`.
    var clamped: ProcessorConfiguration {
        var configuration = self
        configuration.workers = min(max(workers, 1), 1024)
        configuration.retry = retry.clamped
        configuration.breaker = breaker.clamped
        configuration.lease = lease.clamped
        configuration.attemptTimeoutMs = min(max(attemptTimeoutMs, 1), Self.dayMs)
        configuration.pollMs = min(max(pollMs, 10), Self.dayMs)
        configuration.drainMs = min(max(drainMs, 0), Self.dayMs)
        configuration.idempotencyWindowMs = min(max(idempotencyWindowMs, 0), 365 * Self.dayMs)
        configuration.settleBatch = min(max(settleBatch, 1), 10_000)
        configuration.appVersion = appVersion.flatMap { (1...128).contains($0.utf8.count) && !$0.utf8.contains(0) ? $0 : nil }
        return configuration
    }

    /// What becomes of an operation before it is sent: its base must be cast with it where ``conflicts`` needs it.
    package func cast(_ operation: Operation) -> Upcasters.Cast {
        upcasters.cast(operation, needsBase: conflicts.needsBase(operation))
    }

    /// A length of time that is some, and no more than a year, in milliseconds.
    static func span(_ milliseconds: Int64) -> Int64 { min(max(milliseconds, 1), 365 * dayMs) }

    private static let dayMs: Int64 = 86_400_000
}

/// Of which operations the body of the answer is kept as long as their ids, up to 4 KiB of each.
public enum KeptAnswers: String, Sendable, CaseIterable {
    /// Of creates: theirs say what the upstream has made of them.
    case creates
    /// Of every operation that was processed: a settlement writes more then, and a day of them takes room.
    case all
}
