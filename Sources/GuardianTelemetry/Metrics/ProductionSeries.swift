import GuardianCore
import Metrics
import Synchronization

/// Every series that ``ProductionMetrics`` records, made once; those with labels as they come.
final class ProductionSeries: Sendable {
    typealias Counters = LabelTable<Tally.Labels, CountedSeries>

    let processed: Counters
    let failed: Counters
    let backoff: Counters
    let retries: Counters
    let conflicts: LabelTable<String, CountedSeries>
    let storeErrors: LabelTable<String, CountedSeries>
    let (refreshed, notRefreshed): (CountedSeries, CountedSeries)
    let (circuitTripped, lastChances, attempts): (CountedSeries, CountedSeries, CountedSeries)
    let (enqueued, coalesced, expired): (CountedSeries, CountedSeries, CountedSeries)
    let (lockTakeovers, lockLost, stalls): (CountedSeries, CountedSeries, CountedSeries)
    let (originHolds, routeHolds, plagueHolds): (CountedSeries, CountedSeries, CountedSeries)
    let (rollbacks, clockSteps): (CountedSeries, CountedSeries)
    let (latency, enqueueDuration, deliveryDuration): (MeasuredSeries, MeasuredSeries, MeasuredSeries)
    let (pending, active, inFlight, failedNow): (GaugedSeries, GaugedSeries, GaugedSeries, GaugedSeries)
    let (successRate, failureRate, networkHealth): (GaugedSeries, GaugedSeries, GaugedSeries)
    let (oldestPending, circuitState, held, lockHeld): (GaugedSeries, GaugedSeries, GaugedSeries, GaugedSeries)
    let (accountingGap, diskFree, storeReadAge, started): (GaugedSeries, GaugedSeries, GaugedSeries, GaugedSeries)
    let paused: [Pause: GaugedSeries]
    private let lastRead = Atomic<Int64>(-1)

    /// Steady milliseconds of the last reading of the store; nil before the first.
    var readAt: Int64? {
        let at = lastRead.load(ordering: .relaxed)
        return at < 0 ? nil : at
    }

    init(_ registry: PrometheusRegistry, backend: (any MetricsFactory)?) {
        func counter(_ family: MetricFamily, _ dimensions: [(String, String)] = []) -> CountedSeries {
            CountedSeries(registry, family, dimensions, backend: backend)
        }
        func gauge(_ family: MetricFamily, _ dimensions: [(String, String)] = []) -> GaugedSeries {
            GaugedSeries(registry, family, dimensions, backend: backend)
        }
        func measure(_ family: MetricFamily) -> MeasuredSeries { MeasuredSeries(registry, family, backend: backend) }
        func counters(_ family: MetricFamily, hasClass: Bool = false) -> Counters {
            Counters(limit: Tally.mostLabels, other: \.rest) { labels in
                let types = [("operation_type", labels.operationType), ("entity_type", labels.entityType)]
                return CountedSeries(
                    registry, family, hasClass ? types + [("error_class", labels.errorClass)] : types, backend: backend)
            }
        }
        func words(_ family: MetricFamily, _ label: String) -> LabelTable<String, CountedSeries> {
            LabelTable(limit: 20, other: { _ in "other" }) { CountedSeries(registry, family, [(label, $0)], backend: backend) }
        }
        pending = gauge(Families.pending)
        active = gauge(Families.active)
        processed = counters(Families.processed)
        failed = counters(Families.failed, hasClass: true)
        backoff = counters(Families.backoff)
        circuitTripped = counter(Families.circuitTripped)
        retries = counters(Families.retries)
        conflicts = words(Families.conflictsResolved, "strategy")
        refreshed = counter(Families.authRefresh, [("result", "success")])
        notRefreshed = counter(Families.authRefresh, [("result", "failure")])
        latency = measure(Families.latency)
        successRate = gauge(Families.successRate)
        failureRate = gauge(Families.failureRate)
        networkHealth = gauge(Families.networkHealth)
        inFlight = gauge(Families.inFlight)
        failedNow = gauge(Families.failedNow)
        oldestPending = gauge(Families.oldestPending)
        circuitState = gauge(Families.circuitState)
        held = gauge(Families.held)
        paused = Dictionary(
            uniqueKeysWithValues: Pause.allCases.map { ($0, gauge(Families.paused, [("reason", $0.rawValue)])) })
        lockHeld = gauge(Families.lockHeld)
        accountingGap = gauge(Families.accountingGap)
        diskFree = gauge(Families.diskFree)
        storeReadAge = gauge(Families.storeReadAge)
        started = gauge(Families.started)
        enqueued = counter(Families.enqueued)
        coalesced = counter(Families.coalesced)
        expired = counter(Families.expired)
        attempts = counter(Families.attempts)
        lastChances = counter(Families.lastChances)
        originHolds = counter(Families.originHolds, [("scope", "origin")])
        routeHolds = counter(Families.originHolds, [("scope", "route")])
        plagueHolds = counter(Families.plagueHolds)
        lockTakeovers = counter(Families.lockTakeovers)
        lockLost = counter(Families.lockLost)
        storeErrors = words(Families.storeErrors, "kind")
        stalls = counter(Families.stalls)
        rollbacks = counter(Families.rollbacks)
        clockSteps = counter(Families.clockSteps)
        enqueueDuration = measure(Families.enqueueDuration)
        deliveryDuration = measure(Families.deliveryDuration)
        startAtNought()
        successRate.set(100)
        networkHealth.set(100)
    }

    /// A counter that is there before its first event: an increase from nothing would be seen by no scraper.
    private func startAtNought() {
        for family in [processed, backoff, retries] { _ = family[.other] }
        _ = failed[.other(.permanent)]
        for strategy in ["server_wins", "client_wins", "merge", "manual"] { _ = conflicts[strategy] }
        _ = storeErrors["unavailable"]
    }

    /// The counters of what a store tallies.
    func totals(of kind: Tally.Kind) -> Counters {
        switch kind {
        case .processed: processed
        case .failed: failed
        case .backoff: backoff
        case .retry: retries
        }
    }

    func update(_ reading: StoreReading, at steady: Int64) {
        pending.set(Double(reading.books.pending))
        inFlight.set(Double(reading.books.processing))
        failedNow.set(Double(reading.books.failed))
        active.set(Double(reading.processors))
        oldestPending.set(reading.oldestAgeSeconds)
        for (pause, gauge) in paused { gauge.set(reading.pauses.contains(pause) ? 1 : 0) }
        held.set(reading.isHeld ? 1 : 0)
        lockHeld.set(reading.holdsLock ? 1 : 0)
        accountingGap.set(Double(reading.accountingGap))
        if let free = reading.freeBytes { diskFree.set(Double(free)) }
        lastRead.store(steady, ordering: .relaxed)
    }
}
