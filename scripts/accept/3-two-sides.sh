# Two sides of one truth.
beside scenarios "offline, dropped, 5xx storm, cut off, 409: each over real files and sockets" "tests 'IntegrationTests.ScenarioTests'"
beside writers "two engines edit the same 200 entities for $(size 4 60) s, 20 % of answers lost: both show what the upstream has, no own edit is lost" \
    "GUARDIAN_WRITERS_SECONDS=$(size 4 60) tests TwoWritersTests"
beside local-ids "a house built offline under local ids ends in that state under the upstream's, in one pass, also killed after each single settle" \
    "tests 'LocalIDTests|AppKillTests/house'"
beside together "$(size 20 200) kills -9 between the app's write and its enqueue, in one shared transaction: never one without the other" \
    "GUARDIAN_APP_KILLS=$(size 20 200) tests 'GuardianSQLiteTests.AppTransactionTests|AppKillTests/together'"
item login "a login expired for a simulated day: nothing failed, all delivered after; exactly one refresh call per expiry with 8 workers" \
    "GUARDIAN_TROUBLE_WORLDS=$(size 1 3) GUARDIAN_TROUBLE_CHECKS=$(size 10 1) tests 'LongTroubleTests/signedOut|LoginTests/|SyncEngineTests[+]Token'"
item coalescing "folding at enqueue: what it saves, and every wrong rule found out with its seed" \
    "GUARDIAN_FOLDING_WORLDS=$(size 150 500) tests Coalesc"
item sides "every guard of conflicts, optimistic changes, local ids and the feed switched off: found out, with its seed" \
    "tests SabotageTests/ofTwoSides"
