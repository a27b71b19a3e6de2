#!/usr/bin/env bash
# Builds the examples and runs each against the reference upstream. Ends with 0 when all end as they should.
set -euo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
[ -x "$guardian" ] || { echo "check: no $guardian: run 'make build' first" >&2; exit 1; }

# Into the project's own build folder: what both need has been compiled there.
build=(swift build --package-path Examples --scratch-path .build -c release)
"${build[@]}"
built=$("${build[@]}" --show-bin-path)

work=$(mktemp -d)
started=()
finish() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

# Starts `guardian ARGUMENTS` and sets `url` to where it answers.
start() {
    local log=$work/$1.log
    : >"$log"
    "$guardian" "$@" 2>"$log" &
    local pid=$!
    started+=("$pid")
    for _ in $(seq 300); do
        url=$(sed -n 's/^guardian: ready on //p' "$log")
        [ -z "$url" ] || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "check: $1 did not come up:" >&2
    cat "$log" >&2
    exit 1
}

start backend --listen 127.0.0.1:0

status=0
"$built/FirstApp" "$url" "$work/first" | tee "$work/first.txt"
grep -q "the kitchen is synced" "$work/first.txt" || { echo "check: FirstApp failed" >&2; status=1; }
curl -sf "$url/api/v1/rooms/kitchen" | grep -q Kitchen || { echo "check: FirstApp's kitchen is not there" >&2; status=1; }
[ -n "$(find "$work/first" -prune -perm 700)" ] || { echo "check: FirstApp's folder is open to others" >&2; status=1; }
"$built/Notes" --upstream "$url" --data-dir "$work/notes" || { echo "check: Notes failed" >&2; status=1; }
"$built/VitalSigns" --upstream "$url" --data-dir "$work/vitals" --readings 2000 --seed 7 || { echo "check: VitalSigns failed" >&2; status=1; }

start serve --data-dir "$work/sidecar" --listen 127.0.0.1:0 --upstream "$url"
Examples/Sidecar/client.sh "$url" && echo || { echo "check: client.sh failed" >&2; status=1; }
Examples/Sidecar/client.py "$url" || { echo "check: client.py failed" >&2; status=1; }
node Examples/Sidecar/client.mjs "$url" || { echo "check: client.mjs failed" >&2; status=1; }
exit "$status"
