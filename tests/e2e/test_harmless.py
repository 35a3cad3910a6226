"""Polling does no harm: backups, shutdowns and other clients of the agent work as without
it, and the agent is sent nothing but the registry's questions."""

import contextlib
import os
import re
import subprocess
import threading
import time

import pytest

from conftest import QUICK_CONFIG, healthy, write_config
from guest_truth import has_port_open
from lab.process import Process, program, wait_for
from lab.programs import EXPORTER, Exporter
# pylint: disable-next=unused-import
from watched import exporter_fixture

BACKUPS = 8
VISIT_CALLS = 6  # of the collectors of QUICK_CONFIG, all asked every second or two
ROUNDS = 8
EACH_S = 0.8  # a second; the first may have been late, and the last not
NAMES = {"7.2": "harmless-old", "10.0": "harmless-new"}


@pytest.fixture(scope="module", name="quick_config")
def _quick_config(lab):
    """With the longest timeout: what a call holds up is to be seen."""
    return write_config(lab, QUICK_CONFIG.replace("timeout: 2s", "timeout: 4s"))


@pytest.fixture(scope="module", name="guests")
def _guests(lab, exporter):
    """One of each agent generation, by it."""
    guests = {agent: lab.guest(name, agent=agent) for agent, name in NAMES.items()}
    try:
        for guest in guests.values():
            guest.start()
        for guest in guests.values():
            guest.wait_for_agent().wait_for_control()
        exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in NAMES.values()),
                          "the guests", 60)
        yield guests
    finally:
        for guest in guests.values():
            with contextlib.suppress(subprocess.SubprocessError):  # it may be off
                guest.stop()
            del lab.guests[guest.name]


def calls(metrics, name):
    return metrics.value("qga_agent_calls_total", domain=name)


def asked_again(exporter, name, metrics, more=1):
    """When so many more calls were made than in these metrics."""
    wanted = calls(metrics, name) + more
    return exporter.wait_for(lambda metrics: calls(metrics, name) >= wanted, "it is asked on", 60)


def registry():
    """The commands that the exporter can send."""
    listing = subprocess.run([EXPORTER, "--list-collectors"], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    return set(re.findall(r"\bguest-[a-z-]+", listing))


@pytest.mark.parametrize("agent", NAMES)
def test_backups_go_through(lab, exporter, guests, agent):
    """Freeze, work, thaw, again and again, while the exporter asks every second."""
    name = guests[agent].name
    before = metrics = exporter.metrics()
    for number in range(BACKUPS):
        lab.virsh("domfsfreeze", name)
        assert guests[agent].run("cat /proc/uptime")  # frozen is /data alone
        time.sleep(number / BACKUPS)  # at another moment of the exporter's second
        lab.virsh("domfsthaw", name)
        metrics = asked_again(exporter, name, metrics)
    metrics = exporter.wait_for(lambda metrics: metrics.state(name) == "responsive",
                                "the guest after its backups", 60)
    assert failures(metrics, name) == failures(before, name)


def failures(metrics, name):
    """Without those that tell of no harm: a command may be called disabled by a freeze."""
    return sum(value for _, value in metrics.find("qga_agent_failures_total", domain=name))


def test_two_clients_at_once(lab, exporter, guests):
    """As often as they can: none is refused, and the exporter's questions go on."""
    name = guests["10.0"].name
    before = exporter.metrics()
    wrong = []

    def other_client():
        for _ in range(30):
            try:
                lab.virsh("qemu-agent-command", name, '{"execute": "guest-get-host-name"}')
            except subprocess.SubprocessError as error:
                wrong.append(error)

    clients = [threading.Thread(target=other_client) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert not wrong
    metrics = asked_again(exporter, name, before, VISIT_CALLS)
    assert failures(metrics, name) == failures(before, name)
    exporter.wait_for(lambda metrics: healthy(metrics, name), "the guest after it", 60)


def test_a_freeze_in_a_visit_waits_for_one_call(lab, exporter, guests):
    """It begins while a call is outstanding, and is done before the visit is."""
    guest = guests["10.0"]
    made = []
    for _ in range(60):
        exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the guest")
        calls = calls_before_a_freeze(lab, exporter, guest)
        if calls is None:  # on a busy machine the call ends before virsh is there
            continue
        made.append(calls)  # ... or virsh comes to its turn later than it seems
        if calls <= VISIT_CALLS / 2:
            return
        if len(made) == 8:
            break
    raise AssertionError(f"a freeze waits for the rest of the visit: {made} calls")


def calls_before_a_freeze(lab, exporter, guest):
    """How many of the exporter's calls ended from when the agent was free until it was
    frozen; None if the exporter had given up its call until then."""
    before = exporter.metrics()
    guest.run("agent stop")
    try:
        hangs = exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes_in_use") > 0,
                                  "a call in the stopped agent", interval_s=0.01)
        freeze = Process([program("virsh"), "-q", "-c", lab.uri, "domfsfreeze", guest.name],
                         os.path.join(lab.directory, "freeze.log"))
        wait_until_idle(freeze.pid)
    finally:
        guest.run("agent cont")
    assert freeze.wait(60) == 0, freeze.log()
    frozen = exporter.metrics()
    lab.virsh("domfsthaw", guest.name)
    if failures(frozen, guest.name) > failures(before, guest.name):
        return None
    return calls(frozen, guest.name) - calls(hangs, guest.name)


def wait_until_idle(pid):
    """Until the process waits for somebody else: it sleeps, and gets no processor time, for
    twenty looks."""
    seen = []

    def idle():
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        seen.append((fields[0], fields[11], fields[12]))
        return fields[0] == "S" and len(seen) >= 20 and len(set(seen[-20:])) == 1

    wait_for(idle, "virsh waits for its turn")


@pytest.mark.parametrize("agent", NAMES)
def test_shutdown_by_the_agent(lab, exporter, guests, agent):
    guest = guests[agent]
    guest.run("mkdir -p /sbin && printf '#!/bin/sh\\npoweroff -f\\n' >/sbin/shutdown"
              " && chmod +x /sbin/shutdown")
    # Off before the agent has answered is an error to newer libvirt.
    lab.virsh("shutdown", guest.name, "--mode", "agent", check=False)
    wait_for(lambda: guest.name not in lab.virsh("list", "--name").split(), "it is off", 60)
    guest.close_control()
    guest.start().wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "it is back", 60)


