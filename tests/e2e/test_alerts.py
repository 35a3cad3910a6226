"""An agent ends, and the alert arrives: exporter, Prometheus, Alertmanager, webhook.

Rules and configuration are those of config/prometheus, at a pace that a test can wait for.
"""

import pytest

from lab.process import wait_for
from lab.programs import Prometheus
from shipped import Webhook, alertmanager, hurried_rules

NAME = "alerted"


@pytest.fixture(name="webhook")
def _webhook():
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture(name="prometheus")
def _prometheus(lab, exporter, webhook, tmp_path):
    with alertmanager(tmp_path, webhook) as address:
        with Prometheus(lab, exporter.port, rules=hurried_rules(tmp_path),
                        alertmanager=address) as running:
            yield running


@pytest.fixture(name="guest")
def _guest(lab):
    guest = lab.guest(NAME, agent="10.0", disk=False, network=False).start()
    try:
        yield guest.wait_for_agent().wait_for_control()
    finally:
        guest.stop()
        del lab.guests[NAME]


def test_a_stopped_agent_arrives_at_the_webhook(prometheus, webhook, guest):
    wait_for(lambda: [value for _, value in prometheus.query(f'qga_up{{domain="{NAME}"}}')] == [1],
             "the guest is well", 60)
    assert not webhook.find("QgaAgentDead", "firing", NAME)
    guest.run("agent hold")
    (alert, *_) = wait_for(lambda: webhook.find("QgaAgentDead", "firing", NAME), "the alert", 60)
    assert alert["labels"]["severity"] == "warning"
    assert f"The guest agent of {NAME} on 127.0.0.1:" in alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#qgaagentdead"
    guest.run("agent release")
    wait_for(lambda: webhook.find("QgaAgentDead", "resolved", NAME), "the all-clear", 60)
    assert not webhook.find("QgaAgentDead", "firing", "old")


def test_a_wrong_clock_counts_only_against_a_right_one(prometheus, webhook):
    """The clock of the guest "new" is 90 s ahead from the beginning."""
    ((_, synchronized),) = wait_for(lambda: prometheus.query("qga_host_clock_synchronized"),
                                    "a first scrape", 60)
    if synchronized:
        found = wait_for(lambda: webhook.find("QgaClockOffset", "firing", "new"), "the alert", 60)
        assert any(one["labels"]["severity"] == "critical" for one in found)
        assert not webhook.find("QgaHostClockUnsynchronized", "firing", None)
    else:
        wait_for(lambda: webhook.find("QgaHostClockUnsynchronized", "firing", None),
                 "the alert on the host", 60)
        assert not webhook.find("QgaClockOffset", "firing", "new")
