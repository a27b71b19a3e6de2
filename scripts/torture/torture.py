#!/usr/bin/env python3
"""The fault campaign: the real binary under every fault there is, and the invariants after each round.

  scripts/torture/torture.py [--rounds N] [--hours H] [--seed S] [--only KIND[,KIND]] [--report FILE] [--strict]
                             [--part K/N]

A round posts operations while a fault strikes, lifts the fault, waits until all is delivered, and asks: is every operation that was
acknowledged at the upstream once, is each entity's order kept, do the books balance? Where the store itself is damaged, an operation that a
salvage names as lost in `failed` is counted as named, not as lost. `--rounds` is for each kind of fault; `--hours` repeats all kinds until
the time is up; `--part 2/3` takes every third kind, from the second on, so that three campaigns share them. The last line is the sum; the
exit code is 1 when anything was lost, doubled or out of order, when no round was made, and with `--strict` when a kind can't be done here.
"""
import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from network import isolate  # noqa: E402
from strikes import CABLED, KINDS, cannot, prepare  # noqa: E402
from world import RECOVERY_SECONDS, ROOT, Broken, World  # noqa: E402


def campaign(kind, rounds, seed, faults):
    """`rounds` rounds of one kind in one world. Returns a row of the table."""
    row = {
        "fault": kind, "rounds": 0, "operations": 0, "lost": 0, "doubled": 0, "disordered": 0, "named": 0, "recovery": [], "broken": None,
    }
    world = World(kind, seed, cabled=kind in CABLED)
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
            row["named"] = len(world.named)
            row["recovery"].append(took)
            if lost or doubled or disordered:
                row["broken"] = f"round {row['rounds']}: lost {lost}, doubled {doubled}, out of order {disordered}; {daemon.said()[-1500:]}"
                break
            if len(world.acknowledged) != sum(world.next.values()):
                raise Broken(f"round {row['rounds']}: only {len(world.acknowledged)} of {sum(world.next.values())} were ever taken")
            # The store of "disk full" is in a namespace of its daemon's.
            world.check(("nsenter", "-t", str(daemon.process.pid), "-m") if kind == "disk full" else ())
        row["operations"] = len(world.acknowledged)
        daemon.send(signal.SIGTERM)
        daemon.process.wait(timeout=30)
        if kind != "disk full":  # that store is gone with its namespace
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
    parser.add_argument("--part", default="1/1", help="K/N: every N-th kind only, from the K-th on (1/1)")
    parser.add_argument("--report", help="write the table as JSON to this file")
    parser.add_argument("--strict", action="store_true", help="fail when a kind can't be done here")
    options = parser.parse_args()
    isolate()
    kinds = [kind.strip() for kind in options.only.split(",") if kind.strip()] or list(KINDS)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        parser.error(f"unknown kind {unknown[0]!r}; there are: {', '.join(KINDS)}")
    part = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", options.part)
    if not part or int(part[1]) > int(part[2]):
        parser.error(f"--part: must be such as 2/3 (it is {options.part!r})")
    kinds = kinds[int(part[1]) - 1::int(part[2])]
    print(f"seed {options.seed}")
    print(
        f"{'fault':28} {'rounds':>6} {'ops':>6} {'lost':>5} {'doubled':>8} {'out of order':>13} {'named':>6} {'recovery s: median':>19} "
        f"{'most':>6}")
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
                    f"{row['named']:6} {median:19.2f} {max(row['recovery'], default=0):6.2f}{'  BROKEN' if row['broken'] else ''}",
                    flush=True)
                if row["broken"]:
                    print("    " + row["broken"].replace("\n", "\n    "), flush=True)
            turn += 1
    if options.report:
        with open(options.report, "w") as file:
            json.dump({"seed": options.seed, "rows": rows, "not_here": skipped}, file, indent=1)
    total = {name: sum(row[name] for row in rows) for name in ("rounds", "operations", "lost", "doubled", "disordered", "named")}
    broken = [row["fault"] for row in rows if row["broken"]]
    print(
        f"measured: {total['rounds']} rounds of {len({row['fault'] for row in rows})} faults, {total['operations']} operations: lost "
        f"{total['lost']}, doubled {total['doubled']}, out of order {total['disordered']}, named as lost by a salvage {total['named']}"
        + (f"; not here: {', '.join(sorted(set(skipped)))}" if skipped else "") + (f"; broken: {', '.join(broken)}" if broken else ""))
    if broken or not total["rounds"]:
        return 1
    return 1 if skipped and (options.strict or not options.only and not CABLED.issuperset(skipped)) else 0


if __name__ == "__main__":
    sys.exit(main())
