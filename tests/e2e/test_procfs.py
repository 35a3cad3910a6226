"""Files below /proc are opened in guests and closed again, whatever comes in between: the
guest is paused, its agent ends, libvirtd restarts, the exporter stops."""

import random
import time

import pytest

from conftest import CLOCK_OFFSET_S, write_config
from guest_truth import open_files
from lab.process import wait_for
from lab.programs import Exporter

GUESTS = ("old", "new")  # one of each generation of agents
CONFIG = """
collectors:
  clock:  {interval: 1s, timeout: 2s}
  procfs: {enabled: true, interval: 1s, timeout: 2s}
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
limits: {calls_per_minute: 6000}
"""
TIMES = 8
READING_S = 1.2  # a reading and the pause until the next
FINISH_S = 0.4   # so long it waits for its files when it ends
SEED = 20261121  # the moments differ, not from run to run


@pytest.fixture(scope="module", name="guests")
def _guests(lab, old, new):
    """By name; their agents note what they open."""
    guests = {"old": old, "new": new}
    try:
        for guest in guests.values():
            guest.run("syslogd -O /run/messages")
        yield guests
    finally:
        for guest in guests.values():
            lab.virsh("resume", guest.name, check=False)
            guest.run("killall syslogd; rm -f /run/messages; agent kill", check=False)
        for name, guest in guests.items():
            guest.wait_for_agent()
            # Each pause has put it back.
            guest.wait_for_control().set_clock(CLOCK_OFFSET_S if name == "new" else 0)


@pytest.fixture(name="exporter")
def _exporter(lab, guests):
    path = write_config(lab, CONFIG)
    with Exporter(lab, f"--config.file={path}") as running:
        for name in guests:
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
        collector="procfs") or 0) > since, f"the files of {name}", 60)


def wait_for_state(exporter, state):
    exporter.wait_for(lambda metrics: all(metrics.state(name) == state for name in GUESTS),
                      f"both guests {state}", 90)


def unsettled(exporter):
    return exporter.metrics().find("qga_collector_avoided", reason="unsettled")


def log_of(guest):
    """(opened, closed) by the agent's own word."""
    text = guest.run("cat /run/messages 2>/dev/null", check=False)
    return text.count("guest-file-open, handle:"), text.count("guest-file-close called")


def wait_for_nothing_open(guest):
    """Once a moment comes at which nothing is: readings go on."""
    wait_for(lambda: not open_files(guest), f"nothing open in {guest.name}", 60, 0.02)


def test_each_open_has_its_close(exporter, guests):
    for name in GUESTS:
        guest = guests[name]
        wait_for(lambda guest=guest: len(set(log_of(guest))) == 1 and log_of(guest)[0] >= 8,
                 "as many closed as opened", 60, 0.02)
        wait_for_nothing_open(guest)
    assert not unsettled(exporter)


def test_guests_that_are_paused_in_between(lab, exporter, guests, moments):
    """What was on its way when it was paused is answered when it runs again."""
    try:
        for _ in range(TIMES):
            at_some_moment(moments)
            for verb, state in (("suspend", "paused"), ("resume", "responsive")):
                for name in GUESTS:
                    lab.virsh(verb, name)
                wait_for_state(exporter, state)
    finally:
        for name in GUESTS:
            lab.virsh("resume", name, check=False)
    nothing_open_but_what_is_known(exporter, guests)


def nothing_open_but_what_is_known(exporter, guests):
    """Of an open whose answer was lost the handle is not known; it stays the only one."""
    def left(name):
        return [labels for labels, _ in unsettled(exporter) if labels["domain"] == name]

    for name in GUESTS:
        if not left(name):
            wait_for_a_reading(exporter, name)
        wait_for(lambda name=name: len(open_files(guests[name])) <= len(left(name)),
                 f"nothing open in {name} but what is known to be", 60, 0.02)
        assert len(left(name)) <= 1


def test_agents_that_end_in_between(exporter, guests, moments):
    for _ in range(TIMES // 2):
        at_some_moment(moments)
        for name in GUESTS:
            guests[name].run("agent kill")
        for name in GUESTS:
            wait_for_a_reading(exporter, name)
    for name in GUESTS:
        wait_for_nothing_open(guests[name])
    assert not unsettled(exporter)


def test_a_libvirtd_that_restarts_in_between(lab, exporter, guests, moments):
    for _ in range(3):
        at_some_moment(moments)
        lab.restart_libvirtd()
        wait_for_state(exporter, "responsive")
    nothing_open_but_what_is_known(exporter, guests)


def begin_anew(guests):
    """What the agents have open is closed with them."""
    for guest in guests.values():
        guest.run("agent kill")
        guest.wait_for_agent()


def test_an_exporter_that_stops_in_between(lab, guests, moments):
    """In order: what is open is closed first, unless that takes longer than it waits."""
    path = write_config(lab, CONFIG)
    begin_anew(guests)
    left = 0
    for _ in range(TIMES):
        with Exporter(lab, f"--config.file={path}") as running:
            wait_for_a_reading(running, "old")
            at_some_moment(moments)
            told = time.monotonic()
        took = time.monotonic() - told
        if any(open_files(guest) for guest in guests.values()):
            assert took > FINISH_S, "it has not waited for its files"
            left += 1
            begin_anew(guests)
    assert left <= TIMES // 2
