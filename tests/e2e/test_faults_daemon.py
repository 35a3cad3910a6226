"""The faults of faults.py that are the libvirt daemon's. An agent on the host, by a socket of
its own, is another source: it goes on answering, and its calls tell the time."""

import contextlib
import os
import shutil
import signal

import pytest

from conftest import QUICK_CONFIG, healthy, write_config
from lab.agents import Agents
from lab.process import wait_for
from timeline import observed
from watched import OTHERS, Watched, successes

BESIDE = "beside"
SOURCES = """
sources:
  - {{name: lab, libvirt: {{uri: "{}"}}}}
  - {{name: host, socket: {{path: "{}"}}}}
"""
AWAY = "libvirt is away"
GIVEN_UP = "calls hang in libvirt; their lanes are given up and replaced"
SCRAPES = 3


@contextlib.contextmanager
def start(lab, name):
    """An exporter of both sources, with an agent of its own: a socket serves one."""
    with Agents(os.path.join(lab.directory, name)) as agents:
        agents.start(BESIDE)
        config = write_config(lab, QUICK_CONFIG + SOURCES.format(lab.uri, agents.pattern),
                              f"{name}.yml")
        with observed(lab, config, name, uri="") as running:
            yield running


@pytest.fixture(scope="module", name="both")
def _both(lab):
    with start(lab, "both") as running:
        yield running


@pytest.fixture(name="exporter")
def _exporter(both):
    """Well when the test begins: one that has not come back from what the test before has done
    to the daemon does not change its states by what this one does."""
    both.wait_for(lambda metrics: is_back(metrics, 0) and healthy(metrics, BESIDE), "all series")
    return both


def source_up(metrics):
    return metrics.value("qga_exporter_source_up", source="lab")


def is_back(metrics, since):
    """Both guests have answered since."""
    return source_up(metrics) == 1 and all(
        healthy(metrics, name) and successes(metrics, name) > since for name in OTHERS)


class Daemon(Watched):
    """It is the daemon that has the fault; a guest only shows it."""

    def __init__(self, exporter, fault):
        super().__init__(exporter, fault, "old", others=(BESIDE,))

    def says(self, what):
        return lambda: self.timeline.find(lambda record: record.what == what, self.start)

    def is_away(self):
        """For `shown`: the source, and not only what was just asked of its guests."""
        places = [self.says(AWAY)(), self.state(self.fault.state)()]
        return None if None in places else max(places)

    def is_back(self):
        """After now(): the daemon answers again."""
        since = self.began
        return self.is_over(lambda metrics: is_back(metrics, since), self.well)


@pytest.fixture(autouse=True)
def _running_afterwards(lab):
    yield
    if lab.libvirtd.process is None or not lab.libvirtd.process.alive():
        lab.start_libvirtd()


@pytest.mark.parametrize("how", ["stopped", "crashed"])
def test_libvirtd_gone(lab, exporter, how):
    daemon = Daemon(exporter, "libvirtd gone")
    lab.libvirtd.stop() if how == "stopped" else lab.libvirtd.kill()
    daemon.now()
    daemon.is_noticed(lambda metrics: source_up(metrics) == 0
                      and metrics.state("old") == "unknown", daemon.is_away)
    daemon.ends()
    lab.start_libvirtd()
    daemon.now()
    daemon.is_back()
    assert exporter.process.alive()


def test_guests_that_came_and_went_meanwhile(lab, exporter):
    """What happened while the daemon did not tell: a guest that is no more."""
    silent = lab.guests["silent"]
    silent.stop()
    try:
        exporter.wait_for(lambda metrics: "silent" not in metrics.domains(), "the guest gone")
        lab.libvirtd.stop()
        exporter.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down")
        lab.start_libvirtd()
    finally:
        silent.start()
    metrics = exporter.wait_for(
        lambda metrics: is_back(metrics, 0) and "silent" in metrics.domains(), "everything back")
    assert metrics.value("qga_up", domain="silent") == 0
    silent.wait_for_control()


