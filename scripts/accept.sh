#!/usr/bin/env bash
# One line for each thing that must hold: what was asked, what was measured, holds or not. ITEM=name runs one; FULL=1 at full size.
set -uo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
missed=0

item() { # name, what is asked, command; what is measured is the last line it prints that begins with "measured: ", or its last line
    [ -z "${ITEM:-}" ] || [ "$ITEM" = "$1" ] || return 0
    local output measured start=$SECONDS
    if output=$(eval "$3" 2>&1); then
        measured=$(grep -o 'measured: .*' <<<"$output" | tail -n 1)
        echo "holds          $1: $2: ${measured:-$(tail -n 1 <<<"$output")} ($((SECONDS - start)) s)"
    else
        echo "DOES NOT HOLD  $1: $2 ($((SECONDS - start)) s)"
        tail -n 20 <<<"$output"
        missed=$((missed + 1))
    fi
}

tests() { # filter
    swift test -c release --skip-build --filter "$1"
}

size() { # short, full
    if [ -n "${FULL:-}" ]; then echo "$2"; else echo "$1"; fi
}

item demo "1 000 operations over 100 entities taken offline, delivered once and in order" "DEMO_SECONDS=10 $guardian demo"
item job "a realistic file of 10 000 operations at 5 % errors and 50 ms: every one applied once, in order" \
    "GUARDIAN_MAIN_JOB=10000 tests MainJobTests"
item kills "$(size 10 50) rounds of SIGKILL while producers post: nothing lost, doubled or out of order, the books balance" \
    "GUARDIAN_KILL_ROUNDS=$(size 10 50) tests KillTests"
item outage "a simulated day of outage and a simulated day of 5xx: nothing failed, all delivered" "tests LongTroubleTests"
item seeds "$(size '10 000' '1 000 000') simulated worlds: every promise after every step" \
    "GUARDIAN_SEEDS=$(size 10000 1000000) tests SimulationTests.SimulationTests"
item sabotage "each promise broken and each guard switched off is found out, with its seed" "tests SabotageTests"
item books "a row deleted by hand is noticed" "tests noticesMissingRow"
item fsync "strace: an fsync between the write and the answer of each enqueue" "tests DurabilityTests"
item full "a store whose commits would not reach the disk refuses to start" "tests refusesNotDurable"
item disk "a full disk, a read-only directory, damage, a newer version: a clear error each, and serve stays up" "tests DiskTests"
item input "bad input names its field or line and stores nothing" "tests 'BadInputTests|AdmissionTests|FileTests'"
item memory "serve holds and drains $(size '50 000' '1 000 000') operations in 64 MiB" \
    "GUARDIAN_MEMORY_JOB=$(size 50000 1000000) tests MemoryTests"
item plague "10 min of a gateway's 403 for 5 000 operations: nothing failed; a lone bad write: failed after one attempt; and a sweep" \
    "tests PlagueTests"
item portal "a captive portal, a redirect, a 511 and a proxy's JSON settle nothing and use no attempt up" "tests PortalTests"
item explain "each reason staged and named; --as-request is what the upstream logs" "tests 'ProcessTests.ExplainTests|AsRequestTests'"
item cancels "10 000 cancels raced against delivery: what was never sent has no effect" "tests CancelRaceTests"
item suspect "what kills its process is set aside after three deaths, the 999 others are delivered" "tests CrashSuspectTests"
item principals "A writes, B signs in, A returns: no request with another's token" "tests PrincipalTests"
item versions "a queue of version 1 is delivered by a build of version 3; two casts are as one" "tests 'MigrateTests|UpcasterTests'"
item doubt "answers lost, then 26 h away from an upstream that forgets keys after 24 h: one effect" "tests DoubtTests"
item fleet "200 devices x 500 operations return to 300 requests/s: under 2 % rejected, within 1.2 x the ideal; and without the ramp" \
    "tests FleetTests"
item scenarios "offline, dropped, 5xx storm, cut off, 409: each over real files and sockets" "tests 'IntegrationTests.ScenarioTests'"
item writers "two engines edit the same 200 entities for $(size 6 60) s, 20 % of answers lost: no edit to a field of one's own is lost" \
    "GUARDIAN_WRITERS_SECONDS=$(size 6 60) tests TwoWritersTests"
item login "a login expired for a simulated day: nothing failed, all delivered after; one refresh for 8 workers" \
    "tests 'LongTroubleTests|SyncEngineTests'"
item local-ids "a house built offline under local ids ends in that state under the upstream's, also cut off after each settle" \
    "tests LocalIDTests"
item coalescing "folding at enqueue: what it saves, and every wrong rule found out with its seed" "tests 'Coalesc'"
item together "the app's change and its operation commit together, or neither" "tests AppTransactionTests"
item watchdog "a line that lost its head is noticed, mended and delivered" "tests WatchdogTests"
item speed "ratios against bare C and the bare HTTP client" ".build/release/guardian-bench $(size --quick '')"

exit $((missed > 0))
