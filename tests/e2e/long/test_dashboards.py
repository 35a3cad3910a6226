"""Every query of every panel brings data: real guests (one dead, one with a wrong clock, one
with a full disk, a frozen one, one like Windows), exporter, Prometheus with its rules.
"""

import contextlib
import json
import os
import shutil
import time

import panels
import pytest
from conftest import write_config

from lab import image
from lab.process import wait_for
from lab.programs import Exporter, Prometheus
from shipped import hurried_rules

COLLECTORS = ("clock", "fsfreeze", "agent", "vcpu", "os", "hostname", "timezone", "load", "users",
              "cpustats", "diskstats", "network", "filesystem", "disks", "routes", "devices",
              "memory_blocks", "procfs")
CONFIG = ("profile: full\ncollectors:\n"
          + "".join(f"  {name}: {{enabled: true, interval: 1s, timeout: 2s, max_age: 20s}}\n"
                    for name in COLLECTORS)
          + """
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
limits: {calls_per_minute: 6000}
avoid:
  known_harm: false
  rules: [{agent_before: "5.0", command: guest-get-users}]
""")

# The guest that shows most; one like Windows, with a name that is no plain regular
# expression; and what only others than the first can show.
IN_FULL = "full"
WINDOWS = "windows.1+x"
ELSEWHERE = {
    ("Calls and failures", "B"): WINDOWS,
    ("Frozen for", "A"): "frozen",
    ("Collectors", "E"): WINDOWS,
    ("Collectors", "F"): WINDOWS,
    ("NVMe disks", None): WINDOWS,
    ("Drivers", None): WINDOWS,
}
# A clock's drift takes 10 minutes to be measured, on a machine that is not too busy:
# QGA_E2E_DRIFT=1 waits for it.  Else the queries are put, and may bring nothing.
DRIFT = {("fleet", "Furthest clocks", "C"), ("guest", "Drift", "A"), ("guest", "Drift", "B"),
         ("guest", "Drift", "C")}
DRIFT_S = 900

# Grafana's own variables, for a scrape each second.
GRAFANA = {"__rate_interval": "10s", "__range": "60s"}


def windows_files(folder):
    """What a guest like Windows answers, some of it wrong, for guest-impostor."""
    def reply(source, **changes):
        with open(os.path.join(image.ROOT, "tests", "fixtures", source), encoding="utf-8") as file:
            answer = json.load(file)
        if changes:
            answer["return"].update(changes)
        return json.dumps(answer)

    commands = ("guest-info guest-sync-delimited guest-get-time guest-get-devices guest-get-disks "
                "guest-get-users guest-get-timezone guest-get-fsinfo guest-exec "
                "guest-network-get-interfaces").split()
    twice = {"name": "D:\\", "mountpoint": "D:\\", "type": "NTFS", "used-bytes": 1 << 30,
             "total-bytes": 4 << 30, "disk": []}
    disks = json.loads(reply("disks/lvm-and-nvme.json"))
    (nvme,) = [disk for disk in disks["return"] if disk["name"] == "/dev/nvme0n1"]
    nvme["smart"]["temperature"] = 310  # K
    answers = {
        "guest-info": reply("agent/qga-7.2.json", version="4.2.0", supported_commands=[
            {"name": name, "enabled": True, "success-response": True} for name in commands]),
        "guest-get-devices": reply("devices/windows-documented.json"),
        "guest-get-disks": json.dumps(disks),
        "guest-get-fsinfo": json.dumps({"return": [twice, twice]}),
        "guest-get-timezone": json.dumps({"return": {"offset": "noon"}}),
    }
    os.makedirs(folder)
    for command, answer in answers.items():
        with open(os.path.join(folder, f"{command}.json"), "w", encoding="utf-8") as file:
            file.write(answer)
    return folder


FILL = (  # up to 2.5 %, then on by 4 KiB now and then, and reading it all
    "set -- $(df -k /data | tail -1); "
    "dd if=/dev/zero of=/data/fill bs=1k count=$(($4 - $2 / 40)) 2>/dev/null; "
    "(while :; do dd if=/dev/zero bs=4096 count=1 2>/dev/null >>/data/more; sync; "
    "echo 3 >/proc/sys/vm/drop_caches; cat /data/fill; sleep 2; done) "
    ">/dev/null 2>&1 &")


