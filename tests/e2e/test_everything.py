"""A guest of each agent generation that has some of everything: two vCPUs; two NICs, one
with IPv4 and IPv6 and a device at the host's end; disks on virtio, virtio-scsi and IDE,
with and without a serial number, their filesystems mounted and not; a user who has logged
in.  All collectors are on, and what they say is what the guest's kernel and the host say."""

import os
import subprocess
import time

import pytest

from conftest import healthy, write_config
from exposition import check, check_openmetrics
from guest_truth import (DISK_FIELDS, cpu_times, disk_counts, filesystem, interface_counts,
                         memory_blocks, open_files, proc_values, routes)
from lab import image as lab_image
from lab.image import OS_RELEASE
from lab.guest import GUEST_MEMORY_MIB
from lab.lab import Lab
from lab.process import program, wait_for
from lab.programs import Exporter, get
from test_guest_facts import fresh as asked_again

GENERATIONS = {"five": "5.2", "seven": "7.2", "ten": "10.0", "eleven": "11.1"}
COLLECTORS = ("clock", "fsfreeze", "agent", "vcpu", "os", "hostname", "timezone", "load", "users",
              "cpustats", "diskstats", "network", "filesystem", "disks", "routes", "devices",
              "memory_blocks", "procfs")
UNSUPPORTED = {"five": {"load", "routes", "devices", "cpustats", "diskstats"},
               "seven": {"load", "routes", "devices"}, "ten": {"devices"}, "eleven": {"devices"}}
CONFIG = "profile: full\ncollectors:\n" + "".join(
    # Values that stay: where tests run side by side, a visit may take seconds.
    f"  {name}: {{enabled: true, interval: 2s, timeout: 2s, max_age: 60s}}\n"
    for name in COLLECTORS
) + """
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
limits: {calls_per_minute: 6000}
"""

# The host's name of each disk, its bus and its serial number.
DISKS = {"vda": ("virtio", "virtio-a"), "vdb": ("virtio", ""), "sda": ("scsi", ""),
         "sdb": ("scsi", "scsi-b"), "hda": ("ide", "")}
MOUNTED = {"vda": "/data", "sda": "/scsi", "hda": "/ide"}
# What udev would say of a SCSI disk with a serial number.
SCSI_SERIAL = "0QEMU_QEMU_HARDDISK_"
ADDRESSES = {("eth0", "ipv4", "10.0.2.15", "24"), ("eth1", "ipv4", "192.0.2.5", "24"),
             ("eth1", "ipv6", "2001:db8::5", "64")}


class Everything:
    """One guest, and what the host has for it."""

    def __init__(self, lab, name, number):
        self.lab = lab
        self.name = name
        self.number = number
        self.tap = f"qga{os.getpid()}-{number}"
        self.macs = {f"eth{nic}": f"52:54:00:02:{number:02x}:{nic:02x}" for nic in (0, 1)}
        self.guest = lab.guest(name, agent=GENERATIONS[name], vcpus=2, disk=False, network=False,
                               devices=self._devices())
        self.device = {}  # the guest's names of the host's disks

    def path(self, disk):
        return f"{self.lab.directory}/disk/{self.name}-{disk}.raw"

    def _devices(self):
        parts = ["<controller type='scsi' model='virtio-scsi'/>"]
        for disk, (bus, serial) in DISKS.items():
            lab_image.build_data_disk(self.path(disk))
            parts.append(
                "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                f"<source file='{self.path(disk)}'/><target dev='{disk}' bus='{bus}'/>"
                + (f"<serial>{serial}</serial>" if serial else "") + "</disk>")
        for nic, more in (("eth0", ""), ("eth1", f"<target dev='{self.tap}' managed='yes'/>")):
            parts.append(f"<interface type='{'ethernet' if more else 'user'}'>{more}"
                         f"<mac address='{self.macs[nic]}'/><model type='virtio'/></interface>")
        return "".join(parts)

    def prepare(self):
        run = self.guest.wait_for_agent().wait_for_control().run
        run("while read -r module; do insmod $module; done </modules.storage")
        wait_for(lambda: run("ls /sys/block").split().count("sdc") == 1, "the guest's disks", 60)
        self.device = {"vda": "vda", "vdb": "vdb"}
        for name in ("sda", "sdb", "sdc"):
            path = run(f"readlink -f /sys/block/{name}")
            disk = "hda" if "/ata" in path else "sdb" if "/0:0:0:1/" in path else "sda"
            self.device[disk] = name
        number = run(f"cat /sys/block/{self.device['sdb']}/dev").strip()
        run(f"mkdir -p /run/udev/data; echo E:ID_SERIAL={SCSI_SERIAL}scsi-b "
            f">/run/udev/data/b{number}")
        for disk, place in MOUNTED.items():
            run(f"mkdir -p {place}; mountpoint -q {place} || mount -t ext4 "
                f"/dev/{self.device[disk]} {place}", check=disk != "vda")
        run("echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_dad")
        run("ip link set eth1 up; ip addr add 192.0.2.5/24 dev eth1; "
            "ip -6 addr add 2001:db8::5/64 dev eth1")
        run("syslogd -O /run/messages")
        run("ping -c 1 -W 1 192.0.2.1", check=False)
        run("touch /run/utmp; echo root::0:0:root:/:/bin/sh >/etc/passwd")
        run("setsid openvt -c 3 -w -- login -f root >/dev/null 2>&1 &")
        return self


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        yield lab


