/// How much a load test does, and how fast.
public struct LoadOptions: Sendable {
    /// The five suites, in the order in which they run, and the soak.
    public enum Suite: String, Sendable, CaseIterable {
        /// Intake; time from claim to settlement; memory of a long queue; the breaker; several processors; hours of ordinary life.
        case enqueue, latency, memory, breaker, concurrency, soak

        /// Those that run when none is named.
        public static let standard: [Suite] = [.enqueue, .latency, .memory, .breaker, .concurrency]
    }

    /// Operations of each suite; nil takes the suite's own number: 10 000, 1 000, 50 000, 50 failures and 5 000.
    public var operations: Int?
    /// Requests in flight; nil takes the suite's own. The breaker suite has one whatever this says, for it counts failures one by one, and
    /// the enqueue suite sends nothing.
    public var workers: Int?
    /// Of the workloads, and of what the mock upstream fails; 1 by default.
    public var seed: UInt64 = 1
    /// Seconds of a soak; 60 by default.
    public var soakSeconds = 60.0
    /// Milliseconds that the mock upstream takes.
    public var latencyMs = 50
    /// Share of requests that it fails.
    public var failureRate = 0.05
    /// The 95th percentile of processing must stay below so many milliseconds.
    public var latencySLAMs = 5000.0
    /// Bytes of memory that a queue of the memory suite may take beside the program.
    public var memoryBound: Int64 = 64 << 20

    /// Sizes of each suite's own, and an upstream that takes 50 ms and fails a twentieth.
    public init() {}

    /// A worker that is not held up gets an answer every time that the upstream's latency has passed.
    var expectedMicroseconds: UInt64 { UInt64(max(1, latencyMs)) * 1000 }

    var behaviour: LoadWorld.Behaviour { .init(latencyMs: latencyMs, failureRate: failureRate, seed: seed) }
}
