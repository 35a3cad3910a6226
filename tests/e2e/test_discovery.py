"""/sd: guests as targets, and a real Prometheus which scrapes one that it found there."""

import json
import re

import pytest

from lab.guest import GUEST_IPV4
from lab.process import free_port, wait_for
from lab.programs import Exporter, Prometheus, get

META = "__meta_qga_"


def discovered(exporter, query=""):
    """{domain: [(target, labels without their prefix)]}"""
    status, headers, body = get(f"{exporter.url}/sd{query}")
    assert (status, headers["Content-Type"]) == (200, "application/json"), body
    found = {}
    for group in json.loads(body):
        (target,) = group["targets"]
        labels = {name.removeprefix(META): value for name, value in group["labels"].items()}
        found.setdefault(labels["domain"], []).append((target, labels))
    return found


def test_guests_are_targets(exporter, old, new):
    found = wait_for(lambda: all("qgalab" == labels["os_id"] for ((_, labels),)
                                 in discovered(exporter).values()) and discovered(exporter),
                     "the systems of the guests are known")
    assert set(found) == {"old", "new"}  # the others have no agent to say where they are
    for guest, version in ((old, "7.2."), (new, "10.0.")):
        ((target, labels),) = found[guest.name]
        assert target == f"{GUEST_IPV4}:9100"
        assert labels["uuid"] == guest.uuid
        assert labels["agent_state"] == "responsive"
        assert labels["agent_version"].startswith(version)
        assert (labels["interface"], labels["interfaces"]) == ("eth0", ",eth0,")
        assert (labels["address"], labels["address_family"]) == (GUEST_IPV4, "ipv4")
        assert labels["title"] == labels["instance_name"] == ""
        assert labels["source"] == "libvirt"


def test_filters(exporter):
    assert discovered(exporter, "?port=9182")["old"][0][0] == f"{GUEST_IPV4}:9182"
    assert set(discovered(exporter, "?network=10.0.2.0/24&family=ipv4")) == {"old", "new"}
    assert discovered(exporter, "?network=10.0.2.0/28") == discovered(exporter)
    assert discovered(exporter, "?network=10.0.3.0/24") == {}
    assert discovered(exporter, "?network=192.168.0.0/16&network=2001:db8::/32") == {}
    _, _, body = get(f"{exporter.url}/sd?family=ipv6&network=2001:db8::/32")
    assert json.loads(body) == []


def test_all_addresses(exporter, old):
    old.run("ip address add 192.0.2.7/24 dev eth0 && ip -6 address add 2001:db8::7/64 dev eth0")
    try:
        found = wait_for(lambda: len(discovered(exporter, "?all=1")["old"]) >= 3 and
                         discovered(exporter, "?all=1")["old"], "three addresses")
        targets = [target for target, _ in found]
        assert {f"{GUEST_IPV4}:9100", "192.0.2.7:9100", "[2001:db8::7]:9100"} <= set(targets)
        assert len(discovered(exporter)["old"]) == 1
        (target, labels), = discovered(exporter, "?network=2001:db8::/32")["old"]
        assert target == "[2001:db8::7]:9100"
        assert labels["address_family"] == "ipv6"
    finally:
        old.run("ip address del 192.0.2.7/24 dev eth0; ip -6 address del 2001:db8::7/64 dev eth0")
    wait_for(lambda: len(discovered(exporter, "?family=ipv4&all=1")["old"]) == 1,
             "the addresses are gone")


@pytest.mark.parametrize("query, part", [
    ("port=0", "port=0 is not good"), ("port=http", "from 1 to 65535"),
    ("family=ipx", "ipv4, ipv6 or any"), ("network=10.0.0.0/33", "network=10.0.0.0/33"),
    ("all=maybe", "1 or 0"), ("ports=1", "did you mean"), ("port=%0a%22", "port=?? is not good"),
])
def test_what_is_not_understood(exporter, query, part):
    status, _, body = get(f"{exporter.url}/sd?{query}")
    assert status == 400
    assert part in body.decode()
    assert body.count(b"\n") == 1


