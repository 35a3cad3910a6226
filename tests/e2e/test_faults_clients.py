"""The faults of faults.py that others bring about: they freeze, or deny."""

from conftest import healthy
from lab.programs import Exporter
from watched import NAME, Watched, as_impostor, commands, release
from watched import fault_domain_fixture, guest_fixture  # pylint: disable=unused-import


def test_frozen(lab, guest, exporter):
    """What is asked meanwhile is told by the guest's side."""
    watched = Watched(exporter, "frozen")
    as_impostor(guest, exporter, "-recorder", "/data")
    exporter.wait_for(lambda metrics: metrics.value("qga_up", domain=NAME) == 1
                      and metrics.find("qga_vcpu_online", domain=NAME), "the recorder answers")
    lab.virsh("domfsfreeze", NAME)
    watched.begins()
    watched.is_noticed()
    first = exporter.wait_for(
        lambda metrics: metrics.find("qga_agent_frozen_seconds", domain=NAME),
        "the agent's word for it", 10).value("qga_agent_frozen_seconds", domain=NAME)
    exporter.wait_for(lambda metrics: metrics.value("qga_agent_frozen_seconds", domain=NAME)
                      >= first + 9, "two more answers", 20)
    metrics = exporter.metrics()
    assert metrics.value("qga_up", domain=NAME) == 1
    assert watched.new_reasons(metrics) == set()
    lab.virsh("domfsthaw", NAME)
    watched.ends()
    metrics = watched.is_over(lambda metrics: metrics.state(NAME) == "responsive")
    assert not metrics.find("qga_agent_frozen_seconds", domain=NAME)
    asked = commands(guest)
    frozen = asked[asked.index("guest-fsfreeze-freeze") + 1:asked.index("guest-fsfreeze-thaw")]
    # The first call cannot know.
    assert set(frozen[1:]) <= {"guest-fsfreeze-status", "guest-sync"}, frozen
    assert frozen.count("guest-fsfreeze-status") <= 6, frozen
    release(lab, guest, exporter)


def test_denied(lab, quick_config, exporter):
    with Exporter(lab, f"--config.file={quick_config}", uri=lab.uri + "-ro",
                  name="read-only") as reader:
        watched = Watched(reader, "denied", "old")
        watched.is_noticed(others=False)
        metrics = reader.metrics()
        assert metrics.value("qga_exporter_source_up") == 1
        assert metrics.state("bare") == "unconfigured"
        assert "read only access" in reader.process.log()
    assert healthy(exporter.metrics(), "old")
