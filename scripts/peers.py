#!/usr/bin/env python3
"""Other embedded queues, at the durability of ours: WAL, and an fsync before each yes (synchronous=FULL, set and read back).

peers.py install                    makes their virtual environment; prints as JSON what each can do here, and which do not install
peers.py rate NAME AXIS DIR COUNT   prints {"per_second": …} of COUNT operations on a fresh queue in DIR. AXIS is single (one put after
                                    the other), concurrent (16 threads), batch (all in one transaction), drain (take and acknowledge one by
                                    one) or drain-batch (the same, many at once)
"""

import glob
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = os.path.join(ROOT, ".build", "embedded-peers")
PYTHON = os.path.join(PLACE, "bin", "python")
THREADS = 16
# As the baseline and ours do: until the log has been copied back once, each commit makes the file longer.
WARM_UP = 500
PAYLOAD = '{"device_id":"watch-17","bpm":72,"at":"2026-01-31T09:05:00.250Z","note":"' + "x" * 127 + '"}'


class NotDurable(Exception):
    pass


def expect_durable(journal, synchronous):
    if (journal, synchronous) != ("wal", 2):
        raise NotDurable(f"journal_mode is {journal}, synchronous is {synchronous}")


def make_durable(*connections):
    """Connections of Python's own module."""
    for connection in connections:
        connection.execute("PRAGMA synchronous = FULL")
        expect_durable(*(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")))


class Huey:
    """A task is deleted when it is taken, so a drain has nothing to acknowledge."""

    axes = ["single", "concurrent", "drain"]

    def __init__(self, directory):
        from huey import SqliteHuey

        self.huey = SqliteHuey(filename=os.path.join(directory, "huey.db"), fsync=True, timeout=60)
        make_durable(self.huey.storage.conn)
        self.task = self.huey.task(name="nothing")(lambda payload: None)

    def put(self):
        self.task(PAYLOAD)

    def drain(self, count):
        for _ in range(count):
            self.huey.execute(self.huey.dequeue())

    def __len__(self):
        return self.huey.storage.queue_size()


class LiteQueue:
    axes = ["single", "concurrent", "batch", "drain"]

    def __init__(self, directory):
        from litequeue import LiteQueue

        # One connection for all threads: several would wait for each other's locks by sleeping.
        self.queue = LiteQueue(os.path.join(directory, "lite.db"), timeout=60)
        make_durable(self.queue.conn)

    def put(self):
        self.queue.put(PAYLOAD)

    def put_together(self, count):
        with self.queue.transaction(mode="IMMEDIATE"):
            for _ in range(count):
                self.queue.put(PAYLOAD)

    def drain(self, count):
        for _ in range(count):
            self.queue.done(self.queue.pop().message_id)

    def __len__(self):
        return self.queue.qsize()


class PersistQueue:
    axes = ["single", "concurrent", "drain"]

    def __init__(self, directory):
        from persistqueue import SQLiteAckQueue

        self.queue = SQLiteAckQueue(directory, multithreading=True, timeout=60)
        make_durable(self.queue._getter, self.queue._putter)

    def put(self):
        self.queue.put(PAYLOAD)

    def drain(self, count):
        for _ in range(count):
            self.queue.ack(self.queue.get(block=False, raw=True))

    def __len__(self):
        return self.queue._count()


class Honker:
    axes = ["single", "concurrent", "batch", "drain-batch"]
    # Jobs that are claimed, and acknowledged, in one transaction.
    together = 500

    def __init__(self, directory):
        import honker

        self.database = honker.open(os.path.join(directory, "honker.db"))
        self.queue = self.database.queue("bench")
        # Its one writer is reached within a transaction only, where SQLite does not change how it commits.
        with self.database.transaction() as writer:
            for statement in ("COMMIT", "PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"):
                writer.execute(statement)
            expect_durable(*(writer.query(f"PRAGMA {name}")[0][name] for name in ("journal_mode", "synchronous")))

    def put(self):
        self.queue.enqueue(PAYLOAD)

    def put_together(self, count):
        with self.database.transaction() as writer:
            for _ in range(count):
                self.queue.enqueue(PAYLOAD, tx=writer)

    def drain(self, count):
        while count > 0:
            jobs = self.queue.claim_batch("bench", min(count, self.together))
            # What is taken is read, as in the others.
            done = [job.id for job in jobs if job.payload]
            count -= self.queue.ack_batch(done, "bench")

    def __len__(self):
        return self.database.query("SELECT count(*) AS n FROM _honker_live")[0]["n"]


PEERS = {"honker": Honker, "huey": Huey, "litequeue": LiteQueue, "persist-queue": PersistQueue}


def fill(queue, count):
    if hasattr(queue, "put_together"):
        return queue.put_together(count)
    for _ in range(count):
        queue.put()


def put_at_once(queue, count):
    def caller():
        for _ in range(count // THREADS):
            queue.put()

    threads = [threading.Thread(target=caller) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rate(name, axis, directory, count):
    queue = PEERS[name](directory)
    count = max(count, THREADS) // THREADS * THREADS
    left = count
    if axis in ("single", "concurrent"):
        for _ in range(WARM_UP):
            queue.put()
        left += WARM_UP
    if axis.startswith("drain"):
        fill(queue, count)
        left = 0
    start = time.perf_counter()
    if axis == "single":
        for _ in range(count):
            queue.put()
    elif axis == "concurrent":
        put_at_once(queue, count)
    elif axis == "batch":
        queue.put_together(count)
    else:
        queue.drain(count)
    seconds = time.perf_counter() - start
    if len(queue) != left:
        sys.exit(f"peers: {name} holds {len(queue)} operations, not {left}")
    return {"per_second": count / seconds}


def pip(*arguments):
    """What went wrong; nothing when all is well."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--retries", "1", "--only-binary", ":all:", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    lines = (result.stderr or result.stdout).strip().splitlines() or ["pip failed"]
    return lines[-1] if result.returncode else ""


def over_system_sqlite(requirement):
    """A wheel that brings a SQLite which a newer C library is needed for, over the system's SQLite, which is ours too."""
    packages = glob.glob(os.path.join(PLACE, "lib", "python*", "site-packages"))[0]
    problem = pip("--no-deps", "--platform", f"manylinux_2_38_{platform.machine()}", "--target", packages, requirement)
    import sqlite3  # noqa: F401: so that its library is among what this process has open

    with open("/proc/self/maps") as maps:
        own = next((line.split()[-1] for line in maps if "libsqlite3.so" in line), None)
    for bundled in glob.glob(os.path.join(packages, "*.libs", "libsqlite3-*.so*")) if own else []:
        os.remove(bundled)
        os.symlink(own, bundled)
    return problem


def trouble(name):
    """Why a peer can't be measured; nothing when it can."""
    result = subprocess.run([PYTHON, os.path.abspath(__file__), "check", name], capture_output=True, text=True)
    return (result.stderr.strip().splitlines() or ["it does not start"])[-1] if result.returncode else ""


def install():
    if not os.path.exists(PYTHON):
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True, stdout=subprocess.DEVNULL)
    axes, missing = {}, {}
    with open(os.path.join(ROOT, "scripts", "peers", "embedded.txt")) as file:
        for requirement in file.read().split():
            name = requirement.split("==")[0]
            problem = trouble(name) and (pip(requirement) or trouble(name))
            if problem and platform.system() == "Linux":
                problem = over_system_sqlite(requirement) or trouble(name)
            if problem:
                missing[name] = problem
            else:
                axes[name] = PEERS[name].axes
    return {"axes": axes, "missing": missing}


def main(words):
    if words == ["install"]:
        print(json.dumps(install()))
    elif len(words) == 2 and words[0] == "check":
        with tempfile.TemporaryDirectory() as directory:
            PEERS[words[1]](directory)
    elif len(words) == 5 and words[0] == "rate" and words[1] in PEERS:
        # In the environment that has them.
        if os.path.realpath(sys.prefix) != os.path.realpath(PLACE):
            os.execv(PYTHON, [PYTHON, os.path.abspath(__file__), *words])
        print(json.dumps(rate(words[1], words[2], words[3], int(words[4]))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
