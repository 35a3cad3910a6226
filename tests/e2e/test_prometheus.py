"""A real Prometheus, of each major version that users run, scrapes the exporter and answers
queries about the guests; nothing about the exporter bothers it."""

import glob
import json
import os
import re
import subprocess

import pytest

from lab.image import ROOT
from lab.guest import GUEST_IPV4
from lab.process import wait_for
from lab.programs import Prometheus, get
from lab.engines import RELEASES, unpacked

SHIPPED = os.path.join(ROOT, "config", "prometheus")
WARNING = re.compile(r"level=(?:warn|error)\b.*", re.I)


@pytest.fixture(scope="module", name="major", params=RELEASES)
def _major(request):
    return request.param


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(lab, exporter, major):
    with Prometheus(lab, exporter.port, path=unpacked(major, "prometheus")) as running:
        wait_for(lambda: running.query("qga_up"), "a first scrape", 60)
        yield running
        assert re.search(r"level=info\b", running.process.log(), re.I)  # the form is known
        assert WARNING.findall(running.process.log()) == []


@pytest.fixture(name="promtool")
def _promtool(major):
    def run(*arguments, text=""):
        done = subprocess.run([unpacked(major, "promtool"), *arguments], input=text, text=True,
                              capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr
    return run


def test_the_version_is_the_one_that_is_meant(prometheus, major):
    _, _, body = get(f"{prometheus.url}/api/v1/status/buildinfo")
    version = json.loads(body)["data"]["version"]
    number = tuple(int(part) for part in version.split(".")[:2])
    assert number == (2, 42) if major == "2" else (3, 5) <= number < (4, 0), version


def test_promtool_takes_all_that_we_ship(promtool, exporter):
    assert promtool("check", "metrics", text=exporter.metrics().text) == (0, "")
    rules = [f"{SHIPPED}/rules.yml", *glob.glob(f"{SHIPPED}/**/alerts*.yml", recursive=True)]
    assert len(rules) > 1
    status, said = promtool("check", "rules", *rules)
    assert (status, said.count("SUCCESS")) == (0, len(rules)), said
    status, said = promtool("check", "config", f"{SHIPPED}/prometheus.yml")
    assert status == 0 and "WARNING" not in said, said


def test_the_scrape_is_good(prometheus):
    assert [value for _, value in prometheus.query('up{job="qga"}')] == [1]
    ((_, scraped),) = prometheus.query("scrape_samples_scraped")
    ((_, kept),) = prometheus.query("scrape_samples_post_metric_relabeling")
    assert scraped == kept > 50


def one(prometheus, expression):
    """(labels, value): what a busy machine's guest says late is missing meanwhile."""
    found = wait_for(lambda: prometheus.query(expression), expression)
    assert len(found) == 1, found
    return found[0]


def test_queries(prometheus, new):
    wait_for(lambda: {labels["domain"]: value for labels, value in prometheus.query("qga_up")}
             == {"old": 1, "new": 1, "silent": 0, "bare": 0}, "qga_up of all")
    _, offset = one(prometheus, 'qga_clock_offset_seconds{domain="new"}')
    low, high = new.clock_offset()
    assert low - 0.5 < offset < high + 0.5
    _, online = one(prometheus, 'sum by (domain) (qga_cpu_online{domain="old"})')
    assert online == 2
    labels, _ = one(
        prometheus, 'qga_network_address_info{domain="old",device="eth0",family="ipv4"}')
    assert labels["address"] == GUEST_IPV4
    _, used = one(
        prometheus, '1 - qga_filesystem_avail_bytes{domain="new"} / qga_filesystem_size_bytes')
    assert 0 < used < 1
    labels, _ = one(prometheus, 'qga_up{domain="new"} * on (domain) group_left (id) qga_os_info')
    assert labels["id"] == "qgalab"


def test_it_scrapes_openmetrics(prometheus):
    """What Prometheus asks for by itself: the types are those that only OpenMetrics has, and
    the series have the names that rules and dashboards know."""
    _, _, body = get(f"{prometheus.url}/api/v1/targets/metadata?metric=qga_os")
    assert {entry["type"] for entry in json.loads(body)["data"]} == {"info"}
    _, _, body = get(f"{prometheus.url}/api/v1/targets/metadata?metric=qga_clock_offset_seconds")
    assert {entry["unit"] for entry in json.loads(body)["data"]} == {"seconds"}
    _, calls = one(prometheus, 'qga_agent_calls_total{domain="new"}')
    assert calls > 0
    bounds = {labels["le"] for labels, _ in prometheus.query(
        "qga_exporter_schedule_lateness_seconds_bucket")}
    assert {"1.0", "40.0", "+Inf"} <= bounds


def test_rates(prometheus):
    rate = wait_for(lambda: prometheus.query('rate(qga_agent_calls_total{domain="new"}[10s])'),
                    "two scrapes", 60)
    assert rate[0][1] > 0


def test_a_stopped_guest_goes_stale_at_once(lab, prometheus):
    lab.guests["silent"].stop()
    try:
        wait_for(lambda: not prometheus.query('qga_up{domain="silent"}'),
                 "Prometheus marks the series stale", 60)
    finally:
        lab.guests["silent"].start()
    wait_for(lambda: prometheus.query('qga_up{domain="silent"}'), "the series are back", 60)
