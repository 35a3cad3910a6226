"""Many hosts in one Prometheus, and several of those: the files of config/prometheus/fleet.

Two exporters with agents of their own are two hosts, at 127.0.0.2 and 127.0.0.3.  The files
are taken as they are, with names of machines and paces in them replaced.
"""

import contextlib
import glob
import http.server
import json
import os
import re
import shutil
import socket
import threading

import pytest
import yaml

from conftest import QUICK_CONFIG, write_config
from lab import image
from lab.agents import Agents
from lab.process import free_port, wait_for
from lab.programs import ConfiguredPrometheus, Exporter, get
from shipped import Webhook, alertmanager

SHIPPED = os.path.join(image.ROOT, "config", "prometheus")
HOSTS = ("127.0.0.2", "127.0.0.3")
GUESTS = ("web", "db")  # on each of the hosts


def host(place, stack, address, port):
    folder = os.path.join(place.directory, address)
    os.makedirs(folder)
    agents = stack.enter_context(Agents(folder))
    agents.start_all(GUESTS)
    config = write_config(place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n'
                          + QUICK_CONFIG, f"{address}.yml")
    exporter = Exporter(place, f"--config.file={config}", address=address, port=port, name=address)
    exporter.url = f"http://{address}:{port}"
    return stack.enter_context(exporter)


