"""Real guests' agents by their sockets: plain QEMU, and a libvirt guest's second channel."""

import os
import re
import shutil
import time

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.guest import GUEST_MEMORY_MIB
from lab.pace import LATE, PACE
from lab.plain import PlainGuest
from lab.process import program, wait_for
from lab.programs import Exporter, run_exporter

# A call that failed is followed by one in an hour: what comes sooner, the agent's own
# answer to a sync has told.
LEFT_ALONE = (QUICK_CONFIG.replace("backoff: 1s, backoff_max: 2s", "backoff: 1h, backoff_max: 1h")
              .replace("failures_before_backoff: 2", "failures_before_backoff: 1"))
SERIES = ("qga_clock_offset_seconds", "qga_os_info", "qga_cpu_online")
UUID = "0b9a3c6e-1c55-4be6-a5a5-6a1f3d1e8a10"
SECOND_CHANNEL = ("<channel type='unix'>"
                  "<target type='virtio' name='org.qemu.guest_agent.1'/></channel>")
# As libvirt's daemon, and an exporter beside it, see it.
# In /run since about libvirt 10, without "domain-".
CHANNELS = "/{run,var/lib}/libvirt/qemu/channel/{.,target}"
CHANNEL = "/(?:domain-)?[0-9]+-([^/]+)/"


def well(metrics, domain, **labels):
    return (metrics.value("qga_up", domain=domain, **labels) == 1
            and all(metrics.find(name, domain=domain, **labels) for name in SERIES))


def successes(metrics, domain):
    return metrics.value("qga_collector_last_success_timestamp_seconds", domain=domain,
                         collector="clock") or 0


def calls(metrics, domain):
    return [value for _, value in metrics.find("qga_agent_calls_total", domain=domain)]


def exporter_beside_libvirtd(lab, config, name):
    """In the lab's mount namespace, where libvirt's folders have their own names."""
    # /proc is there of the lab's PID namespace, in which the exporter is not.
    enter = [program("nsenter"), "--mount", "--target", str(lab.init_pid), "--",
             program("unshare"), "--mount", "sh", "-c", 'mount -t proc proc /proc && exec "$@"', "sh"]
    return Exporter(lab, f"--config.file={config}", uri="", name=name, command=enter)


# Plain QEMU

@pytest.fixture(scope="module", name="plain")
def _plain(lab):
    folder = os.path.join(lab.directory, "plain")
    os.makedirs(folder)
    guest = PlainGuest(lab, "plain", os.path.join(folder, "plain.qga"), disk=True, network=True,
                       options=("-name", "The plain one,debug-threads=on", "-uuid", UUID))
    try:
        yield guest.start()
    finally:
        guest.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module", name="plain_exporter")
def _plain_exporter(lab, plain):
    # Kept: one that is visited is known to have an agent again by the next probe.
    source = (f'sources: [{{socket: {{path: "{os.path.dirname(plain.path)}/*.qga", '
              "connection: kept}}]\n")
    config = write_config(lab, source + LEFT_ALONE, "plain.yml")
    with Exporter(lab, f"--config.file={config}", uri="", name="plain-exporter") as running:
        yield running


def test_plain_qemu(plain, plain_exporter):
    """Its socket is there long before its agent."""
    metrics = plain_exporter.wait_for(lambda metrics: well(metrics, "plain"),
                                      "the series of a guest that boots", 60)
    plain.wait_for_control()
    assert metrics.labels("qga_os_info", domain="plain")["kernel_release"] == \
        plain.run("uname -r").strip()
    low, high = plain.clock_offset()
    offset = metrics.value("qga_clock_offset_seconds", domain="plain")
    uncertainty = metrics.value("qga_clock_offset_uncertainty_seconds", domain="plain")
    print(f"offset {offset:.6f} s, uncertainty {uncertainty:.6f} s, truth {low:.6f} to {high:.6f}")
    assert low - uncertainty - 0.001 <= offset <= high + uncertainty + 0.001


def test_who_listens_says_who_it_is(plain, plain_exporter):
    """By QEMU's command line; so the guest's devices are the host's."""
    metrics = plain_exporter.wait_for(
        lambda metrics: metrics.find("qga_filesystem_disk_info", domain="plain", target="drive0"),
        "the guest's disk", 60) and plain_exporter.metrics()
    about = metrics.labels("qga_domain_info", domain="plain")
    assert (about["title"], about["uuid"]) == ("The plain one", UUID)
    assert metrics.value("qga_domain_memory_maximum_bytes", domain="plain") == \
        GUEST_MEMORY_MIB << 20
    ((disk, _),) = metrics.find("qga_filesystem_disk_info", domain="plain", target="drive0")
    assert disk["source_file"] == f"{plain.lab.directory}/disk/plain.raw"
    nic = metrics.labels("qga_domain_interface_info", domain="plain")
    assert (nic["address"], nic["model"]) == (plain.mac, "virtio-net-pci")


def test_an_agent_in_a_plain_guest_goes_and_comes(plain, plain_exporter):
    """QEMU keeps our connection: what tells is that nobody reads, and the sync that is
    answered late."""
    plain_exporter.wait_for(lambda metrics: well(metrics, "plain"), "the guest well", 60)
    plain.wait_for_control()
    for away, back in (("agent hold", "agent release"), ("agent stop", "agent cont")):
        plain.run(away)
        metrics = plain_exporter.wait_for(
            lambda metrics: metrics.value("qga_agent_backing_off", domain="plain") == 1,
            "the agent gone", 60)
        assert metrics.value("qga_up", domain="plain") == 0
        assert metrics.state("plain") in ("unresponsive", "disconnected")
        since = time.time()
        plain.run(back)
        plain_exporter.wait_for(
            lambda metrics: well(metrics, "plain") and successes(metrics, "plain") > since,
            "the agent back", 60)


