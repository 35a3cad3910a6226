"""The fault of faults.py that takes longest: another client's call holds the agent."""

import threading
import time

from conftest import healthy
from watched import NAME, Watched
from watched import fault_domain_fixture, guest_fixture  # pylint: disable=unused-import


def test_busy(lab, guest, exporter):
    """A backup's hook takes its time; the agent is its until then, and not said to hang."""
    states = set()
    guest.run("printf '#!/bin/sh\\n[ $1 = thaw ] || sleep 40\\n' >/run/hook && chmod +x /run/hook"
              " && agent options -F/run/hook && agent kill")
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the agent with the hook", 20)
    time.sleep(1)  # QEMU tells libvirt of a channel once a second at most
    guest.wait_for_agent()
    back = time.time()
    exporter.wait_for(lambda metrics: healthy(metrics, NAME) and metrics.value(
        "qga_agent_last_response_timestamp_seconds", domain=NAME) > back, "its answer", 20)
    watched = Watched(exporter, "busy")
    freeze = threading.Thread(target=lab.virsh, args=("domfsfreeze", NAME), daemon=True,
                              kwargs={"timeout_s": 120})
    freeze.start()
    watched.begins()

    def seen(metrics):
        states.add(metrics.state(NAME))
        return True

    watched.is_noticed(lambda metrics: seen(metrics) and metrics.state(NAME) == "busy")
    metrics = exporter.wait_for(lambda metrics: seen(metrics) and busy_calls(metrics) > 0,
                                "libvirt gives the call up", 45)
    assert states == {"responsive", "busy"}
    assert watched.new_reasons(metrics) == set()
    assert metrics.state(NAME) == "busy"
    assert metrics.value("qga_up", domain=NAME) == 1
    assert metrics.value("qga_agent_consecutive_failures", domain=NAME) == 0
    freeze.join(90)
    lab.virsh("domfsthaw", NAME)
    watched.ends()
    watched.is_over()
    guest.run("agent options && agent kill")


def busy_calls(metrics):
    return sum(value for labels, value in metrics.find("qga_exporter_calls_total")
               if labels["outcome"] == "busy")
