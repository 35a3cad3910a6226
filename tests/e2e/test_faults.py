"""Every fault of faults.py, brought about on real guests: its state, its reason, how soon
it is noticed and how soon it is over, and what it costs the other guests: nothing."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import QUICK_CONFIG, healthy, write_config
from faults import FAULTS
from lab.image import ROOT
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import Exporter

# A sanitizer's build, and a guest's kernel without KVM, take their time.
SLACK_S = float(os.environ.get("QGA_E2E_SLACK", "0.5"))
FRESH_S = 4 + SLACK_S  # the others' values, asked every second
NAME = "fault"
PANIC = "<panic model='isa'/>"
GUEST_INFO = {"return": {"version": "9.9.9", "supported_commands": [
    {"name": name, "enabled": True, "success-response": True} for name in
    ("guest-info", "guest-get-time", "guest-get-osinfo", "guest-fsfreeze-status",
     "guest-get-vcpus", "guest-get-fsinfo", "guest-network-get-interfaces")]}}


def successes(metrics, domain, collector="clock"):
    return metrics.value("qga_collector_last_success_timestamp_seconds", domain=domain,
                         collector=collector) or 0


def failures(metrics, domain):
    return {labels["reason"]: value for labels, value in
            metrics.find("qga_agent_failures_total", domain=domain)}


def is_connected(lab, name):
    return "name='org.qemu.guest_agent.0' state='connected'" in lab.virsh("dumpxml", name)


class Watched:
    """An exporter beside a guest with a fault: takes the times, and looks after the others."""

    def __init__(self, exporter, fault, name=NAME):
        self.exporter = exporter
        self.fault = FAULTS[fault]
        self.name = name
        self.before = failures(exporter.metrics(), name)
        self.since = time.monotonic()

    def others_are_fresh(self, metrics):
        for other in ("old", "new"):
            age = time.time() - successes(metrics, other)
            assert age < FRESH_S, f"{other} is {age:.1f} s old"

    def _within(self, bound, condition, what):
        metrics = self.exporter.wait_for(condition, what, bound.seconds + SLACK_S + 5, 0.02)
        took = time.monotonic() - self.since
        print(f"{what}: {took:.2f} s (at most {bound.seconds:g})")
        assert took <= bound.seconds + SLACK_S, what
        return metrics

    def begins(self):
        self.before = failures(self.exporter.metrics(), self.name)
        self.since = time.monotonic()

    def new_reasons(self, metrics):
        """The reasons counted since it began."""
        return {reason for reason, count in failures(metrics, self.name).items()
                if count > self.before.get(reason, 0)}

    def is_noticed(self, condition=None, others=True):
        condition = condition or (
            lambda metrics: metrics.state(self.name) == self.fault.state
            and (not self.fault.reason or self.fault.reason in failures(metrics, self.name)))
        metrics = self._within(self.fault.notice, condition, f"{self.name} noticed")
        if others:
            self.others_are_fresh(metrics)
        if self.fault.reason:
            wanted = {self.fault.reason}
            assert self.new_reasons(metrics) >= wanted, failures(metrics, self.name)
        return metrics

    def ends(self):
        self.since = time.monotonic()

    def is_over(self, condition=None):
        condition = condition or (lambda metrics: healthy(metrics, self.name))
        return self._within(self.fault.recover, condition, f"{self.name} well again")


@pytest.fixture(scope="module", name="guest")
def _guest(lab, exporter):
    """The one that everything happens to."""
    with recorded_disk(lab) as files:
        guest = lab.guest(NAME, agent="10.0", devices=PANIC, on_crash="preserve",
                          disk_files=files)
        guest.start()
    guest.wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest answers")
    yield guest
    guest.stop()


@contextlib.contextmanager
def recorded_disk(lab):
    """What a recorder answers: COMMAND.json."""
    folder = os.path.join(lab.directory, "recorded")
    os.makedirs(folder, exist_ok=True)
    for command, fixture in (("guest-get-osinfo", "os"), ("guest-get-vcpus", "vcpu"),
                             ("guest-get-fsinfo", "filesystem"),
                             ("guest-network-get-interfaces", "network")):
        shutil.copy(os.path.join(ROOT, f"tests/fixtures/{fixture}/qga-10.0.json"),
                    os.path.join(folder, f"{command}.json"))
    with open(os.path.join(folder, "guest-info.json"), "w", encoding="ascii") as file:
        json.dump(GUEST_INFO, file)
    shutil.copy(os.path.join(ROOT, "tests/fixtures/hostile/not-json.json"), folder)
    yield folder


@pytest.fixture(autouse=True, name="well_afterwards")
def _well_afterwards(request):
    yield
    if "guest" not in request.fixturenames:
        return
    guest, exporter = (request.getfixturevalue(name) for name in ("guest", "exporter"))
    try:
        exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest after the test", 15)
    except AssertionError:  # the test has failed: the next one begins anew
        begin_anew(guest, exporter)


def begin_anew(guest, exporter):
    with contextlib.suppress(subprocess.SubprocessError):
        guest.stop()
    exporter.wait_for(lambda metrics: NAME not in metrics.domains(), "the guest is off")
    guest.start()
    returns(guest.lab, guest)
    guest.wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest anew", 30)


def returns(lab, guest):
    """When the agent is back, as libvirt sees it."""
    wait_for(lambda: is_connected(lab, guest.name), "the agent's port is open", 60, 0.01)


def reboots(lab, guest):
    guest.close_control()
    returns(lab, guest)


def as_impostor(guest, exporter, *arguments):
    """Returns when the agent is gone and the impostor about to come."""
    guest.run("agent impostor " + " ".join(arguments))
    exporter.wait_for(lambda metrics: metrics.state(guest.name) == "disconnected",
                      "the agent gone", 5, 0.02)
    returns(guest.lab, guest)


def release(lab, guest, exporter):
    guest.run("agent release")
    exporter.wait_for(lambda metrics: metrics.state(guest.name) == "disconnected",
                      "the impostor gone", 5, 0.02)
    returns(lab, guest)


# No agent

def test_no_channel(lab, exporter):
    bare = Watched(exporter, "no channel", "bare")
    metrics = bare.is_noticed()
    assert metrics.value("qga_agent_calls_total", domain="bare") == 0
    path = os.path.join(lab.directory, "channel.xml")
    with open(path, "w", encoding="ascii") as file:
        file.write("<channel type='unix'>"
                   "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>")
    lab.virsh("attach-device", "bare", path, "--live")
    bare.ends()
    bare.is_over(lambda metrics: metrics.state("bare") == "disconnected")
    channel = re.search(r"<channel.*?alias name='(.*?)'", lab.virsh("dumpxml", "bare"), re.S)
    lab.virsh("detach-device-alias", "bare", channel.group(1), "--live")
    wait_for(lambda: "<channel" not in lab.virsh("dumpxml", "bare"), "the channel gone", 10, 0.02)
    bare.begins()
    bare.is_noticed()


def test_never_started(lab, exporter):
    silent = Watched(exporter, "never started", "silent")
    metrics = silent.is_noticed()
    assert metrics.value("qga_agent_calls_total", domain="silent") == 0
    guest = lab.guests["silent"]
    guest.wait_for_control().run("agent start 10.0 >/dev/null 2>&1 &")
    try:
        returns(lab, guest)
        silent.ends()
        silent.is_over()
    finally:
        guest.run("agent hold")


def test_killed(lab, guest, exporter):
    watched = Watched(exporter, "killed")
    guest.run("agent hold")
    watched.is_noticed()
    guest.run("agent release")
    returns(lab, guest)
    watched.ends()
    watched.is_over()


def test_hung(guest, exporter):
    watched = Watched(exporter, "hung")
    guest.run("agent stop")
    watched.is_noticed()
    guest.run("agent cont")
    watched.ends()
    watched.is_over()


# The domain does not run

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


def test_migrating(lab, exporter):
    """To another libvirtd, with an exporter of its own."""
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(Lab())
        config = write_config(other, QUICK_CONFIG)
        there = stack.enter_context(Exporter(other, f"--config.file={config}"))
        guest = lab.guest("nomad", agent="7.2", disk=False, network=False, control=False)
        guest.start().wait_for_agent()
        exporter.wait_for(lambda metrics: metrics.state("nomad") == "responsive", "the guest", 10)
        watched = Watched(exporter, "migrating", "nomad")
        migration = threading.Thread(target=lab.virsh, daemon=True, args=(
            "migrate", "--live", "--bandwidth", "8", "nomad", other.uri,
            "--migrateuri", f"unix://{other.directory}/migration"), kwargs={"timeout_s": 120})
        migration.start()
        there.wait_for(lambda metrics: metrics.state("nomad") == "paused", "it is on its way", 10)
        metrics = exporter.metrics()
        assert metrics.state("nomad") == "responsive"
        watched.others_are_fresh(metrics)
        wait_for(lambda: other.virsh("domstate", "nomad") == "running", "it has arrived", 90, 0.02)
        arrived = Watched(there, "migrating", "nomad")
        arrived.is_over(lambda metrics: metrics.state("nomad") == "responsive")
        migration.join(20)
        watched.begins()
        watched.is_noticed(lambda metrics: "nomad" not in metrics.domains())
        other.virsh("destroy", "nomad")


# What the agent cannot or may not do

def test_unknown_command(lab, guest, exporter):
    watched = Watched(exporter, "unknown command")
    as_impostor(guest, exporter, "-recorder", "/nowhere")
    watched.begins()
    metrics = watched.is_noticed(
        lambda metrics: metrics.state(NAME) == "responsive"
        and metrics.value("qga_collector_supported", domain=NAME, collector="vcpu") == 0)
    assert metrics.value("qga_up", domain=NAME) == 1
    asked = guest.run("grep -c guest-get-vcpus /run/agent/asked")
    time.sleep(3)
    assert guest.run("grep -c guest-get-vcpus /run/agent/asked") == asked == "1\n"
    release(lab, guest, exporter)
    watched.ends()
    watched.is_over()


def test_disabled_command(lab, guest, exporter):
    watched = Watched(exporter, "disabled command")
    guest.run("agent options -b guest-get-vcpus && agent kill")
    watched.begins()
    metrics = watched.is_noticed(
        lambda metrics: metrics.value("qga_collector_supported", domain=NAME,
                                      collector="vcpu") == 0
        and metrics.state(NAME) == "responsive")
    assert metrics.value("qga_up", domain=NAME) == 1
    time.sleep(3)
    metrics = exporter.metrics()
    assert not metrics.find("qga_vcpu_online", domain=NAME)
    # At most once, if it was asked before guest-info had told.
    assert failures(metrics, NAME).get("disabled", 0) <= watched.before.get("disabled", 0) + 1
    assert metrics.find("qga_os_info", domain=NAME)
    guest.run("agent options && agent hold")
    exporter.wait_for(lambda metrics: metrics.state(NAME) == "disconnected", "the agent gone", 5)
    guest.run("agent release")
    returns(lab, guest)
    watched.ends()
    watched.is_over()


# Others at work

def test_frozen(lab, guest, exporter):
    """What is asked meanwhile is told by the guest's side."""
    watched = Watched(exporter, "frozen")
    as_impostor(guest, exporter, "-recorder", "/data")
    exporter.wait_for(lambda metrics: metrics.value("qga_up", domain=NAME) == 1
                      and metrics.find("qga_vcpu_online", domain=NAME), "the recorder answers")
    lab.virsh("domfsfreeze", NAME)
    watched.begins()
    watched.is_noticed()
    first = exporter.wait_for(
        lambda metrics: metrics.find("qga_agent_frozen_seconds", domain=NAME),
        "the agent's word for it", 10).value("qga_agent_frozen_seconds", domain=NAME)
    exporter.wait_for(lambda metrics: metrics.value("qga_agent_frozen_seconds", domain=NAME)
                      >= first + 9, "two more answers", 20)
    metrics = exporter.metrics()
    assert metrics.value("qga_up", domain=NAME) == 1
    assert watched.new_reasons(metrics) == set()
    lab.virsh("domfsthaw", NAME)
    watched.ends()
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive")
    assert not metrics.find("qga_agent_frozen_seconds", domain=NAME)
    asked = commands(guest)
    frozen = asked[asked.index("guest-fsfreeze-freeze") + 1:asked.index("guest-fsfreeze-thaw")]
    # The first call cannot know.
    assert set(frozen[1:]) <= {"guest-fsfreeze-status", "guest-sync"}, frozen
    assert frozen.count("guest-fsfreeze-status") <= 6, frozen
    release(lab, guest, exporter)


