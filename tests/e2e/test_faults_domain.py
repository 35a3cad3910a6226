"""The faults of faults.py that are the domain's: it does not run, or not here."""

import contextlib
import os
import signal
import subprocess
import threading

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.lab import Lab
from lab.process import wait_for
from lab.qemu import qemu_pid
from timeline import observed
from watched import Watched, destroy, failures
# pylint: disable-next=unused-import
from watched import exporter_fixture, fault_domain_fixture, guest_fixture


def nothing_is_asked(watched, rounds=2):
    """While others are, so often; but for what was on its way when it was noticed."""
    noticed = watched.timeline.records[watched.start - 1]
    watched.timeline.wait_for_rounds("old", rounds)
    calls = watched.timeline.calls(watched.name, watched.start)
    assert not [call for call in calls if call.due > noticed.time], calls


def test_paused(lab, guest, exporter):
    watched = Watched(exporter, "paused")
    lab.virsh("suspend", guest.name)
    try:
        metrics = watched.is_noticed()
        assert metrics.value("qga_up", domain=guest.name) == 0
        nothing_is_asked(watched)
        watched.ends()
    finally:
        lab.virsh("resume", guest.name)
    watched.is_over()


def test_crashed(lab, guest, exporter):
    """By the panic device's port, as the guest's kernel would."""
    watched = Watched(exporter, "crashed")
    lab.virsh("qemu-monitor-command", guest.name, "--hmp", "o /b 0x505 1")
    watched.is_noticed()
    assert lab.virsh("domstate", guest.name, "--reason") == "crashed (panicked)"
    guest.stop()
    watched.ends()
    guest.start()
    watched.is_over()
    guest.wait_for_control()


def test_pmsuspended(lab, guest, exporter):
    watched = Watched(exporter, "pmsuspended")
    with contextlib.suppress(subprocess.SubprocessError):  # sleeping, it does not answer
        lab.virsh("dompmsuspend", guest.name, "mem")
    watched.event("changed")  # its channel may be closed a while before it sleeps
    watched.is_noticed()
    watched.ends()
    lab.virsh("dompmwakeup", guest.name)
    watched.is_over()


def test_rebooting(lab, guest, exporter):
    watched = Watched(exporter, "rebooting")
    lab.virsh("reset", guest.name)
    watched.is_noticed()
    guest.close_control()
    watched.is_over()
    guest.wait_for_control()


def test_shutting_down(lab, guest, exporter):
    """Asked by its agent, while the exporter asks every second."""
    watched = Watched(exporter, "shutting down")
    guest.run("mkdir -p /sbin && printf '#!/bin/sh\\npoweroff -f\\n' >/sbin/shutdown"
              " && chmod +x /sbin/shutdown")
    # It may be off before its agent has answered, which newer libvirt calls an error.
    lab.virsh("shutdown", guest.name, "--mode", "agent", check=False)
    watched.event("stopped")
    watched.is_noticed(lambda metrics: guest.name not in metrics.domains(), watched.leaves)
    guest.close_control()
    watched.ends()
    guest.start()
    watched.is_over()
    guest.wait_for_control()


def test_a_guest_starts(lab, exporter):
    """libvirt makes a machine, paused, before it lets it run: it is starting then."""
    watched = Watched(exporter, "never started", "brief")
    try:
        lab.guest("brief", agent="10.0", fresh=True).start()
        starting = watched.timeline.wait_for_state("brief", "starting", watched.start)
        watched.is_over()
        assert not failures(exporter.metrics(), "brief")
        asked = [call for call in watched.timeline.calls("brief")]
        came = watched.timeline.find(lambda record: record.domain == "brief"
                                     and record.event == "agent_connected")
        assert asked[0].sent >= watched.timeline.records[came].time
        assert starting < came
    finally:
        destroy(lab, "brief")
    watched.is_noticed(lambda metrics: "brief" not in metrics.domains(), watched.leaves)
    assert {"old", "new", "silent", "bare"} <= exporter.metrics().domains()


def test_saved(lab, guest, exporter):
    watched = Watched(exporter, "saved")
    path = os.path.join(lab.directory, "saved")
    lab.virsh("save", guest.name, path)
    watched.timeline.wait_for_state(guest.name, "paused", watched.start)
    watched.event("stopped")
    watched.is_noticed(lambda metrics: guest.name not in metrics.domains(), watched.leaves)
    guest.close_control()
    watched.ends()
    lab.virsh("restore", path)
    watched.is_over()
    guest.wait_for_control()


