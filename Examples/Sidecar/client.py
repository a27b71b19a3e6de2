#!/usr/bin/env python3
"""Hands operations to the sidecar, each again and again until it is on disk: client.py URL"""
import json
import sys
import time
import urllib.error
import urllib.request
import uuid


def enqueue(url, operation, patience=60):
    """Returns the receipt. Raises ValueError for an operation that is wrong, TimeoutError when the sidecar can't be reached in time."""
    operation = {"id": str(uuid.uuid4()), **operation}
    body = json.dumps(operation).encode()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        request = urllib.request.Request(url + "/v1/operations", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise ValueError(error.read().decode()) from None
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"not on disk after {patience} s: {operation['id']}")


if __name__ == "__main__":
    sidecar = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    for number in range(10):
        receipt = enqueue(sidecar, {
            "operation_type": "create", "entity_type": "heart_rate", "entity_id": f"python-{number}", "payload": {"bpm": 60 + number},
        })
        print(receipt["id"], receipt["outcome"])
