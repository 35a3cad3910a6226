"""Flags, --once, signals and reloads of the real program."""

import os
import re
import signal

import pytest

import exposition
from conftest import CARD_SERIES, QUICK_CONFIG, healthy, write_config
from lab.pace import stretched
from lab.process import wait_for
from lab.programs import Exporter, Metrics, get, run_exporter
from timeline import Timeline


@pytest.fixture(name="only_agents")
def _only_agents(lab):
    """Without the two guests that cannot answer."""
    try:
        for name in ("silent", "bare"):
            lab.guests[name].stop()
        yield
    finally:
        running = lab.virsh("list", "--name").split()
        for name in {"silent", "bare"}.difference(running):
            lab.guests[name].start()


def test_once_all_answered(lab, only_agents):
    status, out, errors = run_exporter(lab, f"--libvirt.uri={lab.uri}", "--once")
    assert status == 0, errors
    exposition.check(out)
    metrics = Metrics(out)
    for domain in ("old", "new"):
        assert metrics.value("qga_up", domain=domain) == 1
        for name in CARD_SERIES:
            assert metrics.find(name, domain=domain), (domain, name)


def test_once_with_guests_that_do_not_answer(lab):
    status, out, _ = run_exporter(lab, f"--libvirt.uri={lab.uri}", "--once")
    assert status == 1
    metrics = Metrics(out)
    assert {labels["domain"]: value for labels, value in metrics.find("qga_up")} == {
        "old": 1, "new": 1, "silent": 0, "bare": 0}


def test_once_without_a_daemon(lab):
    status, _, errors = run_exporter(
        lab, f"--libvirt.uri=qemu+unix:///system?socket={lab.directory}/no-such-socket", "--once")
    assert status not in (0, 2)
    assert "no-such-socket" in errors


def test_version_help_and_list(lab):
    status, out, _ = run_exporter(lab, "--version")
    assert status == 0 and out.startswith("qga-exporter")
    status, out, _ = run_exporter(lab, "--help")
    assert status == 0
    for flag in ("--config.file", "--config.check", "--libvirt.uri", "--web.listen-address",
                 "--web.telemetry-path", "--list-collectors", "--once", "--log.level",
                 "--log.format", "--version", "--help"):
        assert flag in out, flag
    status, out, _ = run_exporter(lab, "--list-collectors")
    assert status == 0
    for name in ("clock", "agent", "network", "filesystem", "vcpu", "os"):
        assert re.search(rf"^\s*{name}\b", out, re.M), name


def test_a_bad_flag_is_one_sentence(lab):
    status, _, errors = run_exporter(lab, "--no-such-flag")
    assert status == 2
    assert "--no-such-flag" in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize("text, line, word", [
    ("collectors:\n  clok: {interval: 1s}\n", 2, "clok"),
    ("log:\n  level: info\n  format: xml\n", 3, "xml"),
    ("collectors:\n  clock:\n    interval: soon\n", 3, "soon"),
    ("web: [\n", None, ""),
])
def test_a_bad_config_is_one_sentence_with_its_place(lab, text, line, word):
    path = write_config(lab, text, "bad.yml")
    for arguments in (["--config.check"], []):
        status, _, errors = run_exporter(lab, f"--config.file={path}", *arguments)
        assert status == 2
        assert len(errors.strip().splitlines()) == 1, errors
        assert (f"bad.yml:{line}" if line else "bad.yml:") in errors
        assert word in errors