@pytest.fixture(scope="module", name="one", params=GENERATIONS)
def _one(lab, request):
    """The generations one after the other: an answer is dear on a processor that is emulated."""
    name = request.param
    one = Everything(lab, name, list(GENERATIONS).index(name) + 1)
    one.guest.start()
    try:
        yield one.prepare()
    finally:
        one.guest.stop()


@pytest.fixture(scope="module", name="exporter")
def _exporter(lab, one):
    path = write_config(lab, CONFIG)
    with Exporter(lab, f"--config.file={path}") as running:
        running.wait_for(
            lambda metrics: healthy(metrics, one.name) and succeeds(metrics, one.name)
            == set(COLLECTORS) - UNSUPPORTED[one.name], "what all collectors say", 60)
        yield running
        write_config(lab, CONFIG.replace("procfs: {enabled: true", "procfs: {enabled: false"))
        running.reload()
        # A reading that has begun comes to its end.
        wait_for(lambda: not open_files(one.guest), f"nothing open in {one.name}")


@pytest.fixture(name="metrics")
def _metrics(exporter):
    return exporter.metrics()


def succeeds(metrics, domain):
    return {labels["collector"] for labels, value
            in metrics.find("qga_collector_success", domain=domain) if value == 1}


def fresh(exporter, one, collector, readings=1):
    """Metrics of a reading, or of so many, that began after this call."""
    if collector != "procfs":
        return asked_again(exporter, one.name, collector)
    # It is several calls: the first that ended after this call may have been under way.
    labels = {"domain": one.name, "collector": collector}
    ended = time.time()
    for _ in range(readings + 1):
        metrics = exporter.wait_for(
            lambda metrics, ended=ended: metrics.value(
                "qga_collector_last_success_timestamp_seconds", **labels) > ended,
            f"another answer for {collector}", 60)
        ended = metrics.value("qga_collector_last_success_timestamp_seconds", **labels)
    return metrics


def bracket(exporter, one, collector, truth, readings=1):
    """What the kernel says before, the metrics, and what it says after."""
    before = truth()
    return before, fresh(exporter, one, collector, readings), truth()


def test_the_exposition_is_strict(metrics, exporter):
    families = check(metrics.text)
    _, _, body = get(f"{exporter.url}/metrics",
                     headers={"Accept": "application/openmetrics-text"})
    openmetrics = check_openmetrics(body.decode())
    both = families.keys() & openmetrics.keys()
    assert len(both) > 100
    assert {name for name in both if families[name].kind != openmetrics[name].kind} == set()
    checked = subprocess.run([program("promtool"), "check", "metrics"], input=metrics.text,
                             text=True, capture_output=True, check=False)
    # The names are node_exporter's, which are the kernel's.
    assert not [line for line in checked.stderr.splitlines()
                if "camelCase" not in line or not line.startswith("qga_memory_")]


def test_every_collector_succeeds_or_is_not_supported(metrics, one):
    missing = UNSUPPORTED[one.name]
    assert succeeds(metrics, one.name) == set(COLLECTORS) - missing
    for collector in COLLECTORS:
        labels = {"domain": one.name, "collector": collector}
        assert metrics.value("qga_collector_supported", **labels) == (collector not in missing)
        if collector not in missing:
            assert not metrics.find("qga_collector_dropped_series", **labels), collector
    assert not metrics.find("qga_collector_avoided")
    assert sum(value for _, value in
               metrics.find("qga_agent_failures_total", domain=one.name)) <= len(missing)


