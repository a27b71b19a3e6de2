/// How the reference upstream listens, keeps what it knows, and misbehaves.
public struct ReferenceUpstreamConfiguration: Sendable {
    /// A mode that is set by itself for a while: faults on a timetable.
    public struct TimedFault: Sendable, Equatable {
        /// When it starts, counted from the moment the server listens.
        public var after: Duration
        /// How long it lasts; then the mode is `up` again.
        public var lasting: Duration
        /// What the upstream does meanwhile.
        public var mode: UpstreamMode

        /// A fault of `mode` from `after` until `after + lasting`.
        public init(after: Duration, lasting: Duration, mode: UpstreamMode) {
            self.after = after
            self.lasting = lasting
            self.mode = mode
        }
    }

    /// The address to listen on. Default `127.0.0.1`.
    public var host: String
    /// The TCP port to listen on; 0 takes a free one, told by `run(onReady:)`. Default 8090.
    public var port: Int
    /// How long the work behind each API request takes. Default zero.
    public var latency: Duration
    /// The share of API requests that fail, 0...1. Half of these fail before the effect (500, 502, 503), a quarter with 504, and
    /// a quarter are lost answers: the effect is applied, and a 500 is sent. Default 0.
    public var failureRate: Double
    /// Where the dice of `failureRate` start: the same seed gives the same faults for the same order of requests. Default 1.
    public var seed: UInt64
    /// The directory of the journal `effects.ndjson`; nil keeps everything in memory. Default nil.
    public var dataDirectory: String?
    /// How long an `Idempotency-Key` is remembered. Default 24 hours.
    public var idempotencyWindow: Duration
    /// The most bytes of a request body; more is answered 413. Default 2 MiB.
    public var bodyLimit: Int
    /// The bearer token asked of API requests, 401 without it; nil asks for none. Default nil.
    public var requiredToken: String?
    /// Faults on a timetable, in order of their start; they must not overlap. Default none.
    public var script: [TimedFault]

    /// A configuration with the defaults named at each property.
    public init(
        host: String = "127.0.0.1",
        port: Int = 8090,
        latency: Duration = .zero,
        failureRate: Double = 0,
        seed: UInt64 = 1,
        dataDirectory: String? = nil,
        idempotencyWindow: Duration = .seconds(24 * 3600),
        bodyLimit: Int = 2 * 1024 * 1024,
        requiredToken: String? = nil,
        script: [TimedFault] = []
    ) {
        self.host = host
        self.port = port
        self.latency = latency
        self.failureRate = failureRate
        self.seed = seed
        self.dataDirectory = dataDirectory
        self.idempotencyWindow = idempotencyWindow
        self.bodyLimit = bodyLimit
        self.requiredToken = requiredToken
        self.script = script
    }

    /// Checks what a start would trip over.
    func validate() throws(ReferenceUpstreamError) {
        func require(_ holds: Bool, _ message: String) throws(ReferenceUpstreamError) {
            if !holds { throw ReferenceUpstreamError(.invalidConfiguration, message) }
        }
        try require((0...65535).contains(port), "port must be 0 to 65535, not \(port)")
        try require((0...1).contains(failureRate), "failureRate must be 0 to 1, not \(failureRate)")
        try require(latency >= .zero, "latency must not be negative")
        try require(idempotencyWindow > .zero, "idempotencyWindow must be more than zero")
        try require(bodyLimit > 0, "bodyLimit must be more than zero")
        var end = Duration.zero
        for fault in script {
            try require(fault.after >= end && fault.lasting > .zero, "script must be in order, without overlaps or empty faults")
            end = fault.after + fault.lasting
        }
    }
}
