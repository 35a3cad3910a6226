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
from guest_truth import has_port_open
from lab.agents import Agents
from lab.image import HERE as LAB
from lab.pace import Limit
from lab.process import Process, program, wait_for
from timeline import observed

# What the exporter may hold of this machine's memory, whatever guests say.
RSS_MAX_BYTES = int(os.environ.get("QGA_E2E_RSS_MAX", 96 << 20))
VISIT_CALLS = 6  # of CONFIG's collectors
LIMIT_S = 120
# Larger than 100,000 interfaces are, so that they come through to the limit of series.
CONFIG = (QUICK_CONFIG.replace("backoff_max: 2s", "backoff_max: 1s")
          + "limits: {reply_bytes: 4MiB, series_per_guest: 500}\n")
SERIES_MAX = 500 + 100  # a guest's, with those of its health

# Each kind of guest-impostor, and what is to be seen of it: a state, a reason counted, one
# of those, and how many calls are watched.  A slow guest needs longer than the timeout for
# ten megabytes.
KINDS = {
    "forged-lines": ("responsive", None, 2 * VISIT_CALLS),
    "many-nics": ("responsive", None, 2 * VISIT_CALLS),
    "churn": ("responsive", None, 4 * VISIT_CALLS),
    "clock-0": ("responsive", None, 2 * VISIT_CALLS),
    "clock-2-63": ("responsive", None, 2 * VISIT_CALLS),
    "clock-minus-2-63": ("responsive", None, 2 * VISIT_CALLS),
    "types": ("responsive", {"wrong_shape"}, 4),
    "flood": (None, {"malformed", "timeout"}, 4),
    "trickle": ("unresponsive", {"timeout"}, 2),
    "ten-megabytes": (None, {"too_large", "timeout"}, 4),
    "nested": (None, {"malformed", "too_large"}, 4),
    "wrong-ids": ("unresponsive", {"timeout"}, 2),
    "out-of-step": (None, {"timeout", "wrong_shape"}, 4),
}
# None of their answers is in time.
SILENT = ("trickle", "wrong-ids")


def failures(metrics, domain):
    return {labels["reason"]: value for labels, value in
            metrics.find("qga_agent_failures_total", domain=domain)}


def calls(metrics, domain):
    return metrics.value("qga_agent_calls_total", domain=domain) or 0


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
        self.before = exporter.metrics()
        self.states, self.reasons, self.names = set(), set(), set()
        self.dropped = self.series = self.resident = 0
        self.start = exporter.timeline.here()
        self.scrapes = []  # when they were asked for and answered

    def look(self):
        asked = time.time()
        metrics = self.exporter.metrics()
        self.scrapes.append((asked, time.time()))
        exposition.check(metrics.text)
        assert metrics.domains() <= {self.domain, *self.others, "old", "new", "silent", "bare"}
        assert "forged" not in {name for name, _, _ in metrics.samples}
        before = failures(self.before, self.domain)
        self.states.add(metrics.state(self.domain))
        self.reasons |= {reason for reason, count in failures(metrics, self.domain).items()
                         if count > before.get(reason, 0)}
        self.dropped = max([self.dropped, *(value for _, value in metrics.find(
            "qga_collector_dropped_series", domain=self.domain))])
        self.series = max(self.series, series_of(metrics, self.domain))
        self.resident = max(self.resident, metrics.value("process_resident_memory_bytes"))
        return metrics

    def made(self, metrics, domain):
        return calls(metrics, domain) - calls(self.before, domain)

    def watch(self, kind, holds_a_lane=False):
        """Until what is to be seen was seen, in so many calls of it and of the others."""
        state, reason, count = KINDS[kind]

        def all_seen():
            metrics = self.look()
            seen = ((state is None or state in self.states)
                    and (reason is None or reason & self.reasons)
                    and (kind != "many-nics" or self.dropped > 0)
                    and self.made(metrics, self.domain) >= count
                    and all(self.made(metrics, other) >= 3 * VISIT_CALLS for other in self.others)
                    and (not holds_a_lane or self.others_do_not_wait()))
            return metrics if seen else None

        # Not wait_for(): what an exposition has wrong is not to be overlooked.
        limit = Limit(LIMIT_S)
        while not (metrics := all_seen()):
            assert not limit.is_over(), (self.states, self.reasons, self.dropped, self.meanwhile())
            time.sleep(0.2)
        print(f"{kind}: states {self.states}, reasons {self.reasons}, {self.series} series, "
              f"{self.dropped:.0f} dropped, {self.resident / (1 << 20):.1f} MiB resident")
        assert not promtool_complains(metrics.text)
        assert self.resident < RSS_MAX_BYTES
        assert self.series <= SERIES_MAX
        return metrics

    def others_do_not_wait(self):
        """While its calls hang, for seconds each, the others are visited again and again, and
        scrapes are answered.  All of them: libvirt 9.0 gives up after five seconds, 11.3
        after the call's own two."""
        meanwhile = self.meanwhile()
        return (sum(others for others, _ in meanwhile) > 2 * VISIT_CALLS
                and sum(scrapes for _, scrapes in meanwhile) >= 3)

    def meanwhile(self):
        """Of each call of it that hung, by the exporter's log: how many calls to each of the
        others were sent and answered while it did, at least, and how many scrapes."""
        calls_of = {name: self.exporter.timeline.calls(name, self.start)
                    for name in (self.domain, *self.others)}
        return [(min(sum(hung.sent < call.sent and call.answered < hung.answered
                         for call in calls_of[other]) for other in self.others),
                 sum(hung.sent < asked and answered < hung.answered
                     for asked, answered in self.scrapes))
                for hung in calls_of[self.domain] if hung.took > 2]


