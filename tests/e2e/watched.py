"""What the tests of faults share: a guest that has the fault, an exporter beside it, and
the times that faults.py allows; and what it costs the other guests: nothing."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from conftest import healthy
from faults import FAULTS
from lab.image import ROOT
from lab.process import wait_for

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


@pytest.fixture(scope="module", name="fault_domain")
def fault_domain_fixture(lab, exporter):
    """The one that everything happens to."""
    with recorded_disk(lab) as files:
        guest = lab.guest(NAME, agent="10.0", devices=PANIC, on_crash="preserve",
                          disk_files=files)
        guest.start()
    guest.wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest answers")
    yield guest
    guest.stop()


@pytest.fixture(name="guest")
def guest_fixture(fault_domain, exporter):
    """The same, and well again after the test."""
    yield fault_domain
    try:
        exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest after the test", 15)
    except AssertionError:  # the test has failed: the next one begins anew
        begin_anew(fault_domain, exporter)


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


def commands(guest):
    """What the impostor was asked, in order."""
    return re.findall(r'"execute": *"([^"]*)"', guest.run("cat /run/agent/asked"))
