"""Guests of a host of Proxmox VE: its folders are played, QEMU and agents are real."""

import contextlib
import json
import os
import time

import panels
import pytest

from conftest import QUICK_CONFIG, write_config
from lab.held_file import HeldFile
from lab.host_client import HostClient
from lab.process import Process, program, wait_for
from lab.programs import Exporter, Prometheus, get, run_exporter
from lab.proxmox import ProxmoxHost
from shipped import hurried_rules

WEB, DB, BARE, NEW = 100, 101, 102, 104
UUID = "5b3c2f3c-9b0a-4f43-9d3f-6a1f3d1e8a10"
OFF = "tags: prod;qga-exporter-off\n"


def settings(guest, name, tags="prod;web"):
    return ("# a description%3A agent%3A 0\n"
            "agent: 1,fstrim_cloned_disks=1\n"
            f"name: {name}\n"
            f"net0: virtio={guest.mac},bridge=vmbr0,firewall=1\n"
            "ostype: l26\n"
            f"smbios1: uuid={UUID}\n"
            f"tags: {tags}\n"
            f"virtio0: local-lvm:vm-{guest.vmid}-disk-0,size=20M\n"
            "\n"
            "[before]\n" + OFF + "name: snapshot\n")


@pytest.fixture(scope="module", name="host")
def _host(lab):
    host = ProxmoxHost(lab, "pve")
    yield host
    host.close()


@pytest.fixture(scope="module", name="guests")
def _guests(host):
    """One of each agent generation and machine type, and one without an agent."""
    guests = {WEB: host.guest(WEB, agent="10.0"),
              DB: host.guest(DB, agent="7.2", machine="q35")}
    with contextlib.ExitStack() as stack:
        for guest in guests.values():
            stack.callback(guest.stop)
            guest.start()
        host.configure(BARE, "name: bare\nostype: l26\n")
        bare = host.bare(BARE)
        stack.callback(bare.stop)
        for guest in guests.values():
            guest.wait_for_control()
        yield guests


@pytest.fixture(name="settled")
def _settled(host, guests):
    """All of them are as they are meant to be."""
    host.configure(WEB, settings(guests[WEB], "web"))
    host.configure(DB, settings(guests[DB], "db"))


@pytest.fixture(name="held")
def _held():
    if not HeldFile.is_possible():
        pytest.skip("the kernel does not let others' opens be held (fanotify)")
    return HeldFile


@pytest.fixture(scope="module", name="config")
def _config(lab, host):
    return write_config(lab, f"sources: [{{{host.source()}}}]\n"
                        + QUICK_CONFIG, "pve.yml")


@pytest.fixture(name="exporter")
def _exporter(lab, config, settled):
    with Exporter(lab, f"--config.file={config}", uri="", name="pve") as running:
        for vmid in (WEB, DB):
            is_asked_on(running, vmid)
        yield running


def is_asked_on(exporter, domain):
    """Its collectors succeed after now."""
    since = time.time()
    return exporter.wait_for(
        lambda metrics: metrics.state(str(domain)) == "responsive" and all(
            (metrics.value("qga_collector_last_success_timestamp_seconds", domain=str(domain),
                           collector=name) or 0) > since for name in ("clock", "filesystem")),
        f"{domain} is asked on", 60)


def about(exporter, domain):
    return exporter.metrics().labels("qga_domain_info", domain=str(domain)) or {}


def calls(metrics, domain):
    return metrics.value("qga_agent_calls_total", domain=str(domain)) or 0


def some_rounds_of_another(exporter):
    before = exporter.metrics()
    return exporter.wait_for(lambda metrics: calls(metrics, DB) >= calls(before, DB) + 20,
                             "some rounds of another", 60)


def lines(exporter, words):
    return [line for line in exporter.process.log().splitlines() if words in line]


