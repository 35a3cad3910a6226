#!/usr/bin/python3
"""`make harmless`: POLLS (10,000) calls of the exporter to a real agent of each generation
leave no process, descriptor or memory behind in the guest.

The exporter's shortest interval is a second: EXPORTERS of them ask at once.
"""

import contextlib
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
from conftest import QUICK_CONFIG, write_config
from lab.lab import Lab
from lab.programs import Exporter

POLLS = int(os.environ.get("POLLS", "10000"))
WARM_UP = POLLS // 20  # what an agent loads or caches once
EXPORTERS = 8
MEMORY_NOISE_KIB = 128
NAMES = {"7.2": "old", "10.0": "new"}


def calls(exporters, name):
    return sum(exporter.metrics().value("qga_agent_calls_total", domain=name) or 0
               for exporter in exporters)


def footprint(guest):
    """What the agent and its guest hold: read in the guest, past the agent.  The kernel's
    own threads, which come and go, have no command line."""
    text = guest.run(
        "pid=$(cat /run/agent/pid); grep -E 'VmRSS|RssAnon|Threads' /proc/$pid/status; "
        "echo Descriptors: $(ls /proc/$pid/fd | wc -l); "
        "echo Processes: $(grep -l . /proc/[0-9]*/cmdline 2>/dev/null | wc -l); "
        "echo Zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l); "
        "echo Pid: $pid")
    return {key: int(value) for key, value in re.findall(r"(\w+):\s+(\d+)", text)}


def wait_for_calls(exporters, counts):
    while True:
        done = {name: calls(exporters, name) for name in NAMES.values()}
        if all(done[name] >= counts[name] for name in counts):
            return done
        time.sleep(1)


def judge(agent, before, after, polls):
    print(f"harmless: agent {agent}, {polls:.0f} calls: "
          + ", ".join(f"{key} {before[key]} -> {after[key]}" for key in after))
    same = all(before[key] == after[key]
               for key in ("Descriptors", "Processes", "Zombies", "Threads", "Pid"))
    return same and after["RssAnon"] <= before["RssAnon"] + MEMORY_NOISE_KIB


def main():
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        guests = {agent: lab.guest(name, agent=agent).start() for agent, name in NAMES.items()}
        for guest in guests.values():
            guest.wait_for_agent().wait_for_control()
        config = write_config(lab, QUICK_CONFIG)
        exporters = [stack.enter_context(
            Exporter(lab, f"--config.file={config}", name=f"exporter{number}"))
            for number in range(EXPORTERS)]
        warm = wait_for_calls(exporters, dict.fromkeys(NAMES.values(), WARM_UP))
        before = {agent: footprint(guest) for agent, guest in guests.items()}
        done = wait_for_calls(exporters, {name: count + POLLS for name, count in warm.items()})
        good = [judge(agent, before[agent], footprint(guest),
                      done[guest.name] - warm[guest.name])
                for agent, guest in guests.items()]
    if not all(good):
        sys.exit("harmless: polling leaves something behind in the guest")


if __name__ == "__main__":
    main()
