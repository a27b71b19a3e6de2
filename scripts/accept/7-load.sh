# It is fast, can prove it, and can be looked after.
item loadtest "all five suites of guardian loadtest at their $(size 'small' 'full') size" \
    "$guardian loadtest $(size '--operations 500' '')"
item loadtest-red "each suite is red when what it checks is broken" "tests GuardianLoadTests.SuiteTests"
item soak "$(size '60 s' '30 min') at 70 % of capacity with faults: nothing lost, no growth of memory, files or database" \
    "GUARDIAN_SOAK=$(size 60s 30m) tests LoadTestTests.soak"
item report "reports as text, JSON and a page with plots; a baseline that is missed ends with 1" "tests 'LoadTestTests|ReportTests|MeasureTests'"
item capacity "the limit that finds an upstream's capacity: 0.9 of the best fixed limit on five upstream models" "tests AdaptiveLimit"
item batch "several operations in one request, each settled by its own result, once in effect" "tests 'BatchTests|BatchDeliveryTests'"
item drain "the whole engine drains at least 0.6 as fast as bare C at its best batch; enqueue p99 <= 10 ms meanwhile; 50 in a request: 5 x" \
    ".build/release/guardian-bench $(size --quick '') drain latency gathered"
item ahead "one caller, 16 callers, a batch, claim and settle: ahead of honker, huey, litequeue and persist-queue at the same durability" \
    ".build/release/guardian-bench $(size --quick '') peers"
item backup "backup beside a daemon, restore that keeps the old file and doubles nothing, compact, archive" "tests 'MaintenanceTests|BackupTests'"
item log-bound "the write-ahead log stays bounded while writers and readers never pause" "tests logIsBounded"
item quarantine "a damaged store is set aside, what is readable is brought over, the rest is named" "tests 'QuarantineTests|DamageTests'"
item backoff "waiting between attempts: seven strategies compared in one world" "tests BackoffTests"
item anomalies "unusual rate, latency and errors are found, with few false alarms, on seeded traces" "tests AnomalyTests"
