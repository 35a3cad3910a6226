"""All collectors on: what they say of real guests is what the guests' kernels say."""

import base64
import struct
import time

import pytest

from conftest import healthy, write_config
from exposition import check
from guest_truth import DISK_FIELDS, cpu_times, disk_counts, routes
from lab.programs import Exporter

GENERATIONS = ("old", "new")
OFF_BY_DEFAULT = ("users", "cpustats", "diskstats", "disks", "routes", "devices")
TOLD_BY_ALL = ("hostname", "timezone", "users", "cpustats", "diskstats", "disks")

CONFIG = "profile: full\ncollectors:\n" + "".join(
    f"  {name}: {{enabled: true, interval: {1 if name == 'clock' else 3}s, timeout: 2s}}\n"
    for name in ("clock", "agent", "os", "vcpu", "network", "filesystem", "load", "hostname",
                 "timezone", *OFF_BY_DEFAULT)) + """
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
limits: {calls_per_minute: 6000}
"""


@pytest.fixture(scope="module", name="everything")
def _everything(lab):
    path = write_config(lab, CONFIG, "everything.yml")
    with Exporter(lab, f"--config.file={path}") as running:
        running.wait_for(
            lambda metrics: all(healthy(metrics, name) for name in GENERATIONS)
            and metrics.find("qga_network_route_info", domain="new")
            and all(metrics.value("qga_collector_success", domain=name, collector=collector)
                    for name in GENERATIONS for collector in TOLD_BY_ALL),
            "the series of both guests, with all collectors")
        yield running


@pytest.fixture(name="metrics")
def _metrics(everything):
    return everything.metrics()


def test_the_exposition_is_strict(metrics):
    check(metrics.text)


@pytest.mark.parametrize("domain", GENERATIONS)
def test_each_collector_tells_of_its_success(metrics, domain):
    for collector in TOLD_BY_ALL:
        labels = {"domain": domain, "collector": collector}
        assert metrics.value("qga_collector_success", **labels) == 1, collector
        assert not metrics.find("qga_collector_dropped_series", **labels), collector


def test_what_an_agent_does_not_have_is_not_supported(metrics):
    for domain, collector, supported in (
            ("old", "load", 0), ("old", "routes", 0), ("old", "devices", 0),
            ("new", "load", 1), ("new", "routes", 1), ("new", "devices", 0)):
        assert metrics.value("qga_collector_supported", domain=domain,
                             collector=collector) == supported, (domain, collector)
    assert not metrics.find("qga_load1", domain="old")


@pytest.mark.parametrize("domain", GENERATIONS)
def test_name_and_zone(lab, metrics, domain):
    name = lab.guests[domain].run("hostname").strip()
    assert metrics.labels("qga_uname_info", domain=domain)["nodename"] == name
    assert metrics.find("qga_time_zone_offset_seconds", domain=domain) == [
        ({"domain": domain, "source": "libvirt", "time_zone": "UTC"}, 0)]


def test_load(new, everything):
    def is_right(metrics):
        words = new.run("cat /proc/loadavg").split()
        return all(abs(metrics.value(f"qga_load{minutes}", domain="new") - float(word)) < 0.02
                   for minutes, word in zip((1, 5, 15), words))

    everything.wait_for(is_right, "the load averages as the guest has them")


def utmp_record(user):
    """One login, as glibc keeps it on x86_64."""
    return struct.pack("<h2xi32s4s32s256shhiii4i20x", 7, 1, b"tty1", b"1", user, b"", 0, 0, 0,
                       int(time.time()), 0, 0, 0, 0, 0)


@pytest.mark.parametrize("domain", GENERATIONS)
def test_users(lab, everything, domain):
    """Each once, however often logged in, and never by name."""
    guest = lab.guests[domain]
    assert everything.metrics().value("qga_users", domain=domain) == 0
    records = b"".join(utmp_record(user) for user in (b"jane", b"jane", b"root"))
    text = base64.b64encode(records).decode("ascii")
    guest.run("mkdir -p /var/run; : >/var/run/utmp.text")
    for start in range(0, len(text), 400):
        guest.run(f"echo {text[start:start + 400]} >>/var/run/utmp.text")
    guest.run("base64 -d /var/run/utmp.text >/var/run/utmp")
    try:
        metrics = everything.wait_for(
            lambda metrics: metrics.value("qga_users", domain=domain) == 2, "two users")
        assert "jane" not in metrics.text
    finally:
        guest.run("rm -f /var/run/utmp /var/run/utmp.text")
    everything.wait_for(lambda metrics: metrics.value("qga_users", domain=domain) == 0,
                        "nobody logged in any more")


