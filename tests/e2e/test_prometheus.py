"""A real Prometheus scrapes the exporter and answers queries about the guests."""

import pytest

from lab.lab import GUEST_IPV4
from lab.process import wait_for
from lab.programs import Prometheus


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(lab, exporter):
    with Prometheus(lab, exporter.port) as running:
        wait_for(lambda: running.query("qga_up"), "a first scrape", 60)
        yield running


def test_the_scrape_is_good(prometheus):
    assert [value for _, value in prometheus.query('up{job="qga"}')] == [1]
    ((_, scraped),) = prometheus.query("scrape_samples_scraped")
    ((_, kept),) = prometheus.query("scrape_samples_post_metric_relabeling")
    assert scraped == kept > 50


def test_queries(prometheus, new):
    up = {labels["domain"]: value for labels, value in prometheus.query("qga_up")}
    assert up == {"old": 1, "new": 1, "silent": 0, "bare": 0}
    ((_, offset),) = prometheus.query('qga_clock_offset_seconds{domain="new"}')
    low, high = new.clock_offset()
    assert low - 0.5 < offset < high + 0.5
    ((_, online),) = prometheus.query('sum by (domain) (qga_vcpu_online{domain="old"})')
    assert online == 2
    ((labels, _),) = prometheus.query(
        'qga_network_address_info{domain="old",device="eth0",family="ipv4"}')
    assert labels["address"] == GUEST_IPV4
    ((_, used),) = prometheus.query(
        '1 - qga_filesystem_avail_bytes{domain="new"} / qga_filesystem_size_bytes')
    assert 0 < used < 1
    ((labels, _),) = prometheus.query(
        'qga_up{domain="new"} * on (domain) group_left (id) qga_os_info')
    assert labels["id"] == "qgalab"


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
