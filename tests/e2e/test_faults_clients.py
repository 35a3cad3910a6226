"""The faults of faults.py that others bring about: they freeze, hold the agent, or deny.

What takes a minute, for which such a guest is left alone, passes during the other tests.
"""

import contextlib
import threading
import time

import pytest

from conftest import healthy
from timeline import observed
from watched import NAME, Watched, as_impostor, commands, destroy, failures, release, restart
# pylint: disable-next=unused-import
from watched import exporter_fixture, fault_domain_fixture, guest_fixture

FROZEN_S = 5  # how often a frozen guest is asked whether it still is
# Each says otherwise that it is frozen: as if the command were disabled for good, in words of
# its own, or as the administrator's block does.
BACKUP = {"backup-oldest": "5.2", "backup-old": "7.2", "backup-new": "10.0", "held": "10.0"}


@pytest.fixture(scope="module", name="backups")
def _backups(lab, exporter):
    """More guests, on which backups are at work: the names."""
    with contextlib.ExitStack() as stop:
        for name, agent in BACKUP.items():
            stop.callback(destroy, lab, name)
            lab.guest(name, agent=agent).start()
        for name in BACKUP:
            lab.guests[name].wait_for_agent()
        exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in BACKUP),
                          "more guests")
        yield list(BACKUP)


class Hook:
    """Of a backup: the freeze waits for it, and it for the test."""

    def __init__(self, lab, guest, exporter):
        self.lab = lab
        self.guest = guest
        guest.wait_for_control()
        guest.run("printf '#!/bin/sh\\nwhile [ $1 = freeze ] && [ ! -e /run/go ]; do sleep 0.1; "
                  "done\\n' >/run/hook && chmod +x /run/hook")
        restart(guest, exporter, "-F/run/hook")
        exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the agent with the hook")
        self.freeze = threading.Thread(target=lab.virsh, args=("domfsfreeze", guest.name),
                                       daemon=True, kwargs={"timeout_s": 300})

    def ends(self):
        self.guest.run("touch /run/go")
        self.freeze.join()
        self.lab.virsh("domfsthaw", self.guest.name)


@pytest.fixture(scope="module", name="held")
def _held(lab, backups, exporter):
    """A backup's hook takes its time; the agent is its until then."""
    assert "held" in backups
    hook = Hook(lab, lab.guests["held"], exporter)
    watched = Watched(exporter, "busy", "held")
    hook.freeze.start()
    watched.now()
    return hook, watched


def test_frozen_guests_are_frozen_not_dead(lab, backups, exporter):
    with contextlib.ExitStack() as thaw:
        for name in backups[:3]:
            lab.virsh("domfsfreeze", name)
            thaw.callback(lab.virsh, "domfsthaw", name)
        for name in backups[:3]:
            metrics = exporter.wait_for(lambda metrics, name=name: metrics.state(name) == "frozen",
                                        f"{name} seen frozen")
            assert metrics.value("qga_up", domain=name) == 1


def test_busy(held):
    """And it is not said to hang."""
    hook, watched = held
    metrics = watched.is_noticed()
    watched.timeline.wait(lambda record: record.domain == "held" and record.is_call
                          and record.outcome == "busy", "libvirt gives the call up", watched.start)
    metrics = watched.exporter.metrics()
    assert states(watched) == ["busy"]
    assert watched.new_reasons(metrics) == set()
    assert metrics.state("held") == "busy"
    assert metrics.value("qga_up", domain="held") == 1
    assert metrics.value("qga_agent_consecutive_failures", domain="held") == 0
    watched.ends()
    hook.ends()
    watched.now()


def states(watched):
    return [record.state for record in watched.timeline.records[watched.start - 1:]
            if record.domain == watched.name and record.state]


def test_frozen(lab, guest, exporter):
    """What is asked meanwhile is told by the guest's side, and how often by the exporter's."""
    as_impostor(guest, exporter, "-recorder", "/data")
    exporter.wait_for(lambda metrics: metrics.value("qga_up", domain=NAME) == 1
                      and metrics.find("qga_cpu_online", domain=NAME), "the recorder answers")
    watched = Watched(exporter, "frozen")
    began_s = time.time() - 1
    try:
        lab.virsh("domfsfreeze", NAME)
        watched.now()
        watched.is_noticed()
        metrics = exporter.wait_for(
            lambda metrics: (metrics.value("qga_filesystems_frozen_since_timestamp_seconds", domain=NAME) or 0) > began_s
            and len(asked_whether_thawed(watched)) >= 3, "the agent's word for it, again and again")
        assert metrics.value("qga_up", domain=NAME) == 1
        assert watched.new_reasons(metrics) == set()
        answers = asked_whether_thawed(watched)
        for sooner, later in zip(answers, answers[1:]):
            assert abs(later.due - sooner.time - FROZEN_S) < 1, answers
        watched.ends()
    finally:
        lab.virsh("domfsthaw", NAME)
    watched.now()
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive",
                              watched.state("responsive"))
    assert not metrics.find("qga_filesystems_frozen_since_timestamp_seconds", domain=NAME)
    asked = commands(guest)
    frozen = asked[asked.index("guest-fsfreeze-freeze") + 1:asked.index("guest-fsfreeze-thaw")]
    # The first call cannot know.
    assert set(frozen[1:]) <= {"guest-fsfreeze-status", "guest-sync"}, frozen
    release(guest, exporter)


def asked_whether_thawed(watched):
    return [call for call in watched.timeline.calls(NAME, watched.start)
            if call.command == "guest-fsfreeze-status"]


def test_denied(lab, quick_config, exporter):
    with observed(lab, quick_config, "read-only", uri=lab.uri + "-ro") as reader:
        watched = Watched(reader, "denied", "old", others=())
        watched.let_in()
        metrics = watched.is_noticed(lambda metrics: metrics.state("old") == "denied"
                                     and "denied" in failures(metrics, "old"))
        assert metrics.value("qga_exporter_source_up") == 1
        assert metrics.state("bare") == "unconfigured"
        assert "read only access" in reader.process.log()
    assert healthy(exporter.metrics(), "old")


def test_thawed_guests_are_asked_again(backups, exporter):
    exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in backups[:2]),
                      "the guests seen thawed", 120)


def test_busy_is_over(held):
    _, watched = held
    watched.is_over()