def test_who_a_guest_is(exporter, guests):
    metrics = exporter.wait_for(
        lambda metrics: metrics.find("qga_filesystem_disk_info", domain="100", target="virtio0"),
        "the guest's disk", 60) and exporter.metrics()
    assert metrics.domains() == {"100", "101", "102"}
    info = about(exporter, WEB)
    assert (info["title"], info["uuid"], info["tags"], info["ostype"]) == (
        "web", UUID, "prod;web", "l26")
    # Neither has a serial: they are joined by the place on PCI.
    ((disk, _),) = metrics.find("qga_filesystem_disk_info", domain="100", target="virtio0")
    assert disk["source_file"] == "local-lvm:vm-100-disk-0"
    assert disk["pci_address"] == "0000:00:0a.0"
    metrics = exporter.wait_for(
        lambda metrics: metrics.find("qga_filesystem_disk_info", domain="101", target="virtio0"),
        "the disk behind bridges", 60)
    ((disk, _),) = metrics.find("qga_filesystem_disk_info", domain="101", target="virtio0")
    assert disk["pci_address"] == "0000:06:0a.0"
    nic = metrics.labels("qga_domain_interface_info", domain="100")
    assert (nic["target"], nic["network"], nic["model"]) == ("tap100i0", "vmbr0", "virtio")
    assert nic["address"].upper() == guests[WEB].mac
    assert b'"__meta_qga_tags":"prod;web"' in get(f"{exporter.url}/sd")[2]


def test_a_guest_without_an_agent(lab, config, exporter):
    assert exporter.metrics().state("102") == "unconfigured"
    status, out, _ = run_exporter(lab, "doctor", f"--config.file={config}", "--format=json")
    rows = {row["domain"]: row for row in json.loads(out)["domains"]}
    assert status == 1
    assert rows["100"]["well"] and rows["101"]["well"]
    (finding,) = rows["102"]["findings"]
    assert finding["problem"] == "no_channel"
    assert finding["remedies"][0].startswith("qm set 102 --agent 1 && qm reboot 102")
    assert "virsh" not in out


def test_a_configuration_that_changes(host, guests, exporter):
    host.configure(WEB, settings(guests[WEB], "renamed", tags="other"))
    began = time.monotonic()
    wait_for(lambda: about(exporter, WEB).get("title") == "renamed", "the new name", 60)
    print(f"noticed after {time.monotonic() - began:.2f} s")
    assert about(exporter, WEB)["tags"] == "other"


def test_a_tag_opts_out(host, guests, exporter):
    host.configure(WEB, settings(guests[WEB], "web", tags="prod;qga-exporter-off"))
    exporter.wait_for(lambda metrics: metrics.state("100") == "unknown", "the guest left alone", 60)
    first = some_rounds_of_another(exporter)  # one call may have been on its way
    assert calls(some_rounds_of_another(exporter), WEB) == calls(first, WEB)
    host.configure(WEB, settings(guests[WEB], "web"))
    is_asked_on(exporter, WEB)


@pytest.mark.parametrize("what,text,words", (
    ("cut", b"name: web\ntags: qga-exp", "it is cut"),
    ("large", b"#" * (1 << 20), "it is larger than 64 KiB"),
    ("empty", b"", "it is empty"),
), ids=("cut", "large", "empty"))
def test_a_bad_configuration(host, guests, exporter, what, text, words):
    """What was known holds, and of other guests nothing is lost."""
    before = len(lines(exporter, "level=WARN"))
    host.configure(WEB, text)
    wait_for(lambda: lines(exporter, words), f"a line about one that is {what}", 60)
    for vmid in (WEB, DB):
        is_asked_on(exporter, vmid)
    assert about(exporter, WEB)["title"] == "web"
    assert len(lines(exporter, "level=WARN")) == before + 1
    host.configure(WEB, settings(guests[WEB], "whole"))
    wait_for(lambda: about(exporter, WEB).get("title") == "whole", "the new name", 60)


def test_a_configuration_that_is_no_utf8(host, guests, exporter):
    host.configure(WEB, settings(guests[WEB], "b\xfccher").encode("latin-1"))
    wait_for(lambda: about(exporter, WEB).get("title") == "", "the name left out", 60)
    is_asked_on(exporter, WEB)
    assert about(exporter, WEB)["ostype"] == "l26"
    (line,) = lines(exporter, "not to be understood")
    assert "vmid=100" in line and "settings=1" in line


