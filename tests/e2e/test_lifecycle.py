"""Guests and agents that come, go, hang and freeze."""

import contextlib
import time

import pytest

import exposition
from conftest import CLOCK_OFFSET_S, healthy
from lab.process import wait_for

SERIES_AFTER_AGENT_S = 2.0
GONE_AFTER_STOP_S = 1.0


def successes(metrics, domain):
    return metrics.value("qga_collector_last_success_timestamp_seconds", domain=domain,
                         collector="clock")


@pytest.fixture(autouse=True)
def _all_well_afterwards(exporter):
    yield
    exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new")),
                      "both guests well again after the test", 60)


@pytest.fixture(scope="module", name="was_frozen")
def _was_frozen(lab, exporter):
    """Two more guests, frozen as for a backup, seen so, and thawed: the names."""
    names = ["backup-old", "backup-new"]
    with contextlib.ExitStack() as stop:
        for name, agent in zip(names, ("7.2", "10.0")):
            stop.callback(lab.guest(name, agent=agent).start().stop)
        for name in names:
            lab.guests[name].wait_for_agent()
        freeze_and_thaw(lab, exporter, names)
        yield names


def freeze_and_thaw(lab, exporter, names):
    exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in names),
                      "two more guests")
    with contextlib.ExitStack() as thaw:
        for name in names:
            lab.virsh("domfsfreeze", name)
            thaw.callback(lab.virsh, "domfsthaw", name)
        for name in names:
            metrics = exporter.wait_for(lambda metrics, name=name: metrics.state(name) == "frozen",
                                        f"{name} seen frozen", 10)
            assert metrics.value("qga_up", domain=name) == 1


def test_frozen_guests_are_frozen_not_dead(was_frozen):
    assert len(was_frozen) == 2


def channel_connected(lab, name):
    return "name='org.qemu.guest_agent.0' state='connected'" in lab.virsh("dumpxml", name)


def test_a_stopped_guest_is_gone_and_a_started_one_there(lab, exporter):
    guest = lab.guests.get("brief") or lab.guest("brief", agent="10.0", disk=True)
    guest.start()
    try:
        # libvirt makes a machine, paused, before it lets it run.
        metrics = exporter.wait_for(lambda metrics: metrics.state("brief") == "starting",
                                    "the new guest, booting", 5)
        assert metrics.value("qga_up", domain="brief") == 0
        wait_for(lambda: channel_connected(lab, "brief"), "the agent's port is open", 60, 0.02)
        connected = time.monotonic()
        exporter.wait_for(lambda metrics: healthy(metrics, "brief"), "the new guest's series", 10,
                          0.02)
        assert time.monotonic() - connected <= SERIES_AFTER_AGENT_S
    finally:
        guest.stop()
    stopped = time.monotonic()
    metrics = exporter.wait_for(lambda metrics: "brief" not in metrics.domains(),
                                "the stopped guest's series gone", 5, 0.02)
    assert time.monotonic() - stopped <= GONE_AFTER_STOP_S
    assert {"old", "new", "silent", "bare"} <= metrics.domains()


def test_the_agent_is_killed_and_comes_back(new, exporter):
    new.run("agent hold")
    metrics = exporter.wait_for(lambda metrics: metrics.state("new") == "disconnected",
                                "the agent seen gone", 5)
    assert metrics.value("qga_up", domain="new") == 0
    assert metrics.value("qga_up", domain="old") == 1
    before = successes(metrics, "new")
    new.run("agent release")
    exporter.wait_for(lambda metrics: healthy(metrics, "new")
                      and successes(metrics, "new") > before, "the agent seen again", 10)


def test_a_hung_agent_costs_only_its_own_data(old, exporter):
    old.run("agent stop")
    try:
        metrics = exporter.wait_for(lambda metrics: metrics.state("old") == "unresponsive",
                                    "the hung agent noticed", 45)
        assert metrics.value("qga_up", domain="old") == 0
        assert metrics.value("qga_agent_failures_total", domain="old", reason="timeout") >= 1
        for _ in range(3):
            before = successes(metrics, "new")
            started = time.monotonic()
            metrics = exporter.wait_for(lambda metrics: successes(metrics, "new") > before,
                                        "another sample of the other guest", 5)
            assert time.monotonic() - started < 3
        exposition.check(metrics.text)
        started = time.monotonic()
        exporter.metrics()
        assert time.monotonic() - started < 0.5
        # Three intervals of a second after the last answer there is no clock offset.
        metrics = exporter.wait_for(
            lambda metrics: not metrics.find("qga_clock_offset_seconds", domain="old"),
            "the stale offset withdrawn", 5)
        assert metrics.find("qga_up", domain="old")
        assert metrics.find("qga_clock_offset_seconds", domain="new")
    finally:
        old.run("agent cont")


def test_a_paused_guest(lab, exporter):
    lab.virsh("suspend", "new")
    try:
        metrics = exporter.wait_for(lambda metrics: metrics.state("new") == "paused",
                                    "the guest seen paused", 5)
        assert metrics.value("qga_up", domain="new") == 0
        calls = metrics.value("qga_agent_calls_total", domain="new")
        before = successes(metrics, "old")
        metrics = exporter.wait_for(lambda metrics: successes(metrics, "old") > before + 2,
                                    "two more seconds of the other guest")
        assert metrics.value("qga_agent_calls_total", domain="new") - calls <= 1
    finally:
        lab.virsh("resume", "new")
        lab.guests["new"].set_clock(CLOCK_OFFSET_S)  # it stood still
    exporter.wait_for(lambda metrics: healthy(metrics, "new"), "the guest seen resumed", 10)


def test_thawed_guests_are_asked_again(exporter, was_frozen):
    """A guest that somebody else works on is left alone for a minute."""
    exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in was_frozen),
                      "the guests seen thawed", 90)
