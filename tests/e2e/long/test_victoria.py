"""The fleet in VictoriaMetrics, of Debian 12 and the current one: two exporters with agents of
their own, two vmagents that share them and both scrape each, deduplicated, and vmalert with the
shipped rules and an Alertmanager.
"""

import collections
import contextlib
import json
import os
import subprocess

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.engines import VICTORIA, victoria
from lab.process import wait_for
from lab.programs import Exporter, get
from lab.victoria import VictoriaMetrics, VmAgent, VmAlert
from shipped import FOLDER, Webhook, alertmanager, hurried_rules

HOSTS = ("hv1", "hv2")
GUESTS = ("web", "db")
MEMBERS = 2
WINDOW_S = 10


@pytest.fixture(scope="module", name="agents")
def _agents(place):
    """{host: its agents}"""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in HOSTS:
            folder = os.path.join(place.directory, name)
            os.makedirs(folder)
            found[name] = stack.enter_context(Agents(folder))
            found[name].start_all(GUESTS)
        yield found


@pytest.fixture(scope="module", name="hosts")
def _hosts(place, agents):
    """{host:port: its exporter}"""
    with contextlib.ExitStack() as stack:
        exporters = {}
        for name in HOSTS:
            config = write_config(
                place, f'sources: [{{socket: {{path: "{agents[name].pattern}"}}}}]\n' + QUICK_CONFIG,
                f"{name}.yml")
            one = stack.enter_context(Exporter(place, f"--config.file={config}", name=name))
            one.wait_for(lambda metrics: sum(value for _, value in metrics.find("qga_up"))
                         == len(GUESTS), "the agents answer")
            exporters[f"127.0.0.1:{one.port}"] = one
        yield exporters


@pytest.fixture(scope="module", name="version", params=VICTORIA)
def _version(request):
    return request.param


def test_the_shipped_files_are_taken(version):
    """As docs/fleet.md says it."""
    rules = [f"-rule={FOLDER}/{name}" for name in
             ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml", "fleet/alerts.yml")]
    for command in (["vmalert", "-dryRun", *rules],
                    ["vmagent", "-promscrape.config.dryRun", "-promscrape.config.strictParse=false",
                     f"-promscrape.config={FOLDER}/fleet/prometheus.yml"]):
        done = subprocess.run([victoria(version, command[0]), *command[1:]], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", name="stored")
def _stored(place, version):
    with VictoriaMetrics(place, version, "-dedup.minScrapeInterval=1s") as running:
        yield running


@pytest.fixture(scope="module", name="config")
def _config(place, hosts):
    return write_config(place, "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
                        f"  - {{job_name: qga, static_configs: [{{targets: {json.dumps([*hosts])}}}]}}\n",
                        "vmagent.yml")


def cluster(place, stack, version, config, stored, replicas):
    """The members, each of which knows which targets are its own."""
    return [stack.enter_context(VmAgent(
        place, version, config, f"-promscrape.cluster.membersCount={MEMBERS}",
        f"-promscrape.cluster.memberNum={member}",
        f"-promscrape.cluster.replicationFactor={replicas}", write_to=stored))
            for member in range(MEMBERS)]


def targets(members):
    """{host:port: how many members scrape it}"""
    found = collections.Counter()
    for member in members:
        _, _, body = get(f"{member.url}/api/v1/targets?state=active")
        found.update(one["labels"]["instance"] for one in json.loads(body)["data"]["activeTargets"])
    return found


@pytest.fixture(scope="module", name="members")
def _members(place, version, config, stored):
    with contextlib.ExitStack() as stack:
        yield cluster(place, stack, version, config, stored, replicas=MEMBERS)


def test_members_share_the_targets(place, version, config, stored, hosts):
    with contextlib.ExitStack() as stack:
        members = cluster(place, stack, version, config, stored, replicas=1)
        wait_for(lambda: targets(members) == dict.fromkeys(hosts, 1), "one member for each", 60)


def test_replicas_scrape_the_same_and_one_sample_is_kept(members, stored, hosts):
    wait_for(lambda: targets(members) == dict.fromkeys(hosts, MEMBERS), "both for each", 60)
    for member in members:
        wait_for(lambda member=member: member.own("vm_promscrape_scrapes_total") > 2 * WINDOW_S
                 and not member.own("vm_promscrape_scrapes_failed_total"), "good scrapes", 120)
    stored.flush()
    for _, samples in stored.query(f"count_over_time(up{{job='qga'}}[{WINDOW_S}s])"):
        assert 0 < samples <= WINDOW_S + 1
    assert len(stored.query("up{job='qga'} == 1")) == len(hosts)


def exposed(exporter, instance):
    return {(name, tuple(sorted({**{label: value for label, value in labels.items() if value},
                                 "job": "qga", "instance": instance}.items())))
            for name, labels, _ in exporter.metrics().samples}


def kept(stored, instance):
    """Without what the scrape itself adds."""
    found = stored.query(f'{{job="qga",instance="{instance}",__name__=~"(qga|process)_.+"}}')
    return {(labels.pop("__name__"), tuple(sorted(labels.items()))) for labels, _ in found}


@pytest.mark.usefixtures("members")
def test_all_series_arrive_with_their_labels(stored, hosts):
    for instance, exporter in hosts.items():
        wait_for(lambda instance=instance, exporter=exporter:
                 exposed(exporter, instance) == kept(stored, instance), "the same series", 60, 1)


@pytest.mark.usefixtures("members")
def test_an_alert_reaches_its_receiver(place, version, stored, agents, hosts, tmp_path):
    rules = hurried_rules(tmp_path)
    victim = agents["hv1"]["web"]
    webhook = Webhook()
    try:
        with alertmanager(tmp_path, webhook) as address, \
                VmAlert(place, version, rules, store=stored, alertmanager=address) as alerts:
            wait_for(lambda: {value for _, value in stored.query("instance:qga_up:sum")}
                     == {len(GUESTS)}, "the records are written", 120)
            victim.pause()
            wait_for(lambda: webhook.find("QgaAgentUnresponsive", "firing", "web"), "the alert", 120)
            (fired, *_) = webhook.find("QgaAgentUnresponsive", "firing", "web")
            assert fired["labels"]["instance"] == next(iter(hosts))
            assert not webhook.find("QgaAgentUnresponsive", "firing", "db")
            assert alerts.bad_rules() == []
    finally:
        victim.resume()
        webhook.close()
