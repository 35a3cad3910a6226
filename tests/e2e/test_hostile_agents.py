"""Agents that mean harm, behind a real virtio channel and behind sockets: memory stays
bounded, the exposition valid, the other guests fresh, and what is cut is counted."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import types

import pytest

import exposition
from conftest import QUICK_CONFIG, healthy, write_config
from lab.agents import Agents
from lab.image import HERE as LAB
from lab.process import Process, program
from lab.programs import Exporter

# What the exporter may hold of this machine's memory, whatever guests say.
RSS_MAX_BYTES = int(os.environ.get("QGA_E2E_RSS_MAX", 96 << 20))
FRESH_S = 4.5 + float(os.environ.get("QGA_E2E_SLACK", "0.5"))
SCRAPE_S = 0.5
WATCH_S = 8
# Larger than 100,000 interfaces are, so that they come through to the limit of series.
CONFIG = QUICK_CONFIG + "limits: {reply_bytes: 4MiB, series_per_guest: 500}\n"
SERIES_MAX = 500 + 100  # a guest's, with those of its health

# Each kind of guest-impostor, and what is to be seen of it: a state, and a reason counted,
# one of those.  A slow guest needs longer than the timeout for ten megabytes.
KINDS = {
    "flood": (None, {"malformed", "timeout"}),
    "trickle": ("unresponsive", {"timeout"}),
    "ten-megabytes": (None, {"too_large", "timeout"}),
    "nested": (None, {"malformed", "too_large"}),
    "types": (None, {"malformed"}),
    "wrong-ids": ("unresponsive", {"timeout"}),
    "out-of-step": (None, {"timeout", "malformed"}),
    "forged-lines": ("responsive", None),
    "many-nics": ("responsive", None),
    "churn": ("responsive", None),
    "clock-0": ("responsive", None),
    "clock-2-63": ("responsive", None),
    "clock-minus-2-63": ("responsive", None),
}


def reasons(metrics, domain):
    return {labels["reason"] for labels, value in
            metrics.find("qga_agent_failures_total", domain=domain) if value}


def series_of(metrics, domain):
    return sum(labels.get("domain") == domain for _, labels, _ in metrics.samples)


def promtool_complains(text):
    """Of the format: advice about names is no matter here."""
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout if done.returncode == 1 else ""


class Sight:
    """Scrapes for a while beside a hostile guest, and judges every exposition."""

    def __init__(self, exporter, domain, others):
        self.exporter = exporter
        self.domain = domain
        self.others = others
        self.states, self.reasons, self.names = set(), set(), set()
        self.dropped = self.series = self.resident = 0

    def look(self):
        started = time.monotonic()
        metrics = self.exporter.metrics()
        assert time.monotonic() - started < SCRAPE_S + 0.5
        exposition.check(metrics.text)
        assert metrics.domains() <= {self.domain, *self.others, "old", "new", "silent", "bare"}
        assert "forged" not in {name for name, _, _ in metrics.samples}
        for other in self.others:
            age = time.time() - metrics.value("qga_collector_last_success_timestamp_seconds",
                                              domain=other, collector="clock")
            assert age < FRESH_S, f"{other} is {age:.1f} s old"
        self.states.add(metrics.state(self.domain))
        self.reasons |= reasons(metrics, self.domain)
        self.dropped = max([self.dropped, *(value for _, value in metrics.find(
            "qga_collector_dropped_series", domain=self.domain))])
        self.series = max(self.series, series_of(metrics, self.domain))
        self.resident = max(self.resident, metrics.value("process_resident_memory_bytes"))
        return metrics

    def watch(self, kind):
        """Until what is to be seen was seen, and at least for a while."""
        state, reason = KINDS[kind]
        end = time.monotonic() + 30
        enough = time.monotonic() + WATCH_S
        while time.monotonic() < end:
            metrics = self.look()
            seen = ((state is None or state in self.states)
                    and (reason is None or reason & self.reasons)
                    and (kind != "many-nics" or self.dropped > 0))
            if seen and time.monotonic() > enough:
                break
            time.sleep(0.2)
        print(f"{kind}: states {self.states}, reasons {self.reasons}, {self.series} series, "
              f"{self.dropped:.0f} dropped, {self.resident / (1 << 20):.1f} MiB resident")
        assert seen, (self.states, self.reasons, self.dropped)
        assert not promtool_complains(metrics.text)
        assert self.resident < RSS_MAX_BYTES
        assert self.series <= SERIES_MAX


# Behind the virtio channel

@pytest.fixture(scope="module", name="through_libvirt")
def _through_libvirt(lab):
    config = write_config(lab, CONFIG, "hostile.yml")
    guest = lab.guest("harm", agent="10.0", network=False)
    guest.start().wait_for_agent().wait_for_control()
    with Exporter(lab, f"--config.file={config}", name="hostile") as exporter:
        exporter.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new")),
                          "the guests")
        yield guest, exporter
    guest.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_through_libvirt(lab, through_libvirt, kind):
    guest, exporter = through_libvirt
    guest.run(f"agent impostor -{kind}")
    exporter.wait_for(lambda metrics: metrics.state("harm") == "disconnected", "the agent gone", 5,
                      0.02)
    time.sleep(1)
    Sight(exporter, "harm", ("old", "new")).watch(kind)
    # Anew: what breaks libvirt's channel is remembered as long as the domain runs.
    guest.stop()
    guest.start()
    guest.wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: metrics.state("harm") == "responsive", "the honest agent", 20)
    assert lab.libvirtd.process.alive()


# Behind a socket

class HostileSocket:
    """guest-impostor behind a UNIX socket: one for each connection."""

    def __init__(self, path, kind):
        self.path = path
        self.kind = kind
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.children = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        number = 0
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            number += 1
            self.children.append(Process(
                [program("busybox"), "sh", os.path.join(LAB, "guest-impostor"), self.kind],
                f"{self.path}.log", stdin=connection, stdout=connection,
                env={**os.environ, "ONCE": "1"}))
            connection.close()

    def close(self):
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, 9)  # what it has started, too
            child.kill()


@pytest.fixture(scope="module", name="by_sockets")
def _by_sockets():
    folder = tempfile.mkdtemp(prefix="qga-lab-")
    place = types.SimpleNamespace(directory=folder, uri="")
    with Agents(folder) as agents:
        config = write_config(
            place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n' + CONFIG)
        agents.start("honest")
        with Exporter(place, f"--config.file={config}") as exporter:
            exporter.wait_for(lambda metrics: metrics.value("qga_up", domain="honest") == 1,
                              "the honest agent")
            yield agents, exporter
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", KINDS)
def test_by_socket(by_sockets, kind):
    agents, exporter = by_sockets
    hostile = HostileSocket(agents.path("harm"), kind)
    try:
        exporter.wait_for(lambda metrics: "harm" in metrics.domains(), "the hostile agent", 5)
        Sight(exporter, "harm", ("honest",)).watch(kind)
    finally:
        hostile.close()
    exporter.wait_for(lambda metrics: "harm" not in metrics.domains(), "the hostile agent gone", 5)