@contextlib.contextmanager
def troubled_guests(lab, folder):
    guests = [lab.guest("dead", agent="7.2", disk=False, network=False),
              lab.guest("skewed", agent="7.2", disk=False, network=False, clock_s=90),
              lab.guest("full", agent="10.0", vcpus=2, balloon=True),
              lab.guest("frozen", agent="7.2", network=False),
              lab.guest(WINDOWS, agent="7.2", network=False,
                        disk_files=windows_files(os.path.join(folder, "windows")))]
    try:
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.wait_for_agent().wait_for_control()
        yield {guest.name: guest for guest in guests}
    finally:
        for guest in guests:
            with contextlib.suppress(Exception):
                guest.stop()
            del lab.guests[guest.name]
        shutil.rmtree(os.path.join(folder, "windows"), ignore_errors=True)


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(lab, tmp_path_factory):
    """One that has seen all guests well, and then their troubles."""
    folder = str(tmp_path_factory.mktemp("dashboards"))
    config = write_config(lab, CONFIG, "dashboards.yml")
    with contextlib.ExitStack() as stack:
        guests = stack.enter_context(troubled_guests(lab, folder))
        exporter = stack.enter_context(Exporter(lab, f"--config.file={config}"))
        running = stack.enter_context(
            Prometheus(lab, exporter.port, rules=hurried_rules(folder)))
        wait_for(lambda: all(running.query(f'qga_clock_steps_total{{domain="{name}"}}')
                             for name in guests), "all guests answer", 60)
        guests["dead"].run("agent hold")
        guests["skewed"].set_clock(120)
        guests["full"].run(FILL)
        guests["full"].tell_memory()
        guests[WINDOWS].run("agent impostor -recorder /data")
        assert guests["frozen"].agent_command("guest-fsfreeze-freeze") > 0
        running.instance = f"127.0.0.1:{exporter.port}"
        running.domains = lab.virsh("list", "--name").split()  # others have ended
        yield running


def choices(prometheus, name, domain):
    """Everything, and what is there by name."""
    some = {"job": panels.chosen("qga"), "instance": panels.chosen(prometheus.instance),
            "domain": panels.chosen(*prometheus.domains)}
    everything = dict.fromkeys(some, panels.EVERYTHING)
    for variables in (everything, some):
        if name == "guest":
            variables["domain"] = panels.alone(domain)
        yield {**GRAFANA, **variables}


def targets():
    for name in panels.NAMES:
        for panel in panels.panels_of(panels.load(name)):
            for target in panel["targets"]:
                yield pytest.param(name, panel["title"], target,
                                   id=f"{name}-{panel['title']}-{target['refId']}")


@pytest.mark.parametrize("name,title,target", targets())
def test_a_query_brings_data(prometheus, name, title, target):
    letter = target["refId"]
    domain = ELSEWHERE.get((title, letter)) or ELSEWHERE.get((title, None)) or IN_FULL
    slow = (name, title, letter) in DRIFT
    may_be_empty = slow and not os.environ.get("QGA_E2E_DRIFT")

    def brings_data(variables):
        found = panels.samples(prometheus, target, variables)
        return found or may_be_empty

    for variables in choices(prometheus, name, domain):
        wait_for(lambda chosen=variables: brings_data(chosen),
                 f"data for {panels.substituted(target['expr'], variables)}",
                 DRIFT_S if slow else 60, 0.5)


def test_the_exceptions_are_panels():
    there = {(name, title, target["refId"])
             for name, title, target in (one.values for one in targets())}
    assert there >= DRIFT
    for title, letter in ELSEWHERE:
        assert any(one[1] == title and letter in (None, one[2]) for one in there), title


@pytest.mark.parametrize("name", panels.NAMES)
def test_a_variable_has_values(prometheus, name):
    known = {"job": ["qga"], "instance": [prometheus.instance], "domain": prometheus.domains}
    for variables in choices(prometheus, name, IN_FULL):
        for variable in panels.load(name)["templating"]["list"]:
            if variable["type"] == "query":
                found = panels.values_of(prometheus, variable, variables)
                assert sorted(found) == sorted(known[variable["name"]]), variable["name"]


@pytest.mark.parametrize("name", ("guest", "exporter"))
def test_an_annotation_is_valid(prometheus, name):
    _, *annotations = panels.load(name)["annotations"]["list"]
    for variables in choices(prometheus, name, "dead"):
        for annotation in annotations:
            query = panels.substituted(annotation["expr"], variables)
            found = panels.ask(prometheus, "query", query=query)["result"]
            if (name, annotation["name"]) == ("guest", "Alerts"):
                assert found, "the alert of a dead agent"


def panel_rows(prometheus, name, title, domain="full"):
    """{refId: [(labels, value)]} of a panel."""
    (panel,) = [one for one in panels.panels_of(panels.load(name)) if one["title"] == title]
    variables = next(choices(prometheus, name, domain))
    return {target["refId"]: panels.samples(prometheus, target, variables)
            for target in panel["targets"]}


# Labels that are empty in these guests.
EMPTY = {"source", "zone", "cluster", "title", "project", "flavor", "pci_address", "alias", "network",
         "target"}


