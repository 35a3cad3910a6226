#!/usr/bin/python3
"""`make harmless`, second part: a host that behaves as Proxmox VE's sends COMMANDS (2,000)
commands to each agent, alone and beside the exporter at its default intervals and at 1 s for
everything.  None fails, and none takes noticeably longer."""

import contextlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
from conftest import QUICK_CONFIG, write_config
from lab.host_load import host_load
from lab.lab import Lab
from lab.plain import PlainGuest
from lab.programs import Exporter

COMMANDS = int(os.environ.get("COMMANDS", "2000"))
LONGER_MAX_S = 0.05
NAMES = {"7.2": "old", "10.0": "new"}


def start_guests(stack, lab, folder):
    os.makedirs(folder)
    guests = [PlainGuest(lab, name, os.path.join(folder, f"{name}.qga"), agent=agent, disk=True)
              for agent, name in NAMES.items()]
    for guest in guests:
        stack.callback(guest.stop)
        guest.start()
    for guest in guests:
        guest.wait_for_control()
    host_load(guests, 20)  # until they answer, and what an agent loads once
    return guests


def judge(name, loads, alone):
    good = True
    for load, before in zip(loads, alone):
        print(f"harmless: {name}: {load}", flush=True)
        for wrong in load.wrong[:5]:
            print(f"harmless:   {wrong}")
        good &= (not load.wrong and load.median_s <= before.median_s + LONGER_MAX_S
                 and load.p99_s <= before.p99_s + LONGER_MAX_S)
    return good


def main():
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        folder = os.path.join(lab.directory, "plain")
        guests = start_guests(stack, lab, folder)
        alone = host_load(guests, COMMANDS)
        good = judge("alone", alone, alone)
        source = f'sources: [{{socket: {{path: "{folder}/*.qga"}}}}]\n'
        for name, text in (("default intervals", ""), ("1 s for everything", QUICK_CONFIG)):
            config = write_config(lab, source + text, "host.yml")
            with Exporter(lab, f"--config.file={config}", uri="", name="host") as exporter:
                exporter.wait_for(
                    lambda metrics: sum(value for _, value in metrics.find("qga_up")) == 2,
                    "both guests", 60)
                good &= judge(name, host_load(guests, COMMANDS), alone)
    if not good:
        sys.exit("harmless: the host's own commands suffer")


if __name__ == "__main__":
    main()
