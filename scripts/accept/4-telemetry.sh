# A person on call knows in ten seconds whether the queue is healthy, and why not.
item recording "recording costs under 200 ns, and an enqueue waits for no lock" "GUARDIAN_MEASURE_ALONE=1 tests RecordingCostTests"
item cardinality "10 000 entity types leave the metrics small and every operation counted" "tests cardinality"
item scrape "a scrape takes under 5 ms with $(size '50 000' '1 000 000') pending" \
    "GUARDIAN_SCRAPE_JOB=$(size 50000 1000000) tests scrapeTime"
item throughput "delivery with everything on is at least 0.9 of everything off, in the same run" \
    "GUARDIAN_THROUGHPUT_JOB=30000 tests 'MetricsCostTests/throughput'"
beside effects "counters equal the effects at the upstream, over kills and restarts" "tests 'MetricsTests/equalEffects'"
beside prometheus "a real Prometheus scrapes serve $(size 12 60) times, once a second: none fails, every query of the dashboard returns data, exemplars arrive" \
    "GUARDIAN_PROMETHEUS_SECONDS=$(size 12 60) tests 'PrometheusTests/dashboard'"
beside alerts "each of the five alerts fires in a live run and clears; a duration goes on over a restart" \
    "tests '/AlertTests/(?!latency|failedRate)|AlertEvaluatorTests|MonitorTests' '/AlertTests/(latency|failedRate)'"
beside promtool "promtool check metrics on a live scrape under load: no error, warnings for the fixed names only" "tests checksMetrics"
beside rules "the shipped rules: promtool's unit tests (fires, does not, clears), amtool, and the same thresholds as in the process" \
    "tests 'PrometheusTests/rules|PrometheusTests/sameRules'"
beside shared "processes of one store show its totals, each operation once; the dashboard shows what is the store's once" \
    "tests 'TotalsTests|PrometheusTests/sharedStore'"
beside health "/readyz says why in JSON: store, disk, lock, breaker, login, pauses" "tests 'GuardianServerTests.(ReadinessTests|StoreTests)/'"
# Logs, Sentry, traces.
beside logs "every line of a full demo run parses, has every member, and holds none of a seeded list of secrets" \
    "tests LogsCommandTests"
beside log-file "bounded, shared, never on a full volume; searched and followed over rotations" "tests 'LogFileTests|LogWriterTests|LogSearchTests'"
beside sentry "envelopes that a strict parser takes; 1 000 queued offline arrive within the rate limit, none twice; no seeded secret in any byte" \
    "tests 'SentryTests|SentrySpoolTests'"
beside crashes "a killed process and a crash with its stack are reported at the next start; doctor --sentry" "tests 'CrashTests|SentryProcessTests'"
beside traces "one trace from enqueue to settle over a restart, and on the wire" "tests 'TraceTests|TraceProcessTests'"
