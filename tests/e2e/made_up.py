"""Half an hour of a fleet that never was, the same each time: each metric that docs/METRICS.md
lists and each record of the rules, of two hosts with two guests each, scraped every 15 s.

Engines get it as files, so that each has the same samples to the last digit.
"""

import itertools
import os
import re
import zlib

import yaml

from lab import image

START_S, INTERVAL_S, SCRAPES = 1_699_999_200, 15, 120
END_S = START_S + INTERVAL_S * SCRAPES
# Scrapes are at no round time, as a rule.
AFTER_S = 7

HOSTS = ("hv1", "hv2")
GUESTS = ("web", "db")
SOURCE = "libvirt"

# What labels can be; rows of a metric have the first of each, the second of each.
LABELS = {
    "version": ("7.2.0", "4.2.0"), "state": ("responsive", "disconnected"),
    "device": ("vda1", "vdb1"), "mountpoint": ("/", "/data"), "fstype": ("ext4", "xfs"),
    "collector": ("clock", "network"), "command": ("guest-exec", "guest-set-time"),
    "source": (SOURCE,), "code": ("200", "404"), "outcome": ("ok", "timeout"),
    "mode": ("idle", "user"), "le": ("0.001", "0.01", "0.1", "1", "+Inf"),
}
STATES = {"qga_vcpus": ("online", "offline"), "qga_memory_blocks_bytes": ("online", "offline")}
ONCE = {"qga_agent_state", "qga_agent_info", "qga_os_info", "qga_uname_info", "qga_domain_info",
        "qga_time_zone_offset_seconds", "qga_domain_paused", "qga_exporter_build_info"}
# Sections of METRICS.md that tell of a host.
OF_HOSTS = ("The host's clock", "The exporter itself", "Its process")


def _read(*parts):
    with open(os.path.join(image.ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def metrics():
    """[(name, type, unit, [label], whether it is a host's)] of the tables of METRICS.md."""
    for section in _read("docs", "METRICS.md").split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for name, kind, unit, labels in re.findall(
                r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]*) \|", section, re.M):
            yield name, kind, unit, re.findall(r"`(\w+)`", labels), title in OF_HOSTS


def records():
    """[(name, [label])] of the recording rules, with the labels that their level names."""
    groups = (group for name in ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml")
              for group in yaml.safe_load(_read("config", "prometheus", name))["groups"])
    for group in groups:
        for rule in group["rules"]:
            if "record" in rule:
                yield rule["record"], rule["record"].partition(":")[0].split("_")


def _rows(name, labels, where):
    """Two rows, but one of what has no labels, or of which a guest or host has one."""
    choices = [STATES.get(name, LABELS.get(label, (f"{label}-0", f"{label}-1")))
               for label in labels]
    rows = range(2 if labels else 1)
    if name in ONCE:
        rows = [(*HOSTS, *GUESTS).index(where.get("domain", where["instance"])) % 2]
    for row in rows:
        yield {label: choice[row % len(choice)] for label, choice in zip(labels, choices)}


def _hosts():
    for host in HOSTS:
        yield {"job": "qga", "instance": host}


def _guests():
    for host, guest in itertools.product(HOSTS, GUESTS):
        yield {"job": "qga", "instance": host, "source": SOURCE, "domain": guest}


def _values(name, kind, unit, labels, even):
    """A value for each scrape."""
    seed = zlib.crc32(repr((name, {**labels, "le": None})).encode())
    if name == "qga_up":  # the state of the second guest is the second, too
        return [float(labels["domain"] == GUESTS[0])] * SCRAPES
    if kind in ("counter", "histogram"):
        rises = (1 + seed % 5 + (0 if even else (seed >> scrape % 24) % 5 * (scrape % 3))
                 for scrape in range(SCRAPES))
        return [float(value) for value in itertools.accumulate(rises, initial=1000)][1:]
    if unit == "seconds since 1970":
        return [START_S + INTERVAL_S * scrape - seed % 90 for scrape in range(SCRAPES)]
    if unit == "always 1":
        return [1.0] * SCRAPES
    if unit == "0 or 1":
        return [float(seed % 3 > 0)] * SCRAPES
    if name.startswith("qga_filesystem_avail"):  # it fills up
        return [1e9 - 4e6 * scrape - seed % 1000 * 1e3 for scrape in range(SCRAPES)]
    if unit == "bytes":
        return [2e9 + seed % 1000 * 1e6] * SCRAPES
    return [seed % 1000 / 100 + (seed >> scrape % 24) % 4 / 10 for scrape in range(SCRAPES)]


def _histogram(name, labels):
    for le in LABELS["le"]:
        yield f"{name}_bucket", {**labels, "le": le}
    yield f"{name}_sum", labels
    yield f"{name}_count", labels


def _of_hosts_and_guests():
    for name, kind, unit, labels, is_hosts in metrics():
        wheres = _hosts() if is_hosts else _guests()
        for whole in ({**where, **row} for where in wheres for row in _rows(name, labels, where)):
            if kind != "histogram":
                yield name, whole, kind, unit
                continue
            for part, its in _histogram(name, whole):
                yield part, its, kind, unit
    for name, level in records():
        of_guests = "domain" in level
        rest = [label for label in level if label not in ("job", "instance", "domain", "uuid")]
        if "mountpoint" in rest:  # what a filesystem has besides is of one name in a guest
            rest = ["device", "fstype", *rest]
        for where in _guests() if of_guests else _hosts():
            for row in _rows(name, rest, where):
                yield name, {**where, **row}, "gauge", "number"


def _all():
    yield from _of_hosts_and_guests()
    for where in _hosts():
        for name in ("scrape_samples_scraped", "scrape_duration_seconds"):
            yield name, where, "gauge", "number"
        yield "up", where, "gauge", "always 1"
    for where in _guests():
        yield "ALERTS", {**where, "alertname": "QgaAgentDead", "alertstate": "firing",
                         "severity": "warning"}, "gauge", "always 1"


def series(even):
    """{name{labels}: a value for each scrape}; counters go up by as much each time, or not."""
    found = {}
    for name, labels, kind, unit in _all():
        bound = labels.get("le")
        values = _values(name, kind, unit, labels, even)
        if bound:  # a bucket counts what the smaller ones count, too
            values = [value * (1 + LABELS["le"].index(bound)) for value in values]
        text = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        found[f"{name}{{{text}}}"] = values
    return found


def write(path, even, milliseconds=False):
    """As OpenMetrics; or with timestamps as the text format has them."""
    with open(path, "w", encoding="utf-8") as file:
        for name, values in series(even).items():
            for scrape, value in enumerate(values):
                at = START_S + AFTER_S + INTERVAL_S * scrape
                file.write(f"{name} {value!r} {1000 * at if milliseconds else at}\n")
        file.write("" if milliseconds else "# EOF\n")
    return path