def test_a_good_config_passes_the_check(lab, quick_config):
    status, _, errors = run_exporter(lab, f"--config.file={quick_config}", "--config.check")
    assert status == 0, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends(lab, number):
    with Exporter(lab, name="ending") as running:
        running.process.signal(number)
        assert running.process.wait(60) == 0, running.process.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_calls_in_flight(lab, quick_config, number):
    """They do not come back: libvirtd is stopped. By the exporter's own clock it does not
    wait for them."""
    with Exporter(lab, f"--config.file={quick_config}", "--log.level=debug",
                  name="ending") as running:
        running.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new")),
                         "both guests", 60)
        timeline = Timeline(running.process.log_path)
        lab.libvirtd.signal(signal.SIGSTOP)
        try:
            running.wait_for(lambda metrics: metrics.value("qga_exporter_lanes_in_use") >= 1,
                             "a call that hangs", 60)
            running.process.signal(number)
            assert running.process.wait(60) == 0, running.process.log()
            happened = {record.what: record.time for record in timeline.records}
            waited_s = (happened["calls are still in flight: the connections are severed"]
                        - happened["stopping"])
            assert waited_s < stretched(2)
        finally:
            lab.libvirtd.signal(signal.SIGCONT)
    wait_for(lambda: lab.virsh("uri"), "libvirtd answers again", 60)


def test_a_reload(lab):
    path = write_config(lab, QUICK_CONFIG, "reloaded.yml")
    with Exporter(lab, f"--config.file={path}", name="reloaded") as running:
        running.wait_for(lambda metrics: healthy(metrics, "old"), "the guest")

        write_config(lab, QUICK_CONFIG.replace("interval: 1s", "interval: soon", 1),
                     "reloaded.yml")
        running.reload()
        metrics = running.wait_for(
            lambda metrics: metrics.value(
                "qga_exporter_config_last_reload_successful") == 0, "the bad config refused", 60)
        assert "reloaded.yml:4" in running.process.log()
        assert healthy(metrics, "old")

        write_config(lab, QUICK_CONFIG.replace("vcpu:       {", "vcpu:       {enabled: false, "),
                     "reloaded.yml")
        running.reload()
        metrics = running.wait_for(
            lambda metrics: not metrics.find("qga_cpu_online")
            and metrics.value("qga_exporter_config_last_reload_successful") == 1,
            "the collector switched off", 60)
        assert metrics.find("qga_os_info", domain="old")

        os.unlink(path)
        running.reload()
        running.wait_for(lambda metrics: metrics.value(
            "qga_exporter_config_last_reload_successful") == 0, "the missing file noticed", 60)
        assert running.process.alive()


def test_a_pause(lab, quick_config):
    """While paused no guest is asked anything; the calls in flight come back first."""
    def calls(metrics):
        return metrics.value("qga_agent_calls_total", domain="old")

    with Exporter(lab, f"--config.file={quick_config}", name="paused") as running:
        running.wait_for(lambda metrics: healthy(metrics, "old"), "the guest")
        running.process.signal(signal.SIGUSR1)
        paused = running.wait_for(lambda metrics: metrics.value("qga_exporter_paused") == 1,
                                  "the pause", 60)
        # At an interval of a second, old values are withdrawn three seconds later.
        last = running.wait_for(
            lambda metrics: not metrics.find("qga_clock_offset_seconds", domain="old"),
            "the old values withdrawn", 60)
        assert calls(last) <= calls(paused) + 1
        running.process.signal(signal.SIGUSR1)
        running.wait_for(lambda metrics: metrics.value("qga_exporter_paused") == 0
                         and metrics.find("qga_clock_offset_seconds", domain="old")
                         and calls(metrics) > calls(last), "the guest again", 60)


def test_flags_win_over_the_file(lab, quick_config):
    with Exporter(lab, f"--config.file={quick_config}", "--no-collector.vcpu",
                  "--web.telemetry-path=/elsewhere", "--log.format=json", "--log.level=debug",
                  name="flags") as running:
        def body():
            status, _, text = get(f"{running.url}/elsewhere")
            metrics = Metrics(text.decode())
            return status == 200 and metrics.find("qga_os_info", domain="old") and metrics

        metrics = wait_for(body, "the guest's series at another path")
        assert not metrics.find("qga_cpu_online")
        assert get(f"{running.url}/metrics")[0] == 404
        assert all(line.startswith("{") for line in running.process.log().splitlines())


def test_the_port_is_taken(lab, exporter):
    status, _, errors = run_exporter(lab, f"--libvirt.uri={lab.uri}",
                                     f"--web.listen-address=127.0.0.1:{exporter.port}")
    assert status != 0
    assert str(exporter.port) in errors
