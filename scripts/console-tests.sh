#!/usr/bin/env bash
# The console in Debian's Chromium, axe-core on every page, schemathesis on the API. Needs a built guardian. `console-tests.sh NAME`
# runs one of: console, axe, schemathesis, examples, speed, screenshots.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.build/console-venv
stamp=$venv/requirements.txt
if ! cmp -s scripts/console/requirements.txt "$stamp"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r scripts/console/requirements.txt
    cp scripts/console/requirements.txt "$stamp"
fi
run() {
    case $1 in
    console | axe | examples) PYTHONPATH=scripts/console "$venv/bin/python" -W ignore::ResourceWarning scripts/console/"$1"_test.py "${@:2}" ;;
    schemathesis) PYTHONPATH=scripts/console "$venv/bin/python" -W ignore::ResourceWarning scripts/console/schemathesis_run.py "${@:2}" ;;
    speed | screenshots) PYTHONPATH=scripts/console "$venv/bin/python" -W ignore::ResourceWarning scripts/console/"$1".py "${@:2}" ;;
    *) echo "no such part: $1" >&2; exit 2 ;;
    esac
}
if [ $# -gt 0 ]; then
    run "$@"
else
    for part in console axe schemathesis examples; do run "$part"; done
fi
