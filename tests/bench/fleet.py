#!/usr/bin/python3
"""`make bench-fleet`: what a fleet costs Prometheus.

First the series of real guests, one of each generation of agents, with the collectors that
are on by default and with all of them.  Then several exporters, each with many real agents
(qemu-ga processes behind sockets), scraped by one Prometheus.  From the environment:

    HOSTS    exporters in the second part (default: 4)
    AGENTS   for each of them (default: 150)
    SECONDS  how long they are scraped, once a second (default: 180)
"""

import collections
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.agents import Agents, count_that_fits
from lab.error import LabError
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import Exporter, Prometheus, get, run_exporter
from scale import describe_host, number, say

SPARE_MIB = 3072
# Series of the exporter itself, which are there without a guest.
OWN = re.compile(r"qga_exporter_|qga_host_|process_")
# A chunk in Prometheus' memory has 120 samples; until one is full, memory still grows.
SECONDS_MIN = 150


def collectors(place):
    """{name: on by default}"""
    _, text, _ = run_exporter(place, "--list-collectors")
    return {line.split()[0]: line.split()[1] == "on" for line in text.splitlines()[1:]}


def settled(metrics, domain, enabled):
    """Whether each collector has been asked, or the agent does not have it."""
    asked = {labels["collector"] for labels, _ in
             metrics.find("qga_collector_success", domain=domain)}
    missing = {labels["collector"] for labels, value in
               metrics.find("qga_collector_supported", domain=domain) if value == 0}
    return enabled <= asked | missing


def guest_series(metrics, domain):
    """{group: series}: by what they grow with."""
    groups = collections.Counter()
    for name, labels, _ in metrics.samples:
        if labels.get("domain") != domain:
            continue
        group = next((label for label in ("collector", "mountpoint", "vcpu", "cpu", "device",
                                          "command") if label in labels), "guest")
        groups[group] += 1
    return groups


def measure_guests():
    with Lab() as lab:
        guests = [lab.guest("7.2", agent="7.2", vcpus=2), lab.guest("10.0", agent="10.0", vcpus=2)]
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.wait_for_agent()
        names = collectors(lab)
        for what, enabled in (("default collectors", {one for one in names if names[one]}),
                              ("all collectors", set(names))):
            with Exporter(lab, *(f"--collector.{name}" for name in enabled)) as exporter:
                metrics = exporter.wait_for(
                    lambda metrics, enabled=enabled: all(
                        settled(metrics, guest.name, enabled) for guest in guests),
                    "all collectors", 200, 0.5)
                own = sum(1 for name, _, _ in metrics.samples if OWN.match(name))
                say(f"{what}: {own} series of the exporter, {len(metrics.text)} bytes in all")
                for guest in guests:
                    groups = guest_series(metrics, guest.name)
                    parts = ", ".join(f"{group} {count}" for group, count in sorted(groups.items()))
                    say(f"  agent {guest.name}: {sum(groups.values())} series ({parts})")


# One Prometheus, several hosts

class Cost:
    """What /proc and /metrics of the Prometheus say."""

    def __init__(self, prometheus):
        with open(f"/proc/{prometheus.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with open(f"/proc/{prometheus.process.pid}/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        self.resident_mib = int(lines["VmRSS"].split()[0]) / 1024
        _, _, body = get(f"{prometheus.url}/metrics")
        self.own = collections.Counter()  # without labels
        for name, value in re.findall(rb"^(prometheus_tsdb_head_\w+)(?:\{.*\})? (\S+)$", body, re.M):
            self.own[name.decode()] += float(value)
        self.at = time.monotonic()


def start_hosts(place, stack, hosts, agents_each):
    exporters = []
    for index in range(hosts):
        agents = stack.enter_context(Agents(os.path.join(place.directory, f"h{index}")))
        agents.start_all(f"vm{i:03d}" for i in range(agents_each))
        config = os.path.join(place.directory, f"h{index}.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n')
        exporters.append(stack.enter_context(
            Exporter(place, f"--config.file={config}", "--log.level=warn", name=f"h{index}")))
    for exporter in exporters:
        exporter.wait_for(
            lambda metrics: len(metrics.find("qga_os_info")) == agents_each
            and len(metrics.find("qga_vcpus", state="online")) == agents_each
            and len(metrics.find("qga_network_info")) >= agents_each, "all agents", 180, 1)
    return exporters


def measure_prometheus(hosts, agents_each, seconds):
    place = types.SimpleNamespace(directory=tempfile.mkdtemp(prefix="qga-lab-"), uri="")
    try:
        with contextlib.ExitStack() as stack:
            exporters = start_hosts(place, stack, hosts, agents_each)
            prometheus = stack.enter_context(
                Prometheus(place, *(exporter.port for exporter in exporters)))
            wait_for(lambda: len(prometheus.query("up == 1")) == hosts, "all hosts", 60)
            time.sleep(seconds / 3)
            before = Cost(prometheus)
            time.sleep(2 * seconds / 3)
            after = Cost(prometheus)
            report(prometheus, before, after, exporters)
    finally:
        shutil.rmtree(place.directory, ignore_errors=True)


def report(prometheus, before, after, exporters):
    appended = "prometheus_tsdb_head_samples_appended_total"
    samples = after.own[appended] - before.own[appended]
    ((_, scrape_s),) = prometheus.query("max(avg_over_time(scrape_duration_seconds[1m]))")
    ((_, scraped),) = prometheus.query("max(scrape_samples_scraped)")
    series = after.own["prometheus_tsdb_head_series"]
    bodies = [len(get(f"{exporter.url}/metrics", 30)[2]) for exporter in exporters]
    resident = [exporter.metrics().value("process_resident_memory_bytes") / (1 << 20)
                for exporter in exporters]
    say(f"  {series:.0f} series, {scraped:.0f} of each host; a body of {max(bodies) / 1e6:.2f} MB")
    say(f"  {samples / (after.at - before.at):.0f} samples/s; "
        f"a scrape takes {1e3 * scrape_s:.0f} ms; "
        f"{1e6 * (after.cpu_s - before.cpu_s) / samples:.2f} us of CPU per sample")
    say(f"  Prometheus: {after.resident_mib:.0f} MiB resident, "
        f"{after.resident_mib * 1024 / series:.1f} KiB per series")
    say(f"  exporters: {max(resident):.1f} MiB resident at most")


def main():
    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
    try:
        hosts, agents = number("HOSTS", 4), number("AGENTS", 150)
        seconds = number("SECONDS", 180)
        if seconds < SECONDS_MIN:
            raise LabError(f"SECONDS={seconds}: {SECONDS_MIN} at least, for full chunks")
        describe_host()
        measure_guests()
        fits = count_that_fits(hosts * agents, SPARE_MIB) // hosts
        say(f"{hosts} hosts with {fits} agents each, scraped each second for {seconds} s")
        measure_prometheus(hosts, fits, seconds)
    except LabError as error:
        print(f"bench-fleet: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
