"""An agent ends, and the alert arrives: exporter, Prometheus, Alertmanager, webhook.

Rules and configuration are those of config/prometheus, at a pace that a test can wait for.
"""

import contextlib
import http.server
import json
import os
import re
import threading

import pytest
import yaml

from lab import image
from lab.process import Process, free_port, program, wait_for
from lab.programs import Prometheus, get

FOLDER = os.path.join(image.ROOT, "config", "prometheus")
NAME = "alerted"


def text_of(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Webhook:
    """What a person would get: all alerts of all messages, in their order."""

    def __init__(self):
        self.alerts = []
        alerts = self.alerts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                alerts.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def find(self, alert, status, domain):
        return [one for one in self.alerts if one["status"] == status
                and one["labels"]["alertname"] == alert and one["labels"].get("domain") == domain]


@contextlib.contextmanager
def alertmanager(folder, webhook):
    """Yields host:port of a real one with the example's configuration, hurried."""
    config = yaml.safe_load(text_of("alertmanager.yml"))
    config["route"].update(group_wait="0s", group_interval="1s")
    config["receivers"][0]["webhook_configs"][0]["url"] = webhook.url
    address = f"127.0.0.1:{free_port()}"
    process = Process(
        [program("prometheus-alertmanager"),
         f"--config.file={write(folder, 'alertmanager.yml', yaml.safe_dump(config))}",
         f"--storage.path={folder}/alertmanager", f"--web.listen-address={address}",
         "--cluster.listen-address="], os.path.join(folder, "alertmanager.log"))
    try:
        wait_for(lambda: get(f"http://{address}/-/ready")[0] == 200, "Alertmanager is ready", 60)
        yield address
    finally:
        process.stop()


@pytest.fixture(name="webhook")
def _webhook():
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture(name="prometheus")
def _prometheus(lab, exporter, webhook, tmp_path):
    rules = [write(tmp_path, name, re.sub(r"(?m)^( +for:) \w+$", r"\1 2s", text_of(name)))
             for name in ("alerts.yml", "rules.yml")]
    with alertmanager(tmp_path, webhook) as address:
        with Prometheus(lab, exporter.port, rules=rules, alertmanager=address) as running:
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
