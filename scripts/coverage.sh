#!/usr/bin/env bash
# Lines of Sources/ that the tests run, by target and by room of Core: at least 85 % of all, and 95 % of Core's decisions. FILTER runs some of
# the tests only; then only the decisions are held to theirs. Without ProcessTests: the binary that they run is the release build's, which
# counts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=.build-coverage
# Tests of speed, which a debug build has not.
speed='LinearityTests/(growsLinearly|jsonGrowsLinearly|longLocalPart|slashes|isFast)|RecordingCostTests/isCheap'
# Debug, because the optimizer folds lines away.
swift build --build-tests --enable-code-coverage --scratch-path "$scratch"
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 swift test --skip-build --enable-code-coverage --scratch-path "$scratch" \
    ${FILTER:+--filter "$FILTER"} --skip "^ProcessTests\.|$speed"
python3 - "$(swift test --show-codecov-path --scratch-path "$scratch")" <<'PY'
import collections, json, os, sys

decisions = ("Coalesce", "Delivery", "Dispatch", "Lease", "Reconcile")
root = os.getcwd() + "/Sources/"
rooms = collections.defaultdict(lambda: [0, 0])
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    if not file["filename"].startswith(root):
        continue
    parts = file["filename"][len(root):].split("/")
    lines = file["summary"]["lines"]
    names = ["all", parts[0]]
    if parts[0] == "GuardianCore":
        names.append(f"GuardianCore/{parts[1]}")
    if parts[0] == "GuardianCore" and parts[1] in decisions:
        names.append("Core's decisions")
    for name in names:
        rooms[name][0] += lines["covered"]
        rooms[name][1] += lines["count"]
shares = {name: 100 * covered / count for name, (covered, count) in rooms.items()}
for name in sorted(shares):
    print(f"{name:24} {shares[name]:5.1f} % of {rooms[name][1]} lines")
wanted = [("Core's decisions", 95)] + ([] if os.environ.get("FILTER") else [("all", 85)])
missed = [name for name, least in wanted if shares.get(name, 0) < least]
if missed:
    sys.exit("coverage is too low: " + ", ".join(missed))
PY