def test_one_that_was_never_read(lab, host, guests, settled):
    """It may say to leave the guest alone."""
    os.unlink(os.path.join(host.etc, f"{WEB}.conf"))
    os.mkdir(os.path.join(host.etc, f"{WEB}.conf"))
    try:
        for keys, state in (({}, "unknown"), ({"ask_without_definition": "true"}, "responsive")):
            config = write_config(lab, f"sources: [{{{host.source(**keys)}}}]\n" + QUICK_CONFIG,
                                  "unread.yml")
            with Exporter(lab, f"--config.file={config}", uri="", name="unread") as exporter:
                is_asked_on(exporter, DB)
                metrics = exporter.wait_for(
                    lambda metrics, state=state: metrics.state("100") == state, state, 60)
                assert (calls(metrics, WEB) > 0) == (state == "responsive")
                if state == "unknown":
                    (line,) = lines(exporter, "definition is not known")
                    assert f"{WEB}.conf: Invalid argument" in line
    finally:
        os.rmdir(os.path.join(host.etc, f"{WEB}.conf"))


def test_a_pid_file_of_another_process(lab, host, exporter):
    """A QEMU that was killed leaves its pid file, and its number may be another's by now."""
    other = Process([program("sleep"), "1000"], os.path.join(lab.directory, "other.log"))
    try:
        with open(host.pid_file(103), "w", encoding="ascii") as file:
            file.write(f"{other.pid}\n")
        wait_for(lambda: lines(exporter, "a pid file is left alone"), "the line", 60)
        is_asked_on(exporter, WEB)
        assert len(lines(exporter, "a pid file is left alone")) == 1
        assert "103" not in exporter.metrics().domains()
    finally:
        other.kill()
        os.unlink(host.pid_file(103))


def test_a_configuration_that_hangs(host, guests, exporter, held):
    """As the cluster's file system may: nobody waits for it, and what else changes is noticed."""
    began = len(lines(exporter, "reading the guests' files hangs"))
    prepared = host.configuration(WEB) + ".new"
    with open(prepared, "w", encoding="utf-8") as file:
        file.write(settings(guests[WEB], "held"))
    with held(prepared):
        os.rename(prepared, host.configuration(WEB))
        wait_for(lambda: len(lines(exporter, "reading the guests' files hangs")) == began + 1,
                 "the line", 60)
        for vmid in (WEB, DB):
            is_asked_on(exporter, vmid)
        assert about(exporter, WEB)["title"] == "web"
        host.configure(NEW, "name: new\nagent: 1\n")
        new = host.bare(NEW)
        try:
            exporter.wait_for(lambda metrics: metrics.state(str(NEW)) == "unknown",
                              "a new guest, of which nothing can be read", 60)
        finally:
            new.stop()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(host.pid_file(NEW))
            os.unlink(host.configuration(NEW))
        exporter.wait_for(lambda metrics: str(NEW) not in metrics.domains(), "it has gone", 60)
    wait_for(lambda: about(exporter, WEB).get("title") == "held", "the new name", 60)
    assert len(lines(exporter, "reading the guests' files hangs")) == began + 1
    assert lines(exporter, "the guests' files can be read again")


def test_two_sources_of_one_socket(lab, host, settled):
    """Said once, with what to do about it; and all goes on in both."""
    config = write_config(lab, f"""sources:
  - {{name: pve, {host.source()}}}
  - {{name: preset, socket: {{preset: proxmox, path: "{host.run}/*.qga"}}}}
""" + QUICK_CONFIG, "both.yml")
    with Exporter(lab, f"--config.file={config}", uri="", name="both") as exporter:
        exporter.wait_for(lambda metrics: all(
            metrics.value("qga_up", domain=str(vmid), source=source) == 1
            for vmid in (WEB, DB) for source in ("pve", "preset")), "all in both", 60)
        (line,) = lines(exporter, "two sources of the configuration have the same socket")
        assert "level=WARN" in line and "remove one of the two sources" in line
        assert "source=pve" in line and "source=preset" in line


def all_well(lab, config, word):
    """The doctor's rows; on a busy machine an emulated guest may answer too late for it."""
    def rows():
        status, out, _ = run_exporter(lab, "doctor", f"--config.file={config}", "--format=json",
                                      word)
        return json.loads(out)["domains"] if status == 0 else None
    return wait_for(rows, f"the doctor finds {word} well")


def test_doctor_by_any_name(lab, host, settled):
    """Whatever the label is."""
    for names in ("false", "true"):
        config = write_config(lab, f"sources: [{{{host.source(names=names)}}}]\n" + QUICK_CONFIG,
                              "any.yml")
        for word in (str(WEB), "web"):
            (row,) = all_well(lab, config, word)
            assert row["domain"] == ("web" if names == "true" else str(WEB)) and row["well"]
    assert {row["domain"] for row in all_well(lab, config, UUID)} == {"web", "db"}


