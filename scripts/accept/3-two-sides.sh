# Two sides of one truth.
item scenarios "offline, dropped, 5xx storm, cut off, 409: each over real files and sockets" "tests 'IntegrationTests.ScenarioTests'"
item writers "two engines edit the same 200 entities for $(size 6 60) s, 20 % of answers lost: no edit to a field of one's own is lost" \
    "GUARDIAN_WRITERS_SECONDS=$(size 6 60) tests TwoWritersTests"
item login "a login expired for a simulated day: nothing failed, all delivered after; one refresh for 8 workers" \
    "tests 'LongTroubleTests|SyncEngineTests'"
item local-ids "a house built offline under local ids ends in that state under the upstream's, also cut off after each settle" \
    "tests LocalIDTests"
item coalescing "folding at enqueue: what it saves, and every wrong rule found out with its seed" "tests 'Coalesc'"
item together "the app's change and its operation commit together, or neither" "tests AppTransactionTests"
