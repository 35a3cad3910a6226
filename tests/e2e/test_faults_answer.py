"""The faults of faults.py that are in what the agent can, may and does answer."""

import json
import time

import pytest

from watched import NAME, Watched, as_impostor, begin_anew, failures, release, returns
from watched import fault_domain_fixture, guest_fixture  # pylint: disable=unused-import


def test_unknown_command(lab, guest, exporter):
    watched = Watched(exporter, "unknown command")
    as_impostor(guest, exporter, "-recorder", "/nowhere")
    watched.begins()
    metrics = watched.is_noticed(
        lambda metrics: metrics.state(NAME) == "responsive"
        and metrics.value("qga_collector_supported", domain=NAME, collector="vcpu") == 0)
    assert metrics.value("qga_up", domain=NAME) == 1
    asked = guest.run("grep -c guest-get-vcpus /run/agent/asked")
    time.sleep(3)
    assert guest.run("grep -c guest-get-vcpus /run/agent/asked") == asked == "1\n"
    release(lab, guest, exporter)
    watched.ends()
    watched.is_over()


def test_disabled_command(lab, guest, exporter):
    watched = Watched(exporter, "disabled command")
    guest.run("agent options -b guest-get-vcpus && agent kill")
    watched.begins()
    metrics = watched.is_noticed(
        lambda metrics: metrics.value("qga_collector_supported", domain=NAME,
                                      collector="vcpu") == 0
        and metrics.state(NAME) == "responsive")
    assert metrics.value("qga_up", domain=NAME) == 1
    time.sleep(3)
    metrics = exporter.metrics()
    assert not metrics.find("qga_vcpu_online", domain=NAME)
    # At most once, if it was asked before guest-info had told.
    assert failures(metrics, NAME).get("disabled", 0) <= watched.before.get("disabled", 0) + 1
    assert metrics.find("qga_os_info", domain=NAME)
    guest.run("agent options && agent hold")
    exporter.wait_for(lambda metrics: metrics.state(NAME) == "disconnected", "the agent gone", 5)
    guest.run("agent release")
    returns(lab, guest)
    watched.ends()
    watched.is_over()


def test_malformed(lab, guest, exporter):
    """What breaks libvirt's channel for everybody is not asked again: that is remembered
    until the domain starts anew."""
    watched = Watched(exporter, "malformed")
    as_impostor(guest, exporter, "/data/not-json.json", "guest-get-vcpus")
    watched.begins()
    watched.is_noticed()
    release(lab, guest, exporter)
    watched.ends()
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive")
    assert metrics.value("qga_collector_avoided", domain=NAME, collector="vcpu",
                         reason="quarantined") == 1
    begin_anew(guest, exporter)


@pytest.mark.parametrize("fault, arguments", [
    ("too large", ["-two-megabytes"]),
    ("out of step", ["-wrong-ids"]),
])
def test_not_to_be_understood(lab, guest, exporter, fault, arguments):
    watched = Watched(exporter, fault)
    as_impostor(guest, exporter, *arguments)
    watched.begins()
    watched.is_noticed()
    release(lab, guest, exporter)
    watched.ends()
    watched.is_over()
