"""The faults of faults.py that are the domain's: it does not run, or not here."""

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import Exporter
from watched import Watched, failures, reboots, returns
from watched import fault_domain_fixture, guest_fixture  # pylint: disable=unused-import


def test_paused(lab, guest, exporter):
    watched = Watched(exporter, "paused")
    lab.virsh("suspend", guest.name)
    watched.begins()
    watched.is_noticed()
    lab.virsh("resume", guest.name)
    watched.ends()
    watched.is_over()


def test_crashed(lab, guest, exporter):
    """By the panic device's port, as the guest's kernel would."""
    watched = Watched(exporter, "crashed")
    lab.virsh("qemu-monitor-command", guest.name, "--hmp", "o /b 0x505 1")
    watched.begins()
    watched.is_noticed()
    assert lab.virsh("domstate", guest.name, "--reason") == "crashed (panicked)"
    guest.stop()
    guest.start()
    returns(lab, guest)
    watched.ends()
    watched.is_over()
    guest.wait_for_control()


def test_pmsuspended(lab, guest, exporter):
    watched = Watched(exporter, "pmsuspended")
    with contextlib.suppress(subprocess.SubprocessError):  # sleeping, it does not answer
        lab.virsh("dompmsuspend", guest.name, "mem")
    wait_for(lambda: lab.virsh("domstate", guest.name) == "pmsuspended", "the guest sleeps", 20,
             0.02)
    watched.begins()
    watched.is_noticed()
    lab.virsh("dompmwakeup", guest.name)
    wait_for(lambda: lab.virsh("domstate", guest.name) == "running", "the guest wakes", 20, 0.02)
    returns(lab, guest)
    watched.ends()
    watched.is_over()


def test_rebooting(lab, guest, exporter):
    watched = Watched(exporter, "rebooting")
    lab.virsh("reset", guest.name)
    watched.begins()
    watched.is_noticed()
    reboots(lab, guest)
    watched.ends()
    watched.is_over()
    guest.wait_for_control()


def test_shutting_down(lab, guest, exporter):
    """Asked by its agent, while the exporter asks every second."""
    watched = Watched(exporter, "shutting down")
    guest.run("mkdir -p /sbin && printf '#!/bin/sh\\npoweroff -f\\n' >/sbin/shutdown"
              " && chmod +x /sbin/shutdown")
    lab.virsh("shutdown", guest.name, "--mode", "agent")
    wait_for(lambda: guest.name not in lab.virsh("list", "--name").split(), "it is off", 20, 0.02)
    watched.begins()
    watched.is_noticed(lambda metrics: guest.name not in metrics.domains())
    guest.close_control()
    guest.start()
    returns(lab, guest)
    watched.ends()
    watched.is_over()
    guest.wait_for_control()


def test_saved(lab, guest, exporter):
    watched = Watched(exporter, "saved")
    path = os.path.join(lab.directory, "saved")
    lab.virsh("save", guest.name, path)
    watched.begins()
    watched.is_noticed(lambda metrics: guest.name not in metrics.domains())
    guest.close_control()
    lab.virsh("restore", path)
    watched.ends()
    watched.is_over()
    guest.wait_for_control()


@pytest.fixture(scope="module", name="other")
def _other():
    """Another host: a libvirtd of its own, and an exporter of its own there."""
    with Lab() as other:
        config = write_config(other, QUICK_CONFIG)
        with Exporter(other, f"--config.file={config}") as there:
            yield other, there


@pytest.fixture(name="nomad")
def _nomad(lab, exporter):
    guest = lab.guest("nomad", agent="7.2", disk=False, network=False, control=False)
    guest.start().wait_for_agent()
    exporter.wait_for(lambda metrics: metrics.state("nomad") == "responsive", "the guest", 10)
    yield guest
    if "nomad" in lab.virsh("list", "--name").split():
        guest.stop()


def migrate(lab, other, mib_per_s):
    """In the background; the guest has some 110 MiB to send."""
    migration = threading.Thread(target=lab.virsh, daemon=True, args=(
        "migrate", "--live", "--bandwidth", str(mib_per_s), "nomad", other.uri,
        "--migrateuri", f"unix://{other.directory}/migration"),
        kwargs={"timeout_s": 120, "check": False})
    migration.start()
    return migration


def test_migrating(lab, exporter, other, nomad):
    """To another libvirtd, with an exporter of its own; nothing that fails is counted, and
    nothing is asked on the way."""
    other, there = other
    watched = Watched(exporter, "migrating", nomad.name)
    migration = migrate(lab, other, 16)
    there.wait_for(lambda metrics: metrics.state("nomad") == "migrating", "it is announced", 10,
                   0.02)
    watched.begins()
    watched.is_noticed(lambda metrics: metrics.state("nomad") == "migrating")
    time.sleep(1)  # a call that was on its way comes back
    calls = exporter.metrics().value("qga_agent_calls_total", domain="nomad")
    time.sleep(2)
    metrics = exporter.metrics()
    assert lab.virsh("domstate", "nomad") == "running"
    assert metrics.state("nomad") == "migrating"
    # One may have been on its way when it began.
    assert metrics.value("qga_agent_calls_total", domain="nomad") <= calls + 1
    assert watched.new_reasons(metrics) == set()
    wait_for(lambda: other.virsh("domstate", "nomad") == "running", "it has arrived", 90, 0.02)
    arrived = Watched(there, "migrating", "nomad")
    metrics = arrived.is_over(lambda metrics: metrics.state("nomad") == "responsive")
    assert not failures(metrics, "nomad")
    migration.join(20)
    watched.begins()
    watched.is_noticed(lambda metrics: "nomad" not in metrics.domains())
    other.virsh("destroy", "nomad")


def test_migration_given_up(lab, exporter, other, nomad):
    """No event tells of that."""
    watched = Watched(exporter, "migration given up", nomad.name)
    migration = migrate(lab, other[0], 4)
    exporter.wait_for(lambda metrics: metrics.state("nomad") == "migrating", "on its way", 10)
    lab.virsh("domjobabort", "nomad")
    migration.join(20)
    watched.ends()
    metrics = watched.is_over(lambda metrics: metrics.state("nomad") == "responsive")
    assert watched.new_reasons(metrics) == set()


def qemu(lab, name):
    """The process of the lab's domain."""
    namespace = os.readlink(f"/proc/{lab.init_pid}/ns/pid")

    def is_it(pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            return (b"\0guest=" + name.encode() + b"," in file.read()
                    and os.readlink(f"/proc/{pid}/ns/pid") == namespace)
        return False
    found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_it(pid)]
    assert len(found) == 1, found
    return found[0]


def test_a_machine_that_hangs_on_its_way(lab, guest, exporter, other, nomad):
    """Its QEMU answers nobody; what happens to other domains is seen all the same."""
    migration = migrate(lab, other[0], 4)
    exporter.wait_for(lambda metrics: metrics.state("nomad") == "migrating", "on its way", 10)
    pid = qemu(lab, "nomad")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(5)  # it is looked at every two
        watched = Watched(exporter, "paused")
        lab.virsh("suspend", guest.name)
        watched.begins()
        watched.is_noticed()
        lab.virsh("resume", guest.name)
        watched.ends()
        watched.is_over()
    finally:
        os.kill(pid, signal.SIGCONT)
    lab.virsh("domjobabort", "nomad", check=False)
    migration.join(60)
    exporter.wait_for(lambda metrics: metrics.state("nomad") in (None, "responsive"),
                      "it is here or there", 30)
