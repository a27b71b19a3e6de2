"""A network of the campaign's own, in which cables are pulled and packets dropped. Needs root, `unshare` and `ip`."""
import os
import shutil
import subprocess
import sys
import time

OWN = "TORTURE_NETWORK"
OUTSIDE, INSIDE = "10.213.0.1", "10.213.0.2"
DROP = """table ip loss {{
    chain arriving {{ type filter hook input priority 0; numgen random mod 100 < {0} drop; }}
    chain leaving {{ type filter hook output priority 0; numgen random mod 100 < {0} drop; }}
}}
"""


def isolate():
    """Runs the campaign anew in a network of its own, so that nobody else meets what is done to it; does nothing where none can be made."""
    if os.environ.get(OWN) or not shutil.which("unshare") or not shutil.which("ip"):
        return
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        return
    os.environ[OWN] = "own"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable] + sys.argv)


def cannot_pull():
    """Why there can be no cable; None when there can."""
    if not os.environ.get(OWN):
        return "no network of its own: that needs root, unshare and ip"
    if not shutil.which("nsenter"):
        return "nsenter is not installed"
    cable = "unshare -n ip link add outside type veth peer name inside"
    if subprocess.run(cable.split(), capture_output=True).returncode != 0:
        return "no virtual cables (veth) here"
    return None


def cannot_lose():
    """Why packets can't be dropped; None when they can."""
    return cannot_pull() or (None if _lose(["unshare", "-n"], 30) else "neither nft nor iptables can drop packets here")


def _lose(where, percent):
    """Drops so many of a hundred packets in the network that the command `where` enters, either way; 0 ends it. Whether it worked."""
    if shutil.which("nft"):
        command, rules = ["nft", "-f", "-"], DROP.format(percent) if percent else "delete table ip loss\n"
        if subprocess.run(where + command, input=rules, text=True, capture_output=True).returncode == 0:
            return True
    if not shutil.which("iptables"):
        return False
    rule = f"-m statistic --mode random --probability {percent / 100} -j DROP"
    rules = f"iptables -A INPUT {rule} && iptables -A OUTPUT {rule}" if percent else "iptables -F"
    return subprocess.run(where + ["sh", "-c", rules], capture_output=True).returncode == 0


class Cable:
    """Between the campaign and an upstream that has a network of its own at the other end."""

    listen = INSIDE + ":0"
    # Put before the upstream's command: it waits for its end of the cable.
    wrapper = (
        "unshare", "-n", "sh", "-c",
        f"ip link set lo up; until ip addr add {INSIDE}/24 dev inside 2>/dev/null; do sleep 0.01; done; "
        'ip link set inside up; exec "$0" "$@"')

    def __init__(self):
        self.inside = []

    def plug(self, pid):
        """Gives the process `pid`, which was started with the wrapper, its end."""
        self.inside = ["nsenter", "-t", str(pid), "-n"]
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > end:
                raise OSError("the upstream got no network of its own")
            time.sleep(0.005)
        self.unplug()
        for command in (
            "ip link add outside type veth peer name inside", f"ip link set inside netns {pid}", f"ip addr add {OUTSIDE}/24 dev outside",
            "ip link set outside up",
        ):
            subprocess.run(command.split(), capture_output=True, check=True)

    def unplug(self):
        subprocess.run(["ip", "link", "del", "outside"], capture_output=True)

    def set(self, end, state):
        """Pulls the cable ("down") at its end, "outside" or "inside", or puts it back ("up")."""
        where = self.inside if end == "inside" else []
        subprocess.run(where + ["ip", "link", "set", end, state], capture_output=True, check=True)

    def lose(self, percent):
        if not _lose(self.inside, percent):
            raise OSError(f"{percent} % of the packets can't be dropped")