def commands(guest):
    """What the impostor was asked, in order."""
    return re.findall(r'"execute": *"([^"]*)"', guest.run("cat /run/agent/asked"))


def test_busy(lab, guest, exporter):
    """A backup's hook takes its time; the agent is its until then."""
    guest.run("printf '#!/bin/sh\\n[ $1 = thaw ] || sleep 60\\n' >/run/hook && chmod +x /run/hook"
              " && agent options -F/run/hook && agent kill")
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the agent with the hook", 20)
    time.sleep(1)  # QEMU tells libvirt of a channel once a second at most
    guest.wait_for_agent()
    watched = Watched(exporter, "busy")
    freeze = threading.Thread(target=lab.virsh, args=("domfsfreeze", NAME), daemon=True,
                              kwargs={"timeout_s": 120})
    freeze.start()
    watched.begins()
    metrics = watched.is_noticed(lambda metrics: busy_calls(metrics) > 0)
    assert watched.new_reasons(metrics) == set()
    assert metrics.value("qga_agent_consecutive_failures", domain=NAME) == 0
    freeze.join(90)
    lab.virsh("domfsthaw", NAME)
    watched.ends()
    watched.is_over()
    guest.run("agent options && agent kill")


def busy_calls(metrics):
    return sum(value for labels, value in metrics.find("qga_exporter_calls_total")
               if labels["outcome"] == "busy")


