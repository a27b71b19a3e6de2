#!/usr/bin/env bash
# One line for each thing that must hold: what was asked, what was measured, holds or not. ITEM=name runs one; FULL=1 at full size.
set -uo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
missed=0

item() { # name, what is asked, command
    [ -z "${ITEM:-}" ] || [ "$ITEM" = "$1" ] || return 0
    local output
    if output=$(eval "$3" 2>&1); then
        echo "holds          $1: $2: $(tail -n 1 <<<"$output")"
    else
        echo "DOES NOT HOLD  $1: $2"
        tail -n 20 <<<"$output"
        missed=$((missed + 1))
    fi
}

rounds=10
[ -z "${FULL:-}" ] || rounds=50

item demo "1 000 operations offline, delivered once and in order" "DEMO_SECONDS=10 $guardian demo"
item kills "$rounds rounds of SIGKILL: nothing lost, doubled or out of order" \
    "GUARDIAN_KILL_ROUNDS=$rounds swift test -c release --skip-build --filter KillTests"
item input "bad input names its field" "swift test -c release --skip-build --filter AdmissionTests"
item store "order, fencing, books, damage" "swift test -c release --skip-build --filter SQLiteStoreTests"
quick=--quick; [ -z "${FULL:-}" ] || quick=
item speed "ratios against bare C" ".build/release/guardian-bench $quick"

exit $((missed > 0))
