"""The faults of faults.py that are the libvirt daemon's."""

import os
import shutil
import signal
import time

from conftest import healthy
from faults import FAULTS
from lab.process import wait_for
from lab.programs import Exporter
from watched import FRESH_S, SLACK_S, Watched, successes


def source_up(metrics):
    return metrics.value("qga_exporter_source_up")


def both_answer(metrics):
    return source_up(metrics) == 1 and all(
        healthy(metrics, name) and time.time() - successes(metrics, name) < FRESH_S
        for name in ("old", "new"))


def test_libvirtd_gone(lab, exporter):
    watched = Watched(exporter, "libvirtd gone", "old")
    lab.libvirtd.stop()
    try:
        watched.is_noticed(lambda metrics: source_up(metrics) == 0
                           and metrics.state("old") == "unknown", others=False)
    finally:
        lab.start_libvirtd()
    watched.ends()
    watched.is_over(both_answer)


def test_libvirtd_hung(lab, exporter):
    """The calls in it are given up and counted, and no more threads come than are allowed;
    then the connection is, and no scrape waits for any of it."""
    def figure(name):
        return exporter.metrics().value(name)

    def scrape(metrics):
        started = time.monotonic()
        exporter.metrics()
        assert time.monotonic() - started < 0.5
        threads.append(metrics.value("process_threads"))
        return metrics

    before, threads = figure("qga_exporter_lanes_abandoned_total"), []
    lanes = figure("qga_exporter_lanes")
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        watched = Watched(exporter, "libvirtd hung", "old")
        metrics = watched.is_noticed(
            lambda metrics: source_up(scrape(metrics)) == 0, others=False)
        assert metrics.value("qga_exporter_lanes_abandoned_total") > before
        assert metrics.value("qga_exporter_lanes") <= 2 * lanes
        assert not metrics.find("qga_clock_offset_seconds")
        assert max(threads) <= threads[0] + lanes
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    watched.ends()
    watched.is_over(both_answer)
    exporter.wait_for(lambda metrics: metrics.value("qga_exporter_lanes") == lanes,
                      "as many lanes as before", 60)


def test_libvirtd_hung_at_the_start(lab, quick_config):
    """It takes connections, as its kernel does, and says nothing: that is told, and once."""
    fault = FAULTS["libvirtd hung at the start"]
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        with Exporter(lab, f"--config.file={quick_config}", name="waiting") as waiting:
            lines = wait_for(lambda: [line for line in waiting.process.log().splitlines()
                                      if "has not answered" in line], "a line in the log",
                             fault.notice.seconds + SLACK_S)
            assert source_up(waiting.metrics()) == 0
            lab.libvirtd.signal(signal.SIGCONT)
            waiting.wait_for(both_answer, "the guests, once it answers",
                             fault.recover.seconds + SLACK_S)
            assert len(lines) == 1
    finally:
        lab.libvirtd.signal(signal.SIGCONT)


def test_libvirtd_upgraded(lab, exporter):
    """A new program takes the old one's place, and its socket's path."""
    watched = Watched(exporter, "libvirtd restarted", "old")
    program = lab.libvirtd.program
    lab.libvirtd.program = shutil.copy(program, os.path.join(lab.directory, "libvirtd"))
    known = successes(exporter.metrics(), "old")
    try:
        lab.restart_libvirtd()
    finally:
        lab.libvirtd.program = program
    watched.ends()
    watched.is_over(lambda metrics: both_answer(metrics) and successes(metrics, "old") > known + 1)
    assert exporter.process.alive()
    lab.restart_libvirtd()
    exporter.wait_for(both_answer, "everything back", 20)
