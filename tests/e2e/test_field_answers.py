"""What agents in the field have been seen to say, and what it costs: what is strange."""

import contextlib
import json
import os
import shutil
import tempfile
import types

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.played import PlayedAgent
from lab.programs import Exporter, run_exporter

LOST = "\ufffd" * 8  # a Chinese name, as agents on Windows before QEMU 4.2 say it
VCPUS = {"return": [{"logical-id": 0, "online": True, "can-offline": False}]}


def filesystem(device, mountpoint, **fields):
    return {"name": device, "mountpoint": mountpoint, "type": "ext4", "total-bytes": 100,
            "used-bytes": 10, "disk": [], **fields}


def interface(name, number, *addresses, count=1):
    counters = ("bytes", "packets", "errs", "dropped")
    return {"name": name, "hardware-address": f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}",
            "ip-addresses": [{"ip-address": address, "prefix": prefix,
                              "ip-address-type": "ipv6" if ":" in address else "ipv4"}
                             for address, prefix in addresses],
            "statistics": {f"{way}-{counter}": count for way in ("rx", "tx") for counter in counters}}


def failure(text):
    return {"error": {"class": "GenericError", "desc": text}}


def system(name, title):
    return {"return": {"id": name, "name": title, "pretty-name": title}}


AGENTS = {
    "honest": {"guest-get-vcpus": VCPUS, "guest-get-osinfo": system("debian", "Debian"),
               "guest-get-fsinfo": {"return": [filesystem("vda1", "/")]},
               "guest-network-get-interfaces": {"return": [interface("eth0", 1)]}},
    "two-nulls": {"guest-get-vcpus": {"return": None}, "guest-get-osinfo": {"return": None},
                  "guest-get-fsinfo": {"return": [filesystem("vda1", "/")]},
                  "guest-network-get-interfaces": {"return": [interface("eth0", 2)]}},
    "odd-parts": {"guest-get-fsinfo": {"return": [
        filesystem("vda1", "/"), filesystem("vdb1", "/data", **{"total-bytes": True}),
        filesystem(7, "/lost"), filesystem("/dev/vdc1", "/srv")]}},
    "no-utf8": {"guest-network-get-interfaces":
                b'{"return": [{"name": "\xd6\xd0", "hardware-address": "52:54:00:00:00:03"},'
                b' {"name": "eth0", "hardware-address": "52:54:00:00:00:04"}]}\n'},
    "crowded": {"guest-network-get-interfaces": {"return": [
        interface(f"eth{i}", i, ("192.0.2.1", 24)) for i in range(300)]},
                "guest-get-fsinfo": {"return": [filesystem(f"vd{i}", f"/{i}") for i in range(20)]}},
    "two-fail": {"guest-get-host-name": failure("Failed to get hostname: boom"),
                 "guest-get-fsinfo": failure("failed to stat /mnt: Permission denied"),
                 "guest-get-osinfo": system("fedora", "Fedora Linux"), "guest-get-vcpus": VCPUS},
    "lost-names": {"guest-network-get-interfaces": {"return": [
        interface(LOST, 17, ("192.0.2.11", -1), count=111),
        interface(LOST, 18, ("198.51.100.12", 24), count=222)]}},
    "freebsd": {"guest-network-get-interfaces": {"return": [
        interface("vtnet0", 16, ("192.0.2.123", 24)),
        {"name": "lo0", "ip-addresses": [
            {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}]}]}},
    "root-on-zfs": {"guest-get-fsinfo": {"return": []}},
}


@pytest.fixture(scope="module", name="place")
def _place():
    folder = tempfile.mkdtemp(prefix="qga-lab-")
    yield types.SimpleNamespace(directory=folder, uri="")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", name="config")
def _config(place):
    """All of them side by side."""
    def path(name):
        return os.path.join(place.directory, f"{name}.sock")

    with contextlib.ExitStack() as stack:
        for name, replies in AGENTS.items():
            stack.enter_context(PlayedAgent(path(name), replies))
        stack.enter_context(PlayedAgent(
            path("allow-list"), {"guest-get-osinfo": system("rocky", "Rocky Linux")},
            version="10.0.0", disabled=("guest-get-load", "guest-get-vcpus")))
        stack.enter_context(PlayedAgent(
            path("ancient"), {"guest-info": {"return": {"version": "0.15.1"}},
                              "guest-get-vcpus": VCPUS}))
        yield write_config(
            place, f'sources: [{{socket: {{path: "{path("*")}"}}}}]\n' + QUICK_CONFIG)


@pytest.fixture(scope="module", name="exporter")
def _exporter(place, config):
    with Exporter(place, f"--config.file={config}") as running:
        running.wait_for(lambda metrics: all(asked(metrics, name, 3)
                                             for name in (*AGENTS, "allow-list", "ancient")),
                         "three answers of each", 60)
        yield running


@pytest.fixture(scope="module", name="metrics")
def _metrics(exporter):
    return exporter.metrics()


@pytest.fixture(scope="module", name="doctor")
def _doctor(place, config):
    _, out, errors = run_exporter(place, "doctor", f"--config.file={config}", "--format=json")
    assert errors == ""
    return {row["domain"]: row for row in json.loads(out)["domains"]}


def asked(metrics, domain, rounds):
    """QUICK_CONFIG has six collectors; the others are asked once."""
    return (metrics.value("qga_agent_calls_total", domain=domain) or 0) >= 10 + 6 * rounds


