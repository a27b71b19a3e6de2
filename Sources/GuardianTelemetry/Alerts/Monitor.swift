public import GuardianCore

/// Looks at the store once a second, sets the gauges of ``ProductionMetrics``, and evaluates the alerts, which it tells through the engine.
///
/// A scrape then needs no call of the store. What is of the store, its totals too where it keeps tallies, is the same in all processes that
/// share it. Of several processes at one store the one that delivers evaluates; while none does, each.
public struct Monitor: Sendable {
    /// How often it looks, what it judges by, and where alerts are kept over a restart.
    public struct Configuration: Sendable {
        /// Milliseconds between looks, 1 to a day; 1 s by default.
        public var everyMs: Int64 = 1000
        /// Looks from one evaluation of the alerts to the next; 1 by default.
        public var looksPerEvaluation: Int64 = 1
        /// The thresholds of spec section 8 by default.
        public var policy = AlertPolicy()
        /// Whether alerts are evaluated at all.
        public var evaluates = true
        /// Milliseconds without a heartbeat after which nobody is taken to hold the lock.
        public var staleAfterMs: Int64 = 120_000
        /// Bytes that are free where the store lives; nil when they are not known.
        public var freeBytes: @Sendable () -> Int64? = { nil }
        /// What was saved of the alerts; nil when nothing was.
        public var load: @Sendable () -> String? = { nil }
        /// Keeps what is to be known of the alerts after a restart.
        public var save: @Sendable (String) throws -> Void = { _ in }

        /// Looks once a second and evaluates each time; saves nothing, and knows nothing of the volume.
        public init() {}

        /// Evaluates every so many milliseconds, and looks once a second at least: totals and gauges are not to wait for rare alerts.
        package mutating func evaluate(everyMs: Int64) {
            looksPerEvaluation = (max(1, everyMs) - 1) / 1000 + 1
            self.everyMs = max(1, everyMs) / looksPerEvaluation
        }
    }

    /// A save at least this often, so that commands can tell when alerts were evaluated last.
    static let saveEveryMs: Int64 = 30_000

    private let metrics: ProductionMetrics
    private let engine: SyncEngine
    private let store: any Store
    package let configuration: Configuration
    private let clock: any TimeSource

    private var evaluator: AlertEvaluator
    private var trips = TripHistory()
    private var steps = WallSteps()
    private var pending: Int64?
    private var wasResponsible = false
    /// Looks that pass before the next evaluation.
    private var looksLeft: Int64 = 0
    private var savedAt: Int64?
    private var saved: (AlertEvaluator, TripHistory)?
    /// Whether this process delivered at the last look.
    private var wasActive = false
    /// The breaker as it was recorded at the last look.
    private var lastCircuit: ProductionMetrics.Circuit

    /// Looks at nothing yet: that begins with ``prepare()``. `store` must be the one that `engine` delivers from.
    public init(
        _ metrics: ProductionMetrics, engine: SyncEngine, store: any Store, configuration: Configuration = .init(),
        clock: any TimeSource = SystemClock()
    ) {
        self.metrics = metrics
        self.engine = engine
        self.store = store
        self.configuration = configuration
        self.clock = clock
        evaluator = AlertEvaluator(rules: configuration.policy.rules)
        lastCircuit = metrics.lastCircuit
    }

    /// Takes over what the store counts. Call it before the engine runs; after an error the first look that succeeds takes it over.
    public mutating func prepare() async throws(StoreError) {
        if configuration.evaluates { metrics.alerts = evaluator.alerts }
        let reading = try await look()
        try await catchUp(reading)
    }

    /// Looks until its task is cancelled.
    public mutating func run() async {
        while !Task.isCancelled {
            let now = clock.now
            await turn(at: now)
            do { try await clock.wait(untilSteady: now.steady + min(max(configuration.everyMs, 1), 86_400_000)) } catch { break }
        }
        save(clock.now)
    }

    /// One look, and what follows from it.
    package mutating func turn(at now: Moment) async {
        do throws(StoreError) {
            let reading = try await look()
            try await catchUp(reading)
            judge(reading, now)
        } catch {
            metrics.series.storeErrors[error.name].add()
            judge(nil, now)
        }
    }

    private func look() async throws(StoreError) -> StoreReading {
        let reading = try await StoreReading(
            of: store, at: clock.now.wall, holdsLock: engine.isActive, staleAfterMs: configuration.staleAfterMs,
            accountingGap: engine.lastAccountingGap, freeBytes: configuration.freeBytes())
        metrics.update(reading)
        return reading
    }

