#!/usr/bin/env bash
# One line for each thing that must hold: what was asked, what was measured, holds or not. ITEM=name runs one, PART=4 those of one file in
# scripts/accept/; FULL=1 at full size. Exit code 1 when one does not hold, 2 when there is none of that name.
set -uo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
program=.build/release/GuardianSyncPackageTests.xctest
ran=0
missed=0

item() { # name, what is asked, command; what is measured is the last line it prints that begins with "measured: ", or its last line
    [ -z "${ITEM:-}" ] || [ "$ITEM" = "$1" ] || return 0
    ran=$((ran + 1))
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

tests() { # filter; one that no test fits does not hold
    local run=(swift test -c release --skip-build)
    # Where the tests are a program (on Linux) it starts at once, and the package is not read anew for each item.
    [ -f "$program" ] && run=("$program" --testing-library swift-testing)
    NO_COLOR=1 SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=2 "${run[@]}" --filter "$1" 2>&1 | tee /dev/stderr |
        grep -c 'Test run with [1-9][0-9]* tests\? .* passed' >/dev/null
}

size() { # short, full
    if [ -n "${FULL:-}" ]; then echo "$2"; else echo "$1"; fi
}

for part in scripts/accept/"${PART:-}"*.sh; do
    [ -f "$part" ] || continue
    # shellcheck source=/dev/null
    source "$part"
done

[ "$ran" -gt 0 ] || { echo "accept: nothing is called that: ITEM=${ITEM:-} PART=${PART:-}" >&2; exit 2; }
exit $((missed > 0))
