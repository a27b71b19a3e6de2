# It is fast, can prove it, and can be looked after.
loadtest() { # all five suites; at the short size the breaker's, which waits for each of its probes, with fewer failures and beside the others
    if [ -n "${FULL:-}" ]; then
        $guardian loadtest
        return
    fi
    local breaker status=0
    $guardian loadtest --suite breaker --operations 40 &
    breaker=$!
    $guardian loadtest --suite enqueue --suite latency --suite memory --suite concurrency --operations 500 || status=1
    wait "$breaker" && return "$status"
}
beside soak "$(size '32 s' '30 min') at 70 % of capacity with faults: nothing lost, no growth of memory, files or database" \
    "GUARDIAN_SOAK=$(size 32s 30m) tests /LoadTestTests/soak"
beside loadtest-red "each suite is red when what it checks is broken" \
    "tests 'GuardianLoadTests.SuiteTests/(?!soak)' GuardianLoadTests.SuiteTests/soak"
beside quarantine "a damaged store is set aside, what is readable is brought over, the rest is named" \
    "tests 'QuarantineTests|/DamageTests/(?!badSector|badHeader)' /DamageTests/badSector /DamageTests/badHeader"
beside loadtest "all five suites of guardian loadtest at their $(size 'small' 'full') size" loadtest
beside report "reports as text, JSON and a page with plots; a baseline that is missed ends with 1" \
    "tests '/LoadTestTests/(?!soak$(size '|allFive' ''))|GuardianLoadTests.(ReportTests|MeasureTests)/'"
beside batch "several operations in one request, each settled by its own result, once in effect" \
    "tests 'GuardianHTTPTests.BatchTests|BatchDeliveryTests'"
beside backup "backup beside a daemon, restore that keeps the old file and doubles nothing, compact, archive" \
    "tests 'MaintenanceTests|BackupTests/(?!logIsBounded)'"
beside log-bound "the write-ahead log stays bounded while writers and readers never pause" "tests logIsBounded"
item backoff "waiting between attempts: seven strategies compared in one world" "tests BackoffTests"
item anomalies "unusual rate, latency and errors are found, with few false alarms, on seeded traces" "tests AnomalyTests"
item capacity "the limit that finds an upstream's capacity: 0.9 of the best fixed limit on five upstream models" "tests AdaptiveLimit"
item drain "the whole engine drains at least 0.6 as fast as bare C at its best batch; enqueue p99 <= 10 ms meanwhile; 50 in a request: 5 x" \
    "BENCH_ROUNDS=$(size 3 5) .build/release/guardian-bench $(size --quick '') drain latency gathered"
item ahead "one caller, 16 callers, a batch, claim and settle: ahead of honker, huey, litequeue and persist-queue at the same durability" \
    "BENCH_ROUNDS=$(size 3 5) .build/release/guardian-bench $(size --quick '') peers"