def test_guests_that_come_and_go(lab, exporter):
    guest = lab.guest("passing").start()
    try:
        wait_for(lambda: "passing" in discovered(exporter), "the new guest is a target", 60)
    finally:
        guest.stop()
        del lab.guests["passing"]
    wait_for(lambda: "passing" not in discovered(exporter), "the guest is none any more", 60)


@pytest.fixture(name="prometheus")
def _prometheus(lab, exporter, old):
    """The guest serves metrics of its own at port 9100.  Its address can only be reached
    through QEMU, so the job goes to a forwarded port of the host instead."""
    port = free_port()
    # The name makes it text/plain: without a type Prometheus 3 takes nothing.
    old.run("mkdir -p /www && echo 'guest_own_metric 42' >/www/metrics.txt")
    old.run("busybox httpd -p 9100 -h /www")
    lab.virsh("qemu-monitor-command", "--hmp", "old", f"hostfwd_add tcp:127.0.0.1:{port}-:9100")
    job = f"""{{job_name: guests, metrics_path: /metrics.txt,
      http_sd_configs: [{{url: "{exporter.url}/sd?network=10.0.0.0/8", refresh_interval: 1s}}],
      relabel_configs: [
        {{source_labels: [{META}domain], regex: old, action: keep}},
        {{source_labels: [{META}domain], target_label: domain}},
        {{source_labels: [{META}os_id], target_label: os}},
        {{source_labels: [__address__], target_label: instance}},
        {{target_label: __address__, replacement: "127.0.0.1:{port}"}}]}}"""
    try:
        with Prometheus(lab, exporter.port, jobs=[job]) as running:
            yield running
    finally:
        lab.virsh("qemu-monitor-command", "--hmp", "old", f"hostfwd_remove tcp:127.0.0.1:{port}")
        old.run("killall httpd || true", check=False)


def failures(prometheus):
    """How often Prometheus has got no list of targets."""
    _, _, body = get(f"{prometheus.url}/metrics")
    return float(re.search(rb"^prometheus_sd_http_failures_total (\S+)", body, re.M).group(1))


def test_prometheus_scrapes_a_guest_that_it_found(lab, exporter, prometheus, old):
    def target():
        found = prometheus.targets("guests")
        return found[0] if len(found) == 1 and found[0]["health"] == "up" else None

    found = wait_for(target, "Prometheus scrapes the guest", 60)
    # Prometheus 2.42 shows some of the labels as relabelling left them; `instance` was the address.
    assert found["discoveredLabels"][f"{META}uuid"] == old.uuid
    assert found["labels"] == {"job": "guests", "domain": "old", "os": "qgalab",
                               "instance": f"{GUEST_IPV4}:9100"}
    query = 'guest_own_metric{domain="old"} * on (domain) group_left qga_up'
    ((_, value),) = wait_for(lambda: prometheus.query(query), "guest and host metrics meet", 60)
    assert value == 42

    # While libvirt is away there is no list, and Prometheus keeps the one it has.
    before = discovered(exporter)
    lab.libvirtd.stop()
    try:
        wait_for(lambda: get(f"{exporter.url}/sd")[0] == 503, "no list without libvirt")
        assert b"away" in get(f"{exporter.url}/sd")[2]
        wait_for(lambda: failures(prometheus) > 1, "Prometheus has asked in vain", 60)
        assert target() is not None
    finally:
        lab.start_libvirtd()
    wait_for(lambda: get(f"{exporter.url}/sd")[0] == 200, "the list is back")
    wait_for(lambda: set(discovered(exporter)) == set(before), "with all guests")


def test_no_list_when_nobody_asks_for_addresses(lab):
    with Exporter(lab, "--no-collector.network", name="no-network") as running:
        wait_for(lambda: get(f"{running.url}/-/ready")[0] == 200, "the first pass", 60)
        status, _, body = get(f"{running.url}/sd")
    assert status == 503
    assert b"network" in body