def test_names(lab, host, guests, settled):
    """Of two with one name the second is told apart by its number, and for as long as it runs."""
    host.configure(DB, settings(guests[DB], "web"))
    config = write_config(lab, f"sources: [{{{host.source(names='true')}}}]\n" + QUICK_CONFIG,
                          "names.yml")
    with Exporter(lab, f"--config.file={config}", uri="", name="names") as exporter:
        for name in ("web", "web~101"):
            is_asked_on(exporter, name)
        assert exporter.metrics().domains() == {"web", "web~101", "bare"}
        host.configure(DB, settings(guests[DB], "db"))
        exporter.wait_for(lambda metrics: metrics.domains() == {"web", "db", "bare"},
                          "its own name", 60)
        is_asked_on(exporter, "db")


def test_a_guest_that_stops_and_starts(host, guests, exporter):
    guests[DB].stop()
    exporter.wait_for(lambda metrics: "101" not in metrics.domains(), "the guest gone", 60)
    guests[DB].start()
    exporter.wait_for(lambda metrics: metrics.state("101") is not None, "it is there", 60)
    guests[DB].wait_for_control()
    is_asked_on(exporter, DB)
    is_asked_on(exporter, WEB)


def test_the_host_gets_its_answers(exporter, guests):
    """The longer test is test_shared_sockets.py's."""
    client = HostClient(guests[WEB].path)
    for _ in range(20):
        assert client.ask("guest-ping") == {}
        assert client.ask("guest-fsfreeze-status") == "thawed"
    is_asked_on(exporter, WEB)


# Dashboards and alerts, unchanged

@pytest.fixture(name="prometheus")
def _prometheus(lab, exporter, tmp_path):
    with Prometheus(lab, exporter.port, rules=hurried_rules(str(tmp_path))) as running:
        running.instance = f"127.0.0.1:{exporter.port}"
        yield running


def shown(prometheus, dashboard, title, domain="100"):
    """{refId: [(labels, value)]} of a panel."""
    variables = {"__rate_interval": "10s", "__range": "60s", "job": panels.EVERYTHING,
                 "instance": panels.EVERYTHING,
                 "domain": panels.alone(domain) if dashboard == "guest" else panels.EVERYTHING}
    (panel,) = [one for one in panels.panels_of(panels.load(dashboard)) if one["title"] == title]
    return {target["refId"]: panels.samples(prometheus, target, variables)
            for target in panel["targets"]}


def test_dashboards_and_alerts(prometheus, guests):
    def states():
        return {labels["domain"]: labels["state"] for labels, _ in
                shown(prometheus, "fleet", "A hundred guests")["A"]}

    wait_for(lambda: states() == {"100": "responsive", "101": "responsive",
                                  "102": "unconfigured"}, "the states", 60)
    wait_for(lambda: any(labels.get("title") == "web" for found in
                         shown(prometheus, "guest", "Domain").values() for labels, _ in found),
             "who the guest is", 60)
    guests[DB].run("agent hold")
    try:
        wait_for(lambda: prometheus.query(
            'ALERTS{alertname="QgaAgentDead",alertstate="firing",domain="101"}'), "the alert", 90)
        assert not prometheus.query('ALERTS{alertname="QgaAgentDead",domain="100"}')
        wait_for(lambda: ("101", "QgaAgentDead") in {
            (labels.get("domain"), labels["alertname"]) for labels, _ in
            shown(prometheus, "fleet", "Needs attention")["A"]}, "the trouble", 60)
    finally:
        guests[DB].run("agent release")


def test_the_preset_still_works(lab, host, guests, settled):
    """The sockets alone; who listens says who it is."""
    config = write_config(
        lab, f'sources: [{{socket: {{preset: proxmox, path: "{host.run}/*.qga"}}}}]\n'
        + QUICK_CONFIG, "preset.yml")
    with Exporter(lab, f"--config.file={config}", uri="", name="preset") as exporter:
        is_asked_on(exporter, WEB)
        wait_for(lambda: about(exporter, WEB).get("title") == "pve-100", "its name", 60)
        assert exporter.metrics().domains() == {"100", "101"}
