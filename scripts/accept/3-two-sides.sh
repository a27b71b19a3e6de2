# Two sides of one truth.
item scenarios "offline, dropped, 5xx storm, cut off, 409: each over real files and sockets" "tests 'IntegrationTests.ScenarioTests'"
item writers "two engines edit the same 200 entities for $(size 6 60) s, 20 % of answers lost: both show what the upstream has, no own edit is lost" \
    "GUARDIAN_WRITERS_SECONDS=$(size 6 60) tests TwoWritersTests"
item login "a login expired for a simulated day: nothing failed, all delivered after; exactly one refresh call per expiry with 8 workers" \
    "tests 'LongTroubleTests|LoginTests|SyncEngineTests'"
item local-ids "a house built offline under local ids ends in that state under the upstream's, in one pass, also killed after each single settle" \
    "tests 'LocalIDTests|AppKillTests/house'"
item coalescing "folding at enqueue: what it saves, and every wrong rule found out with its seed" "tests 'Coalesc'"
item together "$(size 20 200) kills -9 between the app's write and its enqueue, in one shared transaction: never one without the other" \
    "GUARDIAN_APP_KILLS=$(size 20 200) tests 'AppTransactionTests|AppKillTests/together'"
item sides "every guard of conflicts, optimistic changes, local ids and the feed switched off: found out, with its seed" \
    "tests 'SabotageTests/ofTwoSides|CoalesceTests'"
