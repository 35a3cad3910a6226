"""The exporter's main thread stands still, and its web side goes on: that is told."""

import time

from conftest import in_one_process
from lab.process import wait_for
from lab.programs import get
from lab.standstill import standing_still
from shares import fleet

LAST_TURN = "qga_exporter_loop_last_turn_timestamp_seconds"
GUESTS = ("honest-0", "honest-1")
STATES = ("qga_up", "qga_agent_state", "qga_domain_info")


def health(exporter):
    return get(f"{exporter.url}/-/healthy")[0]


def is_well(metrics):
    return all(metrics.value("qga_up", domain=name) == 1 for name in GUESTS)


@in_one_process
def test_a_main_thread_that_stands_still():
    with fleet.played("socket", "honest:2") as exporter:
        before = exporter.wait_for(is_well, "the guests are well")
        assert time.time() - before.value(LAST_TURN) < 60
        with standing_still(exporter.process.pid):
            wait_for(lambda: health(exporter) == 503, "/-/healthy says so", 120)
            metrics = exporter.metrics()
            assert time.time() - metrics.value(LAST_TURN) >= 29
            assert [name for name in STATES if metrics.find(name)] == []
            assert metrics.value("qga_exporter_source_up") == 1
            status, _, page = get(f"{exporter.url}/guests")
            assert status == 200 and b"stands still" in page
        wait_for(lambda: health(exporter) == 200, "it goes on")
        exporter.wait_for(lambda metrics: is_well(metrics)
                          and metrics.value(LAST_TURN) > before.value(LAST_TURN), "all is told again")
