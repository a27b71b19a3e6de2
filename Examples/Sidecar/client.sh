#!/usr/bin/env bash
# Hands one operation to the sidecar, again and again until it is on disk: client.sh URL
set -euo pipefail
url=${1:-http://127.0.0.1:8080}
id=shell-$(date +%s)-$$

for _ in $(seq 20); do
    # The answer, and its status in a line of its own; 000 when there is none.
    answer=$(curl --silent --show-error --max-time 10 --write-out '\n%{http_code}' --header 'Content-Type: application/json' \
        --data "{\"id\":\"$id\",\"operation_type\":\"update\",\"entity_type\":\"room\",\"entity_id\":\"shell\",\"payload\":{\"temperature\":21}}" \
        "$url/v1/operations") || true
    case ${answer##*$'\n'} in
        2??) echo "${answer%$'\n'*}"; exit 0 ;;
        # Any other 4xx says that the operation is wrong: posting it again changes nothing.
        429 | 5?? | 000) sleep 0.5 ;;
        *) echo "client: $answer" >&2; exit 1 ;;
    esac
done
echo "client: not on disk: $id" >&2
exit 1
