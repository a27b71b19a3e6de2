#!/usr/bin/env bash
# Hands one operation to the sidecar, again and again until it is on disk: client.sh URL
set -euo pipefail
url=${1:-http://127.0.0.1:8080}
id=shell-$(date +%s)-$$

curl --silent --show-error --fail-with-body --retry 10 --retry-all-errors --retry-delay 1 \
    --header 'Content-Type: application/json' \
    --data "{\"id\":\"$id\",\"operation_type\":\"update\",\"entity_type\":\"room\",\"entity_id\":\"shell\",\"payload\":{\"temperature\":21}}" \
    "$url/v1/operations"
