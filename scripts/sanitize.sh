#!/usr/bin/env bash
# Builds and runs the tests under a sanitizer: scripts/sanitize.sh thread|address [FILTER]
set -euo pipefail
cd "$(dirname "$0")/.."
sanitizer=${1:?thread or address}
# Not ProcessTests: the binary that they run is the release build's, which is not sanitized.
all='Guardian(Core|SQLite|Postgres|HTTP|Server|Runtime|Load|Privacy|Telemetry|Testing|Backend|Sync)Tests|SimulationTests|IntegrationTests'
filter=${2:-$all}
# Tests of speed, which a debug build has not.
speed='LinearityTests/(growsLinearly|jsonGrowsLinearly|longLocalPart|slashes|isFast)|RecordingCostTests/isCheap'
scratch=.build-$sanitizer
# Each simulated world costs some ten times what it does in the release build.
export GUARDIAN_SEEDS=${GUARDIAN_SEEDS:-100}
# Debug: a sanitizer sees what the optimizer would hide.
swift build --build-tests --sanitize "$sanitizer" --scratch-path "$scratch"
# No leaks: Swift's runtime, Dispatch and the thread pools of NIO keep what they have made until the process ends, some of it only behind
# pointers that LeakSanitizer can't read. What grows is found by `guardian loadtest` (memory) and by scripts/fuzz.sh, which has no such pools.
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 TSAN_OPTIONS="halt_on_error=1" ASAN_OPTIONS="detect_leaks=0" \
    swift test --skip-build --sanitize "$sanitizer" --scratch-path "$scratch" --filter "$filter" --skip "$speed"
