"""A guest that answers with whatever it likes: the exporter stays well, the other guests'
data whole and the exposition valid."""

import contextlib
import glob
import os
import subprocess

import pytest

import exposition
from conftest import healthy
from guest_truth import has_port_open
from lab.image import ROOT
from lab.process import wait_for
from lab.programs import Exporter, get

HOSTILE = os.path.join(ROOT, "tests", "fixtures", "hostile")
CASES = sorted(os.path.basename(path) for path in glob.glob(os.path.join(HOSTILE, "*.json")))
GUESTS = 4  # several at once, because a change of agent takes a second and a half
BATCHES = [CASES[start:start + GUESTS] for start in range(0, len(CASES), GUESTS)]
# The end of a case's name tells whose reply it plays; without one it is everybody's.
COMMANDS = {
    "agent": "guest-info",
    "clock": "guest-get-time",
    "filesystem": "guest-get-fsinfo",
    "network": "guest-network-get-interfaces",
    "os": "guest-get-osinfo",
    "vcpu": "guest-get-vcpus",
}
RSS_MAX_KIB = int(os.environ.get("QGA_E2E_RSS_MAX", 128 << 20)) >> 10


@pytest.fixture(scope="module", name="hostile")
def _hostile(lab):
    guests = [lab.guest(f"hostile{number}", agent="10.0", disk_files=HOSTILE, network=False)
              for number in range(GUESTS)]
    try:
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.wait_for_agent().wait_for_control()
        yield guests
    finally:
        for guest in guests:
            with contextlib.suppress(subprocess.SubprocessError):  # it may not have started
                guest.stop()
            del lab.guests[guest.name]


def honest(metrics, domain):
    """A command that an impostor has answered with garbage is not asked again."""
    return (metrics.state(domain) == "responsive"
            and bool(metrics.find("qga_os_info", domain=domain, id="qgalab")
                     or metrics.find("qga_collector_avoided", domain=domain, collector="os",
                                     reason="quarantined")))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


@contextlib.contextmanager
def watched(lab, quick_config, guests, cases):
    """In each guest, instead of the agent, one who answers with that file, and an exporter
    that has asked all of them something.  It starts when they are there: one who has
    watched others before may have nothing left that it dares to ask."""
    names = {guest.name: case for guest, case in zip(guests, cases)}
    playing = guests[:len(cases)]
    for guest in playing:
        case = names[guest.name]
        command = COMMANDS.get(case.removesuffix(".json").rpartition("-")[2], "")
        guest.run(f"agent impostor /data/{case} {command}")
    for guest in playing:
        wait_for(lambda guest=guest: has_port_open(guest), f"{names[guest.name]} played", 60)
    with Exporter(lab, f"--config.file={quick_config}", name="hostile") as exporter:
        for guest in playing:
            wait_for(lambda guest=guest: was_asked(guest), f"{names[guest.name]} asked for", 60)
        exporter.wait_for(
            lambda metrics: all(metrics.state(name) not in ("disconnected", "unknown")
                                for name in names), f"{cases} answered", 60)
        yield exporter


def was_asked(guest):
    """By itself, the impostor that is there now."""
    return '"execute"' in guest.run("grep -v guest-sync /run/agent/asked", check=False)


@pytest.mark.parametrize("cases", BATCHES, ids=lambda cases: "+".join(cases))
def test_hostile_replies(lab, quick_config, hostile, cases):
    success = {"domain": "new", "collector": "clock"}
    name = "qga_collector_last_success_timestamp_seconds"
    with watched(lab, quick_config, hostile, cases) as exporter:
        exporter.wait_for(lambda metrics: healthy(metrics, "new") and healthy(metrics, "old"),
                          "the guests beside them", 60)
        before = exporter.metrics().value(name, **success)
        metrics = exporter.wait_for(lambda metrics: metrics.value(name, **success) > before,
                                    "a sample of a guest beside them", 60)
        exposition.check(metrics.text)
        assert healthy(metrics, "new") and healthy(metrics, "old")
        assert resident_kib(exporter.process.pid) < RSS_MAX_KIB


def test_label_text_comes_through_escaped(lab, quick_config, hostile):
    """Quotes, backslashes and newlines of the guest are what Prometheus reads."""
    with watched(lab, quick_config, hostile, ["label-text-os.json"]) as exporter:
        metrics = exporter.wait_for(
            lambda metrics: metrics.find("qga_os_info", domain="hostile0")
            and "qgalab" not in str(metrics.find("qga_os_info", domain="hostile0")),
            "the impostor's operating system", 60)
        exposition.check(metrics.text)
        _, _, body = get(f"{exporter.url}/metrics",
                         headers={"Accept": "application/openmetrics-text"})
    assert "qga_os_info" in exposition.check_openmetrics(body.decode())
    labels = metrics.labels("qga_os_info", domain="hostile0")
    text = "".join(labels.values())
    assert all(character in text for character in '"\\\n'), labels


def test_the_honest_agents_are_seen_again(hostile, exporter):
    for guest in hostile:
        guest.run("agent release")
    for guest in hostile:
        wait_for(lambda guest=guest: answers_libvirt(guest), f"the agent of {guest.name}", 120, 0.5)
    for guest in hostile:
        exporter.wait_for(lambda metrics, guest=guest: honest(metrics, guest.name),
                          f"the honest agent of {guest.name} seen again")


def answers_libvirt(guest):
    """QEMU may have missed that the port was closed; libvirt then keeps the error which the
    last impostor has caused, until the port is closed again."""
    with contextlib.suppress(subprocess.SubprocessError):
        return guest.agent_command("guest-get-time")
    guest.run("agent kill", check=False)
    return None
