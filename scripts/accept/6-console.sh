# The console that people on call want open.
item pages "$(size '100 000' '1 000 000') operations, a tenth failed, the engine draining: every page, filter and dialog p95 <= 50 ms; delivery with the console open >= 0.95" \
    "SIZE=$(size 100000 1000000) ROUNDS=$(size 20 100) WINDOW=$(size 3 10) scripts/console-tests.sh speed"
item search "every filter walks an index, or the table in pieces; none sorts" "tests 'GuardianSQLiteTests.(SearchTests|SealedSearchTests)/'"
beside console "every action in a real browser: confirmations, live updates, filters, keys, no error and no CSP violation" \
    "scripts/console-tests.sh console"
beside axe "axe-core on every page, light and dark, wide and narrow: no violation of A and AA" \
    "VIEWS=$(size 2 4) scripts/console-tests.sh axe"
beside openapi "schemathesis against /openapi.json: no 5xx, nothing that the document does not describe" \
    "EXAMPLES=$(size 20 200) scripts/console-tests.sh schemathesis"
beside doors "roles, CSRF, other sites, forged hosts, replayed sessions, script in every field: refused or inert" \
    "tests 'ConsoleAccessTests|ConsolePageTests|ConsoleActionTests'"
