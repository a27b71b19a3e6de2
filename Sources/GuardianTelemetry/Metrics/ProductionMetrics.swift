public import GuardianCore
public import Metrics
import Synchronization

/// What an app, a sidecar and the people on call measure of a sync engine (spec section 8).
///
/// Everything is recorded through swift-metrics handlers: into a ``PrometheusRegistry`` of its own, from which the exports are made, and
/// into the backend that the app brings. Counters and histograms are atomics: an enqueue never waits for a lock here. Processed and
/// failed operations also enter a sliding window, under a lock that only deliveries and scrapes take, for less than a microsecond.
///
/// Feed it with a ``MetricsSink``, or by hand.
public final class ProductionMetrics: Sendable {
    /// Over which times rates and quantiles are taken, and where the values go beside the registry.
    public struct Configuration: Sendable {
        /// Milliseconds over which quantiles, the success rate and the health score are computed; 5 min by default.
        public var windowMs: Int64
        /// Milliseconds over which the failure rate is computed; 1 min by default.
        public var failureWindowMs: Int64
        /// Where the values go too, such as `MetricsSystem.factory`; nil by default.
        public var backend: (any MetricsFactory)?
        /// The version that `sync_build_info` shows.
        public var version: String

        /// Windows move on in steps: that of quantiles by a sixth of it, those of rates by a sixtieth.
        public init(
            windowMs: Int64 = 300_000, failureWindowMs: Int64 = 60_000, backend: (any MetricsFactory)? = nil, version: String = "unknown"
        ) {
            self.windowMs = windowMs
            self.failureWindowMs = failureWindowMs
            self.backend = backend
            self.version = version
        }
    }

    /// As it was made with; windows stay as long as they are.
    public let configuration: Configuration
    /// Where the values are kept. An app may make further metrics in it; they are exported with these.
    public let registry = PrometheusRegistry()
    let clock: any TimeSource
    private let isRealTime: Bool
    let startedAt: Timestamp
    let series: ProductionSeries
    private let traffic: Mutex<TrafficWindow>
    private let watched = Mutex<[Alert]>([])
    private let circuit = Atomic<Int>(0)
    private let isFollowing = Atomic<Bool>(false)
    /// As of the last refresh.
    private let refreshed = Mutex<TrafficWindow.Reading?>(nil)

    /// Counts from 0: what the store has counted before comes with a ``Monitor``. With a clock of a test, the windows go by that one.
    public init(_ configuration: Configuration = .init(), clock: any TimeSource = SystemClock()) {
        self.configuration = configuration
        self.clock = clock
        isRealTime = clock is SystemClock
        startedAt = clock.now.wall
        traffic = Mutex(TrafficWindow(windowMs: configuration.windowMs, failureWindowMs: configuration.failureWindowMs))
        series = ProductionSeries(registry, backend: configuration.backend)
        let info = registry.gauge(Families.buildInfo, [("version", configuration.version), ("platform", Self.platform)])
        info.set(1.0)
        series.started.set(Double(startedAt.milliseconds) / 1000)
        registry.summary(Families.quantiles) { [weak self] in self?.summaryReading() ?? .init(quantiles: [], sum: 0, count: 0) }
    }

    private static var platform: String {
        #if os(Linux)
            "linux"
        #elseif os(macOS)
            "macos"
        #elseif os(iOS)
            "ios"
        #else
            "other"
        #endif
    }

    /// The time of the sliding windows; of a clock that a test advances where there is one.
    private var steadyMs: Int64 { isRealTime ? CoarseClock.milliseconds : clock.steadyNanoseconds / 1_000_000 }

    /// What happened of late.
    var recent: TrafficWindow.Reading {
        let now = steadyMs
        // A copy, so that no delivery waits while it is summed up.
        return traffic.withLock { $0 }.reading(now: now)
    }

    private func summaryReading() -> PrometheusRegistry.SummaryReading {
        let (recent, all) = (refreshed.withLock { $0 } ?? recent, series.latency.cell.reading)
        // No quantile of nothing: NaN, as the format has it.
        let values = [recent.p50Ms, recent.p95Ms, recent.p99Ms].map { $0.map { $0 / 1000 } ?? .nan }
        return .init(quantiles: Array(zip([0.5, 0.95, 0.99], values)), sum: all.sum / 1000, count: all.count)
    }

    private func exemplar(_ traceID: UniqueID?, _ value: Double, _ at: Timestamp?) -> Exemplar? {
        traceID.map { Exemplar(traceID: $0, value: value, at: at ?? clock.now.wall) }
    }

    // MARK: Recording

    /// An operation is on disk. `tookMicroseconds` is how long its caller waited.
    public func recordEnqueue(tookMicroseconds: Int64? = nil) {
        series.enqueued.add()
        if let tookMicroseconds { series.enqueueDuration.record(Double(tookMicroseconds) / 1e6) }
    }

    /// The upstream has taken an operation. `latencyMs` is the time from sending to the answer; nil when nothing was sent.
    /// `ageMs` is the time since its enqueue, and `at` when it was; now by default, which takes longer.
    public func recordProcessed(
        latencyMs: Double?, operationType: String = "other", entityType: String = "other", traceID: UniqueID? = nil, ageMs: Int64? = nil,
        at: Timestamp? = nil
    ) {
        let at: Timestamp? = traceID == nil ? nil : at ?? clock.now.wall
        count(series.processed, .init(operationType: operationType, entityType: entityType), traceID, at)
        if let latencyMs { series.latency.record(latencyMs, exemplar(traceID, latencyMs, at)) }
        if let ageMs { series.deliveryDuration.record(Double(max(0, ageMs)) / 1000) }
        let now = steadyMs
        // A reading below a millisecond still took some time.
        let microseconds = latencyMs.map { UInt64(min(max($0, 0.5) * 1000, 3.6e9)) }
        traffic.withLock { $0.processed(latencyMicroseconds: microseconds, now: now) }
    }

