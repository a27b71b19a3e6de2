#!/usr/bin/env bash
# Builds and runs the tests under a sanitizer: scripts/sanitize.sh thread|address [FILTER]
set -euo pipefail
cd "$(dirname "$0")/.."
sanitizer=${1:?thread or address}
filter=${2:-'GuardianCoreTests|GuardianSQLiteTests|GuardianHTTPTests|GuardianServerTests|GuardianPrivacyTests|GuardianTelemetryTests|IntegrationTests'}
scratch=.build-$sanitizer
# Debug: a sanitizer sees what the optimizer would hide. Tests of speed are not for it.
swift build --build-tests --sanitize "$sanitizer" --scratch-path "$scratch"
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 TSAN_OPTIONS="halt_on_error=1" ASAN_OPTIONS="detect_leaks=0" \
    swift test --skip-build --sanitize "$sanitizer" --scratch-path "$scratch" --filter "$filter"
