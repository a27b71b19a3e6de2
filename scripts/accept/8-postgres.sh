# One queue for many machines, on a real PostgreSQL.
item pg-throughput \
    "durable batch enqueue and claim+settle, ETags or not, at least 0.7 of pgbench's SKIP LOCKED; ahead of procrastinate and pgqueuer" \
    "OPERATIONS=$(size 10000 100000) scripts/postgres-bench.sh throughput"
item pg-scaling "1, 2, 4 processors as processes, where a commit takes 10 ms: two do 1.5 times as much as one, four 1.3 times as much as two" \
    "OPERATIONS=$(size 6000 40000) scripts/postgres-bench.sh scaling"
item pg-flat "claim+settle at $(size '50 000' '1 000 000') pending costs at most 1.3 x what it does at 1 000" \
    "BIG=$(size 50000 1000000) scripts/postgres-bench.sh flat"
beside pg-bloat "$(size '50 000' '10 000 000') operations through: the tables are no larger at the end than after four tenths" \
    "OPERATIONS=$(size 50000 10000000) scripts/postgres-bench.sh bloat"
beside pg-contract "the contract of every store and the simulated worlds, on PostgreSQL" \
    "GUARDIAN_POSTGRES_WORLDS=$(size 6 20) tests PostgresContractTests"
beside pg-recovery "three crashes of the server under load; TLS; a server that is not durable is refused" "tests RecoveryTests"
beside pg-pooler "the same contract behind PgBouncer in transaction mode" "tests PoolerTests"
beside pg-war "$(size '2 000 operations over 100' '100 000 operations over 1 000') keys, while processors are killed, one is frozen past its lease, PostgreSQL crashes three times: each applied once, in order" \
    "GUARDIAN_FLEET_OPERATIONS=$(size 2000 100000) GUARDIAN_FLEET_KEYS=$(size 100 1000) tests 'PostgresFleetTests/war'"
beside pg-fleet "4 processors, $(size '2 000 operations over 100' '100 000 operations over 1 000') keys: each applied once, in order" \
    "GUARDIAN_FLEET_OPERATIONS=$(size 2000 100000) GUARDIAN_FLEET_KEYS=$(size 100 1000) tests 'PostgresFleetTests/peace'"
beside pg-sharing "claims once, seats, rescue, fairness, shared breaker, probes and pauses, wake-ups" \
    "tests 'GuardianPostgresTests.(SharingTests|SilentProcessorTests|ProbeTests|TenantTests|ETagTests)'"
beside pg-transaction "SQL and Swift enqueue inside the app's own transaction; one that is left open is in the way of its own keys only" \
    "tests 'GuardianPostgresTests.(AppTransactionTests|OpenTransactionTests)'"
beside pg-move "a queue moves from a file to PostgreSQL and back, broken off at every page" "tests MigrateStoreTests"
beside pg-secrets "no secret of the store's URL is ever shown" "tests 'DatabaseAddressTests|PostgresCommandTests'"
