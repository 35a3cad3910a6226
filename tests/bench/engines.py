#!/usr/bin/python3
"""`make bench-fleet`, second part: what a fleet costs VictoriaMetrics and Prometheus.

Exporters with synthetic guests of 138 series each, all values of which change between two
scrapes, are scraped every 15 s: by a vmagent that writes to VictoriaMetrics, then by Prometheus;
of the newest that Debian has.  From the environment:

    EXPORTERS  how many (default: 5)
    GUESTS     of each (default: 1000)
    SECONDS    how long each engine is measured, after two scrapes (default: 120)
"""

import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.engines import unpacked
from lab.error import LabError
from lab.process import wait_for
from lab.programs import ConfiguredPrometheus
from lab.victoria import VictoriaMetrics, VmAgent
from scale import describe_host, number, say

SERVER = os.environ.get("QGA_SCRAPE_SERVER", "build/tests/bench/scrape_server")
VICTORIA, PROMETHEUS = "1.145", "3"
INTERVAL_S = 15
SETTLED_SCRAPES = 2


class Synthetic:
    """One exporter: the program of tests/bench/scrape_server.c."""

    def __init__(self):
        # pylint: disable-next=consider-using-with
        self.popen = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        port, _, series = self.popen.stdout.readline().split()
        self.pid = self.popen.pid
        self.target, self.series = f"127.0.0.1:{port}", int(series)

    def change(self):
        self.popen.stdin.write("values\n")
        self.popen.stdin.flush()
        self.popen.stdout.readline()

    def body_bytes(self):
        """(on the wire, unpacked) of a scrape."""
        request = urllib.request.Request(f"http://{self.target}/metrics",
                                         headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            packed = answer.read()
        return len(packed), len(gzip.decompress(packed))

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(60)


class Cost:
    """CPU and memory of a process; without what is only its files in the page cache."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        self.mib = int(lines["RssAnon"].split()[0]) / 1024


def changing(exporters, seconds):
    """Values change once in an interval, for so long."""
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        for exporter in exporters:
            exporter.change()
        time.sleep(max(0, min(end, began + INTERVAL_S) - time.monotonic()))


class Part:
    """A process, and how many samples it has had."""

    def __init__(self, name, pid, samples):
        self.name, self.pid, self.count = name, pid, samples
        self.cpu_s = self.mib = self.samples = 0.0

    def read(self):
        cost, count = Cost(self.pid), self.count()
        self.cpu_s, self.mib = cost.cpu_s - self.cpu_s, cost.mib
        self.samples = count - self.samples


def measured(exporters, parts, series, seconds):
    """What each part took between two readings.  Each is judged by the samples that it had: on
    a machine that is busy with other things, they may be behind."""
    for part in parts:
        part.read()
    changing(exporters, seconds)
    for part in parts:
        part.read()
        say(f"  {part.name}: {part.samples / seconds:.0f} samples/s of {series / INTERVAL_S:.0f}; "
            f"{1e6 * part.cpu_s / part.samples:.2f} us of CPU for each; "
            f"{part.mib:.0f} MiB, {part.mib * 1e6 / series:.0f} for a million series")


def configured(place, exporters):
    path = os.path.join(place.directory, "scrape.yml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"global": {"scrape_interval": f"{INTERVAL_S}s"}, "scrape_configs": [
            {"job_name": "qga", "static_configs": [
                {"targets": [exporter.target for exporter in exporters]}]}]}, file)
    return path


def all_up(engine, exporters):
    wait_for(lambda: len(engine.query("up == 1")) == len(exporters), "all exporters", 300, 1)


def measure_victoria(place, exporters, series, seconds):
    with VictoriaMetrics(place, VICTORIA) as stored, \
            VmAgent(place, VICTORIA, configured(place, exporters), write_to=stored) as agent:
        all_up(stored, exporters)
        changing(exporters, SETTLED_SCRAPES * INTERVAL_S)
        wait_for(lambda: stored.own("vm_cache_entries", type="storage/hour_metric_ids") >= series,
                 "all series are known", 300, 1)

        def scraped():
            return agent.own("vm_promscrape_scraped_samples_sum")

        def sent():
            return agent.own("vmagent_remotewrite_bytes_sent_total")

        parts = [Part("vmagent", agent.process.pid, scraped),
                 Part("VictoriaMetrics", stored.process.pid,
                      lambda: stored.own("vm_rows_inserted_total", type="promremotewrite"))]
        of_exporters = [Part("", exporter.pid, scraped) for exporter in exporters]
        for one in of_exporters:
            one.read()
        bytes_before = sent()
        say(f"vmagent and VictoriaMetrics {VICTORIA}")
        measured(exporters, parts, series, seconds)
        for one in of_exporters:
            one.read()
        say(f"  from vmagent to VictoriaMetrics: {(sent() - bytes_before) / parts[1].samples:.1f} "
            f"bytes per sample; the exporters, which change all values: "
            f"{1e6 * sum(one.cpu_s for one in of_exporters) / parts[0].samples:.2f} us of CPU each")


def measure_prometheus(place, exporters, series, seconds):
    with ConfiguredPrometheus(place, configured(place, exporters),
                              path=unpacked(PROMETHEUS, "prometheus")) as prometheus:
        all_up(prometheus, exporters)
        changing(exporters, SETTLED_SCRAPES * INTERVAL_S)
        say(f"Prometheus {PROMETHEUS}, at most {SETTLED_SCRAPES + 1 + seconds // INTERVAL_S} samples "
            "of a series; a chunk has 120")
        measured(exporters, [Part("Prometheus", prometheus.process.pid, lambda: own(
            prometheus, "prometheus_tsdb_head_samples_appended_total"))], series, seconds)


def own(prometheus, name):
    with urllib.request.urlopen(f"{prometheus.url}/metrics", timeout=60) as answer:
        return sum(float(line.split()[1]) for line in answer.read().decode().splitlines()
                   if line.startswith(name))


def bench():
    describe_host()
    count, seconds = number("EXPORTERS", 5), number("SECONDS", 120)
    place = types.SimpleNamespace(directory=tempfile.mkdtemp(prefix="qga-lab-"), uri="")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, place.directory, ignore_errors=True)
        exporters = []
        for _ in range(count):
            exporters.append(Synthetic())
            stack.callback(exporters[-1].close)
        series = sum(exporter.series for exporter in exporters)
        packed, whole = exporters[0].body_bytes()
        say(f"{count} exporters, {series} series, a scrape every {INTERVAL_S} s; a body is "
            f"{whole / 1e6:.1f} MB, on the wire {packed / 1e6:.2f} MB, "
            f"{packed * count / series:.1f} bytes per sample")
        measure_victoria(place, exporters, series, seconds)
        measure_prometheus(place, exporters, series, seconds)


def main():
    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
    try:
        bench()
    except (LabError, AssertionError, OSError) as error:
        print(f"bench-fleet: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
