"""The shipped rules and the Alertmanager's configuration, hurried, and who gets the alerts."""

import contextlib
import http.server
import json
import os
import re
import threading

import yaml

from lab import image
from lab.process import Process, free_port, program, wait_for
from lab.programs import get

FOLDER = os.path.join(image.ROOT, "config", "prometheus")


def text_of(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def hurried_rules(folder):
    """Alerts fire after 2 s, and groups have no interval of their own."""
    return [write(folder, name, re.sub(r"(?m)^ +interval: \w+\n", "", re.sub(
        r"(?m)^( +for:) \w+$", r"\1 2s", text_of(name))))
            for name in ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml")]


class Webhook:
    """What people would get: all alerts of all messages, in their order."""

    def __init__(self):
        self.alerts, self.received = [], []
        alerts, received = self.alerts, self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = json.loads(body)
                received.append((message["receiver"], message["alerts"]))
                alerts.extend(message["alerts"])
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

    def messages(self, receiver):
        return [message for name, message in self.received if name == receiver]

    def find(self, alert, status, domain):
        return [one for one in self.alerts if one["status"] == status
                and one["labels"]["alertname"] == alert and one["labels"].get("domain") == domain]


@contextlib.contextmanager
def alertmanager(folder, webhook):
    """Yields host:port of a real one with the example's configuration, hurried."""
    config = yaml.safe_load(text_of("alertmanager.yml"))
    for route in (config["route"], *config["route"]["routes"]):
        route.update(group_wait="0s", group_interval="1s")
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = webhook.url
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
