"""What every round needs: a store, an upstream, producers, and the judge of what became of what they posted."""
import collections
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from network import Cable
from proxy import Proxy

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
GUARDIAN = os.path.join(ROOT, ".build", "release", "guardian")
ENTITIES = 8
# Of each entity, in each round: posting goes on while the fault lasts.
FEWEST_OPERATIONS, MOST_OPERATIONS = 3, 60
RECOVERY_SECONDS = 60

# Waits are so short that a network which fails by halves would soon have failed somebody five times in a row: then a person decides, and no
# campaign has one.
QUICK = {
    "GUARDIAN_RETRY_BASE": "20ms", "GUARDIAN_RETRY_MAX": "200ms", "GUARDIAN_BREAKER_COOL_DOWN": "200ms", "GUARDIAN_UPSTREAM_TIMEOUT": "1s",
    "GUARDIAN_UPSTREAM_CONNECT_TIMEOUT": "500ms", "GUARDIAN_RETRY_MAX_ATTEMPTS": "100", "GUARDIAN_LOCK_HEARTBEAT": "300ms",
    "GUARDIAN_LOCK_STALE_AFTER": "1500ms",
}


class Broken(Exception):
    """An invariant does not hold, or the machinery of the campaign failed."""


def call(method, url, body=None, timeout=5):
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Process:
    """A running `guardian serve` or `backend`, on a port of its own."""

    def __init__(self, arguments, environment=None, wrapper=()):
        self.arguments = list(wrapper) + [GUARDIAN] + arguments
        self.log = tempfile.NamedTemporaryFile(mode="ab")
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
            env={**os.environ, **(environment or {})}, start_new_session=True)

    def wait_for(self, word, seconds=30):
        """What follows `word` on stderr; waits for it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.said()
            if word in said:
                return said.split(word)[-1].split()[0].rstrip(";")
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise Broken(f"{self.arguments[1:3]} did not say {word!r}: {self.said()[-600:]}")

    def said(self):
        with open(self.log.name, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def send(self, number):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()


class Disk:
    """The `struct control` of faults.c: what a disk does that fails on command."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(b"-\x01" + bytes(30))
        file = os.open(path, os.O_RDWR)
        self.control = mmap.mmap(file, 32)
        os.close(file)

    def fail(self, letter, every=1):
        self.control[0:2] = letter + bytes([every])

    def heal(self):
        self.fail(b"-")

    def lose(self, path, page):
        """This page of the file can't be read any more, under whatever name the file is kept."""
        struct.pack_into("<QQ", self.control, 8, os.stat(path).st_ino, page)
        self.fail(b"b")

    def synced(self):
        """How far the write-ahead log is on disk."""
        return struct.unpack_from("<Q", self.control, 24)[0]

    def close(self):
        self.control.close()