    /// An operation was given up on. `errorType` is a word of ``ErrorClass``, or another bounded one.
    public func recordFailed(
        errorType: String, operationType: String = "other", entityType: String = "other", traceID: UniqueID? = nil, at: Timestamp? = nil
    ) {
        count(series.failed, .init(operationType: operationType, entityType: entityType, errorClass: errorType), traceID, at)
        let now = steadyMs
        traffic.withLock { $0.failed(now: now) }
    }

    /// An operation was put off. `errorType` says why; network and server trouble lower the health score.
    public func recordBackoff(
        errorType: String? = nil, operationType: String = "other", entityType: String = "other", traceID: UniqueID? = nil,
        at: Timestamp? = nil
    ) {
        count(series.backoff, .init(operationType: operationType, entityType: entityType), traceID, at)
        guard let errorType, ["network", "transient", "tls"].contains(errorType) else { return }
        let now = steadyMs
        traffic.withLock { $0.letDown(now: now) }
    }

    /// The circuit breaker has opened.
    public func recordCircuitTripped() {
        series.circuitTripped.add()
        recordCircuit(.open)
    }

    /// States of the circuit breaker, numbered as `sync_circuit_state` shows them.
    public enum Circuit: Int, Sendable {
        /// Attempts go out.
        case closed = 0
        /// One attempt goes out, to see whether the upstream is back.
        case halfOpen = 1
        /// Nothing goes out until the cool-down is over.
        case open = 2
    }

    /// The circuit breaker is in another state.
    public func recordCircuit(_ state: Circuit) {
        circuit.store(state.rawValue, ordering: .relaxed)
        series.circuitState.set(Double(state.rawValue))
    }

    /// The state that the circuit breaker was recorded in last.
    var lastCircuit: Circuit { Circuit(rawValue: circuit.load(ordering: .relaxed)) ?? .closed }

    /// An attempt after the first has ended. `attempt` counts from 1; one that equals `maxAttempts` was the last chance.
    public func recordRetry(
        attempt: Int, maxAttempts: Int, operationType: String = "other", entityType: String = "other"
    ) {
        count(series.retries, .init(operationType: operationType, entityType: entityType))
        if attempt >= maxAttempts { series.lastChances.add() }
    }

    /// A conflict was settled by `strategy`: `server_wins`, `client_wins`, `merge`, `manual`, or the app's own.
    public func recordConflictResolved(strategy: String) { series.conflicts[strategy].add() }

    /// A credential was asked for anew.
    public func recordAuthRefresh(success: Bool) { (success ? series.refreshed : series.notRefreshed).add() }

    /// Counts what the store counts too, unless its totals are shown.
    private func count(
        _ table: ProductionSeries.Counters, _ labels: Tally.Labels, _ traceID: UniqueID? = nil, _ at: Timestamp? = nil
    ) {
        guard isFollowing.load(ordering: .relaxed) else { return table[labels].add(exemplar(traceID, 1, at)) }
        // Which labels are told apart is the store's choice; only a backend of the app's hears of each.
        let counter: CountedSeries? = configuration.backend == nil ? table.known(labels) : table[labels]
        counter?.note(exemplar(traceID, 1, at))
    }

    // MARK: Over a restart

    /// From now on the totals that the store keeps (processed, failed, put off, retried) rise by ``restore(_:circuitTrips:)`` alone. All
    /// processes that share a store then show the same, whichever of them has settled what, and none shows an operation twice.
    package func followStore() { isFollowing.store(true, ordering: .relaxed) }

    /// Lifts counters to what the store knows; never lowers one. Unless they follow the store, call it before delivery begins.
    package func restore(_ tallies: [Tally], circuitTrips: Int64 = 0) {
        // Those that came too late for labels of their own share one counter.
        var totals: [ObjectIdentifier: (cell: CounterCell, count: Int64)] = [:]
        for tally in tallies {
            let cell = series.totals(of: tally.kind)[tally.labels].cell
            totals[ObjectIdentifier(cell), default: (cell, 0)].count += tally.count
        }
        for total in totals.values { total.cell.raise(to: total.count) }
        series.circuitTripped.cell.raise(to: circuitTrips)
    }

    /// How often the breaker has opened, over restarts.
    package var circuitTrips: Int64 { series.circuitTripped.count }

    // MARK: Alerts

    /// What the evaluator last said, for the exports.
    public var alerts: [Alert] {
        get { watched.withLock { $0 } }
        set {
            watched.withLock { $0 = newValue }
            for alert in newValue {
                let gauge = registry.gauge(
                    Families.alertState, [("alert", alert.name), ("severity", alert.severity.rawValue)])
                gauge.set(Double(alert.state == .firing ? 2 : alert.state == .pending ? 1 : 0))
            }
        }
    }

    /// Brings the gauges that are computed up to now.
    @discardableResult
    func refresh() -> TrafficWindow.Reading {
        let recent = recent
        refreshed.withLock { $0 = recent }
        series.successRate.set(recent.successPercent)
        series.failureRate.set(recent.failedPerMinute)
        series.networkHealth.set(health(recent))
        if let readAt = series.readAt { series.storeReadAge.set(Double(steadyMs - readAt) / 1000) }
        return recent
    }

    private func health(_ recent: TrafficWindow.Reading) -> Double {
        switch lastCircuit {
        case .open: 0
        case .halfOpen: min(50, recent.answeredPercent)
        case .closed: recent.answeredPercent
        }
    }

    /// Sets the gauges that the store knows.
    package func update(_ reading: StoreReading) { series.update(reading, at: steadyMs) }
}
