"""Which alert silences which, and who gets how many messages: a real Alertmanager with the
rules of alertmanager.yml.

The alerts have the labels that those of config/prometheus have; nothing else is needed.
"""

import json
import urllib.request

import pytest

from lab.process import wait_for
from lab.programs import get
from shipped import Webhook, alertmanager

GUEST = {"instance": "hv1", "source": "local", "domain": "web"}
DISK = {**GUEST, "device": "vda1", "mountpoint": "/"}


@pytest.fixture(scope="module", name="webhook")
def _webhook():
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture(scope="module", name="address")
def _address(tmp_path_factory, webhook):
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), webhook) as address:
        yield address


def alert(name, severity="warning", **labels):
    return {"job": "qga", "alertname": name, "severity": severity, **labels}


def send(address, alerts):
    # None of them ends by itself.
    body = json.dumps([{"labels": one, "endsAt": "2100-01-01T00:00:00Z"} for one in alerts]).encode()
    request = urllib.request.Request(f"http://{address}/api/v2/alerts", body,
                                     {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()  # pylint: disable=consider-using-with


def silenced(address, test, *alerts):
    """The names of those that no message is sent for, once it has seen all of them."""
    alerts = [{**one, "test": test} for one in alerts]
    send(address, alerts)

    def seen():
        # A group is notified, and so inhibited, right after its first alert.
        _, _, answer = get(f"http://{address}/api/v2/alerts?filter=test%3D%22{test}%22")
        found = json.loads(answer)
        return found if len(found) == len(alerts) and all(
            one["status"]["state"] != "unprocessed" for one in found) else None

    found = wait_for(seen, "all alerts")
    return {(one["labels"]["alertname"], one["labels"]["severity"], one["labels"].get("domain"))
            for one in found if one["status"]["inhibitedBy"]}


CASES = {
    "severities": (
        [alert("QgaClockOffset", **GUEST), alert("QgaClockOffset", "critical", **GUEST),
         alert("QgaClockOffset", **{**GUEST, "domain": "db"}),
         {**alert("QgaClockOffset", "critical", **{**GUEST, "domain": "db"}), "job": "lab"}],
        {("QgaClockOffset", "warning", "web")}),
    "full": (
        [alert("QgaFilesystemAlmostFull", **DISK), alert("QgaFilesystemFillingUp", **DISK),
         alert("QgaFilesystemFillingUp", **{**DISK, "device": "vdb1"})],
        {("QgaFilesystemFillingUp", "warning", "web")}),
    "host": (
        [alert("QgaHostGuestsHang", "critical", instance="hv1"),
         alert("QgaAgentUnresponsive", **GUEST), alert("QgaDataOld", **GUEST),
         alert("QgaFilesystemAlmostFull", **DISK),
         alert("QgaAgentUnresponsive", **{**GUEST, "instance": "hv2", "domain": "db"})],
        {("QgaAgentUnresponsive", "warning", "web"), ("QgaDataOld", "warning", "web")}),
    "many": (
        [alert("QgaExportersDown", "critical", instance="", zone="fra"),
         alert("QgaExporterDown", instance="hv1", zone="fra"),
         alert("QgaExporterVanished", instance="hv2", zone="ber")],
        {("QgaExporterDown", "warning", None)}),
    "stuck": (
        [alert("QgaExporterStuck", instance="hv1"), alert("QgaScheduleLate", instance="hv1"),
         alert("QgaAgentDead", **{**GUEST, "instance": "hv2"})],
        {("QgaScheduleLate", "warning", None)}),
    "exporter": (
        [alert("QgaExporterDown", instance="hv1"),
         alert("QgaAgentDead", **GUEST), alert("QgaScheduleLate", instance="hv1"),
         alert("QgaAgentDead", **{**GUEST, "instance": "hv2", "domain": "db"})],
        {("QgaAgentDead", "warning", "web"), ("QgaScheduleLate", "warning", None)}),
    "vanished": (
        [alert("QgaExporterVanished", instance="hv1"), alert("QgaAgentDead", **GUEST),
         alert("QgaExporterVanished", instance="hv2")],
        {("QgaAgentDead", "warning", "web")}),
    "source": (
        [alert("QgaSourceDown", instance="hv1", source="local"),
         alert("QgaAgentUnresponsive", **GUEST), alert("QgaHostClockStepped", instance="hv1"),
         alert("QgaAgentUnresponsive", **{**GUEST, "source": "pve", "domain": "100"})],
        {("QgaAgentUnresponsive", "warning", "web")}),
    "only-source": (
        [alert("QgaSourceDown", instance="hv1"),
         alert("QgaAgentUnresponsive", instance="hv1", domain="web")],
        {("QgaAgentUnresponsive", "warning", "web")}),
    "clock": (
        [alert("QgaHostClockStepped", instance="hv1"), alert("QgaClockOffset", **GUEST),
         alert("QgaAgentDead", **GUEST),
         alert("QgaClockOffset", **{**GUEST, "instance": "hv2", "domain": "db"})],
        {("QgaClockOffset", "warning", "web")}),
    "hung": (
        [alert("QgaAgentUnresponsive", **GUEST), alert("QgaAgentFlapping", **GUEST),
         alert("QgaCollectorFailing", **GUEST, collector="clock"),
         alert("QgaDataOld", **GUEST), alert("QgaUpButSilent", **GUEST),
         alert("QgaFilesystemAlmostFull", **DISK),
         alert("QgaAgentFlapping", **{**GUEST, "domain": "db"})],
        {(name, "warning", "web") for name in ("QgaAgentFlapping", "QgaCollectorFailing",
                                               "QgaDataOld", "QgaUpButSilent")}),
    "address": (
        [alert("QgaNetworkSameAddress", **GUEST, address="192.0.2.5", zone="fra"),
         alert("QgaNetworkSameAddressAcrossHosts", **GUEST, address="192.0.2.5", zone="fra"),
         alert("QgaNetworkSameAddressAcrossHosts", **{**GUEST, "domain": "db"},
               address="192.0.2.5", zone="fra")],
        {("QgaNetworkSameAddressAcrossHosts", "warning", "web")}),
    "twins": (
        [{**alert("QgaExporterDown", instance="hv1"), "cluster": "a"},
         {**alert("QgaAgentDead", **GUEST), "cluster": "a"},
         {**alert("QgaAgentDead", **{**GUEST, "domain": "db"}), "cluster": "b"}],
        {("QgaAgentDead", "warning", "web")}),
    "others": (
        [alert("QgaExporterDown", instance="hv1"),
         alert("NodeFilesystemFull", instance="hv1")], set()),
}


@pytest.mark.parametrize("name", CASES)
def test_inhibition(address, name):
    alerts, expected = CASES[name]
    # Cases must not silence each other's: each has hosts of its own.
    alerts = [{**one, "instance": f"{name}-{one['instance']}"} for one in alerts]
    wait_for(lambda: silenced(address, name, *alerts) == expected, f"silenced: {expected}")


def test_one_page_for_a_host_whose_guests_hang(address, webhook):
    """200 of them, and one message for whoever is woken; the tickets of others go on."""
    hung = [alert("QgaAgentUnresponsive", zone="storm",
                  **{**GUEST, "instance": "storm", "domain": f"vm{number}"})
            for number in range(200)]

    def sent(receiver, instance):
        return [message for message in webhook.messages(receiver)
                if any(one["labels"].get("instance") == instance for one in message)]

    send(address, [alert("QgaHostGuestsHang", "critical", instance="storm", zone="storm")])
    wait_for(lambda: sent("pages", "storm"), "the page")
    missing = alert("QgaAgentMissing", "info", zone="storm", **{**GUEST, "instance": "storm"})
    send(address, [*hung, missing, *({**one, "instance": "calm"} for one in hung)])
    wait_for(lambda: {one["labels"]["domain"] for message in sent("tickets", "calm")
                      for one in message if one["labels"]["instance"] == "calm"}
             == {f"vm{number}" for number in range(200)}, "the tickets of the other host")
    (page,) = sent("pages", "storm")
    assert [one["labels"]["alertname"] for one in page
            if one["labels"].get("instance") == "storm"] == ["QgaHostGuestsHang"]
    assert not sent("tickets", "storm")
    assert {one["labels"]["alertname"] for message in sent("tickets", "calm") for one in message
            if one["labels"]["instance"] == "calm"} == {"QgaAgentUnresponsive"}