def reasons(metrics, domain):
    return {labels["reason"]: value for labels, value in
            metrics.find("qga_agent_failures_total", domain=domain)}


def dropped(metrics, domain, collector):
    return metrics.value("qga_collector_dropped_series", domain=domain, collector=collector) or 0


def of_filesystems(metrics, domain, what="size"):
    return {labels["mountpoint"]: labels["device"] for labels, _ in
            metrics.find(f"qga_filesystem_{what}_bytes", domain=domain)}


def findings(row, problem):
    return [finding for finding in row["findings"] if finding["problem"] == problem]


def test_every_agent_counts_as_one_that_answers(metrics):
    for name in (*AGENTS, "allow-list", "ancient"):
        assert metrics.state(name) == "responsive", name
        assert metrics.value("qga_up", domain=name) == 1, name
        assert metrics.value("qga_agent_backing_off", domain=name) == 0, name
        assert "malformed" not in reasons(metrics, name), name


def test_a_reply_of_the_wrong_shape(metrics, doctor):
    """It is its collector's failure; the others go on."""
    assert reasons(metrics, "two-nulls")["wrong_shape"] >= 4
    for collector, success in (("vcpu", 0), ("os", 0), ("filesystem", 1), ("network", 1)):
        assert metrics.value("qga_collector_success", domain="two-nulls",
                             collector=collector) == success, collector
    assert of_filesystems(metrics, "two-nulls") == {"/": "vda1"}
    assert metrics.find("qga_network_receive_bytes_total", domain="two-nulls", device="eth0")
    (vcpus, system_info) = findings(doctor["two-nulls"], "command_failed")
    assert "guest-get-vcpus: return: an array expected, null found" in vcpus["text"]
    assert "guest-get-osinfo: return: an object expected, null found" in system_info["text"]


def test_odd_parts_of_a_reply(metrics, doctor):
    assert of_filesystems(metrics, "odd-parts") == {"/": "vda1", "/srv": "vdc1"}
    assert dropped(metrics, "odd-parts", "filesystem") == 2
    assert metrics.value("qga_collector_success", domain="odd-parts", collector="filesystem") == 1
    (odd,) = findings(doctor["odd-parts"], "command_odd")
    assert not odd["fault"]
    assert "guest-get-fsinfo" in odd["text"]
    assert "[1].total-bytes: a number expected, a boolean found" in odd["text"]


def test_bytes_that_are_no_utf8(metrics):
    devices = {labels["device"] for labels, _ in metrics.find("qga_network_info", domain="no-utf8")}
    assert devices == {"eth0", "\ufffd\ufffd"}


def test_no_collector_takes_the_room_of_another(metrics):
    """300 interfaces are 3000 series, and the limit is 2000."""
    assert len(of_filesystems(metrics, "crowded")) == 20
    assert dropped(metrics, "crowded", "filesystem") == 0
    assert dropped(metrics, "crowded", "network") > 1000
    own = [labels for name, labels, _ in metrics.samples if labels.get("domain") == "crowded"
           and not name.startswith(("qga_agent_", "qga_collector_", "qga_domain_", "qga_up"))]
    assert 1900 < len(own) <= 2000


def test_each_command_has_its_own_words(doctor):
    name, filesystems = sorted(findings(doctor["two-fail"], "command_failed"),
                               key=lambda finding: "fsinfo" in finding["text"])
    assert "guest-get-host-name: GenericError: Failed to get hostname: boom" in name["text"]
    assert "guest-get-fsinfo: GenericError: failed to stat /mnt" in filesystems["text"]
    assert "ausearch -m avc -c qemu-ga" in filesystems["remedies"][0]
    assert "ausearch" not in name["remedies"][0]


def test_two_interfaces_of_one_name(metrics):
    received = {labels["device"]: value for labels, value in
                metrics.find("qga_network_receive_bytes_total", domain="lost-names")}
    assert received == {f"{LOST} (52:54:00:00:00:11)": 111, f"{LOST} (52:54:00:00:00:12)": 222}
    prefixes = {labels["address"]: labels["prefix_length"] for labels, _ in
                metrics.find("qga_network_address_info", domain="lost-names")}
    assert prefixes == {"192.0.2.11": "", "198.51.100.12": "24"}


def test_a_loopback_of_another_name(metrics):
    devices = {labels["device"] for labels, _ in metrics.find("qga_network_info", domain="freebsd")}
    assert devices == {"vtnet0"}


def test_guest_info_without_a_list_of_commands(metrics, doctor):
    assert metrics.labels("qga_agent_info", domain="ancient")["version"] == "0.15.1"
    assert metrics.find("qga_cpu_online", domain="ancient")
    assert doctor["ancient"]["agent_version"] == "0.15.1"


def test_what_an_agent_does_not_list(doctor):
    (note,) = findings(doctor["root-on-zfs"], "no_filesystem")
    assert not note["fault"] and "ZFS" in note["text"]
    assert not findings(doctor["honest"], "no_filesystem")


def test_what_a_distribution_does_not_allow(metrics, doctor):
    row = doctor["allow-list"]
    (note,) = findings(row, "command_left_out")
    assert not note["fault"] and "guest-get-load" in note["text"]
    (fault,) = findings(row, "command_disabled")
    assert fault["fault"] and "guest-get-vcpus" in fault["text"]
    assert "guest-get-load" not in fault["text"]
    assert metrics.value("qga_collector_supported", domain="allow-list", collector="load") == 0
