# One queue for many machines, on a real PostgreSQL.
item pg-contract "the contract of every store and the simulated worlds, on PostgreSQL" "tests PostgresContractTests"
item pg-pooler "the same contract behind PgBouncer in transaction mode" "tests PoolerTests"
item pg-sharing "claims once, seats, rescue, fairness, shared breaker, probes and pauses, wake-ups" \
    "tests 'GuardianPostgresTests.(SharingTests|SilentProcessorTests|ProbeTests|TenantTests|ETagTests)'"
item pg-recovery "three crashes of the server under load; TLS; a server that is not durable is refused" "tests RecoveryTests"
item pg-transaction "SQL and Swift enqueue inside the app's own transaction; one that is left open is in the way of its own keys only" \
    "tests 'GuardianPostgresTests.(AppTransactionTests|OpenTransactionTests)'"
item pg-secrets "no secret of the store's URL is ever shown" "tests 'DatabaseAddressTests|PostgresCommandTests'"
item pg-move "a queue moves from a file to PostgreSQL and back, broken off at every page" "tests MigrateStoreTests"
item pg-fleet "4 processors, $(size '4 000 operations over 200' '100 000 operations over 1 000') keys: each applied once, in order" \
    "GUARDIAN_FLEET_OPERATIONS=$(size 4000 100000) GUARDIAN_FLEET_KEYS=$(size 200 1000) tests 'PostgresFleetTests/peace'"
item pg-war "the same while processors are killed, one is frozen past its lease, PostgreSQL crashes three times" \
    "GUARDIAN_FLEET_OPERATIONS=$(size 4000 100000) GUARDIAN_FLEET_KEYS=$(size 200 1000) tests 'PostgresFleetTests/war'"
item pg-throughput \
    "durable batch enqueue and claim+settle, ETags or not, at least 0.7 of pgbench's SKIP LOCKED; ahead of procrastinate and pgqueuer" \
    "OPERATIONS=$(size 10000 100000) scripts/postgres-bench.sh throughput"
item pg-scaling "1, 2, 4 processors as processes, where a commit takes 10 ms: two do 1.5 times as much as one, four 1.3 times as much as two" \
    "OPERATIONS=$(size 10000 40000) scripts/postgres-bench.sh scaling"
item pg-flat "claim+settle at $(size '100 000' '1 000 000') pending costs at most 1.3 x what it does at 1 000" \
    "BIG=$(size 100000 1000000) scripts/postgres-bench.sh flat"
item pg-bloat "$(size '50 000' '10 000 000') operations through: the tables are no larger at the end than after four tenths" \
    "OPERATIONS=$(size 50000 10000000) scripts/postgres-bench.sh bloat"
