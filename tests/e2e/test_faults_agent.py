"""The faults of faults.py that are the agent's: it is not there, or does not answer."""

import os
import re

import pytest

import exposition
from lab.process import wait_for
from watched import NAME, Watched
# pylint: disable-next=unused-import
from watched import exporter_fixture, fault_domain_fixture, guest_fixture

RETRY_S = 10  # after a first call without an answer


def remove_channel(lab):
    channel = re.search(r"<channel.*?alias name='(.*?)'", lab.virsh("dumpxml", "bare"), re.S)
    if channel:
        lab.virsh("detach-device-alias", "bare", channel.group(1), "--live")
        wait_for(lambda: "<channel" not in lab.virsh("dumpxml", "bare"), "the channel gone")


def test_no_channel(lab, exporter):
    metrics = exporter.metrics()
    assert metrics.state("bare") == "unconfigured"
    assert metrics.value("qga_agent_calls_total", domain="bare") == 0
    path = os.path.join(lab.directory, "channel.xml")
    with open(path, "w", encoding="ascii") as file:
        file.write("<channel type='unix'>"
                   "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>")
    bare = Watched(exporter, "no channel", "bare")
    try:
        lab.virsh("attach-device", "bare", path, "--live")
        bare.is_over(lambda metrics: metrics.state("bare") == "disconnected",
                     bare.state("disconnected"))
        bare.begins()
    finally:
        remove_channel(lab)
    bare.is_noticed()


@pytest.fixture(name="silent")
def _silent(lab):
    """Without an agent again after the test."""
    guest = lab.guests["silent"].wait_for_control()
    guest.run("rm -f /run/agent/loop")
    yield guest
    guest.run("[ ! -e /run/agent/loop ] || { agent hold; kill $(cat /run/agent/loop);"
              " rm -f /run/agent/hold /run/agent/loop; }")


def test_never_started(silent, exporter):
    metrics = exporter.metrics()
    assert metrics.state("silent") == "disconnected"
    assert metrics.value("qga_agent_calls_total", domain="silent") == 0
    watched = Watched(exporter, "never started", "silent")
    silent.run("agent start 10.0 >/dev/null 2>&1 & echo $! >/run/agent/loop")
    watched.is_over()
    watched.begins()
    silent.run("agent hold")
    watched.is_noticed()


def test_killed(guest, exporter):
    watched = Watched(exporter, "killed")
    guest.run("agent hold")
    metrics = watched.is_noticed()
    assert metrics.value("qga_up", domain=NAME) == 0
    guest.run("agent release")
    watched.is_over()


def test_hung(guest, exporter):
    """No scrape waits for it, what it has said leaves with its age, and it is asked less."""
    scrapes = []

    def scraped(metrics):
        scrapes.append(watched.timeline.here())
        return metrics.state(NAME) == "unresponsive"

    watched = Watched(exporter, "hung")
    try:
        guest.run("agent stop")
        watched.now()
        metrics = watched.is_noticed(scraped)
        hung = watched.start - 1
        assert metrics.value("qga_up", domain=NAME) == 0
        exporter.wait_for(
            lambda metrics: scraped(metrics) and answered_meanwhile(watched.timeline, scrapes),
            "a scrape that is answered while a call is out")
        metrics = exporter.wait_for(
            lambda metrics: not metrics.find("qga_clock_offset_seconds", domain=NAME),
            "the stale offset withdrawn")
        assert metrics.find("qga_up", domain=NAME)
        exposition.check(metrics.text)
        watched.ends()
    finally:
        guest.run("agent cont")
    watched.now()
    watched.is_over()
    failed, *later = watched.timeline.calls(NAME, hung - 1)
    assert failed.outcome == "timeout"
    assert later[0].due - failed.time <= RETRY_S + 1, later[0]


def answered_meanwhile(timeline, scrapes):
    """Whether one of them was answered while a call to the guest was out."""
    records = timeline.records
    for end, record in enumerate(records):
        if record.is_call and record.domain == NAME and record.outcome == "timeout":
            sent = next(place for place in range(end, 0, -1) if records[place].time < record.sent)
            if any(sent < place <= end for place in scrapes):
                return True
    return False