def test_what_changes_seldom(metrics, one):
    assert metrics.value("qga_filesystems_frozen", domain=one.name) == 0
    version = metrics.labels("qga_agent_info", domain=one.name)["version"]
    assert version.startswith(GENERATIONS[one.name] + ".")
    system = metrics.labels("qga_os_info", domain=one.name)
    assert system["pretty_name"] == OS_RELEASE["PRETTY_NAME"]
    assert system["kernel_release"] == one.guest.run("uname -r").strip()
    assert metrics.labels("qga_uname_info", domain=one.name)["nodename"] == one.name
    assert metrics.find("qga_time_zone_offset_seconds", domain=one.name) == [
        ({"domain": one.name, "source": "libvirt", "time_zone": "UTC"}, 0)]


def test_interfaces(metrics, one):
    named = {(labels["device"], labels["address"])
             for labels, _ in metrics.find("qga_network_info", domain=one.name)}
    assert named == set(one.macs.items())
    addresses = {tuple(labels[key] for key in ("device", "family", "address", "prefix_length"))
                 for labels, _ in metrics.find("qga_network_address_info", domain=one.name)}
    assert {entry for entry in addresses if not entry[2].startswith("fe80:")} == ADDRESSES


def test_interfaces_meet_the_hosts(lab, metrics, one):
    ends = {labels["device"]: labels
            for labels, _ in metrics.find("qga_domain_interface_info", domain=one.name)}
    listed = {words[4]: words[0] for words in
              map(str.split, lab.virsh("domiflist", one.name).splitlines())}
    for nic, mac in one.macs.items():
        assert (ends[nic]["address"], ends[nic]["model"]) == (mac, "virtio")
        assert (ends[nic]["target"] or "-") == listed[mac]
    assert ends["eth1"]["target"] == one.tap
    assert os.path.isdir(f"/sys/class/net/{one.tap}")  # the host's own counters have this name


def test_traffic_of_both_interfaces(exporter, one):
    one.guest.run("ping -c 1 10.0.2.2; ping -c 1 -W 1 192.0.2.1", check=False)
    for nic in one.macs:
        before, metrics, after = bracket(exporter, one, "network",
                                         lambda nic=nic: interface_counts(one.guest, nic))
        assert before["transmit_bytes"] > 0
        for name, low in before.items():
            value = metrics.value(f"qga_network_{name}_total", domain=one.name, device=nic)
            assert low <= value <= after[name], (nic, name)


def test_filesystems(metrics, one):
    """Those that are mounted, and no others."""
    shown = {(labels["device"], labels["mountpoint"], labels["fstype"])
             for labels, _ in metrics.find("qga_filesystem_size_bytes", domain=one.name)}
    assert shown == {(one.device[disk], place, "ext4") for disk, place in MOUNTED.items()}
    for place in MOUNTED.values():
        size, free, available = filesystem(one.guest, place)
        labels = {"domain": one.name, "mountpoint": place}
        assert metrics.value("qga_filesystem_avail_bytes", **labels) == available
        tells_all = one.name in ("ten", "eleven")
        assert metrics.value("qga_filesystem_size_bytes", **labels) == (
            size if tells_all else size - free + available)
        assert metrics.value("qga_filesystem_free_bytes", **labels) == (
            free if tells_all else None)


def test_a_filesystem_fills(exporter, one):
    one.guest.run("dd if=/dev/zero of=/scsi/file bs=1024 count=3000 && sync")
    try:
        metrics = fresh(exporter, one, "filesystem")
        _, _, available = filesystem(one.guest, "/scsi")
        assert metrics.value("qga_filesystem_avail_bytes", domain=one.name,
                             mountpoint="/scsi") == available
    finally:
        one.guest.run("rm -f /scsi/file")


