"""The faults: each is a function of the world and the running daemon that strikes while producers post. It returns the daemon that runs
afterwards."""
import glob
import os
import signal
import socket
import subprocess
import time

from network import cannot_lose, cannot_pull
from proxy import Proxy
from world import ENTITIES, GUARDIAN, Broken, call

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
# What is damaged at once: a page, or several where they are smaller.
PAGE = 4096


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
        world.disk.fail(letter, world.random.choice([1, 1, 3, 7]))
        time.sleep(world.random.uniform(0.05, 0.4))
        world.disk.heal()
        return daemon
    return strike


def io_fault_and_kill(world, daemon):
    """Half-written pages, then the end of the process."""
    world.disk.fail(world.random.choice([b"s", b"h", b"e", b"f"]), world.random.choice([2, 3, 5]))
    time.sleep(world.random.uniform(0.02, 0.2))
    daemon.kill()
    world.disk.heal()
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


def terminated(daemon):
    daemon.send(signal.SIGTERM)
    daemon.process.wait(timeout=30)


def torn_log(world, daemon):
    """Killed, then the end of the write-ahead log is as a power cut may leave it: a frame that was never finished, or garbage."""
    time.sleep(world.random.uniform(0.02, 0.15))
    daemon.kill()
    log = world.data + "/guardian.sqlite-wal"
    if os.path.exists(log):
        with open(log, "ab") as file:
            file.write(os.urandom(world.random.choice([1, 24, 600, 4120, 9000])))
    return world.serve()


def cut_log(world, daemon):
    """Killed, then the write-ahead log ends where it was synced or somewhere behind: what was acknowledged stands before that."""
    time.sleep(world.random.uniform(0.02, 0.15))
    daemon.kill()
    log = world.data + "/guardian.sqlite-wal"
    if os.path.exists(log):
        size = os.path.getsize(log)
        synced = min(world.disk.synced(), size)
        os.truncate(log, world.random.choice([synced, world.random.randint(synced, size)]))
    return world.serve()


def read_error(world, daemon):
    """Reads fail for a while. The daemon goes on; its next start looks at the whole store, finds it sound, and sets nothing aside."""
    daemon = io_fault(b"r")(world, daemon)
    terminated(daemon)
    daemon = world.serve()
    if "the store was damaged" in daemon.said():
        raise Broken(f"a sound store was set aside: {daemon.said()[-600:]}")
    return daemon


def hoarded(world, daemon):
    """Ends the daemon when it holds operations that no upstream has taken. The upstream works again when this returns."""
    call("PUT", world.upstream + "/_mode", b'{"mode":"status","status":503}')
    wanted = len(world.acknowledged) + 20 * ENTITIES
    end = time.monotonic() + 10
    while time.monotonic() < end and len(world.acknowledged) < wanted:
        time.sleep(0.01)
    terminated(daemon)
    call("PUT", world.upstream + "/_mode", b'{"mode":"up"}')


def any_page(world):
    """A page of the store's file, half of the time one that holds operations. Its first is left out: that is all to know a store by."""
    with open(world.data + "/guardian.sqlite", "rb") as store:
        content = store.read()
    pages = range(1, len(content) // PAGE)
    holding = [page for page in pages if b'"note"' in content[page * PAGE:(page + 1) * PAGE]]
    return world.random.choice(holding if holding and world.random.random() < 0.5 else pages)


def bad_page(world, daemon):
    """A page of the database is overwritten while nobody runs."""
    hoarded(world, daemon)
    with open(world.data + "/guardian.sqlite", "r+b") as store:
        store.seek(PAGE * any_page(world))
        # 0xA5 begins no page, however small pages are.
        store.write(b"".join(b"\xa5" + world.random.randbytes(511) for _ in range(PAGE // 512)))
    return set_aside(world)


def bad_sector(world, daemon):
    """A page of the database can't be read any more."""
    hoarded(world, daemon)
    world.disk.lose(world.data + "/guardian.sqlite", any_page(world))
    daemon = set_aside(world)
    world.disk.heal()
    return daemon


def set_aside(world):
    """The damage is met by the daemon, and set aside at its next start; or, where it met none in three seconds, by who looks for it.

    What the salvage could not bring over is named in `failed`, and counts as named. Returns the daemon that runs on.
    """
    daemon = world.serve()
    suspicion = world.data + "/guardian.sqlite-suspect"
    end = time.monotonic() + 3
    while time.monotonic() < end and not os.path.exists(suspicion):
        if "the store was damaged" in daemon.said():
            return daemon
        time.sleep(0.01)
    is_met = os.path.exists(suspicion)
    terminated(daemon)
    if is_met:
        daemon = world.serve(ready=False)
        # What can't be read is tried for 20 s before it is given up.
        daemon.wait_for("the store was damaged", 90)
        daemon.wait_for("ready on ", 90)
        return daemon
    done = subprocess.run(
        [GUARDIAN, "check", "--repair", "--yes", "--data-dir", world.data], capture_output=True, timeout=60,
        env={**os.environ, **world.environment})
    # 1 where something is lost, which stands in `failed`.
    is_named = done.returncode == 1 and b"set aside: " in done.stdout and b"problem: " not in done.stdout
    if done.returncode != 0 and not is_named:
        raise Broken(f"check --repair: {done.stdout[-300:]!r} {done.stderr[-300:]!r}")
    return world.serve()


def partition(world, daemon):
    """The cable to the upstream is pulled at one end or the other: no route, or nothing but silence."""
    for _ in range(world.random.randrange(1, 4)):
        end = world.random.choice(["outside", "inside"])
        world.cable.set(end, "down")
        time.sleep(world.random.uniform(0.05, 0.8))
        world.cable.set(end, "up")
        time.sleep(world.random.uniform(0, 0.1))
    return daemon


def packet_loss(world, daemon):
    world.cable.lose(world.random.choice([10, 30, 60]))
    time.sleep(world.random.uniform(0.3, 1.5))
    world.cable.lose(0)
    return daemon


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
    world.disk.fail(world.random.choice([b"e", b"s", b"h", b"n", b"f", b"r"]), 5)
    time.sleep(world.random.uniform(0.02, 0.2))
    daemon.kill()
    world.disk.heal()
    daemon = world.serve()
    time.sleep(world.random.uniform(0.02, 0.2))
    world.proxy.fault = None
    return daemon


KINDS = {
    "kill": kill, "terminate": terminate, "freeze": freeze, "two daemons": two_daemons, "write error": io_fault(b"e"),
    "half a write": io_fault(b"s"), "short write": io_fault(b"h"), "read error": read_error, "no space": io_fault(b"n"),
    "fsync error": io_fault(b"f"), "disk fault and kill": io_fault_and_kill, "disk full": disk_full, "clock step": clock_step,
    "torn log": torn_log, "cut log": cut_log, "bad page": bad_page, "bad sector": bad_sector, "upstream 503": storm, "flapping": flapping,
    "everything": everything, "network partition": partition, "network packet loss": packet_loss,
}
KINDS.update({"network " + fault.replace("_", " "): network(fault) for fault in Proxy.FAULTS})
# Whose processes have a disk that fails on command.
DISK = {
    "write error", "half a write", "short write", "read error", "no space", "fsync error", "disk fault and kill", "cut log", "bad sector",
    "everything",
}
# Whose upstream is at the other end of a cable. Not every machine can do that, and a campaign without them is still one.
CABLED = {"network partition", "network packet loss"}


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
    if kind == "network partition":
        return cannot_pull()
    if kind == "network packet loss":
        return cannot_lose()
    return None