class World:
    """A store, an upstream, a proxy or a cable between them, and producers that post until each of their operations is acknowledged."""

    def __init__(self, kind, seed, cabled=False):
        self.kind = kind
        self.random = random.Random(seed)
        self.path = tempfile.mkdtemp(prefix="guardian-torture-")
        self.data = self.path + "/data"
        os.mkdir(self.data, 0o700)
        self.cable = Cable() if cabled else None
        listen, wrapper = (Cable.listen, Cable.wrapper) if cabled else ("127.0.0.1:0", ())
        self.backend = Process(["backend", "--listen", listen, "--latency", "2ms"], wrapper=wrapper)
        if self.cable:
            self.cable.plug(self.backend.process.pid)
        self.upstream = self.backend.wait_for("ready on ")
        host, port = self.upstream.removeprefix("http://").split(":")
        self.proxy = Proxy((host, int(port)), seed)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.control = self.path + "/fault"
        self.disk = Disk(self.control)
        self.clock = self.path + "/clock"
        self.set_clock(0)
        self.environment = dict(QUICK)
        if self.cable:
            self.environment["GUARDIAN_UPSTREAM_ALLOW_INSECURE"] = "true"
        self.wrapper = ()
        self.acknowledged = {}
        # Ids that a salvage has named as lost.
        self.named = set()
        self.next = collections.Counter()
        self.served = []
        self.lock = threading.Lock()

    def set_clock(self, seconds):
        with open(self.clock + ".new", "w") as file:
            file.write(f"{seconds:+d}\n")
        os.rename(self.clock + ".new", self.clock)

    def serve(self, port=None, ready=True):
        arguments = [
            "serve", "--data-dir", self.data, "--listen", f"127.0.0.1:{port or self.port}", "--upstream",
            self.upstream if self.cable else f"http://127.0.0.1:{self.proxy.port}", "--workers", "8",
        ]
        process = Process(arguments, self.environment, self.wrapper)
        self.served.append(process)
        if ready:
            process.wait_for("ready on ")
        return process

    def close(self):
        for process in self.served:
            process.send(signal.SIGCONT)
            process.kill()
        self.backend.kill()
        self.proxy.close()
        if self.cable:
            self.cable.unplug()
        self.disk.close()
        shutil.rmtree(self.path, ignore_errors=True)

    # Producers

    def produce(self, stop):
        """Starts a thread for each entity that posts until `stop`, each operation until it is acknowledged. Returns the threads."""
        threads = [threading.Thread(target=self._post_all, args=(entity, stop), daemon=True) for entity in range(ENTITIES)]
        for thread in threads:
            thread.start()
        return threads

    def _post_all(self, entity, stop):
        end = time.monotonic() + RECOVERY_SECONDS
        for posted in range(MOST_OPERATIONS):
            if stop.is_set() and posted >= FEWEST_OPERATIONS:
                return
            time.sleep(self.random.uniform(0, 0.02))
            with self.lock:
                self.next[entity] += 1
                number = self.next[entity]
            operation = {
                "id": f"e{entity}-{number}", "operation_type": "update", "entity_type": "room", "entity_id": f"e{entity}",
                "payload": {"seq": number, "note": "x" * 100},
            }
            body = json.dumps(operation).encode()
            while time.monotonic() < end:
                try:
                    status, answer = call("POST", f"http://127.0.0.1:{self.port}/v1/operations", body, timeout=3)
                except OSError:
                    time.sleep(0.01)
                    continue
                if status in (200, 202):
                    with self.lock:
                        self.acknowledged[(entity, number)] = True
                    break
                if status < 500 and status != 429:
                    raise Broken(f"a good operation was refused: {status} {answer[:200]}")
                time.sleep(0.02)

    # What must hold

    def expect_delivered(self, since):
        """Waits until nothing is left, and judges. Returns (lost, doubled, out of order, seconds to recover)."""
        end = time.monotonic() + RECOVERY_SECONDS
        books = {}
        while time.monotonic() < end:
            try:
                status, answer = call("GET", f"http://127.0.0.1:{self.port}/v1/status")
                books = json.loads(answer).get("books", {}) if status == 200 else {}
            except OSError:
                books = {}
            if books and books.get("pending", 1) + books.get("processing", 1) == 0:
                break
            time.sleep(0.01)
        took = time.monotonic() - since
        failed = self.failed()
        self.named = {one["id"] for one in failed if (one.get("last_error") or {}).get("code") == "STORE_DAMAGED"}
        lost, doubled, disordered = self.judge()
        return lost + len(failed) - len(self.named), doubled, disordered, took

    def failed(self):
        """All operations that stand in `failed`."""
        found, cursor = [], ""
        while True:
            status, answer = call("GET", f"http://127.0.0.1:{self.port}/v1/operations?status=failed&limit=1000{cursor}", timeout=30)
            if status != 200:
                raise Broken(f"the failed operations can't be listed: {status} {answer[:300]!r}")
            page = json.loads(answer)
            found += page["operations"]
            if "next_cursor" not in page:
                return found
            cursor = "&cursor=" + urllib.parse.quote(page["next_cursor"])

    def judge(self):
        effects = json.loads(call("GET", self.upstream + "/_effects", timeout=30)[1])["effects"]
        seen = collections.Counter()
        last = collections.Counter()
        disordered = 0
        for effect in effects:
            entity = int(effect["entity"].rsplit("e", 1)[1])
            number = effect["payload_seq"]
            seen[(entity, number)] += 1
            if number < last[entity]:
                disordered += 1
            last[entity] = max(last[entity], number)
        lost = sum(1 for entity, number in self.acknowledged if not seen[(entity, number)] and f"e{entity}-{number}" not in self.named)
        doubled = sum(count - 1 for count in seen.values() if count > 1)
        return lost, doubled, disordered

    def check(self, wrapper=()):
        """What `guardian check` says of the store: the gap of the books, and any invariant that is broken."""
        done = subprocess.run([*wrapper, GUARDIAN, "check", "--data-dir", self.data, "--json"], capture_output=True, timeout=60)
        if done.returncode != 0:
            raise Broken(f"check: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
