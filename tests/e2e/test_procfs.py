"""Files below /proc are opened in guests and closed again, whatever comes in between: the
guest is paused, its agent ends, libvirtd restarts, the exporter stops."""

import os
import random
import time

import pytest

from conftest import write_config
from guest_truth import open_files
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import Exporter

GENERATIONS = {"seven": "7.2", "ten": "10.0"}
CONFIG = """
collectors:
  clock:  {interval: 1s, timeout: 2s}
  procfs: {enabled: true, interval: 1s, timeout: 2s}
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
limits: {calls_per_minute: 6000}
"""
TIMES = 8
READING_S = 1.2  # a reading and the pause until the next
SEED = 20261121  # the moments differ, not from run to run


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        guests = [lab.guest(name, agent=agent, disk=False).start()
                  for name, agent in GENERATIONS.items()]
        for guest in guests:
            guest.wait_for_agent().wait_for_control()
            guest.run("syslogd -O /run/messages")
        yield lab


@pytest.fixture(name="exporter")
def _exporter(lab):
    path = write_config(lab, CONFIG)
    with Exporter(lab, f"--config.file={path}") as running:
        for name in GENERATIONS:
            wait_for_a_reading(running, name)
        yield running


@pytest.fixture(name="moments", scope="module")
def _moments():
    return random.Random(SEED)


def at_some_moment(moments):
    """Of a reading, or between two."""
    time.sleep(moments.uniform(0, READING_S))


def wait_for_a_reading(exporter, name):
    since = time.time()
    exporter.wait_for(lambda metrics: (metrics.value(
        "qga_collector_last_success_timestamp_seconds", domain=name,
        collector="procfs") or 0) > since, f"the files of {name}")


def unsettled(exporter):
    return exporter.metrics().find("qga_collector_avoided", reason="unsettled")


def log_of(guest):
    """(opened, closed) by the agent's own word."""
    text = guest.run("cat /run/messages 2>/dev/null", check=False)
    return text.count("guest-file-open, handle:"), text.count("guest-file-close called")


def wait_for_nothing_open(guest):
    """Once a moment comes at which nothing is: readings go on."""
    wait_for(lambda: not open_files(guest), f"nothing open in {guest.name}", 10, 0.02)


def test_each_open_has_its_close(lab, exporter):
    for name in GENERATIONS:
        guest = lab.guests[name]
        wait_for(lambda guest=guest: len(set(log_of(guest))) == 1 and log_of(guest)[0] >= 8,
                 "as many closed as opened", 10, 0.02)
        wait_for_nothing_open(guest)
    assert not unsettled(exporter)


@pytest.mark.parametrize("name", GENERATIONS)
def test_a_guest_that_is_paused_in_between(lab, exporter, moments, name):
    """What was on its way when it was paused is answered when it runs again."""
    for _ in range(TIMES):
        at_some_moment(moments)
        lab.virsh("suspend", name)
        exporter.wait_for(lambda metrics: metrics.state(name) == "paused", "the pause")
        lab.virsh("resume", name)
        exporter.wait_for(lambda metrics: metrics.state(name) == "responsive", "the guest")
    if not unsettled(exporter):
        wait_for_a_reading(exporter, name)
    # Of an open whose answer was lost the handle is not known; it stays the only one.
    wait_for(lambda: len(open_files(lab.guests[name])) <= len(unsettled(exporter)),
             "nothing open but what is known to be", 10, 0.02)
    assert len(unsettled(exporter)) <= 1


@pytest.mark.parametrize("name", GENERATIONS)
def test_an_agent_that_ends_in_between(lab, exporter, moments, name):
    guest = lab.guests[name]
    for _ in range(TIMES // 2):
        at_some_moment(moments)
        guest.run("agent kill")
        wait_for_a_reading(exporter, name)
    wait_for_nothing_open(guest)
    assert not unsettled(exporter)


def test_a_libvirtd_that_restarts_in_between(lab, exporter, moments):
    for _ in range(3):
        at_some_moment(moments)
        lab.restart_libvirtd()
        for name in GENERATIONS:
            exporter.wait_for(lambda metrics, name=name: metrics.state(name) == "responsive",
                              f"{name} answers again", 40)
    left = {labels["domain"] for labels, _ in unsettled(exporter)}
    for name in GENERATIONS:
        if name not in left:
            wait_for_a_reading(exporter, name)
        wait_for(lambda name=name: len(open_files(lab.guests[name])) <= (name in left),
                 f"nothing open in {name}", 10, 0.02)


def test_an_exporter_that_stops_in_between(lab, moments):
    """In order: what is open is closed first."""
    path = write_config(lab, CONFIG)
    for name in GENERATIONS:
        lab.guests[name].run("agent kill")
        lab.guests[name].wait_for_agent()
    for _ in range(TIMES):
        with Exporter(lab, f"--config.file={path}") as running:
            wait_for_a_reading(running, "seven")
            at_some_moment(moments)
        for name in GENERATIONS:
            assert not open_files(lab.guests[name]), name