def test_denied(lab, quick_config, exporter):
    with Exporter(lab, f"--config.file={quick_config}", uri=lab.uri + "-ro",
                  name="read-only") as reader:
        watched = Watched(reader, "denied", "old")
        watched.is_noticed(others=False)
        metrics = reader.metrics()
        assert metrics.value("qga_exporter_source_up") == 1
        assert metrics.state("bare") == "unconfigured"
        assert "read only access" in reader.process.log()
    assert healthy(exporter.metrics(), "old")


# What cannot be understood

def test_malformed(lab, guest, exporter):
    """What breaks libvirt's channel for everybody is not asked again: that is remembered
    until the domain starts anew."""
    watched = Watched(exporter, "malformed")
    as_impostor(guest, exporter, "/data/not-json.json", "guest-get-vcpus")
    watched.begins()
    watched.is_noticed()
    release(lab, guest, exporter)
    watched.ends()
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive")
    assert metrics.value("qga_collector_avoided", domain=NAME, collector="vcpu",
                         reason="quarantined") == 1
    begin_anew(guest, exporter)


@pytest.mark.parametrize("fault, arguments", [
    ("too large", ["-two-megabytes"]),
    ("out of step", ["-wrong-ids"]),
])
def test_not_to_be_understood(lab, guest, exporter, fault, arguments):
    watched = Watched(exporter, fault)
    as_impostor(guest, exporter, *arguments)
    watched.begins()
    watched.is_noticed()
    release(lab, guest, exporter)
    watched.ends()
    watched.is_over()