def test_libvirtd_hung(lab, exporter):
    """The calls in it are given up and counted, and no more threads come than are allowed;
    then the connection is, and no scrape waits for any of it."""
    def figure(name):
        return exporter.metrics().value(name, source="lab")

    def scraped(metrics):
        threads.append(metrics.value("process_threads"))
        scrapes.append(daemon.timeline.here())
        return source_up(metrics) == 0

    before, threads, scrapes = figure("qga_exporter_lanes_abandoned_total"), [], []
    lanes = figure("qga_exporter_lanes")
    daemon = Daemon(exporter, "libvirtd hung")
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        daemon.now()
        metrics = daemon.is_noticed(scraped, daemon.says(AWAY))
        assert metrics.value("qga_exporter_lanes_abandoned_total", source="lab") > before
        assert metrics.value("qga_exporter_lanes", source="lab") <= 2 * lanes
        assert not metrics.find("qga_clock_offset_seconds", source="lab")
        assert metrics.find("qga_clock_offset_seconds", domain=BESIDE)
        assert max(threads) <= threads[0] + lanes
        records = daemon.timeline.records
        given_up = daemon.timeline.find(lambda record: record.what == GIVEN_UP)
        assert given_up < daemon.start
        # Between the last call that came back and those that were given up.
        last = max(place for place in range(given_up)
                   if records[place].is_call and records[place].domain in OTHERS)
        assert sum(last < place <= given_up for place in scrapes) >= SCRAPES, scrapes
        daemon.ends()
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    daemon.now()
    daemon.is_back()
    exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes", source="lab") == lanes,
                      "as many lanes as before")


def told_once(waiting, text):
    """The place of the first line in whose error or reason it stands; there is no second."""
    def wanted(record):
        return text in record.fields.get("reason", "")

    place = waiting.timeline.wait(wanted, text)
    return place, lambda: sum(wanted(record) for record in waiting.timeline.records) == 1


def test_libvirtd_hung_at_the_start(lab):
    """It takes connections, as its kernel does, and says nothing: that is told, and once."""
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        with start(lab, "waiting") as waiting:
            daemon = Daemon(waiting, "libvirtd hung at the start")
            daemon.start = 0
            daemon.began = daemon.timeline.records[0].time
            daemon.is_noticed(lambda metrics: source_up(metrics) == 0, daemon.says(AWAY))
            _, only_one = told_once(waiting, "has not answered")
            daemon.ends()
            lab.libvirtd.signal(signal.SIGCONT)
            wait_for(lambda: lab.virsh("uri"), "libvirtd answers")
            daemon.now()
            daemon.is_back()
            assert only_one()
    finally:
        lab.libvirtd.signal(signal.SIGCONT)


def test_the_exporter_starts_without_libvirtd(lab):
    lab.libvirtd.stop()
    with start(lab, "early") as early:
        early.wait_for(lambda metrics: healthy(metrics, BESIDE), "the other source")
        early.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down")
        assert not early.metrics().find("qga_up", source="lab")
        _, only_one = told_once(early, "libvirt-sock")
        daemon = Daemon(early, "libvirtd gone")
        lab.start_libvirtd()
        daemon.now()
        daemon.is_back()
        assert only_one()


def test_libvirtd_upgraded(lab, exporter):
    """A new program takes the old one's place, and its socket's path; and back."""
    program = lab.libvirtd.program
    daemon = Daemon(exporter, "libvirtd restarted")

    def is_restarted():
        daemon.ends()
        lab.restart_libvirtd()
        daemon.now()
        daemon.start = daemon.timeline.wait_for_state("old", "unknown", daemon.start)
        daemon.is_back()

    lab.libvirtd.program = shutil.copy(program, os.path.join(lab.directory, "libvirtd"))
    try:
        is_restarted()
    finally:
        lab.libvirtd.program = program
    is_restarted()
    assert exporter.process.alive()
