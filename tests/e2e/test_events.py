"""What happens to real guests, as libvirt tells it: each event is brought about, counted once,
and told apart from what somebody did."""

import os
import subprocess

import pytest

from conftest import write_config
from lab.lab import Lab
from lab.process import program, wait_for
from lab.programs import Exporter

# Both are ports.
WATCHDOG, WATCHDOG_PORT, AT_ONCE = "<watchdog model='ib700' action='pause'/>", 0x443, 15
PANIC, PANIC_PORT, PANICKED = "<panic model='isa'/>", 0x505, 1
# VAL and EN: corrected, so that the guest goes on.
MACHINE_CHECK = "mce 0 1 0x9000000000000000 0 0x1000 0"
EVENTS = {"panicked", "watchdog", "io_error", "rebooted", "memory_failure"}
DISK_MIB = 8


def in_namespace(lab, *command):
    subprocess.run([program("nsenter"), "--mount", "--target", str(lab.init_pid), "--", *command],
                   check=True, stdin=subprocess.DEVNULL)


def small_disk(lab):
    """A disk on a storage that is full before it is."""
    folder = f"{lab.directory}/small"
    os.makedirs(folder)
    in_namespace(lab, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
    in_namespace(lab, "truncate", "-s", f"{DISK_MIB}M", f"{folder}/disk.raw")
    return ("<disk type='file' device='disk'><driver name='qemu' type='raw' error_policy='stop'/>"
            f"<source file='{folder}/disk.raw'/><target dev='vdb' bus='virtio'/></disk>")


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        lab.guest("web", disk=False, network=False, on_crash="preserve",
                  devices=WATCHDOG + PANIC + small_disk(lab)).start()
        for name in ("falls", "rests"):
            lab.guest(name, system=False, disk=False, network=False, control=False, channel=False,
                      devices=PANIC).start()
        lab.guests["web"].wait_for_control().wait_for_agent()
        yield lab


@pytest.fixture(scope="module", name="web")
def _web(lab):
    return lab.guests["web"]


@pytest.fixture(scope="module", name="exporter")
def _exporter(lab):
    with Exporter(lab, f"--config.file={write_config(lab, 'log: { level: info }')}") as running:
        running.wait_for(lambda metrics: len(metrics.find("qga_up")) == 3, "its guests")
        yield running


def events(metrics, domain="web"):
    """{event: how often}"""
    found = {event: metrics.value("qga_domain_events_total", domain=domain, event=event)
             for event in EVENTS}
    return {event: count for event, count in found.items() if count is not None}


def pause(metrics, domain="web"):
    """Why it stands still, or None."""
    reasons = [labels["reason"] for labels, _ in metrics.find("qga_domain_paused")
               if labels["domain"] == domain]
    return reasons[0] if reasons else None


def write_port(lab, name, port, byte):
    """As its kernel would, which has a driver for neither."""
    lab.virsh("qemu-monitor-command", name, "--hmp", f"o /b {port:#x} {byte:#x}")


def counted(exporter, before, event):
    """Once more than before, and nothing else."""
    metrics = exporter.wait_for(lambda metrics: events(metrics)[event] > before[event], event)
    assert events(metrics) == {**before, event: before[event] + 1}
    return events(metrics)


def test_nothing_has_happened(exporter):
    metrics = exporter.metrics()
    for domain in ("web", "falls", "rests"):
        assert events(metrics, domain) == dict.fromkeys(EVENTS, 0)
        assert pause(metrics, domain) is None
    assert not metrics.find("qga_domain_disk_io_errors_total")


def test_somebody_pauses_it(lab, exporter):
    before = events(exporter.metrics())
    lab.virsh("suspend", "web")
    exporter.wait_for(lambda metrics: pause(metrics) == "user", "its pause")
    lab.virsh("resume", "web")
    metrics = exporter.wait_for(lambda metrics: pause(metrics) is None, "the end of it")
    assert events(metrics) == before


def test_reset(lab, exporter, web):
    """QEMU tells of more than one: its firmware resets the machine again."""
    before = events(exporter.metrics())
    lab.virsh("reset", "web")
    exporter.wait_for(lambda metrics: events(metrics)["rebooted"] > before["rebooted"], "reboot")
    web.close_control()
    web.wait_for_control().wait_for_agent()


def test_reboot_by_itself(lab, web):
    """Of an exporter of its own, for which it is the first."""
    with Exporter(lab, name="other") as other:
        other.wait_for(events, "its guests")
        assert events(other.metrics()) == dict.fromkeys(EVENTS, 0)
        web.run("(sleep 1; reboot -f) >/dev/null 2>&1 &")
        other.wait_for(lambda metrics: events(metrics)["rebooted"] > 0, "its reboot")
        web.close_control()
        web.wait_for_control().wait_for_agent()
        counts = events(other.metrics())
        assert {event for event, count in counts.items() if count} == {"rebooted"}


def test_the_agent_has_not_the_count(exporter, web):
    before = events(exporter.metrics())
    assert before["rebooted"] > 0
    web.run("agent kill")
    web.wait_for_agent()
    assert events(exporter.metrics()) == before


def test_memory_failure(lab, exporter):
    before = events(exporter.metrics())
    lab.virsh("qemu-monitor-command", "web", "--hmp", MACHINE_CHECK)
    counted(exporter, before, "memory_failure")


def test_watchdog(lab, exporter):
    before = events(exporter.metrics())
    write_port(lab, "web", WATCHDOG_PORT, AT_ONCE)
    exporter.wait_for(lambda metrics: pause(metrics) == "watchdog", "its pause")
    counted(exporter, before, "watchdog")
    assert lab.virsh("domstate", "web", "--reason") == "paused (watchdog)"
    lab.virsh("resume", "web")
    exporter.wait_for(lambda metrics: pause(metrics) is None, "the end of it")


def test_io_error(lab, exporter, web):
    """Of a storage that is full; it goes on when there is room."""
    before = events(exporter.metrics())
    web.run(f"dd if=/dev/urandom of=/dev/vda bs=1M count={DISK_MIB} oflag=direct >/dev/null 2>&1 &")
    metrics = exporter.wait_for(lambda metrics: pause(metrics) == "io_error", "its pause")
    metrics = exporter.wait_for(
        lambda metrics: events(metrics)["io_error"] > before["io_error"], "the error")
    assert metrics.value("qga_domain_disk_io_errors_total", domain="web", target="vdb") \
        == events(metrics)["io_error"]
    assert events(metrics) == {**before, "io_error": events(metrics)["io_error"]}
    assert lab.virsh("domstate", "web", "--reason") == "paused (I/O error)"
    in_namespace(lab, "mount", "-o", f"remount,size={2 * DISK_MIB}m", f"{lab.directory}/small")
    lab.virsh("resume", "web")
    exporter.wait_for(lambda metrics: pause(metrics) is None, "the end of it")
    wait_for(lambda: web.run("pidof dd || echo none") == "none\n", "all is written")


def test_panic_of_one_that_is_kept(lab, exporter):
    before = events(exporter.metrics())
    write_port(lab, "web", PANIC_PORT, PANICKED)
    exporter.wait_for(lambda metrics: pause(metrics) == "panicked", "its pause")
    counted(exporter, before, "panicked")


def test_panic_of_one_that_is_stopped_for_it(lab, exporter):
    """As by default.  It counts on when it runs again."""
    write_port(lab, "falls", PANIC_PORT, PANICKED)
    wait_for(lambda: "falls" not in lab.virsh("list", "--name").split(), "its stop")
    metrics = exporter.wait_for(
        lambda metrics: metrics.value("qga_up", domain="falls") is None, "its series gone")
    assert events(metrics, "falls") == {**dict.fromkeys(EVENTS, 0), "panicked": 1}
    assert pause(metrics, "falls") is None
    lab.guests["falls"].start()
    metrics = exporter.wait_for(
        lambda metrics: metrics.value("qga_up", domain="falls") is not None, "it runs again")
    assert events(metrics, "falls")["panicked"] == 1


def test_one_that_is_stopped_by_somebody_leaves(lab, exporter):
    lab.guests["rests"].stop()
    metrics = exporter.wait_for(
        lambda metrics: metrics.value("qga_up", domain="rests") is None, "its series gone")
    assert not events(metrics, "rests")


def test_the_log_tells_it(exporter):
    log = exporter.process.log()
    for event in EVENTS:
        assert f"event={event}" in log
    assert "disk=vdb" in log
