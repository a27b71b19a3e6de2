#!/usr/bin/env bash
# Runs every test of the package that has been built, in three runs: what computes, what waits for sockets and disks, and what starts
# processes. Together they would starve each other: a test that computes for seconds keeps a thread from one that has to answer in time.
set -uo pipefail
cd "$(dirname "$0")/.."
computing='^(GuardianCoreTests|GuardianPrivacyTests|GuardianSyncTests|GuardianTestingTests|SimulationTests|TidyTests)\.'
# Suites that compute, of targets that wait.
computing+='|^(GuardianTelemetryTests\.(AnomalyTests|RecordingCostTests)|GuardianLoadTests\.BackoffTests)/'
processes='^(ProcessTests|IntegrationTests|GuardianPostgresTests)\.'
# How many tests are under way at once; by default Swift Testing starts all of them.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4
status=0
swift test -c release --skip-build --filter "$computing" || status=1
swift test -c release --skip-build --skip "$computing" --skip "$processes" || status=1
# Two lines of the real binary's, and one of all others.
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=3 swift test -c release --skip-build --filter "$processes" || status=1
exit "$status"
