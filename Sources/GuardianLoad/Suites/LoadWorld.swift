public import GuardianCore
public import GuardianHTTP

/// Where suites run: real stores, a mock upstream over HTTP, and the engine between them. The parts that differ between the binary and
/// tests are closures, so that a test can break one and see the suite find it.
public struct LoadWorld: Sendable {
    /// A store that is open.
    public struct OpenStore: Sendable {
        /// What this handle reads and writes; others of the same name have the same operations.
        public var store: any Store
        /// Called last and once, when a suite is over, after an error too.
        public var close: @Sendable () throws -> Void
        /// Gives room back; where the store has none to give it does nothing.
        public var compact: @Sendable () async throws -> Void
        /// Bytes on disk, log included.
        public var bytes: @Sendable () async throws -> Int64

        /// `compact` and `bytes` are called while it is open.
        public init(
            store: any Store, close: @escaping @Sendable () throws -> Void, compact: @escaping @Sendable () async throws -> Void,
            bytes: @escaping @Sendable () async throws -> Int64
        ) {
            self.store = store
            self.close = close
            self.compact = compact
            self.bytes = bytes
        }
    }

    /// What a mock upstream is to be like.
    public struct Behaviour: Sendable {
        /// 50 by default.
        public var latencyMs = 50
        /// 0.05 by default.
        public var failureRate = 0.05
        /// The same seed fails the same requests, if they come in the same order.
        public var seed: UInt64

        /// `failureRate` is a share, 0…1.
        public init(latencyMs: Int = 50, failureRate: Double = 0.05, seed: UInt64) {
            self.latencyMs = latencyMs
            self.failureRate = failureRate
            self.seed = seed
        }
    }

    /// A mock upstream that answers.
    public struct Upstream: Sendable {
        /// Without a path, such as `http://127.0.0.1:8090`.
        public var url: String
        /// Called once, when its suite is over, after an error too.
        public var stop: @Sendable () async -> Void

        /// `stop` should return when nothing listens there any more.
        public init(url: String, stop: @escaping @Sendable () async -> Void) {
            self.url = url
            self.stop = stop
        }
    }

    /// Opens the store of that name: several handles of one name share it. A new name is an empty store.
    public var openStore: @Sendable (_ name: String) async throws -> OpenStore
    /// Whether several processors deliver from one store at once; otherwise one does, and the others stand by. False by default.
    public var sharesStores = false
    /// Starts one without effects, and returns when it answers.
    public var startUpstream: @Sendable (Behaviour) async throws -> Upstream
    /// The last word on how engines are set up.
    public var adjust: @Sendable (inout SyncEngine.Configuration) -> Void = { _ in }
    /// What stands between engine and network.
    public var wrap: @Sendable (any Transport) -> any Transport = { $0 }
    /// Bytes of memory that are resident; of this process by default.
    public var residentBytes: @Sendable () -> Int64 = { ProcessMeter.residentBytes }

    /// The other parts have defaults, which tests replace.
    public init(
        openStore: @escaping @Sendable (String) async throws -> OpenStore,
        startUpstream: @escaping @Sendable (Behaviour) async throws -> Upstream
    ) {
        self.openStore = openStore
        self.startUpstream = startUpstream
    }

    /// An engine over `store` that delivers to `url`; the transport is to be shut down after it.
    public func engine(
        _ store: any Store, url: String, workers: Int, sinks: [any EventSink], _ change: (inout SyncEngine.Configuration) -> Void = { _ in }
    ) throws -> (SyncEngine, HTTPTransport) {
        let transport = try HTTPTransport(
            configuration: .init(url: url, deviceID: "0b2c4d6e-1f3a-4b5c-8d7e-9f0a1b2c3d4e", poolSize: workers))
        var configuration = SyncEngine.Configuration()
        configuration.processor = ProcessorConfiguration(workers: workers)
        // A suite's operations are given up on by nobody: what fails a twentieth of the time gets through in the end.
        configuration.processor.retry = RetryPolicy(baseMs: 100, maxMs: 2000, maxAttempts: 20)
        configuration.processor.pollMs = 100
        change(&configuration)
        adjust(&configuration)
        return (SyncEngine(store: store, transport: wrap(transport), sinks: sinks, configuration: configuration), transport)
    }
}
