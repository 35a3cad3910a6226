"""A guest that answers with whatever it likes: the exporter stays well, the other guests'
data whole and the exposition valid."""

import glob
import os

import pytest

import exposition
from conftest import healthy
from lab.image import ROOT

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
def _hostile(lab, exporter):
    guests = [lab.guest(f"hostile{number}", agent="10.0", disk_files=HOSTILE, network=False)
              for number in range(GUESTS)]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.wait_for_agent().wait_for_control()
    yield guests
    for guest in guests:
        guest.run("agent release")
    exporter.wait_for(lambda metrics: all(honest(metrics, guest.name) for guest in guests),
                      "the honest agents seen again", 30)
    for guest in guests:
        guest.stop()


def honest(metrics, domain):
    return (metrics.state(domain) == "responsive"
            and bool(metrics.find("qga_os_info", domain=domain, id="qgalab")))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def impersonate(guests, exporter, cases):
    """In each guest, instead of the agent, one who answers with that file; returns when
    all were asked something."""
    names = {guest.name: case for guest, case in zip(guests, cases)}
    calls = {}
    for guest in guests[:len(cases)]:
        case = names[guest.name]
        command = COMMANDS.get(case.removesuffix(".json").rpartition("-")[2], "")
        guest.run(f"agent impostor /data/{case} {command}")
        # Each by itself: the first may have come when the last is just going.
        metrics = exporter.wait_for(
            lambda metrics, name=guest.name: metrics.state(name) == "disconnected",
            f"the agent gone that {case} replaces", 5, 0.02)
        calls[guest.name] = metrics.value("qga_agent_calls_total", domain=guest.name)
    return exporter.wait_for(
        lambda metrics: all(
            metrics.value("qga_agent_calls_total", domain=name) > calls[name]
            and metrics.state(name) not in ("disconnected", "unknown") for name in names),
        f"{cases} asked for")


@pytest.mark.parametrize("cases", BATCHES, ids=lambda cases: "+".join(cases))
def test_hostile_replies(hostile, exporter, cases):
    success = {"domain": "new", "collector": "clock"}
    name = "qga_collector_last_success_timestamp_seconds"
    before = impersonate(hostile, exporter, cases).value(name, **success)
    metrics = exporter.wait_for(lambda metrics: metrics.value(name, **success) > before,
                                "a sample of a guest beside them", 5)
    exposition.check(metrics.text)
    assert healthy(metrics, "new") and healthy(metrics, "old")
    assert resident_kib(exporter.process.pid) < RSS_MAX_KIB


def test_label_text_comes_through_escaped(hostile, exporter):
    """Quotes, backslashes and newlines of the guest are what Prometheus reads."""
    impersonate(hostile, exporter, ["label-text-os.json"])
    metrics = exporter.wait_for(
        lambda metrics: metrics.find("qga_os_info", domain="hostile0")
        and "qgalab" not in str(metrics.find("qga_os_info", domain="hostile0")),
        "the impostor's operating system")
    exposition.check(metrics.text)
    labels = metrics.labels("qga_os_info", domain="hostile0")
    text = "".join(labels.values())
    assert all(character in text for character in '"\\\n'), labels