def test_disks_meet_the_hosts(lab, metrics, one):
    """The guest's names need not be the host's: its sda may be the second."""
    listed = dict(line.split() for line in lab.virsh("domblklist", one.name).splitlines())
    disks = {labels["device"]: labels
             for labels, _ in metrics.find("qga_disk_info", domain=one.name)}
    assert set(disks) == set(one.device.values())
    for disk, device in one.device.items():
        bus, serial = DISKS[disk]
        assert disks[device]["partition"] == "false"
        assert disks[device]["bus"] == bus
        if serial and bus == "scsi":
            assert disks[device]["serial"] == SCSI_SERIAL + serial
        assert disks[device]["target"] == disk
        assert disks[device]["source_file"] == listed[disk] == one.path(disk)
    below = {labels["device"]: labels
             for labels, _ in metrics.find("qga_filesystem_disk_info", domain=one.name)}
    assert set(below) == {one.device[disk] for disk in MOUNTED}
    for device, labels in below.items():
        for label in ("serial", "bus", "pci_address", "target", "source_file"):
            assert labels[label] == disks[device][label]


def test_traffic_of_all_disks(exporter, one):
    if "diskstats" in UNSUPPORTED[one.name]:
        assert not exporter.metrics().find("qga_disk_reads_completed_total", domain=one.name)
        return
    one.guest.run("for place in /data /scsi /ide; do echo text >$place/written; done; sync; "
                  f"dd if=/dev/{one.device['sdb']} of=/dev/null bs=65536 count=16 2>/dev/null")
    for disk, device in one.device.items():
        before, metrics, after = bracket(exporter, one, "diskstats",
                                         lambda device=device: disk_counts(one.guest, device))
        assert before[2] > 0, disk
        for (name, _), low, high in zip(DISK_FIELDS, before, after):
            value = metrics.value(f"qga_disk_{name}", domain=one.name, device=device)
            assert low - 1e-6 <= value <= high + 1e-6, (disk, name)


def test_vcpus(exporter, one):
    metrics = exporter.metrics()
    assert metrics.value("qga_vcpus", domain=one.name, state="online") == 2
    assert metrics.value("qga_vcpus", domain=one.name, state="offline") == 0
    for vcpus in ("qga_domain_vcpus", "qga_domain_vcpus_maximum"):
        assert metrics.value(vcpus, domain=one.name) == 2
    assert {labels["cpu"] for labels, value
            in metrics.find("qga_cpu_online", domain=one.name) if value == 1} == {"0", "1"}
    if "cpustats" in UNSUPPORTED[one.name]:
        assert not metrics.find("qga_cpu_seconds_total", domain=one.name)
        return
    before, metrics, after = bracket(exporter, one, "cpustats", lambda: cpu_times(one.guest))
    assert len(before) == 16
    for (cpu, mode), low in before.items():
        value = metrics.value("qga_cpu_seconds_total", domain=one.name, cpu=cpu, mode=mode)
        assert low - 1e-6 <= value <= after[cpu, mode] + 1e-6, (cpu, mode)


def test_a_user_logs_in_and_out(exporter, one):
    exporter.wait_for(lambda metrics: metrics.value("qga_users", domain=one.name) == 1,
                      "the user who has logged in")
    assert one.guest.run("who").split()[0] == "root"
    one.guest.run(": >/run/utmp")  # as the getty after a logout does
    exporter.wait_for(lambda metrics: metrics.value("qga_users", domain=one.name) == 0,
                      "nobody any more")


def test_memory_blocks(metrics, one):
    size, online, offline = memory_blocks(one.guest)
    assert size * online >= (GUEST_MEMORY_MIB - 8) << 20
    assert metrics.value("qga_memory_block_size_bytes", domain=one.name) == size
    for state, count in (("online", online), ("offline", offline)):
        assert metrics.value("qga_memory_blocks_bytes", domain=one.name,
                             state=state) == count * size
    for memory in ("qga_domain_memory_bytes", "qga_domain_memory_maximum_bytes"):
        assert metrics.value(memory, domain=one.name) == GUEST_MEMORY_MIB << 20


def test_load(exporter, one):
    if "load" in UNSUPPORTED[one.name]:  # it is of procfs: test_proc_files
        return

    def is_right(metrics):
        words = one.guest.run("cat /proc/loadavg").split()
        return all(abs(metrics.value(f"qga_load{minutes}", domain=one.name) - float(word)) < 0.02
                   for minutes, word in zip((1, 5, 15), words))

    exporter.wait_for(is_right, "the load averages as the guest has them")


