"""Polling does no harm: backups, shutdowns and other clients of the agent work as without
it, and the agent is sent nothing but the registry's questions."""

import os
import re
import statistics
import subprocess
import threading
import time

import pytest

from conftest import healthy
from lab.process import wait_for
from lab.programs import EXPORTER, Exporter

BACKUPS = 20
CALL_S = 2.0  # the configured timeout: a freeze waits for one call at most
NAMES = {"7.2": "harmless-old", "10.0": "harmless-new"}


@pytest.fixture(scope="module", name="guests")
def _guests(lab, exporter):
    """One of each agent generation, by it."""
    guests = {agent: lab.guest(name, agent=agent).start() for agent, name in NAMES.items()}
    for guest in guests.values():
        guest.wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in NAMES.values()),
                      "the guests")
    yield guests
    for guest in guests.values():
        guest.stop()


def seconds(call, *arguments):
    started = time.monotonic()
    call(*arguments)
    return time.monotonic() - started


def registry():
    """The commands that the exporter can send."""
    listing = subprocess.run([EXPORTER, "--list-collectors"], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    return set(re.findall(r"\bguest-[a-z-]+", listing))


@pytest.mark.parametrize("agent", NAMES)
def test_backups_go_through(lab, exporter, guests, agent):
    """Freeze, work, thaw, again and again, while the exporter asks every second."""
    name = guests[agent].name
    taken = {"domfsfreeze": [], "domfsthaw": []}
    before = exporter.metrics()
    for number in range(BACKUPS):
        taken["domfsfreeze"].append(seconds(lab.virsh, "domfsfreeze", name))
        assert guests[agent].run("cat /proc/uptime")  # frozen is /data alone
        time.sleep(0.15 * (number % 8))  # at another moment of the exporter's second
        taken["domfsthaw"].append(seconds(lab.virsh, "domfsthaw", name))
        time.sleep(0.6)
    metrics = exporter.wait_for(lambda metrics: metrics.state(name) == "responsive",
                                "the guest after its backups", 10)
    for verb, times in taken.items():
        print(f"{agent} {verb}: median {statistics.median(times):.3f} s, longest {max(times):.3f} s")
        assert max(times) < CALL_S
    assert failures(metrics, name) == failures(before, name)
    assert (metrics.value("qga_agent_calls_total", domain=name)
            > before.value("qga_agent_calls_total", domain=name) + BACKUPS / 4)


def failures(metrics, name):
    """Without those that tell of no harm: a command may be called disabled by a freeze."""
    return sum(value for _, value in metrics.find("qga_agent_failures_total", domain=name))


def test_a_backup_during_a_visit_waits_for_one_call(lab, exporter, guests):
    """Two clients at once, as often as they can: none is refused."""
    name = guests["10.0"].name
    waits, wrong = [], []

    def other_client():
        for _ in range(60):
            try:
                waits.append(seconds(lab.virsh, "qemu-agent-command", name,
                                     '{"execute": "guest-get-host-name"}'))
            except subprocess.SubprocessError as error:
                wrong.append(error)

    clients = [threading.Thread(target=other_client) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert not wrong
    print(f"other client's calls: median {statistics.median(waits):.3f} s, "
          f"longest {max(waits):.3f} s")
    assert max(waits) < CALL_S
    assert healthy(exporter.metrics(), name)


@pytest.mark.parametrize("agent", NAMES)
def test_shutdown_by_the_agent(lab, exporter, guests, agent):
    guest = guests[agent]
    guest.run("mkdir -p /sbin && printf '#!/bin/sh\\npoweroff -f\\n' >/sbin/shutdown"
              " && chmod +x /sbin/shutdown")
    lab.virsh("shutdown", guest.name, "--mode", "agent")
    wait_for(lambda: guest.name not in lab.virsh("list", "--name").split(), "it is off", 20)
    guest.close_control()
    guest.start().wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "it is back")


def test_an_exporter_killed_in_mid_call_leaves_no_job(lab, quick_config, guests):
    """The agent's job in libvirt ends with the call's timeout, not with the caller."""
    guest = guests["7.2"]
    exporter = Exporter(lab, f"--config.file={quick_config}", name="killed")
    with exporter:
        exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the guest")
        guest.run("agent stop")
        exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes_in_use") > 0,
                          "a call in the stopped agent", 10, 0.01)
        exporter.process.kill()
    guest.run("agent cont")
    took = seconds(guest.agent_command, "guest-get-time")
    print(f"the next client's call: {took:.2f} s")
    assert took < CALL_S + 5  # libvirt's sync is the most that it waits for


def test_only_the_registry_is_asked(lab, exporter, guests):
    """Told by the guest's side: an agent that notes what it is asked."""
    guest = guests["10.0"]
    guest.run("agent impostor -recorder /nowhere")
    time.sleep(10)
    asked = guest.run("cat /run/agent/asked")
    guest.run("agent release")
    exporter.wait_for(lambda metrics: healthy(metrics, guest.name), "the agent again", 30)
    commands = set(re.findall(r'"execute": *"([^"]*)"', asked))
    assert len(commands) > 5
    assert commands <= registry() | {"guest-sync", "guest-sync-delimited"}
    assert "guest-ping" not in commands
    # No arguments but the sync's.
    for line in asked.splitlines():
        assert "guest-sync" in line or "arguments" not in line, line


def test_gaps_between_calls(lab, exporter, guests):
    """The others' calls find the agent free nearly all of the time."""
    name = guests["10.0"].name
    labels = {"domain": name}
    busy = []
    for _ in range(10):
        time.sleep(1)
        metrics = exporter.metrics()
        busy.append(sum(value for _, value in
                        metrics.find("qga_collector_duration_seconds", **labels)))
    print(f"the agent is held for {statistics.median(busy):.4f} s of each second")
    assert statistics.median(busy) < 0.25
    assert lab.virsh("domjobinfo", name) is not None and os.path.exists(lab.socket)
