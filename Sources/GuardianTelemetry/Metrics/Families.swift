/// Every family of GuardianSync's own, under its exact name (spec section 8). What each label may be is bounded.
enum Families {
    // Names that other programs rely on.
    static let pending = MetricFamily("pending_ops_gauge", .gauge, "Operations that wait to be delivered.")
    static let active = MetricFamily(
        "active_processors_gauge", .gauge, "Processors that deliver from the store now; of those that share a file, one.")
    static let processed = MetricFamily(
        "processed_ops_total", .counter, "Operations of this store that the upstream has taken, over restarts, whoever sent them.")
    static let failed = MetricFamily(
        "failed_ops_total", .counter, "Operations of this store that were given up on, over restarts, by error class.")
    static let backoff = MetricFamily("backoff_events_total", .counter, "Operations of this store put off until later, over restarts.")
    static let circuitTripped = MetricFamily(
        "circuit_tripped_total", .counter, "How often the circuit breaker of this store has opened, over restarts.")
    static let retries = MetricFamily("retries_total", .counter, "Outcomes of attempts after the first, of this store, over restarts.")
    static let conflictsResolved = MetricFamily(
        "conflicts_resolved_total", .counter, "Conflicts settled by a route's policy or a person, by strategy.")
    static let authRefresh = MetricFamily("auth_refresh_total", .counter, "Credentials asked for anew, by result.")
    static let latency = MetricFamily(
        "processing_latency_ms", .histogram, "Milliseconds from sending an attempt to the answer that settled it.",
        bounds: [10, 50, 100, 500, 1000])
    static let successRate = MetricFamily(
        "success_rate_percent", .gauge, "Operations processed, in percent of those processed or failed within the window; 100 without any.")
    static let failureRate = MetricFamily("failure_rate_per_min", .gauge, "Operations that failed within the last minute.")
    static let networkHealth = MetricFamily(
        "network_health_score", .gauge,
        "0 to 100: attempts that got an answer which settled them, in percent, within the window; at most 50 while the breaker probes, "
            + "0 while it is open.")

    // What else is worth measuring.
    static let quantiles = MetricFamily(
        "sync_processing_latency_seconds", .summary,
        "Seconds from sending an attempt to the answer that settled it; quantiles at native resolution over a sliding window.")
    static let buildInfo = MetricFamily("sync_build_info", .info, "Which build this is.")
    static let enqueued = MetricFamily("sync_enqueued_ops_total", .counter, "Operations written to the store by this process.")
    static let coalesced = MetricFamily(
        "sync_coalesced_ops_total", .counter, "Operations folded into one that waited, or cancelled out, by this process.")
    static let expired = MetricFamily("sync_expired_ops_total", .counter, "Operations whose expiresAt had passed when their turn came.")
    static let enqueueDuration = MetricFamily(
        "sync_enqueue_duration_seconds", .histogram, "Seconds that an enqueue took until it was on disk.",
        bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1])
    static let deliveryDuration = MetricFamily(
        "sync_delivery_duration_seconds", .histogram, "Seconds from the enqueue of an operation until it was processed.",
        bounds: [0.05, 0.25, 1, 5, 30, 120, 600, 3600, 21_600, 86_400])
    static let attempts = MetricFamily("sync_attempts_total", .counter, "Attempts sent by this process.")
    static let lastChances = MetricFamily("sync_last_chance_retries_total", .counter, "Retries that were the last one an operation had.")
    static let inFlight = MetricFamily("sync_processing_ops", .gauge, "Operations in a processor's hands.")
    static let failedNow = MetricFamily("sync_failed_ops", .gauge, "Operations that stand in failed now, and wait for a person.")
    static let oldestPending = MetricFamily(
        "sync_oldest_pending_age_seconds", .gauge, "Age of the operation that has waited longest; 0 when none waits.")
    static let circuitState = MetricFamily("sync_circuit_state", .gauge, "The circuit breaker: 0 closed, 1 half-open, 2 open.")
    static let paused = MetricFamily("sync_delivery_paused", .gauge, "Whether delivery stands still for a reason: 1 while it does.")
    static let held = MetricFamily(
        "sync_upstream_held", .gauge, "Whether the upstream asked to wait, or a plague holds delivery: 1 while it does.")
    static let originHolds = MetricFamily(
        "sync_origin_holds_total", .counter, "How often the upstream asked to wait (429, Retry-After): all of it, or one route.")
    static let plagueHolds = MetricFamily("sync_plague_holds_total", .counter, "How often a broken gateway was told from broken writes.")
    static let lockHeld = MetricFamily("sync_lock_held", .gauge, "Whether this process holds the processing lock: 1 while it does.")
    static let lockTakeovers = MetricFamily(
        "sync_lock_takeovers_total", .counter, "Locks that this process took over from one that was stale or dead.")
    static let lockLost = MetricFamily("sync_lock_lost_total", .counter, "Locks that this process lost to another.")
    static let storeErrors = MetricFamily("sync_store_errors_total", .counter, "Calls of the store that failed, by kind.")
    static let stalls = MetricFamily("sync_stalls_total", .counter, "How often the watchdog found operations due that nobody claimed.")
    static let accountingGap = MetricFamily("sync_accounting_gap", .gauge, "Accepted operations that are not accounted for; must be 0.")
    static let rollbacks = MetricFamily("sync_rollbacks_total", .counter, "Optimistic changes that were rolled back.")
    static let clockSteps = MetricFamily("sync_clock_steps_total", .counter, "How often the wall clock jumped.")
    static let diskFree = MetricFamily("sync_disk_free_bytes", .gauge, "Bytes that can still be written where the store lives.")
    static let storeReadAge = MetricFamily(
        "sync_store_reading_age_seconds", .gauge, "Age of what the gauges of the store say; they are read in the background.")
    static let alertState = MetricFamily("sync_alert_state", .gauge, "Alerts evaluated in the process: 0 quiet, 1 pending, 2 firing.")
    static let started = MetricFamily("sync_start_time_seconds", .gauge, "When this process began, in seconds since 1970.")
}
