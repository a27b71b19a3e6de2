# The engine delivers.
beside demo "1 000 operations over 100 entities taken offline, delivered once and in order" "DEMO_SECONDS=10 $guardian demo"
beside job "a realistic file of $(size '4 000' '10 000') operations at 5 % errors and 50 ms: every one applied once, in order" \
    "GUARDIAN_MAIN_JOB=$(size 4000 10000) tests MainJobTests"
beside kills "$(size 10 50) rounds of SIGKILL while producers post: nothing lost, doubled or out of order, the books balance" \
    "GUARDIAN_KILL_ROUNDS=$(size 10 50) tests /KillTests/"
beside disk "a full disk, a read-only directory, damage, a newer version: a clear error each, and serve stays up" \
    "GUARDIAN_DISK_STEP=$(size 20 4) tests '/DiskTests/|/DamageTests/(isDamaged|isNewer)'"
beside input "bad input names its field or line and stores nothing" "tests 'BadInputTests|AdmissionTests'"
beside fsync "strace: an fsync between the write and the answer of each enqueue" "tests DurabilityTests"
beside books "a row deleted by hand is noticed" "tests noticesMissingRow"
beside full "a store whose commits would not reach the disk refuses to start" "tests refusesNotDurable"
item outage "a simulated day of outage and a simulated day of 5xx: nothing failed, all delivered" \
    "GUARDIAN_TROUBLE_WORLDS=$(size 1 3) GUARDIAN_TROUBLE_CHECKS=$(size 10 1) tests 'LongTroubleTests/(outage|storm|poison)'"
item seeds "$(size '500' '1 000 000') simulated worlds: every promise after every step" \
    "GUARDIAN_SEEDS=$(size 500 1000000) tests SimulationTests.SimulationTests"
item sabotage "each promise broken and each guard switched off is found out, with its seed" \
    "GUARDIAN_HONEST_WORLDS=$(size 40 200) tests 'SabotageTests/(ofDelivery|honest|replays)'"
item memory "serve holds and drains $(size '20 000' '1 000 000') operations in 64 MiB" \
    "GUARDIAN_MEMORY_JOB=$(size 20000 1000000) tests MemoryTests/staysSmall"
item speed "beside bare C and the bare HTTP client: enqueue, batch, claim and settle, delivery; flat and ready at $(size '200 000' '10 000 000')" \
    "BENCH_ROUNDS=$(size 3 5) .build/release/guardian-bench $(size --quick --huge) single group batch settle flat sealing delivery start"