# The daemon

def source_up(metrics):
    return metrics.value("qga_exporter_source_up")


def both_answer(metrics):
    return source_up(metrics) == 1 and all(
        healthy(metrics, name) and time.time() - successes(metrics, name) < FRESH_S
        for name in ("old", "new"))


def test_libvirtd_gone(lab, exporter):
    watched = Watched(exporter, "libvirtd gone", "old")
    lab.libvirtd.stop()
    try:
        watched.is_noticed(lambda metrics: source_up(metrics) == 0
                           and metrics.state("old") == "unknown", others=False)
    finally:
        lab.start_libvirtd()
    watched.ends()
    watched.is_over(both_answer)


def test_libvirtd_hung(lab, exporter):
    """The calls in it are given up and counted, and no more threads come than are allowed;
    then the connection is, and no scrape waits for any of it."""
    def figure(name):
        return exporter.metrics().value(name)

    def scrape(metrics):
        started = time.monotonic()
        exporter.metrics()
        assert time.monotonic() - started < 0.5
        threads.append(metrics.value("process_threads"))
        return metrics

    before, threads = figure("qga_exporter_lanes_abandoned_total"), []
    lanes = figure("qga_exporter_lanes")
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        watched = Watched(exporter, "libvirtd hung", "old")
        metrics = watched.is_noticed(
            lambda metrics: source_up(scrape(metrics)) == 0, others=False)
        assert metrics.value("qga_exporter_lanes_abandoned_total") > before
        assert metrics.value("qga_exporter_lanes") <= 2 * lanes
        assert not metrics.find("qga_clock_offset_seconds")
        assert max(threads) <= threads[0] + lanes
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    watched.ends()
    watched.is_over(both_answer)
    exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes") == lanes,
                      "as many lanes as before", 60)


def test_libvirtd_upgraded(lab, exporter):
    """A new program takes the old one's place, and its socket's path."""
    watched = Watched(exporter, "libvirtd restarted", "old")
    program = lab.libvirtd.program
    lab.libvirtd.program = shutil.copy(program, os.path.join(lab.directory, "libvirtd"))
    known = successes(exporter.metrics(), "old")
    try:
        lab.restart_libvirtd()
    finally:
        lab.libvirtd.program = program
    watched.ends()
    watched.is_over(lambda metrics: both_answer(metrics) and successes(metrics, "old") > known + 1)
    assert exporter.process.alive()
    lab.restart_libvirtd()
    exporter.wait_for(both_answer, "everything back", 20)
