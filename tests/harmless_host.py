#!/usr/bin/python3
"""`make harmless`, second part: a host that behaves as Proxmox VE's sends COMMANDS (2,000)
commands to each agent, alone and beside the exporter at its default intervals and at 1 s for
everything.  None fails, and none takes noticeably longer.  To an agent that hangs it is as it
is alone."""

import contextlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
from conftest import QUICK_CONFIG, write_config
from lab.host_load import HostLoad, hung_pings, put_load
from lab.lab import Lab
from lab.plain import PlainGuest
from lab.programs import Exporter

COMMANDS = int(os.environ.get("COMMANDS", "2000"))
# The three ways take turns, so that whatever else the machine does slows all of them.
TURNS = 10
PINGS = 5  # to an agent that hangs
LONGER_MAX_S = 0.05
HUNG_LONGER_MAX_S = 1  # of a few commands each: this machine may be slow in any of them
NAMES = {"7.2": "old", "10.0": "new"}
ALONE, DEFAULT, QUICK = "alone", "default intervals", "1 s for everything"


def start_guests(stack, lab, folder):
    os.makedirs(folder)
    guests = [PlainGuest(lab, name, os.path.join(folder, f"{name}.qga"), agent=agent, disk=True)
              for agent, name in NAMES.items()]
    for guest in guests:
        stack.callback(guest.stop)
        guest.start()
    for guest in guests:
        guest.wait_for_control()
    put_load([HostLoad(guest) for guest in guests], 20)  # what an agent loads once
    return guests


@contextlib.contextmanager
def exporter(lab, folder, way):
    if way == ALONE:
        yield
        return
    source = f'sources: [{{socket: {{path: "{folder}/*.qga"}}}}]\n'
    config = write_config(lab, source + (QUICK_CONFIG if way == QUICK else ""), "host.yml")
    with Exporter(lab, f"--config.file={config}", uri="", name="host") as running:
        running.wait_for(lambda metrics: sum(value for _, value in metrics.find("qga_up")) == 2,
                         "both guests", 60)
        yield


def judge(way, loads, alone):
    good = True
    for load, before in zip(loads, alone):
        print(f"harmless: {way}: {load}", flush=True)
        for wrong in load.wrong[:5]:
            print(f"harmless:   {wrong}")
        good &= (not load.wrong and load.median_s <= before.median_s + LONGER_MAX_S
                 and load.p99_s <= before.p99_s + LONGER_MAX_S)
    return good


def judge_hung(guest, alone, beside):
    """The last ping is the one that is answered: by then the agent has read all of them."""
    for way, pings in ((ALONE, alone), (QUICK, beside)):
        print(f"harmless: {guest.name} hangs, {way}: "
              + ", ".join(f"{outcome} ({took_s:.2f} s)" for outcome, took_s in pings), flush=True)
    return all(outcome == expected and took_s <= before_s + HUNG_LONGER_MAX_S
               for (outcome, took_s), (expected, before_s) in zip(beside, alone))


def main():
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        folder = os.path.join(lab.directory, "plain")
        guests = start_guests(stack, lab, folder)
        loads = {way: [HostLoad(guest) for guest in guests] for way in (ALONE, DEFAULT, QUICK)}
        for _ in range(TURNS):
            for way, here in loads.items():
                with exporter(lab, folder, way):
                    put_load(here, COMMANDS // TURNS)
        good = all([judge(way, here, loads[ALONE]) for way, here in loads.items()])
        hung = [hung_pings(guest, PINGS) for guest in guests]
        with exporter(lab, folder, QUICK):
            good &= all([judge_hung(guest, alone, hung_pings(guest, PINGS))
                         for guest, alone in zip(guests, hung)])
    if not good:
        sys.exit("harmless: the host's own commands suffer")


if __name__ == "__main__":
    main()