@pytest.fixture(scope="module", name="other")
def _other():
    """Another host: a libvirtd of its own, and an exporter of its own there."""
    with Lab() as other:
        with observed(other, write_config(other, QUICK_CONFIG)) as there:
            yield other, there


@pytest.fixture(scope="module", name="camp")
def _camp(lab):
    """The nomad, off; and off again when all have had it."""
    guest = lab.guest("nomad", agent="7.2", disk=False, network=False, control=False)
    yield guest
    destroy(lab, "nomad")


@pytest.fixture(name="nomad")
def _nomad(lab, exporter, camp):
    """It is here, wherever the last test has left it."""
    if "nomad" not in lab.virsh("list", "--name").split():
        camp.start().wait_for_agent()
    exporter.wait_for(lambda metrics: metrics.state("nomad") == "responsive", "the guest")
    return camp


def migrate(lab, other, mib_per_s):
    """In the background; the guest has some 110 MiB to send."""
    migration = threading.Thread(target=lab.virsh, daemon=True, args=(
        "migrate", "--live", "--bandwidth", str(mib_per_s), "nomad", other.uri,
        "--migrateuri", f"unix://{other.directory}/migration"),
        kwargs={"timeout_s": 300, "check": False})
    migration.start()
    return migration


def test_migration_given_up(lab, exporter, other, nomad):
    """No event tells of that."""
    watched = Watched(exporter, "migration given up", nomad.name)
    migration = migrate(lab, other[0], 4)
    watched.timeline.wait_for_state("nomad", "migrating", watched.start)
    watched.ends()
    lab.virsh("domjobabort", "nomad")
    watched.now()
    metrics = watched.is_over(lambda metrics: metrics.state("nomad") == "responsive",
                              watched.state("responsive"))
    migration.join()
    assert watched.new_reasons(metrics) == set()


def test_a_machine_that_hangs_on_its_way(lab, guest, exporter, other, nomad):
    """Its QEMU answers nobody; what happens to other domains is seen all the same."""
    start = exporter.timeline.here()
    migration = migrate(lab, other[0], 4)
    exporter.timeline.wait_for_state("nomad", "migrating", start)
    pid = qemu_pid(lab, "nomad")
    os.kill(pid, signal.SIGSTOP)
    try:
        exporter.timeline.wait_for_rounds("old", 5)  # it is looked at every two seconds
        watched = Watched(exporter, "paused")
        lab.virsh("suspend", guest.name)
        watched.is_noticed()
        watched.ends()
        lab.virsh("resume", guest.name)
        watched.is_over()
    finally:
        os.kill(pid, signal.SIGCONT)
        lab.virsh("resume", guest.name, check=False)
        lab.virsh("domjobabort", "nomad", check=False)
        migration.join()
        other[0].virsh("destroy", "nomad", check=False)


def test_migrating(lab, exporter, other, nomad):
    """To another libvirtd, with an exporter of its own; nothing that fails is counted, and
    nothing is asked on the way."""
    other, there = other
    arrives = Watched(there, "migrating", nomad.name, others=())
    watched = Watched(exporter, "migrating", nomad.name)
    migration = migrate(lab, other, 16)
    try:
        arrives.timeline.wait_for_state("nomad", "migrating", arrives.start)
        watched.event("migrates")
        metrics = watched.is_noticed(lambda metrics: True, watched.state("migrating"))
        left = watched.start - 1
        wait_for(lambda: other.virsh("domstate", "nomad") == "running", "it has arrived", 120)
        arrives.now()
        metrics = arrives.is_over(lambda metrics: metrics.state("nomad") == "responsive",
                                  arrives.state("responsive"))
        assert not failures(metrics, "nomad")
        migration.join()
        watched.event("stopped")
        metrics = watched.is_noticed(lambda metrics: "nomad" not in metrics.domains(),
                                     watched.leaves)
        on_its_way = watched.timeline.records[left:watched.start]
        assert not [record for record in on_its_way if record.is_call and record.domain == "nomad"
                    and record.due > on_its_way[0].time]
        assert sum(record.answers("old") for record in on_its_way) >= 2
        assert {record.state for record in on_its_way if record.domain == "nomad"
                and record.state} == {"migrating"}
    finally:
        other.virsh("destroy", "nomad", check=False)