def has_labels(prometheus, name, title, wanted):
    there = set()
    for domain in (IN_FULL, WINDOWS):
        for found in panel_rows(prometheus, name, title, domain).values():
            there.update(*(labels for labels, _ in found))
    assert not wanted - there, wanted - there
    return True


@pytest.mark.parametrize("name", panels.NAMES)
def test_the_columns_of_tables_are_labels(prometheus, name):
    for panel in panels.panels_of(panels.load(name)):
        if panel["type"] != "table":
            continue
        (columns,) = [one["options"]["include"]["names"] for one in panel["transformations"]
                      if one["id"] == "filterFieldsByName"]
        letters = [target["refId"] for target in panel["targets"]]
        values = ["Value"] if len(letters) == 1 else [f"Value #{one}" for one in letters]

        wanted = set(columns) - EMPTY.union(values)
        wait_for(lambda title=panel["title"], wanted=wanted: has_labels(
            prometheus, name, title, wanted), f"the columns of {panel['title']}", 60, 0.5)


def attention(prometheus):
    """{(guest, alert, severity): where}"""
    return {(labels.get("domain"), labels["alertname"], value): " ".join(labels["where"].split())
            for labels, value in panel_rows(prometheus, "fleet", "Needs attention")["A"]}


# Without those on clocks, which are silent on a host that lacks the time.
EXPECTED = {
    ("dead", "QgaAgentDead", 2), ("silent", "QgaAgentMissing", 1), ("bare", "QgaAgentMissing", 1),
    ("full", "QgaFilesystemAlmostFull", 2), ("full", "QgaFilesystemFillingUp", 2),
    (WINDOWS, "QgaAgentOutdated", 1), (WINDOWS, "QgaCollectorFailing", 2),
    (WINDOWS, "QgaSeriesLimitHit", 2), ("frozen", "QgaFilesystemsFrozen", 2),
}


def test_who_needs_attention_and_who_does_not(prometheus):
    def all_there():
        missing = EXPECTED - attention(prometheus).keys()
        assert not missing, missing
        return True

    wait_for(all_there, "all alerts", 120, 0.5)
    found = attention(prometheus)
    assert found[("full", "QgaFilesystemAlmostFull", 2)].startswith("/data ")
    # A busy machine makes the clock of any emulated guest go wrong.
    assert not [key for key in found if key[0] == "old" and "Clock" not in key[1]]


def test_the_table_of_hosts(prometheus):
    def values():
        rows = panel_rows(prometheus, "fleet", "Host by host")
        return {ref: value for ref in "ABE" for labels, value in rows[ref]
                if labels["instance"] == prometheus.instance}

    wait_for(lambda: values() == {"A": 1, "B": len(prometheus.domains), "E": 1},
             "the exporter, all guests, and the frozen one", 60, 0.5)


def test_the_table_of_guests(prometheus):
    def rows(ref):
        return panel_rows(prometheus, "fleet", "A hundred guests")[ref]

    def value_of(ref, domain):
        return [value for labels, value in rows(ref) if labels["domain"] == domain]

    def states():
        return {(labels["domain"], labels["state"]) for labels, _ in rows("A")}

    for guest in (("old", "responsive"), ("frozen", "frozen"), ("dead", "disconnected"),
                  ("bare", "unconfigured")):
        wait_for(lambda guest=guest: guest in states(), " is ".join(guest), 60)
    (offset,) = value_of("D", "skewed")
    assert 115 < offset < 125
    (used,) = value_of("E", "full")
    assert used > 0.97

    since = time.time()

    def answered_since():
        (answered_ms,) = value_of("F", "old")
        return since < answered_ms / 1000 <= time.time()

    wait_for(answered_since, "a later answer of a guest that is well", 60)


def test_neither_who_was_well_nor_who_has_no_agent_is_among_those_that_were_not(prometheus):
    def domains():
        rows = panel_rows(prometheus, "fleet", "Agents that were not well")["A"]
        return {labels["domain"] for labels, _ in rows}

    wait_for(lambda: {"dead", "frozen"} <= domains(), "guests that were not well", 60)
    assert not {"old", "bare", "silent"} & domains()


def test_what_fills_up(prometheus):
    rows = wait_for(lambda: panel_rows(prometheus, "fleet", "Will be full within a week")["A"],
                    "a filesystem that fills up", 60)
    assert {(labels["domain"], labels["mountpoint"]) for labels, _ in rows} == {("full", "/data")}


def test_another_guest_is_not_shown(prometheus):
    """Of a single guest its name is compared, it is no expression."""
    for _, found in panel_rows(prometheus, "guest", "Agent", "ful.").items():
        assert not found
