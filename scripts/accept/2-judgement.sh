# It knows what it is doing, and says so.
item plague "10 min of a gateway's 403 for 5 000 operations: nothing failed; a lone bad write: failed after one attempt; and a sweep" \
    "GUARDIAN_PLAGUE_STEP=$(size 5 1) tests PlagueTests"
item cancels "10 000 cancels raced against delivery: what was never sent has no effect" "tests CancelRaceTests"
item doubt "answers lost, then 26 h away from an upstream that forgets keys after 24 h: one effect" "tests DoubtTests"
item fleet "200 devices x 500 operations return to 300 requests/s: under 2 % rejected, within 1.2 x the ideal; and without the ramp" \
    "tests SimulationTests.FleetTests"
beside explain "each reason staged and named; --as-request is what the upstream logs" "tests 'ProcessTests.ExplainTests|AsRequestTests'"
beside portal "a captive portal, a redirect, a 511 and a proxy's JSON settle nothing and use no attempt up" "tests /PortalTests/"
beside suspect "what kills its process is set aside after three deaths, the 999 others are delivered" "tests CrashSuspectTests"
beside principals "A writes, B signs in, A returns: no request with another's token" "tests /PrincipalTests/"
beside versions "a queue of version 1 is delivered by a build of version 3; two casts are as one" "tests 'MigrateTests|UpcasterTests'"
beside watchdog "a line that lost its head is noticed, mended and delivered" "tests WatchdogTests"
