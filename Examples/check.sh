#!/usr/bin/env bash
# Builds both examples and runs each against the reference upstream. Ends with 0 when both end as they should.
set -euo pipefail
cd "$(dirname "$0")/.."
guardian=.build/release/guardian
[ -x "$guardian" ] || { echo "check: no $guardian: run 'make build' first" >&2; exit 1; }

swift build --package-path Examples -c release
built=$(swift build --package-path Examples -c release --show-bin-path)

work=$(mktemp -d)
backend=
finish() {
    if [ -n "$backend" ]; then
        kill "$backend" 2>/dev/null || true
        wait "$backend" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT

"$guardian" backend --listen 127.0.0.1:0 2>"$work/backend.log" &
backend=$!
url=
for _ in $(seq 100); do
    url=$(sed -n 's/^guardian: ready on //p' "$work/backend.log")
    [ -z "$url" ] || break
    kill -0 "$backend" 2>/dev/null || break
    sleep 0.1
done
[ -n "$url" ] || { echo "check: the backend did not come up:" >&2; cat "$work/backend.log" >&2; exit 1; }

status=0
"$built/Notes" --upstream "$url" --data-dir "$work/notes" || { echo "check: Notes failed" >&2; status=1; }
"$built/VitalSigns" --upstream "$url" --data-dir "$work/vitals" --readings 2000 --seed 7 || { echo "check: VitalSigns failed" >&2; status=1; }
exit "$status"
