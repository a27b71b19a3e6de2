# The engine delivers.
item demo "1 000 operations over 100 entities taken offline, delivered once and in order" "DEMO_SECONDS=10 $guardian demo"
item job "a realistic file of 10 000 operations at 5 % errors and 50 ms: every one applied once, in order" \
    "GUARDIAN_MAIN_JOB=10000 tests MainJobTests"
item kills "$(size 10 50) rounds of SIGKILL while producers post: nothing lost, doubled or out of order, the books balance" \
    "GUARDIAN_KILL_ROUNDS=$(size 10 50) tests KillTests"
item outage "a simulated day of outage and a simulated day of 5xx: nothing failed, all delivered" "tests LongTroubleTests"
item seeds "$(size '2 000' '1 000 000') simulated worlds: every promise after every step" \
    "GUARDIAN_SEEDS=$(size 2000 1000000) tests SimulationTests.SimulationTests"
item sabotage "each promise broken and each guard switched off is found out, with its seed" "tests 'SabotageTests/(ofDelivery|honest|replays)'"
item books "a row deleted by hand is noticed" "tests noticesMissingRow"
item fsync "strace: an fsync between the write and the answer of each enqueue" "tests DurabilityTests"
item full "a store whose commits would not reach the disk refuses to start" "tests refusesNotDurable"
item disk "a full disk, a read-only directory, damage, a newer version: a clear error each, and serve stays up" "tests DiskTests"
item input "bad input names its field or line and stores nothing" "tests 'BadInputTests|AdmissionTests|FileTests'"
item memory "serve holds and drains $(size '50 000' '1 000 000') operations in 64 MiB" \
    "GUARDIAN_MEMORY_JOB=$(size 50000 1000000) tests MemoryTests"
item speed "beside bare C and the bare HTTP client: enqueue, batch, claim and settle, delivery; flat and ready at $(size '1 000 000' '10 000 000')" \
    ".build/release/guardian-bench $(size --quick --huge) single group batch settle flat sealing delivery start"