def test_a_plain_guest_that_ends_leaves(plain, plain_exporter):
    other = PlainGuest(plain.lab, "brief-plain",
                       os.path.join(os.path.dirname(plain.path), "brief.qga")).start()
    try:
        plain_exporter.wait_for(lambda metrics: "brief" in metrics.domains(), "the new guest", 60)
    finally:
        other.stop()
    plain_exporter.wait_for(lambda metrics: "brief" not in metrics.domains(), "it gone", 60)


# Beside libvirt

@pytest.fixture(scope="module", name="second")
def _second(lab):
    """A libvirt guest with a second agent, on a channel that libvirt leaves alone."""
    guest = lab.guest("two-channels", agent="7.2", disk=False, network=False,
                      devices=SECOND_CHANNEL)
    state, agent = "/run/agent/second", "/opt/qga-10.0"
    port = "/dev/virtio-ports/org.qemu.guest_agent.1"
    try:
        guest.start().wait_for_agent().wait_for_control()
        guest.run(f"mkdir -p {state}; setsid {agent}/ld.so --library-path {agent} {agent}/qemu-ga "
                  f"-m virtio-serial -p {port} -t {state} "
                  f"-f {state}/pid </dev/null >/dev/null 2>&1 &")
        # What is said before that is read late, which is a failure.
        opened = f"ls -l /proc/[0-9]*/fd 2>/dev/null | grep $(readlink -f {port})"
        wait_for(lambda: guest.run(opened, check=False), "the second agent at its port")
        yield guest
    finally:
        guest.stop()
        del lab.guests["two-channels"]


def test_a_second_channel_beside_libvirt(lab, second):
    """The same guest both ways, by two agents: no error, and neither disturbs the other."""
    sources = ("sources:\n"
               "  - {name: libvirt, libvirt: {uri: 'qemu:///system'}}\n"
               "  - {name: second, socket: {preset: libvirt-second-channel}}\n")
    patient = QUICK_CONFIG.replace("timeout: 2s", "timeout: 4s")
    config = write_config(lab, sources + patient, "second.yml")
    with exporter_beside_libvirtd(lab, config, "second") as exporter:
        metrics = exporter.wait_for(
            lambda metrics: all(well(metrics, second.name, source=source)
                                for source in ("libvirt", "second")), "the guest both ways", 60)
        versions = {labels["source"]: labels["version"]
                    for labels, _ in metrics.find("qga_agent_info", domain=second.name)}
        assert versions["libvirt"].startswith("7.2") and versions["second"].startswith("10.0")
        assert {labels["domain"] for labels, _ in metrics.find("qga_up", source="second")} == {
            second.name}
        exact = metrics.value("qga_clock_offset_uncertainty_seconds", domain=second.name,
                              source="second")
        loose = metrics.value("qga_clock_offset_uncertainty_seconds", domain=second.name,
                              source="libvirt")
        print(f"uncertainty {1e6 * exact:.0f} us by the socket, {1e6 * loose:.0f} us by libvirt")
        offsets = {labels["source"]: value for labels, value in
                   metrics.find("qga_clock_offset_seconds", domain=second.name)}
        assert abs(offsets["libvirt"] - offsets["second"]) <= exact + loose + 0.01
        asked = calls(metrics, second.name)
        metrics = exporter.wait_for(
            lambda metrics: all(now >= before + 12 for before, now
                                in zip(asked, calls(metrics, second.name))), "some rounds", 60)
        reasons = {labels["reason"] for labels, count in
                   metrics.find("qga_agent_failures_total", domain=second.name) if count > 0}
        too_slow = {"timeout"} if PACE.stretch() > LATE else set()  # that guest, then
        assert not reasons - too_slow, exporter.process.log()


def test_libvirts_own_channel_is_left_alone(lab, second):
    pattern = f"{CHANNELS}/*/org.qemu.guest_agent.?"  # not so plain that it is refused
    source = f'sources: [{{socket: {{path: "{pattern}", guest_name: "{CHANNEL}"}}}}]\n'
    config = write_config(lab, source + QUICK_CONFIG, "own.yml")
    with exporter_beside_libvirtd(lab, config, "own") as exporter:
        line = wait_for(lambda: re.search(rf".*/(domain-)?[0-9]+-{second.name}/.*",
                                          exporter.process.log()), "the refusal in the log").group()
        assert "level=WARN" in line and "libvirt's own channel" in line
        assert "org.qemu.guest_agent.1" in line
        metrics = exporter.wait_for(lambda metrics: well(metrics, second.name),
                                    "the second channel, which is nobody's")
        assert metrics.domains() == {second.name}
        assert metrics.labels("qga_agent_info", domain=second.name)["version"].startswith("10.0")
        assert second.agent_command("guest-get-time") > 0


def test_a_config_that_names_libvirts_own_channel_is_refused(lab):
    path = "/run/libvirt/qemu/channel/1-web/org.qemu.guest_agent.0"
    config = write_config(lab, f'sources: [{{socket: {{path: "{path}"}}}}]\n', "refused.yml")
    status, _, errors = run_exporter(lab, f"--config.file={config}", "--config.check")
    assert status != 0
    assert "libvirt's own channel" in errors and "libvirt-second-channel" in errors
