#!/usr/bin/env bash
# The sidecar from a shell: enqueue once however often this runs, then see what became of it. Usage: outbox.sh [URL]
set -euo pipefail
url=${1:-http://127.0.0.1:8080}

# The key makes a repetition of this post add nothing: after a timeout, send it again.
receipt=$(curl -fsS "$url/v1/operations" -H 'Content-Type: application/json' -H 'Idempotency-Key: room-r1-setpoint-42' \
    -d '{"operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"temperature":21}}')
id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' <<<"$receipt")
echo "on disk: $id"

# Why it waits, or has failed. One that is no longer stored is 404, and the detail says how it ended.
answer=$(curl -sS -w '\n%{http_code}' "$url/v1/operations/$id/explain")
case ${answer##*$'\n'} in
    200) echo "${answer%$'\n'*}" ;;
    404) sed -n 's/.*"detail":"\([^"]*\)".*/\1/p' <<<"$answer" ;;
    *) echo "outbox: $answer" >&2; exit 1 ;;
esac
curl -fsS "$url/v1/operations?status=failed&order=desc&limit=5"
