#!/usr/bin/env python3
"""The sidecar from Python, with nothing but the standard library: an outbox that may be called again after any failure.

Usage: outbox.py [URL]
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Outbox:
    """Hands operations to `guardian serve`. What `put` has returned for is on disk."""

    def __init__(self, url="http://127.0.0.1:8080", token=None):
        self.url, self.token = url, token

    def put(self, operation_type, entity_type, entity_id, payload, key=None):
        """Enqueues once, however often it has to be sent. Returns the receipt."""
        body = {"operation_type": operation_type, "entity_type": entity_type, "entity_id": entity_id, "payload": payload}
        key = key or str(uuid.uuid4())
        for attempt in range(5):
            try:
                return self._call("POST", "/v1/operations", body, {"Idempotency-Key": key})
            except OSError as error:
                # Bad input does not get better; a sidecar that restarts, or has much to do, does.
                if isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code != 429:
                    raise ValueError(json.load(error)["detail"]) from None
                time.sleep(0.2 * 2**attempt)
        raise TimeoutError(f"the sidecar at {self.url} takes nothing now")

    def find(self, **filters):
        """Every stored operation that fits, page after page."""
        cursor = None
        while True:
            query = urllib.parse.urlencode({**filters, **({"cursor": cursor} if cursor else {})})
            page = self._call("GET", f"/v1/operations?{query}")
            yield from page["operations"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _call(self, method, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, headers or {}, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


if __name__ == "__main__":
    outbox = Outbox(*sys.argv[1:2])
    first = outbox.put("update", "room", "r1", {"temperature": 21}, key="room-r1-setpoint-43")
    again = outbox.put("update", "room", "r1", {"temperature": 21}, key="room-r1-setpoint-43")
    print(f"on disk: {first['id']} ({first['outcome']}); sent again: {again['outcome']}")
    assert first["id"] == again["id"]
    print(f"failed: {sum(1 for _ in outbox.find(status='failed'))}")