def test_routes(metrics, one):
    if "routes" in UNSUPPORTED[one.name]:
        assert not metrics.find("qga_network_route_info", domain=one.name)
        return
    for nic, expected in (("eth0", ("default", "10.0.2.2", "0")),
                          ("eth1", ("192.0.2.0/24", "", "0"))):
        shown = {(labels["dest"], labels["gw"], labels["priority"])
                 for labels, _ in metrics.find("qga_network_route_info", domain=one.name,
                                               family="ipv4", device=nic)}
        assert shown == routes(one.guest, nic) and expected in shown
    assert "2001:db8::/64" in {labels["dest"] for labels, _ in metrics.find(
        "qga_network_route_info", domain=one.name, family="ipv6", device="eth1")}


# How far a value may be from what the guest's kernel says right before or after.
TOLERANCES = {"qga_memory_": 4 << 20, "qga_load": 0.3, "qga_filefd_": 128, "qga_sockstat_": 3,
              "qga_pressure_": 0, "qga_boot_time_": 0, "qga_procs_": 20, "qga_vmstat_": 0}
PROC_READINGS = 3  # some files have their turn: then each was read
EXACT = ("qga_memory_MemTotal_bytes", "qga_memory_SwapTotal_bytes", "qga_filefd_maximum",
         "qga_memory_CommitLimit_bytes")


def test_proc_files(exporter, one):
    before, metrics, after = bracket(exporter, one, "procfs", lambda: proc_values(one.guest),
                                     PROC_READINGS)
    shown = [name for name, labels, _ in metrics.samples if labels.get("domain") == one.name
             and name.startswith(tuple(TOLERANCES)) and "_memory_block" not in name]
    assert len(shown) == 43 and set(shown) <= set(before)
    for name in shown:
        value = metrics.value(name, domain=one.name)
        tolerance = 0 if name in EXACT else next(
            amount for prefix, amount in TOLERANCES.items() if name.startswith(prefix))
        low, high = sorted((before[name], after[name]))
        assert low - tolerance <= value <= high + tolerance, name


def test_filesystems_that_are_read_only(exporter, one):
    """Each that the agent lists, as the guest's kernel has mounted it."""
    def shown(metrics, family):
        return {(labels["device"], labels["fstype"], labels["mountpoint"]): value
                for labels, value in metrics.find(family, domain=one.name)}

    def only_scsi_is(wanted):
        def is_so(metrics):
            states = shown(metrics, "qga_filesystem_readonly")
            return (states.keys() == shown(metrics, "qga_filesystem_size_bytes").keys()
                    and {place[2]: value for place, value in states.items()}
                    == {place: wanted * (place == "/scsi") for place in MOUNTED.values()})
        return is_so

    exporter.wait_for(only_scsi_is(0), "no filesystem read-only", 60)
    one.guest.run("mount -o remount,ro /scsi")
    try:
        exporter.wait_for(only_scsi_is(1), "one filesystem read-only", 60)
    finally:
        one.guest.run("mount -o remount,rw /scsi")
    exporter.wait_for(only_scsi_is(0), "no filesystem read-only any more", 60)


def test_counters_of_an_interface_without_an_address(exporter, one):
    """The agent does not tell them."""
    def as_the_kernel_counts(metrics):
        counts = interface_counts(one.guest, "eth1")
        return (not metrics.find("qga_network_address_info", domain=one.name, device="eth1")
                and all(metrics.value(f"qga_network_{name}_total", domain=one.name,
                                      device="eth1") == count for name, count in counts.items()))

    one.guest.run("ip addr flush dev eth1; ip -6 addr flush dev eth1")
    try:
        exporter.wait_for(as_the_kernel_counts, "what was counted without an address", 60)
    finally:
        one.guest.run("ip addr add 192.0.2.5/24 dev eth1; ip -6 addr add 2001:db8::5/64 dev eth1")
    exporter.wait_for(lambda metrics: metrics.find(
        "qga_network_address_info", domain=one.name, device="eth1"), "its addresses")


def test_what_is_opened_is_closed(exporter, one):
    """By the agent's own log."""
    def counts():
        text = one.guest.run("cat /run/messages")
        return text.count("guest-file-open, handle:"), text.count("guest-file-close called")

    for _ in range(3):
        fresh(exporter, one, "procfs")
    opened, closed = counts()
    assert opened >= 16
    assert opened - closed in (0, 1)  # one may be open right now
    assert len(open_files(one.guest)) <= 1
