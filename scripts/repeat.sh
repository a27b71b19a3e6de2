#!/usr/bin/env bash
# Runs the tests that have been built again and again, ROUNDS times (10), and stops at the first round that fails: those that ONLY names, or
# all; of those it names WIDTH are under way at once (2). Prints the closing lines of each round, and of the one that failed what went wrong.
set -uo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-10}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for round in $(seq "$rounds"); do
    status=0
    if [ -n "${ONLY:-}" ]; then
        SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH="${WIDTH:-2}" swift test -c release --skip-build --filter "$ONLY" >"$log" 2>&1 || status=$?
    else
        scripts/test.sh >"$log" 2>&1 || status=$?
    fi
    # A filter that no test fits does not pass.
    grep -E 'Test run with [1-9][0-9]* tests?' "$log" | sed "s/^/round $round of $rounds: /" || status=1
    if [ "$status" -ne 0 ]; then
        grep -E -A1 --no-group-separator '(recorded an issue|error:|[Ff]atal error)' "$log" | head -n 100
        echo "round $round failed"
        exit 1
    fi
done
echo "measured: $rounds rounds, none failed"
