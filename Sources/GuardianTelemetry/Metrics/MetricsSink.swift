public import GuardianCore

/// Feeds ``ProductionMetrics`` with what an engine tells.
public struct MetricsSink: EventSink {
    private let metrics: ProductionMetrics
    private let maxAttempts: Int

    /// `maxAttempts` is the engine's, so that last chances are known.
    public init(_ metrics: ProductionMetrics, maxAttempts: Int = RetryPolicy().maxAttempts) {
        self.metrics = metrics
        self.maxAttempts = maxAttempts
    }

    public func record(_ event: Event, at time: Timestamp) { record(event, about: nil, at: time) }

    public func record(_ event: Event, about subject: Event.Subject?, at time: Timestamp) {
        let series = metrics.series
        let (operation, entity) = (subject?.operationType ?? "other", subject?.entity.type ?? "other")
        switch event {
        case .enqueued: metrics.recordEnqueue(tookMicroseconds: subject?.tookMicroseconds)
        case .coalesced, .cancelledOut:
            metrics.recordEnqueue(tookMicroseconds: subject?.tookMicroseconds)
            series.coalesced.add()
        case .claimed: series.attempts.add()
        case .processed(_, let latencyMs, let status):
            retried(subject)
            // Without a status nothing was sent now: its effect was found there.
            metrics.recordProcessed(
                latencyMs: status == nil ? nil : Double(latencyMs), operationType: operation, entityType: entity,
                traceID: subject?.traceID, ageMs: subject.map { time.milliseconds - $0.enqueuedAt.milliseconds }, at: time)
        case .retryScheduled(_, _, _, let error):
            retried(subject)
            metrics.recordBackoff(
                errorType: error.class.rawValue, operationType: operation, entityType: entity, traceID: subject?.traceID, at: time)
        case .failed(_, let error), .conflict(_, let error):
            retried(subject)
            metrics.recordFailed(
                errorType: error.class.rawValue, operationType: operation, entityType: entity, traceID: subject?.traceID, at: time)
        case .conflictResolved(_, let strategy, _): metrics.recordConflictResolved(strategy: strategy)
        case .tokenRefreshed(let success, _): metrics.recordAuthRefresh(success: success)
        case .breakerOpened: metrics.recordCircuitTripped()
        case .breakerProbing: metrics.recordCircuit(.halfOpen)
        case .breakerClosed: metrics.recordCircuit(.closed)
        default: recordRest(event, series)
        }
    }

    private func retried(_ subject: Event.Subject?) {
        guard let subject, subject.attempt > 1 else { return }
        metrics.recordRetry(
            attempt: subject.attempt, maxAttempts: maxAttempts, operationType: subject.operationType, entityType: subject.entity.type)
    }

    private func recordRest(_ event: Event, _ series: ProductionSeries) {
        switch event {
        case .expired: series.expired.add()
        case .originHeld: series.originHolds.add()
        case .routeHeld: series.routeHolds.add()
        case .plagueHeld: series.plagueHolds.add()
        case .lockAcquired: series.lockHeld.set(1)
        case .lockTakenOver: series.lockTakeovers.add()
        case .lockLost:
            series.lockLost.add()
            series.lockHeld.set(0)
        case .storeError(let error): series.storeErrors[error.name].add()
        case .stalled: series.stalls.add()
        case .booksUnbalanced(let gap): series.accountingGap.set(Double(gap))
        case .rolledBack: series.rollbacks.add()
        case .clockStepped: series.clockSteps.add()
        case .paused(let pause): series.paused[pause]?.set(1)
        case .resumed(let pause): series.paused[pause]?.set(0)
        default: break
        }
    }
}
