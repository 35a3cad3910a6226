"""A host of honest guests beside hostile ones, which are played, and what the honest notice
of these.  Neither libvirtd nor a guest is needed."""

import contextlib
import dataclasses
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
import types

from lab.process import Process, program, wait_for
from lab.programs import Exporter

HERE = os.path.dirname(os.path.abspath(__file__))
INTERVAL_S = 15  # of the collector clock, by default
SOCKETS = ("big", "retracts", "reopens")
LIBVIRT = ("hog", "late", "retracts", "events")


@dataclasses.dataclass
class Seen:
    """What was seen of the honest guests, and of the exporter."""

    oldest_s: float       # the clock of any of them, at any scrape
    withdrawn: int        # scrapes in which one of them had no clock
    late_ratio: float     # of the calls that began, those more than a second late
    cores: float

    def troubles(self):
        """What is not as it must be: [a text]"""
        found = []
        if self.oldest_s > 2 * INTERVAL_S:
            found.append(f"a value was {self.oldest_s:.0f} s old")
        if self.withdrawn:
            found.append(f"values were withdrawn in {self.withdrawn} scrapes")
        if self.late_ratio > 0.01:
            found.append(f"{self.late_ratio:.1%} of the calls were a second late or more")
        if self.cores > 0.5:
            found.append(f"it took {self.cores:.2f} cores")
        return found

    def __str__(self):
        return (f"oldest {self.oldest_s:4.1f} s, withdrawn {self.withdrawn}, "
                f"late {self.late_ratio:.2%}, {self.cores:.2f} cores")


def build(folder):
    """The libvirt that is played."""
    library = os.path.join(folder, "played.so")
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-std=c17", "-O1", "-D_GNU_SOURCE", "-o", library,
                    *(os.path.join(HERE, f"played_{part}.c") for part in ("libvirt", "agents")),
                    "-lpthread"], check=True)
    return library


@contextlib.contextmanager
def fleet_of(source, fleet, config_text=""):
    """(folder, configuration, command that the exporter is to be run by) with a fleet
    ("honest:20,hog:4") of this source."""
    folder = tempfile.mkdtemp(prefix="qga-shares-")
    config = os.path.join(folder, "c.yml")
    agents = None
    try:
        if source == "libvirt":
            command = ("/usr/bin/env", f"LD_PRELOAD={build(folder)}", f"PLAYED={fleet}")
            text = "sources: [{libvirt: {uri: 'qemu:///played'}}]\n"
        else:
            command = ()
            text = f"sources: [{{socket: {{path: '{folder}/*.sock'}}}}]\n"
            agents = Process([sys.executable, os.path.join(HERE, "agents.py"), folder,
                              *fleet.split(",")], os.path.join(folder, "agents.log"))
            count = sum(int(kind.split(":")[1]) for kind in fleet.split(","))
            wait_for(lambda: len(glob.glob(f"{folder}/*.sock")) == count, "the agents listen")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text + config_text)
        yield folder, config, command
    finally:
        if agents:
            agents.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def played(source, fleet, config_text=""):
    """An exporter beside it."""
    with fleet_of(source, fleet, config_text) as (folder, config, command):
        place = types.SimpleNamespace(directory=folder, uri="")
        with Exporter(place, f"--config.file={config}", command=command) as exporter:
            yield exporter


def late_calls(metrics):
    """(calls that were late for a second or more, all)"""
    buckets = {labels["le"]: value for labels, value in
               metrics.find("qga_exporter_schedule_lateness_seconds_bucket")}
    return buckets["+Inf"] - buckets["1.0"], buckets["+Inf"]


def observe(exporter, warm_s, seconds):
    """What is seen in so many seconds, after all have begun."""
    began = time.monotonic()
    before, oldest_s, withdrawn = None, 0, 0
    while True:
        time.sleep(2.5)
        metrics = exporter.metrics()
        passed_s = time.monotonic() - began
        if passed_s < warm_s:
            continue
        before = before or (metrics, passed_s)
        honest = {labels["domain"]: time.time() - at for labels, at in
                  metrics.find("qga_collector_last_success_timestamp_seconds", collector="clock")
                  if labels["domain"].startswith("honest")}
        shown = {labels["domain"] for labels, _ in metrics.find("qga_clock_offset_seconds")}
        oldest_s = max(oldest_s, *honest.values())
        withdrawn += not set(honest) <= shown
        if passed_s >= warm_s + seconds:
            break
    (late_0, all_0), (late_1, all_1) = late_calls(before[0]), late_calls(metrics)
    cpu_s = metrics.value("process_cpu_seconds_total")
    return Seen(oldest_s, withdrawn, (late_1 - late_0) / max(all_1 - all_0, 1), cpu_s / passed_s)