@pytest.fixture(scope="module", name="hosts")
def _hosts(place):
    """[exporter], all at one port."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        exporters = [host(place, stack, address, port) for address in HOSTS]
        for one in exporters:
            one.wait_for(lambda metrics: sum(v for _, v in metrics.find("qga_up")) == len(GUESTS)
                         and metrics.find("qga_network_info"), "the agents answer")
        yield exporters


class Inventory:
    """Serves hosts.yml as a list for http_sd_configs, and series of a guest at /metrics."""

    def __init__(self, hosts):
        targets = json.dumps([{"targets": list(hosts), "labels": {}}]).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                metrics = self.path == "/metrics"
                self.send_response(200)
                self.send_header("Content-Type", "text/plain" if metrics else "application/json")
                self.end_headers()
                self.wfile.write(b"node_load1 0.5\n" if metrics else targets)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module", name="inventory")
def _inventory():
    inventory = Inventory(HOSTS)
    yield inventory
    inventory.close()


@pytest.fixture(scope="module", name="addresses")
def _addresses():
    """Where the machines of the shipped files are here."""
    return {name: f"127.0.0.1:{free_port()}" for name in (
        "prometheus-fra.example.org:9090", "central.example.org:9090",
        "alertmanager.example.org:9093")}


@pytest.fixture(scope="module", name="shipped")
def _shipped(place, hosts, inventory, addresses):
    """A copy of config/prometheus which fits this machine."""
    folder = os.path.join(place.directory, "prometheus")
    shutil.copytree(SHIPPED, folder)
    here = {
        **dict(zip(("hv1.example.org", "hv2.example.org"), HOSTS)), **addresses,
        "inventory.example.org": f"127.0.0.1:{inventory.port}",
        ":10177": f":{hosts[0].port}", "port=9100": f"port={inventory.port}",
        "network=10.0.0.0/8": "network=0.0.0.0/0", "regex: mswindows": "regex: nothing",
        "_interval: 15s": "_interval: 1s", "_interval: 1m": "_interval: 1s",
    }
    for path in (*glob.glob(f"{folder}/*.yml"), *glob.glob(f"{folder}/fleet/*.yml")):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"(?m)^    interval: \w+\n", "", file.read())  # of groups
        if path.startswith(f"{folder}/fleet/"):
            for old, new in here.items():
                text = text.replace(old, new)
            assert "example.org" not in text, f"{path}: a machine that is nowhere"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return f"{folder}/fleet"


class Server(ConfiguredPrometheus):
    def values(self, expression, *names):
        """{labels: value}"""
        return {tuple(labels.get(name) for name in names): value
                for labels, value in self.query(expression)}

    def sent(self):
        """Alerts given to Alertmanager."""
        _, _, body = get(f"{self.url}/metrics")
        return sum(map(float, re.findall(rb"^prometheus_notifications_sent_total\{.*\} (\S+)$",
                                         body, re.M)))

    def bad_rules(self):
        _, _, body = get(f"{self.url}/api/v1/rules")
        return [rule["name"] + ": " + rule.get("lastError", rule["health"])
                for group in json.loads(body)["data"]["groups"] for rule in group["rules"]
                if rule["health"] not in ("ok", "unknown")]


@pytest.fixture(scope="module", name="zone")
def _zone(place, shipped, addresses):
    with Server(place, f"{shipped}/prometheus.yml", name="fra",
                address=addresses["prometheus-fra.example.org:9090"]) as running:
        yield running


@pytest.fixture(scope="module", name="central")
def _central(place, shipped, addresses):
    """A central Prometheus, and the agent which writes to it."""
    with Server(place, f"{shipped}/central.yml", "--web.enable-remote-write-receiver",
                name="central", address=addresses["central.example.org:9090"]) as running:
        with Server(place, f"{shipped}/agent.yml", "--enable-feature=agent", name="agent"):
            yield running


@pytest.fixture(scope="module", name="above")
def _above(place, shipped, zone, central):
    for one in (zone, central):
        recorded(one)
    with Server(place, f"{shipped}/global.yml", name="global") as running:
        yield running


def both(value):
    return {(address,): value for address in HOSTS}


def recorded(prometheus):
    wait_for(lambda: prometheus.values("job:qga_up:sum", "job") == {("qga",): 4},
             "records of both hosts", 60)


def test_hosts_of_a_file(zone):
    wait_for(lambda: zone.values('up{job="qga"}', "instance") == both(1), "both hosts", 60)
    assert zone.values("count by (instance, zone) (qga_up)", "instance", "zone") == {
        (address, "fra"): len(GUESTS) for address in HOSTS}
    assert zone.query("qga_vcpus") and not zone.query("qga_cpu_online")
    for labels, _ in zone.query('{job="qga",instance!=""}'):
        assert labels["instance"] in HOSTS


def test_records_of_the_fleet(zone):
    recorded(zone)
    assert zone.values("instance:qga_up:sum", "instance") == both(2)
    assert zone.values("job:qga_up:count", "zone", "instance") == {("fra", None): 4}
    wait_for(lambda: zone.values("job:up:sum", "zone", "instance") == {("fra", None): 2},
             "both exporters")
    assert zone.values("job_state:qga_agent_state:count", "state") == {("responsive",): 4}
    assert sum(value for _, value in zone.query("job_version:qga_agent_info:count")) == 4
    wait_for(lambda: zone.query("job:qga_clock_offset_seconds:certain_max"), "the clocks")
    assert zone.bad_rules() == []


def test_a_host_that_leaves_the_file(zone, shipped):
    path = f"{shipped}/hosts.yml"
    with open(path, encoding="utf-8") as file:
        before = file.read()
    wait_for(lambda: zone.values('up{job="qga"}', "instance") == both(1), "both hosts", 60)

    def write(text):
        """As a tool does: never a half file under the name that Prometheus watches."""
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{path}.new", path)

    write(before.replace(f", {HOSTS[1]}", ""))
    try:
        vanished = "max_over_time(up{job='qga'}[1d]) unless on (job, instance) up"
        wait_for(lambda: zone.values(vanished, "instance") == {(HOSTS[1],): 1}, "it is missed", 60)
        assert zone.values('up{job="qga"}', "instance") == {(HOSTS[0],): 1}
        assert not zone.query(f'qga_up{{instance="{HOSTS[1]}"}}')
    finally:
        write(before)
    wait_for(lambda: zone.values('up{job="qga"}', "instance") == both(1), "both hosts again", 60)


def own_address():
    """An address of this machine that its agents tell, or None."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
    return None


