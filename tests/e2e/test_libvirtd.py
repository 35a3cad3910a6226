"""libvirt's daemon goes away, hangs and comes back; the exporter goes on."""

import signal
import time

from conftest import healthy
from lab.process import wait_for
from lab.programs import Exporter

BACK_WITHIN_S = 10


def source_up(metrics):
    return metrics.value("qga_exporter_source_up")


def back(metrics):
    return source_up(metrics) == 1 and healthy(metrics, "old") and healthy(metrics, "new")


def test_libvirtd_is_stopped_and_started(lab, exporter):
    lab.libvirtd.stop()
    try:
        exporter.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down", 10)
    finally:
        lab.start_libvirtd()
    exporter.wait_for(back, "everything back", BACK_WITHIN_S)
    assert exporter.process.alive()


def test_libvirtd_is_restarted_at_once(lab, exporter):
    before = exporter.metrics()
    lab.restart_libvirtd()
    after = {"domain": "old", "collector": "clock"}
    name = "qga_collector_last_success_timestamp_seconds"
    known = before.value(name, **after)
    exporter.wait_for(lambda metrics: back(metrics) and metrics.value(name, **after) > known + 1,
                      "everything back", BACK_WITHIN_S)


def test_libvirtd_crashes(lab, exporter):
    lab.libvirtd.kill()
    try:
        exporter.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down", 10)
    finally:
        lab.start_libvirtd()
    exporter.wait_for(back, "everything back", BACK_WITHIN_S)


def test_guests_that_came_and_went_meanwhile(lab, exporter):
    """What happened while the daemon did not tell: a guest that is no more."""
    lab.guests["silent"].stop()
    exporter.wait_for(lambda metrics: "silent" not in metrics.domains(), "the guest gone", 5)
    lab.libvirtd.stop()
    exporter.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down", 10)
    lab.start_libvirtd()
    lab.guests["silent"].start()
    metrics = exporter.wait_for(lambda metrics: back(metrics) and "silent" in metrics.domains(),
                                "everything back", BACK_WITHIN_S)
    assert metrics.value("qga_up", domain="silent") == 0


def test_a_hung_libvirtd_stops_no_scrape(lab, exporter):
    def scrape():
        started = time.monotonic()
        metrics = exporter.metrics()
        assert time.monotonic() - started < 0.5
        return metrics

    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        wait_for(lambda: not scrape().find("qga_clock_offset_seconds"),
                 "old values withdrawn while libvirtd hangs", 30)
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    exporter.wait_for(back, "everything back", 60)


def test_the_exporter_starts_without_libvirtd(lab, quick_config):
    lab.libvirtd.stop()
    try:
        with Exporter(lab, f"--config.file={quick_config}", name="early") as early:
            early.wait_for(lambda metrics: source_up(metrics) == 0, "the source seen down", 5)
            assert "qga_up" not in [name for name, _, _ in early.metrics().samples]
            lines = wait_for(lambda: [line for line in early.process.log().splitlines()
                                      if "libvirt-sock" in line], "a line in the log", 5)
            lab.start_libvirtd()
            early.wait_for(back, "the guests, once the daemon is there", BACK_WITHIN_S)
            assert len(lines) == 1
    finally:
        if lab.libvirtd.process is None:
            lab.start_libvirtd()
