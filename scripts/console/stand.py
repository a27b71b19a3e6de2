"""A running sidecar with its console, and the reference upstream behind it, on loopback, in a directory of their own."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

GUARDIAN = os.environ.get("GUARDIAN", ".build/release/guardian")
TOKENS = {role: f"{role}-0123456789abcdef" for role in ("viewer", "operator", "admin")}


class Stand:
    def __init__(self, *flags, workers=4, data=None, extra=""):
        self.directory = data or tempfile.mkdtemp(prefix="guardian-console-")
        self.keeps = data is not None
        self.flags, self.workers, self.extra = flags, workers, extra
        self.processes = []
        self.used = {}

    def __enter__(self):
        self.upstream = self.start("backend", "--listen", "127.0.0.1:0", *self.flags)
        tokens = os.path.join(self.directory, "tokens")
        with open(os.open(tokens, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("".join(f"{role} {token} {role}-of-tests\n" for role, token in TOKENS.items()))
        self.config = os.path.join(self.directory, "guardian.yaml")
        with open(self.config, "w") as file:
            file.write(
                f"data_dir: {self.directory}/data\nlisten: 127.0.0.1:0\nworkers: {self.workers}\n"
                f"upstream: {{ url: \"{self.upstream}\" }}\nadmin: {{ enabled: true, token_file: {tokens} }}\n"
                f"retry: {{ base: 1s, max: 30s, max_attempts: 5 }}\nbreaker: {{ cool_down: 30s }}\n{self.extra}"
            )
        self.serve()
        return self

    def serve(self, listen=None):
        arguments = ["serve", "--config", self.config] + (["--listen", listen] if listen else [])
        self.url = self.start(*arguments)
        self.server = self.processes[-1]
        return self.url

    def start(self, *arguments):
        """Starts a process and returns the URL that it is ready on."""
        process = subprocess.Popen([GUARDIAN, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        for line in process.stderr:
            found = re.search(r"ready on (http://\S+)", line)
            if found:
                threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
                return found[1]
        raise RuntimeError(f"{arguments} did not start")

    def stop_server(self):
        self.server.terminate()
        self.server.wait(timeout=30)

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        if not self.keeps:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What the tests do to it

    def call(self, method, path, body=None, base=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request((base or self.url) + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:300]}") from None
        return json.loads(text) if text[:1] in "{[" else text

    def enqueue(self, *operations):
        return self.call("POST", "/v1/operations", list(operations))

    def mode(self, **mode):
        self.call("PUT", "/_mode", mode, base=self.upstream)

    @property
    def books(self):
        return self.call("GET", "/v1/status")["books"]

    def until(self, what, holds, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError(f"{what} never came; books {self.books}")

    def deliver(self, count, start=0, entity="room"):
        before = self.books["processed"]
        self.enqueue(*(operation(f"{entity}-{start + n}", payload={"temperature": 20 + n % 5}) for n in range(count)))
        self.until("the delivery", lambda: self.books["processed"] >= before + count)

    def fail(self, *rooms, status=422):
        """Operations on these rooms that the upstream refuses for good, while others succeed."""
        before = self.books["failed"]
        for room in rooms:
            self.mode(mode="poison", entities=[f"/api/v1/rooms/{room}"], status=status)
            # An id that was used is known for a day.
            self.used[room] = self.used.get(room, 0) + 1
            id = f"bad-{room}" + (f"-{self.used[room]}" if self.used[room] > 1 else "")
            self.enqueue(operation(room, id=id), operation(f"good-{room}"))
            self.until("the failure", lambda: any(o["id"] == id for o in self.call("GET", "/v1/operations?status=failed")["operations"]))
        self.mode(mode="up")
        assert self.books["failed"] >= before + len(rooms)

    def conflict(self, room):
        """A create of something that somebody else has made meanwhile."""
        self.call("POST", "/api/v1/rooms", {"meta": {}, "payload": {"id": room, "name": "theirs", "floor": 2, "colour": "blue", "contact": "nurse@example.com"}}, base=self.upstream,
                  headers={"Idempotency-Key": f"0f8fad5b-d9cb-469f-a165-{abs(hash(room)) % 16**12:012x}"})
        self.enqueue(operation(room, type="create", id=f"conflict-{room}", payload={"id": room, "name": "ours", "floor": 1, "colour": "red", "contact": "nurse@example.com"},
                               base={"name": "was", "floor": 1, "colour": "white"}))
        self.until("the conflict", lambda: self.call("GET", f"/v1/operations/conflict-{room}")["status"] == "failed")


def operation(entity, type="update", id=None, payload=None, kind="room", **more):
    body = {"operation_type": type, "entity_type": kind, "entity_id": entity, "payload": payload or {"n": 1}, **more}
    if id:
        body["id"] = id
    if type == "delete":
        del body["payload"]
    return body
