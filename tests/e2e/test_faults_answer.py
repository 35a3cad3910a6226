"""The faults of faults.py that are in what the agent can, may and does answer."""

from watched import NAME, Watched, as_impostor, begin_anew, commands, failures, release, restart
# pylint: disable-next=unused-import
from watched import exporter_fixture, fault_domain_fixture, guest_fixture

ROUNDS = 5  # in which what is not blocked would be asked again, its interval doubled


def not_supported(metrics):
    return (metrics.state(NAME) == "responsive"
            and metrics.value("qga_collector_supported", domain=NAME, collector="vcpu") == 0)


def test_unknown_command(guest, exporter):
    watched = Watched(exporter, "unknown command")
    as_impostor(guest, exporter, "-recorder", "/nowhere")
    watched.event("agent_connected")
    metrics = watched.is_noticed(not_supported, watched.call("unsupported", "guest-get-vcpus"))
    assert metrics.value("qga_up", domain=NAME) == 1
    watched.timeline.wait_for_rounds(NAME, ROUNDS)
    assert commands(guest).count("guest-get-vcpus") == 1
    watched.ends()
    release(guest, exporter)
    watched.is_over()


def test_disabled_command(guest, exporter):
    watched = Watched(exporter, "disabled command")
    try:
        restart(guest, exporter, "-b guest-get-vcpus")
        # What was asked of the agent before is not its word.
        watched.start = watched.event("agent_connected")
        metrics = watched.is_noticed(not_supported, watched.call("none", "guest-info"))
        assert metrics.value("qga_up", domain=NAME) == 1
        noticed = watched.start
        watched.timeline.wait_for_rounds(NAME, ROUNDS)
        asked = [call for call in watched.timeline.calls(NAME, noticed)
                 if call.command == "guest-get-vcpus"]
        metrics = exporter.metrics()
        assert not metrics.find("qga_cpu_online", domain=NAME)
        # At most once, if it was asked before guest-info had told.
        assert not asked
        assert failures(metrics, NAME).get("disabled", 0) <= watched.before.get("disabled", 0) + 1
        assert metrics.find("qga_os_info", domain=NAME)
        watched.ends()
    finally:
        restart(guest, exporter)
    watched.is_over()


def test_malformed(guest, exporter):
    """What breaks libvirt's channel for everybody is not asked again: that is remembered
    until the domain starts anew."""
    watched = Watched(exporter, "malformed")
    as_impostor(guest, exporter, "/data/not-json.json", "guest-get-vcpus")
    watched.event("agent_connected")
    watched.is_noticed()
    watched.ends()
    release(guest, exporter)
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive",
                              watched.state("responsive"))
    assert metrics.value("qga_collector_avoided", domain=NAME, collector="vcpu",
                         reason="quarantined") == 1
    begin_anew(guest, exporter)


def test_wrong_shape(guest, exporter):
    watched = Watched(exporter, "wrong shape")
    as_impostor(guest, exporter, "/data/null-return.json", "guest-get-vcpus")
    watched.event("agent_connected")
    metrics = watched.is_noticed(shown=watched.call("wrong_shape", "guest-get-vcpus"))
    assert metrics.value("qga_up", domain=NAME) == 1
    watched.timeline.wait_for_rounds(NAME, ROUNDS)
    metrics = exporter.metrics()
    assert metrics.value("qga_agent_backing_off", domain=NAME) == 0
    assert metrics.value("qga_collector_success", domain=NAME, collector="clock") == 1
    watched.ends()
    release(guest, exporter)
    watched.is_over()


def test_too_large(guest, exporter):
    watched = Watched(exporter, "too large")
    as_impostor(guest, exporter, "-over-a-megabyte")
    watched.event("agent_connected")
    watched.is_noticed(shown=watched.call("too_large"))
    watched.ends()
    release(guest, exporter)
    watched.is_over()


def test_out_of_step(guest, exporter):
    watched = Watched(exporter, "out of step")
    as_impostor(guest, exporter, "-wrong-ids")
    watched.event("agent_connected")
    watched.is_noticed()
    watched.ends()
    release(guest, exporter)
    watched.is_over()