def test_an_exporter_killed_in_mid_call_leaves_no_job(lab, quick_config, guests):
    """The agent's job in libvirt ends with the call's timeout, not with the caller."""
    guest = guests["7.2"]
    exporter = Exporter(lab, f"--config.file={quick_config}", name="killed")
    with exporter:
        exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the guest", 60)
        guest.run("agent stop")
        try:
            exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes_in_use") > 0,
                              "a call in the stopped agent", 60, 0.01)
            exporter.process.kill()
            # libvirt waits for another's job for 30 s, and then says so.
            done = lab.virsh("qemu-agent-command", guest.name, "--timeout", "1",
                             '{"execute": "guest-get-time"}', timeout_s=90, check=False)
        finally:
            guest.run("agent cont")
    assert done.returncode != 0 and "lock" not in done.stderr, done.stderr
    guest.wait_for_agent()


def test_only_the_registry_is_asked(lab, exporter, guests):
    """Told by the guest's side: an agent that notes what it is asked."""
    guest = guests["10.0"]
    guest.run("agent impostor -recorder /nowhere")
    try:
        wait_for(lambda: has_port_open(guest), "the recorder at the port", 60)
        metrics = exporter.metrics()
        wait_for(lambda: len(commands_in(guest.run("cat /run/agent/asked", check=False))) > 5,
                 "the first visit", 60)
        asked_again(exporter, guest.name, metrics, 3 * VISIT_CALLS)
        asked = guest.run("cat /run/agent/asked")
    finally:
        guest.run("agent release")
    exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the agent again", 60)
    commands = commands_in(asked)
    assert commands <= registry() | {"guest-sync", "guest-sync-delimited"}
    assert "guest-ping" not in commands
    # No arguments but the sync's.
    for line in asked.splitlines():
        assert "guest-sync" in line or "arguments" not in line, line


def commands_in(asked):
    return set(re.findall(r'"execute": *"([^"]*)"', asked))


def test_no_more_calls_than_configured(exporter, guests):
    """Six each second, by the exporter's own clock: when each was due."""
    name = guests["10.0"].name
    start = exporter.timeline.here()
    exporter.timeline.wait_for_rounds(name, ROUNDS)
    dues = {}
    for call in exporter.timeline.calls(name, start):
        dues.setdefault(call.command, []).append(call.due)
    again = {command: due for command, due in dues.items() if len(due) > ROUNDS / 2}
    print({command: f"{len(due)} in {due[-1] - due[0]:.2f} s" for command, due in again.items()})
    assert len(again) <= VISIT_CALLS
    for command, due in again.items():
        assert due[-1] - due[0] >= EACH_S * (len(due) - 1), command
