/// How the reference upstream behaves.
public struct ReferenceUpstreamConfiguration: Sendable {
    /// 127.0.0.1 by default.
    public var host: String
    /// 8090 by default; 0 takes a free one.
    public var port: Int
    /// Added to every API request.
    public var latency: Duration
    /// Share of API requests that fail with a 5xx, `0…1`; of these a quarter lose the answer after the effect.
    public var failureRate: Double
    /// The same seed fails the same requests, if they come in the same order.
    public var seed: UInt64
    /// Where effects are kept (`effects.ndjson`), so that a restart still knows its keys; nil keeps them in memory.
    public var dataDirectory: String?
    /// How long a key is remembered after its answer; 24 h by default. Older ones are forgotten, over a restart too.
    public var idempotencyWindow: Duration
    /// Bytes of a request body at most, as it comes and inflated; 2 MiB by default.
    public var bodyLimit: Int
    /// API requests per second that it takes at first, as in the mode `rate`; nil is any number, and the default. Another mode ends it.
    public var rate: Double?
    /// Whether it gives what is created an id of its own, whatever the payload says; false by default.
    public var assignsIDs: Bool

    /// Without arguments, an upstream that answers at once and never fails.
    public init(
        host: String = "127.0.0.1", port: Int = 8090, latency: Duration = .zero, failureRate: Double = 0, seed: UInt64 = 1,
        dataDirectory: String? = nil, idempotencyWindow: Duration = .seconds(86_400), bodyLimit: Int = 2 << 20, rate: Double? = nil,
        assignsIDs: Bool = false
    ) {
        self.host = host
        self.port = port
        self.latency = latency
        self.failureRate = failureRate
        self.seed = seed
        self.dataDirectory = dataDirectory
        self.idempotencyWindow = idempotencyWindow
        self.bodyLimit = bodyLimit
        self.rate = rate
        self.assignsIDs = assignsIDs
    }
}