    private mutating func catchUp(_ reading: StoreReading) async throws(StoreError) {
        let tallies = try await store.tallies()
        // One that keeps none leaves the totals to this process. What that has counted before is part of the first ones.
        if !tallies.isEmpty { metrics.followStore() }
        metrics.restore(tallies)
        followBreaker(reading)
    }

    /// The breaker is counted and shown as the store has it while this process stands by, and once more when it has taken over: no event
    /// says how the one before has left it. Our own openings are told before they are stored, so that none is counted twice.
    private mutating func followBreaker(_ reading: StoreReading) {
        defer { (wasActive, lastCircuit) = (reading.holdsLock, metrics.lastCircuit) }
        guard !reading.holdsLock || !wasActive else { return }
        metrics.restore([], circuitTrips: reading.health?.trips ?? 0)
        // What the engine has told since the last look is newer than this one.
        if metrics.lastCircuit == lastCircuit { metrics.recordCircuit(reading.circuit) }
    }

    private mutating func judge(_ reading: StoreReading?, _ now: Moment) {
        followClock(now)
        if let reading { pending = reading.books.pending }
        // Who can't read the store knows neither who delivers nor the totals that saved alerts go on from: it takes nothing up.
        let isResponsible = reading.map { $0.holdsLock || !$0.isDelivered } ?? wasResponsible
        if isResponsible != wasResponsible, configuration.evaluates {
            if isResponsible { recall() } else { retire() }
            looksLeft = 0
        }
        wasResponsible = isResponsible
        guard isResponsible, configuration.evaluates else { return }
        guard looksLeft <= 0 else { return looksLeft -= 1 }
        looksLeft = configuration.looksPerEvaluation - 1
        let policy = configuration.policy
        let rise = trips.rise(to: metrics.circuitTrips, now: now.wall, windowMs: policy.tripsWindowMs)
        var measures = AlertMeasures(metrics.recent, pending: pending, trips: rise, leastTraffic: policy.leastTraffic)
        measures.accountingGap = Double(abs(engine.lastAccountingGap))
        let changes = evaluator.evaluate(measures, now: now.wall)
        metrics.alerts = evaluator.alerts
        for change in changes {
            switch change {
            case .fired(let alert): engine.tell(.alertFired(alert))
            case .cleared(let alert): engine.tell(.alertCleared(alert))
            }
        }
        let isNew = saved.map { $0.0.standsAs(evaluator) && $0.1 == trips } != true
        if isNew || savedAt.map({ now.steady - $0 >= Self.saveEveryMs }) ?? true { save(now) }
    }

    /// Nothing has lasted longer, or less long, because somebody has set the wall clock.
    private mutating func followClock(_ now: Moment) {
        let step = steps.step(at: now)
        guard step != 0 else { return }
        evaluator.wallClockStepped(byMilliseconds: step)
        trips.wallClockStepped(byMilliseconds: step)
    }

    /// Goes on where the last one that evaluated, maybe this process before a restart, has ended.
    private mutating func recall() {
        guard let text = configuration.load() else { return }
        let json: JSONValue
        do { json = try JSONValue(parsing: text) } catch { return }
        guard let memory = AlertMemory(json) else { return }
        evaluator.resume(from: memory, unknownForMs: metrics.configuration.windowMs)
        trips = memory.trips
    }

    /// Another process delivers, and evaluates: what stood here is not shown any more, nor saved over what that one saves.
    private mutating func retire() {
        evaluator = AlertEvaluator(rules: configuration.policy.rules)
        trips = TripHistory()
        (saved, savedAt) = (nil, nil)
        metrics.alerts = evaluator.alerts
    }

    private mutating func save(_ now: Moment) {
        guard configuration.evaluates, wasResponsible else { return }
        let memory = AlertMemory(at: now.wall, evaluator: evaluator, trips: trips)
        do {
            try configuration.save(memory.json.text)
            saved = (evaluator, trips)
        } catch {
            // A full disk: tried again at the next look, and counted.
            metrics.series.storeErrors["alerts_not_saved"].add()
            saved = nil
        }
        savedAt = now.steady
    }
}

extension AlertEvaluator {
    /// Whether the same alerts stand in the same states since the same times; what was measured may differ.
    func standsAs(_ other: AlertEvaluator) -> Bool {
        standings.mapValues { Standing(badSince: $0.badSince, isFiring: $0.isFiring, goodSince: $0.goodSince) }
            == other.standings.mapValues { Standing(badSince: $0.badSince, isFiring: $0.isFiring, goodSince: $0.goodSince) }
    }
}