def test_guests_of_all_hosts_meet_what_their_hosts_say(zone):
    if not own_address():
        pytest.skip("this machine has no address for its agents to tell")
    wait_for(lambda: len(zone.query("node_load1")) >= 4, "series of the guests", 60)
    with open(os.path.join(image.ROOT, "docs", "fleet.md"), encoding="utf-8") as file:
        (query,) = [part.partition("```")[0] for part in file.read().split("```promql\n")[1:]
                    if part.startswith("node_load1")]
    joined = zone.values(query, "host", "domain", "state")
    assert joined == {(address, name, "responsive"): 0.5 for address in HOSTS for name in GUESTS}


def test_an_agent_writes_to_a_central_prometheus(central):
    recorded(central)
    assert central.values("qga_up", "zone", "instance", "domain") == {
        ("ams", address, name): 1 for address in HOSTS for name in GUESTS}
    wait_for(lambda: central.values("job:up:sum", "zone") == {("ams",): 2}, "both exporters")
    assert central.query("qga_vcpus") and not central.query("qga_cpu_online")
    assert central.targets("qga") == []
    assert central.bad_rules() == []


def test_a_guest_that_stops_is_stale_in_the_central_one_at_once(place, central):
    recorded(central)
    with Agents(os.path.join(place.directory, HOSTS[0])) as agents:
        agents.start("passing", watched=True)
        wait_for(lambda: central.query('qga_up{domain="passing"} == 1'), "the guest", 60)
        agents.remove("passing")
        wait_for(lambda: not central.query('qga_up{domain="passing"}'), "its end", 60)


def test_federation(above):
    expected = {("fra", None): 4, ("ams", None): 4}
    wait_for(lambda: above.values("job:qga_up:sum", "zone", "instance") == expected,
             "records of both zones", 60)
    assert above.values("instance:qga_up:sum", "zone", "instance") == {
        (zone, address): 2 for zone in ("fra", "ams") for address in HOSTS}
    assert all(labels["via"] for labels, _ in above.query("job:qga_up:sum"))
    assert not above.query("qga_up")
    assert not above.query('{uuid!=""}') and not above.query('{domain!="",__name__!="ALERTS"}')
    assert sum(value for _, value in above.query("sum(job:up:sum)")) == 4


# Alerts

@pytest.fixture(name="webhook")
def _webhook():
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.mark.usefixtures("hosts")
def test_two_replicas_send_one_alert(place, shipped, webhook, tmp_path):
    folder = os.path.join(place.directory, "replicas", "fleet")
    shutil.copytree(os.path.dirname(shipped), os.path.dirname(folder))
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(alertmanager(tmp_path, webhook))
        with open(f"{folder}/prometheus.yml", encoding="utf-8") as file:
            config = yaml.safe_load(file)
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [address]
        # A rule of this test's own, since the shipped ones wait for minutes.
        config["rule_files"] = ["now.yml"]
        with open(f"{folder}/now.yml", "w", encoding="utf-8") as file:
            file.write("groups: [{name: now, rules: [{alert: QgaNow, expr: 'up{job=\"qga\"} == 1', "
                       "labels: {severity: warning}}]}]\n")
        for replica in "ab":
            config["global"]["external_labels"]["replica"] = replica
            with open(f"{folder}/{replica}.yml", "w", encoding="utf-8") as file:
                yaml.safe_dump(config, file)
            one = stack.enter_context(Server(place, f"{folder}/{replica}.yml", name=replica))
            wait_for(lambda one=one: one.sent(), f"alerts of the replica {replica}", 60)
        wait_for(lambda: webhook.find("QgaNow", "firing", None), "a message", 60)
        _, _, body = get(f"http://{address}/api/v2/alerts")
        alerts = json.loads(body)
        assert sorted(one["labels"]["instance"] for one in alerts) == sorted(HOSTS)
        assert not any("replica" in one["labels"] for one in alerts)