# Behind the virtio channel

@pytest.fixture(scope="module", name="through_libvirt")
def _through_libvirt(lab):
    config = write_config(lab, CONFIG, "hostile.yml")
    guest = lab.guest("harm", agent="10.0", network=False)
    guest.is_broken = False
    guest.start()
    try:
        guest.wait_for_agent().wait_for_control()
        with observed(lab, config, "hostile") as exporter:
            exporter.wait_for(lambda metrics: all(healthy(metrics, name)
                                                  for name in ("old", "new")), "the guests", 60)
            yield guest, exporter
    finally:
        guest.stop()
        del lab.guests["harm"]


def begin_anew(guest, exporter):
    """What breaks libvirt's channel is remembered as long as the domain runs."""
    guest.stop()
    guest.start()
    guest.wait_for_agent().wait_for_control()
    exporter.wait_for(lambda metrics: metrics.state("harm") == "responsive", "the honest agent", 60)
    guest.is_broken = False


@pytest.mark.parametrize("kind", KINDS)
def test_through_libvirt(lab, through_libvirt, kind):
    guest, exporter = through_libvirt
    if guest.is_broken:
        begin_anew(guest, exporter)
    guest.is_broken = True
    guest.run(f"agent impostor -{kind}")
    wait_for(lambda: has_port_open(guest), "the impostor at the port", 60)
    Sight(exporter, "harm", ("old", "new")).watch(kind, kind in SILENT)
    assert lab.libvirtd.process.alive()
    guest.is_broken = KINDS[kind][0] != "responsive"


def test_the_honest_agent_is_seen_again(through_libvirt):
    guest, exporter = through_libvirt
    begin_anew(guest, exporter)
    exporter.wait_for(lambda metrics: metrics.find("qga_os_info", domain="harm", id="qgalab"),
                      "what it says", 60)


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
    try:
        with Agents(folder) as agents:
            config = write_config(
                place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n' + CONFIG)
            agents.start("honest")
            with observed(place, config) as exporter:
                exporter.wait_for(lambda metrics: metrics.value("qga_up", domain="honest") == 1,
                                  "the honest agent", 60)
                yield agents, exporter
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", KINDS)
def test_by_socket(by_sockets, kind):
    agents, exporter = by_sockets
    hostile = HostileSocket(agents.path("harm"), kind)
    try:
        exporter.wait_for(lambda metrics: "harm" in metrics.domains(), "the hostile agent", 60)
        Sight(exporter, "harm", ("honest",)).watch(kind)
    finally:
        hostile.close()
    exporter.wait_for(lambda metrics: "harm" not in metrics.domains(), "the hostile agent gone", 60)