def fresh(exporter, domain, collector):
    """Metrics of a call that began after this one, by the exporter's own times."""
    labels = {"domain": domain, "collector": collector}
    now = time.time()

    def began_since(metrics):
        ended = metrics.value("qga_collector_last_success_timestamp_seconds", **labels)
        return ended - metrics.value("qga_collector_duration_seconds", **labels) > now

    return exporter.wait_for(began_since, f"another answer for {collector}", 60)


@pytest.mark.parametrize("domain", GENERATIONS)
def test_cpu_times(lab, everything, domain):
    before = cpu_times(lab.guests[domain])
    metrics = fresh(everything, domain, "cpustats")
    after = cpu_times(lab.guests[domain])
    assert len(metrics.find("qga_cpu_seconds_total", domain=domain)) == len(before) == len(after)
    for (cpu, mode), low in before.items():
        value = metrics.value("qga_cpu_seconds_total", domain=domain, cpu=cpu, mode=mode)
        assert low - 1e-6 <= value <= after[cpu, mode] + 1e-6, (cpu, mode)


@pytest.mark.parametrize("domain", GENERATIONS)
def test_disk_traffic(lab, everything, domain):
    guest = lab.guests[domain]
    start = disk_counts(guest)
    guest.run("dd if=/dev/zero of=/data/written bs=4096 count=64 && sync && rm /data/written")
    before = disk_counts(guest)
    assert before[6] > start[6]
    metrics = fresh(everything, domain, "diskstats")
    after = disk_counts(guest)
    for (name, _), low, high in zip(DISK_FIELDS, before, after):
        value = metrics.value(f"qga_disk_{name}", domain=domain, device="vda")
        assert low - 1e-6 <= value <= high + 1e-6, name


@pytest.mark.parametrize("domain", GENERATIONS)
def test_disk(lab, metrics, domain):
    """The same disk as below the filesystem, so that both join."""
    disk = metrics.labels("qga_disk_info", domain=domain, device="vda")
    below = metrics.labels("qga_filesystem_disk_info", domain=domain, device="vda")
    assert disk["partition"] == "false"
    assert disk["serial"] == lab.guests[domain].disk_serial
    for label in ("serial", "bus", "pci_address"):
        assert disk[label] == below[label]


def test_routes(new, everything):
    truth = routes(new, "eth0")
    assert ("default", "10.0.2.2", "0") in truth
    everything.wait_for(
        lambda metrics: truth == {
            (labels["dest"], labels["gw"], labels["priority"])
            for labels, _ in metrics.find("qga_network_route_info", domain="new",
                                          family="ipv4", device="eth0")},
        "the routes of the guest")


@pytest.mark.parametrize("target_s", [-3600, 90])
def test_a_step_of_the_clock_counts_and_the_offset_holds(old, everything, target_s):
    """The truth comes from the guest's kernel by another way, between two readings of the
    host's clock.  (Smaller offsets, and how far off it may be: test_clock.py.)"""
    def steps(metrics):
        return metrics.value("qga_clock_steps_total", domain="old")

    before = steps(everything.metrics())
    old.set_clock(target_s)
    try:
        everything.wait_for(lambda metrics: steps(metrics) == before + 1, "the step")
        held, asked = 0, 3
        for _ in range(asked):
            lows, highs = zip(old.clock_offset(), old.clock_offset())
            metrics = fresh(everything, "old", "clock")
            offset = metrics.value("qga_clock_offset_seconds", domain="old")
            error = metrics.value("qga_clock_offset_uncertainty_seconds", domain="old")
            assert abs(offset - target_s) < 5 and error > 0
            held += min(lows) - error <= offset <= max(highs) + error
        assert held == asked
        assert steps(everything.metrics()) == before + 1
    finally:
        old.set_clock(0)
        everything.wait_for(lambda metrics: steps(metrics) == before + 2, "the step back")
