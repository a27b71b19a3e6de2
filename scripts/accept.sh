#!/usr/bin/env bash
# One line for each thing that must hold: what was asked, what was measured, holds or not, and its seconds; in the end how many hold, and where
# the time went. ITEM=name runs one, PART=4 those of one file in scripts/accept/; FULL=1 at full size. Exit code 1 when one does not hold, 2
# when there is none of that name.
# At the short size two lines that measure no speed and mostly wait run beside each other (`beside`), all others alone (`item`); with FULL=1 or
# LANES=1 all run alone. Lines are written whole, and in the order of the files.
set -uo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
program=.build/release/GuardianSyncPackageTests.xctest
lanes=${LANES:-2}
if [ -n "${FULL:-}" ] || [ "$(getconf _NPROCESSORS_ONLN)" -lt 2 ]; then lanes=1; fi
place=$(mktemp -d)
ran=0  # lines that were begun
told=0 # lines that were written
missed=0
under_way="" # processes of lines that run beside others, each with its line's number and name: "4711:12:portal"

finish() {
    local one
    for one in $under_way; do kill -- "-${one%%:*}" 2>/dev/null; done
    rm -rf "$place"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() { # number, name, what is asked, command; what is measured is the last line it prints that begins with "measured: ", or its last line
    local output measured start=$SECONDS
    if output=$(eval "$4" 2>&1); then
        measured=$(grep -o 'measured: .*' <<<"$output" | tail -n 1)
        echo "holds          $2: $3: ${measured:-$(tail -n 1 <<<"$output")} ($((SECONDS - start)) s)"
    else
        echo "DOES NOT HOLD  $2: $3 ($((SECONDS - start)) s)"
        tail -n 20 <<<"$output"
    fi >"$place/$1.begun"
    echo "$((SECONDS - start)) $2" >"$place/$1.seconds"
    mv "$place/$1.begun" "$place/$1.line"
}

tell() { # writes the lines that have ended, as far as all before them have
    local first
    while [ -e "$place/$((told + 1)).line" ]; do
        told=$((told + 1))
        read -r first <"$place/$told.line"
        case $first in holds*) ;; *) missed=$((missed + 1)) ;; esac
        cat "$place/$told.line"
    done
}

make_room() { # waits until fewer lines than so many are under way
    local one left count
    while true; do
        left="" count=0
        for one in $under_way; do
            if kill -0 "${one%%:*}" 2>/dev/null; then
                left="$left $one" count=$((count + 1))
                continue
            fi
            one=${one#*:}
            [ -e "$place/${one%%:*}.line" ] || echo "DOES NOT HOLD  ${one#*:}: it was broken off" >"$place/${one%%:*}.line"
        done
        under_way=$left
        tell
        [ "$count" -ge "$1" ] || return 0
        sleep 0.2
    done
}

item() { # name, what is asked, command: a line that runs alone
    [ -z "${ITEM:-}" ] || [ "$ITEM" = "$1" ] || return 0
    make_room 1
    ran=$((ran + 1))
    check "$ran" "$@"
    tell
}

beside() { # the same: a line that may run beside another of these, since it measures no speed and mostly waits
    if [ "$lanes" -lt 2 ] || [ -n "${ITEM:-}" ]; then
        item "$@"
        return
    fi
    make_room "$lanes"
    ran=$((ran + 1))
    # In a group of its own, so that it can be ended with all that it has started.
    set -m
    check "$ran" "$@" </dev/null &
    set +m
    under_way="$under_way $!:$ran:$1"
}

fitting() { # filter; one that no test fits does not hold
    local run=(swift test -c release --skip-build)
    # Where the tests are a program (on Linux) it starts at once, and the package is not read anew for each item.
    [ -f "$program" ] && run=("$program" --testing-library swift-testing)
    NO_COLOR=1 SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=2 "${run[@]}" --filter "$1" 2>&1 | tee /dev/stderr |
        grep -c 'Test run with [1-9][0-9]* tests\? .* passed' >/dev/null
}

tests() { # filters, each in a process of its own, all at once
    local filter one others="" status=0
    for filter in "${@:2}"; do
        fitting "$filter" &
        others="$others $!"
    done
    fitting "$1" || status=1
    for one in $others; do wait "$one" || status=1; done
    return "$status"
}

size() { # short, full
    if [ -n "${FULL:-}" ]; then echo "$2"; else echo "$1"; fi
}

for part in scripts/accept/"${PART:-}"*.sh; do
    [ -f "$part" ] || continue
    # shellcheck source=/dev/null
    source "$part"
done
make_room 1

[ "$ran" -gt 0 ] || { echo "accept: nothing is called that: ITEM=${ITEM:-} PART=${PART:-}" >&2; exit 2; }
slowest=$(cat "$place"/*.seconds | sort -rn | head -n 8 | awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 }')
echo "$((ran - missed)) of $ran lines hold, in $SECONDS s; the longest, in seconds: $slowest"
exit $((missed > 0))
