"""Guests that hold what they are given for ever, or that contradict themselves: patience has
an end.  libvirt and agents are played."""

import subprocess

from lab.process import wait_for
from lab.programs import EXPORTER, get
from shares import fleet

STUCK_CONFIG = "health: {backoff: 10s, backoff_max: 20s}\n"


def test_a_call_that_never_comes_back():
    """It is the probe of a guest that was silent, and others were silent, too."""
    with fleet.played("libvirt", "stuck:1,wakes:2,honest:1", STUCK_CONFIG) as exporter:
        metrics = exporter.wait_for(
            lambda metrics: all(metrics.state(f"wakes-{number}") == "responsive" for number in (0, 1))
            and metrics.value("qga_exporter_lanes_abandoned_total") == 1,
            "those that woke up are asked", 120)
        assert metrics.state("honest-0") == "responsive"
        assert metrics.value("qga_exporter_source_up") == 1
        exporter.wait_for(lambda metrics: metrics.state("stuck-0") == "unresponsive",
                          "the one that is stuck is said to be", 60)
        assert "does not come back" in exporter.process.log()


def test_patience_has_an_end():
    """Neither the one that always has something new to refuse holds up the first pass, nor is
    the one that contradicts itself taken for frozen."""
    with fleet.played("socket", "honest:2,retracts:1,contradicts:1") as exporter:
        wait_for(lambda: get(f"{exporter.url}/-/ready")[0] == 200, "the first pass is over", 75)
        status, _, body = get(f"{exporter.url}/sd")
        assert status == 200, body
        metrics = exporter.wait_for(lambda metrics: metrics.state("contradicts-0") == "malformed",
                                    "the contradiction is told", 60)
        assert metrics.value("qga_up", domain="contradicts-0") == 0
        assert metrics.value("qga_agent_failures_total", domain="contradicts-0", reason="malformed") > 0
        assert metrics.value("qga_up", domain="honest-0") == 1


def test_once_ends():
    with fleet.fleet_of("socket", "honest:2,retracts:1") as (place, config, _):
        done = subprocess.run([EXPORTER, "--once", f"--config.file={config}"], timeout=120, text=True,
                              capture_output=True, check=False, cwd=place)
    assert done.returncode in (0, 1)
    assert 'qga_up{domain="honest-0",source="socket"} 1\n' in done.stdout
