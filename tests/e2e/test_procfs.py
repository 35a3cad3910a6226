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
  clock:  {{interval: 1s, timeout: 2s}}
  procfs: {{enabled: {enabled}, interval: 1s, timeout: 2s}}
health: {{failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}}
limits: {{calls_per_minute: 6000}}
"""
READING = CONFIG.format(enabled="true")
RESTING = CONFIG.format(enabled="false")
TIMES = 8
STOPS_MAX = 40  # a busy machine's agent often takes longer than the exporter waits
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


def begin_anew(guests):
    """What the agents have open is closed with them."""
    for guest in guests.values():
        guest.run("agent kill")
        guest.wait_for_agent()


@pytest.fixture(name="exporter")
def _exporter(lab, guests):
    # What the exporter of an earlier test could not close, this one knows nothing of.
    begin_anew({name: guest for name, guest in guests.items() if open_files(guest)})
    path = write_config(lab, READING)
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


def was_read(metrics, name, since):
    return (metrics.value("qga_collector_last_success_timestamp_seconds", domain=name,
                          collector="procfs") or 0) > since


def wait_for_a_reading(exporter, name):
    since = time.time()
    exporter.wait_for(lambda metrics: was_read(metrics, name, since), f"the files of {name}")


def wait_for_state(exporter, state):
    exporter.wait_for(lambda metrics: all(metrics.state(name) == state for name in GUESTS),
                      f"both guests {state}", 90)


def unsettled(exporter):
    return exporter.metrics().find("qga_collector_avoided", reason="unsettled")


def log_of(guest):
    """(opened, closed) by the agent's own word."""
    text = guest.run("cat /run/messages 2>/dev/null", check=False)
    return text.count("guest-file-open, handle:"), text.count("guest-file-close called")


def balance_of(guest):
    opened, closed = log_of(guest)
    return opened - closed


def no_more_readings(lab, exporter):
    """One that has begun comes to its end, and what is open afterwards stays open."""
    write_config(lab, RESTING)
    exporter.reload()
    exporter.wait_for(lambda metrics: not metrics.find(
        "qga_collector_last_success_timestamp_seconds", collector="procfs"), "procfs off")


def wait_for_nothing_open(guest):
    wait_for(lambda: not open_files(guest), f"nothing open in {guest.name}")


def test_each_open_has_its_close(lab, exporter, guests):
    for guest in guests.values():
        wait_for(lambda guest=guest: log_of(guest)[0] >= 8, "8 files opened")
    no_more_readings(lab, exporter)
    for guest in guests.values():
        wait_for_nothing_open(guest)
        # What the agent noted last may be on its way to the log.
        wait_for(lambda guest=guest: balance_of(guest) == 0, f"as many closed in {guest.name}")
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
    nothing_open_but_what_is_known(lab, exporter, guests)


def nothing_open_but_what_is_known(lab, exporter, guests):
    """Of an open whose answer was lost the handle is not known; it stays the only one."""
    def left(metrics, name):
        return len(metrics.find("qga_collector_avoided", reason="unsettled", domain=name))

    since = time.time()
    known = {}
    for name in GUESTS:
        metrics = exporter.wait_for(
            lambda metrics, name=name: left(metrics, name) or was_read(metrics, name, since),
            f"{name} is read, or a file is known to be open")
        known[name] = left(metrics, name)
    no_more_readings(lab, exporter)
    for name in GUESTS:
        assert known[name] <= 1
        wait_for(lambda name=name: len(open_files(guests[name])) <= known[name],
                 f"nothing open in {name} but what is known to be")


def test_agents_that_end_in_between(lab, exporter, guests, moments):
    for _ in range(TIMES // 2):
        at_some_moment(moments)
        for name in GUESTS:
            guests[name].run("agent kill")
        for name in GUESTS:
            wait_for_a_reading(exporter, name)
    assert not unsettled(exporter)
    no_more_readings(lab, exporter)
    for guest in guests.values():
        wait_for_nothing_open(guest)


def test_a_libvirtd_that_restarts_in_between(lab, exporter, guests, moments):
    for _ in range(3):
        at_some_moment(moments)
        lab.restart_libvirtd()
        wait_for_state(exporter, "responsive")
    nothing_open_but_what_is_known(lab, exporter, guests)


def test_an_exporter_that_stops_in_between(lab, guests, moments):
    """In order: what is open is closed first, unless that takes longer than it waits."""
    path = write_config(lab, READING)
    begin_anew(guests)
    tidy = 0
    for _ in range(STOPS_MAX):
        with Exporter(lab, f"--config.file={path}") as running:
            wait_for_a_reading(running, "old")
            at_some_moment(moments)
            told = time.monotonic()
        took = time.monotonic() - told
        if any(open_files(guest) for guest in guests.values()):
            assert took > FINISH_S, "it has not waited for its files"
            begin_anew(guests)
        else:
            tidy += 1
        if tidy == TIMES:
            return
    pytest.fail(f"{tidy} of {STOPS_MAX} stops left nothing open")
