#!/usr/bin/env python3
"""The fault campaign: the real binary under every fault there is, and the invariants after each round.

  scripts/torture/torture.py [--rounds N] [--hours H] [--seed S] [--only KIND[,KIND]] [--report FILE]

A round posts operations while a fault strikes, lifts the fault, waits until all is delivered, and asks: is every operation that was acknowledged
at the upstream once, is each entity's order kept, do the books balance? `--rounds` is for each kind of fault; `--hours` repeats
all kinds until the time is up. The last line is the sum; the exit code is 1 when anything was lost, doubled or out of order.
"""
import argparse
import collections
import glob
import json
import mmap
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proxy import Proxy  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
GUARDIAN = os.path.join(ROOT, ".build", "release", "guardian")
ENTITIES = 8
# Of each entity, in each round: posting goes on while the fault lasts.
FEWEST_OPERATIONS, MOST_OPERATIONS = 3, 60
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
RECOVERY_SECONDS = 60

QUICK = {
    "GUARDIAN_RETRY_BASE": "20ms", "GUARDIAN_RETRY_MAX": "200ms", "GUARDIAN_BREAKER_COOL_DOWN": "200ms", "GUARDIAN_UPSTREAM_TIMEOUT": "1s",
    "GUARDIAN_UPSTREAM_CONNECT_TIMEOUT": "500ms", "GUARDIAN_LOCK_HEARTBEAT": "300ms", "GUARDIAN_LOCK_STALE_AFTER": "1500ms",
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


class World:
    """A store, an upstream, a proxy between them, and producers that post until each of their operations is acknowledged."""

    def __init__(self, kind, seed):
        self.kind = kind
        self.random = random.Random(seed)
        self.path = tempfile.mkdtemp(prefix="guardian-torture-")
        self.data = self.path + "/data"
        os.mkdir(self.data, 0o700)
        self.backend = Process(["backend", "--listen", "127.0.0.1:0", "--latency", "2ms"])
        self.upstream = self.backend.wait_for("ready on ")
        host, port = self.upstream.removeprefix("http://").split(":")
        self.proxy = Proxy((host, int(port)), seed)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.control = self.path + "/fault"
        with open(self.control, "wb") as file:
            file.write(b"-\x01")
        file = os.open(self.control, os.O_RDWR)
        self.fault = mmap.mmap(file, 2)
        os.close(file)
        self.clock = self.path + "/clock"
        self.set_clock(0)
        self.environment = dict(QUICK)
        self.wrapper = ()
        self.acknowledged = {}
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
            f"http://127.0.0.1:{self.proxy.port}", "--workers", "8",
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
        self.fault.close()
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
        lost, doubled, disordered = self.judge()
        if books.get("failed", 0):
            lost += books["failed"]
        return lost, doubled, disordered, took

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
        lost = sum(1 for one in self.acknowledged if not seen[one])
        doubled = sum(count - 1 for count in seen.values() if count > 1)
        return lost, doubled, disordered

    def check(self):
        """What `guardian check` says of the store: the gap of the books, and any invariant that is broken."""
        done = subprocess.run([GUARDIAN, "check", "--data-dir", self.data, "--json"], capture_output=True, timeout=60)
        if done.returncode != 0:
            raise Broken(f"check: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")


# Faults: each is a function of the world and the running daemon that strikes while producers post. It returns the daemon that runs afterwards.

def kill(world, daemon):
    time.sleep(world.random.uniform(0.005, 0.15))
    daemon.kill()
    return world.serve()


def terminate(world, daemon):
    time.sleep(world.random.uniform(0.005, 0.15))
    daemon.send(signal.SIGTERM)
    daemon.process.wait(timeout=30)
    return world.serve()


def freeze(world, daemon):
    """Stopped past its lease; another takes over, then the first wakes."""
    time.sleep(world.random.uniform(0.005, 0.1))
    daemon.send(signal.SIGSTOP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        other_port = free.getsockname()[1]
    other = world.serve(other_port)
    before, world.port = world.port, other_port
    time.sleep(1.7)
    daemon.send(signal.SIGCONT)
    time.sleep(world.random.uniform(0, 0.3))
    world.port = before
    other.send(signal.SIGTERM)
    other.process.wait(timeout=30)
    return daemon


def two_daemons(world, daemon):
    """Two on one file; one of them dies."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        other_port = free.getsockname()[1]
    other = world.serve(other_port)
    time.sleep(world.random.uniform(0.02, 0.2))
    if world.random.random() < 0.5:
        other.kill()
        return daemon
    daemon.kill()
    world.port = other_port
    return other


def io_fault(letter):
    def strike(world, daemon):
        time.sleep(world.random.uniform(0, 0.05))
        world.fault[0:2] = letter + bytes([world.random.choice([1, 1, 3, 7])])
        time.sleep(world.random.uniform(0.05, 0.4))
        world.fault[0:2] = b"-\x01"
        return daemon
    return strike


def io_fault_and_kill(world, daemon):
    """Half-written pages, then the end of the process."""
    world.fault[0:2] = world.random.choice([b"s", b"e", b"f"]) + bytes([world.random.choice([2, 3, 5])])
    time.sleep(world.random.uniform(0.02, 0.2))
    daemon.kill()
    world.fault[0:2] = b"-\x01"
    return world.serve()


def disk_full(world, daemon):
    """A real volume, filled by another file until nothing fits, and freed again."""
    inside = f"/proc/{daemon.process.pid}/root" + world.data
    with open(inside + "/filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 65536)
        except OSError:
            pass
        time.sleep(world.random.uniform(0.1, 0.5))
    os.unlink(inside + "/filler")
    return daemon


def clock_step(world, daemon):
    world.set_clock(world.random.choice([-86400, -3600, 3600, 86400]))
    time.sleep(world.random.uniform(0.1, 0.4))
    world.set_clock(0)
    return daemon


def torn_log(world, daemon):
    """Killed, then the end of the write-ahead log is as a power cut may leave it: a frame that was never finished, or garbage."""
    time.sleep(world.random.uniform(0.02, 0.15))
    daemon.kill()
    log = world.data + "/guardian.sqlite-wal"
    if os.path.exists(log):
        with open(log, "ab") as file:
            file.write(os.urandom(world.random.choice([1, 24, 600, 4120, 9000])))
    return world.serve()


def bad_page(world, daemon):
    """A page of the database is damaged while nobody runs. It must be noticed; with the copy from before, all goes on."""
    stop = time.monotonic() + 10
    while time.monotonic() < stop and len(world.acknowledged) < ENTITIES:
        time.sleep(0.01)
    daemon.send(signal.SIGTERM)
    daemon.process.wait(timeout=30)
    file = world.data + "/guardian.sqlite"
    # As a person would: a copy of the file alone would be one without what still stands in its log.
    copy = world.path + "/copy.sqlite"
    if os.path.exists(copy):
        os.unlink(copy)
    subprocess.run([GUARDIAN, "backup", "--data-dir", world.data, "--out", copy], capture_output=True, timeout=60, check=True)
    size = os.path.getsize(file)
    with open(file, "r+b") as store:
        store.seek(4096 * world.random.randrange(1, max(2, size // 4096)))
        store.write(os.urandom(4096))
    done = subprocess.run([GUARDIAN, "check", "--data-dir", world.data, "--json"], capture_output=True, timeout=60)
    if done.returncode == 0:
        # A page that nothing uses is no damage; any other must be told.
        free = subprocess.run(["sqlite3", file, "PRAGMA integrity_check"], capture_output=True, text=True, timeout=60)
        if free.stdout.strip() != "ok":
            raise Broken(f"check did not notice a damaged page: {free.stdout[:300]}")
    for name in os.listdir(world.data):
        if name in ("guardian.sqlite", "guardian.sqlite-wal", "guardian.sqlite-shm"):
            os.unlink(world.data + "/" + name)
    shutil.copy(copy, file)
    os.chmod(file, 0o600)
    return world.serve()


def network(fault):
    def strike(world, daemon):
        world.proxy.share = world.random.choice([0.2, 0.5, 1.0])
        world.proxy.fault = fault
        time.sleep(world.random.uniform(0.1, 0.5) if fault != "huge_answer" else 0.1)
        world.proxy.fault = None
        return daemon
    return strike


def flapping(world, daemon):
    for _ in range(world.random.randrange(3, 8)):
        world.proxy.share = 1.0
        world.proxy.fault = world.random.choice(["refuse", "lost_answer", "lost_request"])
        time.sleep(world.random.uniform(0.01, 0.08))
        world.proxy.fault = None
        time.sleep(world.random.uniform(0.01, 0.08))
    return daemon


def storm(world, daemon):
    call("PUT", world.upstream + "/_mode", b'{"mode":"status","status":503}')
    time.sleep(world.random.uniform(0.1, 0.5))
    call("PUT", world.upstream + "/_mode", b'{"mode":"up"}')
    return daemon


def everything(world, daemon):
    """Several at once: a bad network, a bad disk, a kill."""
    world.proxy.share = 0.3
    world.proxy.fault = world.random.choice(["lost_answer", "lost_request", "reset_mid_body", "delay"])
    world.fault[0:2] = world.random.choice([b"e", b"s", b"n", b"f"]) + b"\x05"
    time.sleep(world.random.uniform(0.02, 0.2))
    daemon.kill()
    world.fault[0:2] = b"-\x01"
    daemon = world.serve()
    time.sleep(world.random.uniform(0.02, 0.2))
    world.proxy.fault = None
    return daemon


KINDS = {
    "kill": kill, "terminate": terminate, "freeze": freeze, "two daemons": two_daemons, "write error": io_fault(b"e"),
    "short write": io_fault(b"s"), "no space": io_fault(b"n"), "fsync error": io_fault(b"f"), "disk fault and kill": io_fault_and_kill,
    "disk full": disk_full, "clock step": clock_step, "torn log": torn_log, "bad page": bad_page, "upstream 503": storm,
    "flapping": flapping, "everything": everything,
}
KINDS.update({"network " + fault.replace("_", " "): network(fault) for fault in Proxy.FAULTS})
DISK = {"write error", "short write", "no space", "fsync error", "disk fault and kill", "everything"}


def prepare(kind, world, faults):
    if kind in DISK:
        world.environment.update({"LD_PRELOAD": faults, "FAULTS_CONTROL": world.control})
    if kind == "clock step":
        world.environment.update({
            "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": world.clock, "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
        })
        # Its first process sets a variable before `main`, and Swift, which finds its arguments beside the environment, would find none.
        world.wrapper = ("sh", "-c", 'exec "$0" "$@"')
    if kind == "disk full":
        world.wrapper = (
            "unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=24m,mode=0700 tmpfs {world.data} && exec "$0" "$@"')


def cannot(kind):
    """Why a kind can't be done here; None when it can."""
    if kind == "clock step" and not FAKETIME:
        return "libfaketime is not installed"
    if kind == "disk full" and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        return "no mount namespaces here"
    return None


def campaign(kind, rounds, seed, faults):
    """`rounds` rounds of one kind in one world. Returns a row of the table."""
    row = {"fault": kind, "rounds": 0, "operations": 0, "lost": 0, "doubled": 0, "disordered": 0, "recovery": [], "broken": None}
    world = World(kind, seed)
    try:
        prepare(kind, world, faults)
        daemon = world.serve()
        for _ in range(rounds):
            over = threading.Event()
            producers = world.produce(over)
            try:
                daemon = KINDS[kind](world, daemon)
            finally:
                over.set()
            lifted = time.monotonic()
            for thread in producers:
                thread.join(RECOVERY_SECONDS)
            lost, doubled, disordered, took = world.expect_delivered(lifted)
            row["rounds"] += 1
            row["lost"], row["doubled"], row["disordered"] = row["lost"] + lost, row["doubled"] + doubled, row["disordered"] + disordered
            row["recovery"].append(took)
            if lost or doubled or disordered:
                row["broken"] = f"round {row['rounds']}: lost {lost}, doubled {doubled}, out of order {disordered}; {daemon.said()[-1500:]}"
                break
            if len(world.acknowledged) != sum(world.next.values()):
                raise Broken(f"round {row['rounds']}: only {len(world.acknowledged)} of {sum(world.next.values())} were ever taken")
        row["operations"] = len(world.acknowledged)
        if kind == "disk full":  # its store is gone with its namespace
            status, answer = call("GET", f"http://127.0.0.1:{world.port}/v1/status")
            if status != 200:
                raise Broken(f"status: {answer[:300]!r}")
        else:
            daemon.send(signal.SIGTERM)
            daemon.process.wait(timeout=30)
            world.check()
    except (Broken, OSError, subprocess.SubprocessError) as error:
        row["broken"] = f"{type(error).__name__}: {error}"
    finally:
        world.close()
    return row


def build_faults(directory):
    library = directory + "/faults.so"
    source = os.path.join(ROOT, "scripts", "torture", "faults.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, help="rounds of each kind (10)")
    parser.add_argument("--hours", type=float, default=0, help="repeat all kinds until so many hours are over")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--report", help="write the table as JSON to this file")
    options = parser.parse_args()
    kinds = [kind.strip() for kind in options.only.split(",") if kind.strip()] or list(KINDS)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        parser.error(f"unknown kind {unknown[0]!r}; there are: {', '.join(KINDS)}")
    print(f"seed {options.seed}")
    print(f"{'fault':28} {'rounds':>6} {'ops':>6} {'lost':>5} {'doubled':>8} {'out of order':>13} {'recovery s: median':>19} {'most':>6}")
    rows, skipped = [], []
    end = time.monotonic() + options.hours * 3600
    with tempfile.TemporaryDirectory() as directory:
        faults = build_faults(directory)
        turn = 0
        while turn == 0 or time.monotonic() < end:
            for number, kind in enumerate(kinds):
                why = cannot(kind)
                if why:
                    skipped.append(kind)
                    print(f"{kind:28} not here: {why}")
                    continue
                row = campaign(kind, options.rounds, options.seed + 1000 * turn + number, faults)
                rows.append(row)
                median = statistics.median(row["recovery"]) if row["recovery"] else 0
                print(
                    f"{kind:28} {row['rounds']:6} {row['operations']:6} {row['lost']:5} {row['doubled']:8} {row['disordered']:13} "
                    f"{median:19.2f} {max(row['recovery'], default=0):6.2f}{'  BROKEN' if row['broken'] else ''}", flush=True)
                if row["broken"]:
                    print("    " + row["broken"].replace("\n", "\n    "), flush=True)
            turn += 1
    if options.report:
        with open(options.report, "w") as file:
            json.dump({"seed": options.seed, "rows": rows, "not_here": skipped}, file, indent=1)
    total = {name: sum(row[name] for row in rows) for name in ("rounds", "operations", "lost", "doubled", "disordered")}
    broken = [row["fault"] for row in rows if row["broken"]]
    print(
        f"measured: {total['rounds']} rounds of {len({row['fault'] for row in rows})} faults, {total['operations']} operations: lost "
        f"{total['lost']}, doubled {total['doubled']}, out of order {total['disordered']}" + (f"; broken: {', '.join(broken)}" if broken else ""))
    return 1 if broken or skipped and not options.only else 0


if __name__ == "__main__":
    sys.exit(main())
