#!/usr/bin/python3
"""`make soak`: guests and agents start, stop, hang and lie for SOAK_MINUTES (30) while three
scrapers read; at the end the exporter's memory is what it was after the first five minutes,
and no descriptor is lost.

SOAK_SEED=N plays the same events again.
"""

import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
import exposition
from lab.agents import Agents
from lab.error import LabError
from lab.lab import Lab
from lab.programs import Exporter

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
SEED = int(os.environ.get("SOAK_SEED", time.time_ns() % 1000000))
SETTLED_S = min(300, MINUTES * 60 / 3)
REST_S = 10  # at which a figure is taken
GROWTH_MAX = 1.05
SCRAPERS = 3
PAUSE_S = 1.5
LIES = ("flood", "trickle", "ten-megabytes", "nested", "types", "wrong-ids", "out-of-step",
        "forged-lines", "many-nics", "churn", "clock-0", "clock-2-63")

CONFIG = """
sources:
  - {{name: host, libvirt: {{uri: "{uri}"}}}}
  - {{name: sockets, socket: {{path: "{sockets}"}}}}
collectors:
  clock:      {{interval: 1s, timeout: 2s}}
  agent:      {{interval: 2s, timeout: 2s}}
  os:         {{interval: 2s, timeout: 2s}}
  vcpu:       {{interval: 1s, timeout: 2s}}
  network:    {{interval: 1s, timeout: 2s}}
  filesystem: {{interval: 1s, timeout: 2s}}
health: {{failures_before_backoff: 2, backoff: 1s, backoff_max: 5s, starting: 10s}}
limits: {{reply_bytes: 4MiB}}
"""


class Scraper(threading.Thread):
    """Reads once a second and judges what it reads."""

    def __init__(self, exporter):
        super().__init__(daemon=True)
        self.exporter = exporter
        self.ended = threading.Event()
        self.wrong = []
        self.longest_s = 0
        self.count = 0

    def run(self):
        while not self.ended.wait(1):
            started = time.monotonic()
            try:
                metrics = self.exporter.metrics()
                self.longest_s = max(self.longest_s, time.monotonic() - started)
                exposition.check(metrics.text)
                self.count += 1
            except (OSError, AssertionError, ValueError) as error:
                self.wrong.append(error)


class Trouble:
    """What is done to the guests, one thing at a time."""

    def __init__(self, lab, guests, agents):
        self.lab = lab
        self.guests = guests
        self.agents = agents
        self.random = random.Random(SEED)
        self.done = {}

    def once(self):
        action = self.random.choice([
            self.kill, self.hang, self.lie, self.lie, self.restart, self.freeze, self.pause,
            self.socket_restart, self.socket_hang, self.socket_comes_and_goes, self.daemon])
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        try:
            action(self.random.choice(self.guests))
        except (OSError, LabError, AssertionError, subprocess.SubprocessError) as error:
            # One trouble in another's way; a guest that is beyond control begins anew.
            self.done["anew"] = self.done.get("anew", 0) + 1
            print(f"soak: {action.__name__}: {error}", flush=True)
            for guest in self.guests:
                self.anew(guest)

    def anew(self, guest):
        guest.close_control()
        self.lab.virsh("destroy", guest.name, check=False)
        guest.start()
        guest.wait_for_control()

    def wait(self):
        time.sleep(self.random.uniform(0.5, 2 * PAUSE_S))

    def kill(self, guest):
        guest.run("agent hold")
        self.wait()
        guest.run("agent release")

    def hang(self, guest):
        guest.run("agent stop")
        self.wait()
        self.wait()
        guest.run("agent cont")

    def lie(self, guest, kind=None):
        guest.run(f"agent impostor -{kind or self.random.choice(LIES)}")
        time.sleep(self.random.uniform(4, 10))  # it takes its time to think out its lies
        guest.run("agent release")
        if self.random.random() < 0.3:
            self.anew(guest)

    def restart(self, guest):
        guest.stop()
        self.wait()
        guest.start()
        guest.wait_for_control()

    def freeze(self, guest):
        try:
            self.lab.virsh("domfsfreeze", guest.name)
            self.wait()
        finally:
            self.lab.virsh("domfsthaw", guest.name)

    def pause(self, guest):
        self.lab.virsh("suspend", guest.name)
        self.wait()
        self.lab.virsh("resume", guest.name)

    def socket_restart(self, _):
        agent = self.agents[self.random.choice(["s0", "s1", "s2"])]
        agent.kill()
        self.wait()
        agent.start()

    def socket_hang(self, _):
        agent = self.agents[self.random.choice(["s0", "s1", "s2"])]
        agent.pause()
        self.wait()
        self.wait()
        agent.resume()

    def socket_comes_and_goes(self, _):
        self.agents.start("brief", watched=True)
        self.wait()
        self.agents.remove("brief")

    def daemon(self, _):
        """Rarely: everything else stands still for it."""
        if self.random.random() < 0.7:
            return
        if self.random.random() < 0.5:
            self.lab.restart_libvirtd()
            return
        self.lab.libvirtd.signal(signal.SIGSTOP)
        self.wait()
        self.lab.libvirtd.signal(signal.SIGCONT)


class Figures:
    """The exporter's memory and descriptors over time."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.started = time.monotonic()
        self.readings = []

    def take(self):
        metrics = self.exporter.metrics()
        self.readings.append((time.monotonic() - self.started,
                              metrics.value("process_resident_memory_bytes"),
                              metrics.value("process_open_fds"),
                              metrics.value("process_threads")))

    def at_rest(self, names):
        """(memory, descriptors) when everybody is well and nothing happens; a connection may
        be about to close."""
        self.exporter.wait_for(
            lambda metrics: all(metrics.value("qga_up", domain=name) == 1 for name in names),
            "everybody well, at rest", 120)
        time.sleep(REST_S / 2)
        first = len(self.readings)
        for _ in range(REST_S):
            time.sleep(0.5)
            self.take()
        return (statistics.median(reading[1] for reading in self.readings[first:]),
                min(reading[2] for reading in self.readings[first:]))


def mib(size):
    return f"{size / (1 << 20):.2f} MiB"


def soak(lab, agents, exporter):
    guests = list(lab.guests.values())
    trouble, figures = Trouble(lab, guests, agents), Figures(exporter)
    scrapers = [Scraper(exporter) for _ in range(SCRAPERS)]
    for scraper in scrapers:
        scraper.start()
    names = [guest.name for guest in guests] + ["s0", "s1", "s2"]
    start, settled = time.monotonic(), None
    for kind in LIES:  # what the largest needs is kept by malloc()
        trouble.lie(guests[0], kind)
        figures.take()
    while time.monotonic() < start + MINUTES * 60 or settled is None:
        trouble.once()
        figures.take()
        if settled is None and time.monotonic() > start + SETTLED_S:
            settled = figures.at_rest(names)
    final = figures.at_rest(names)
    for scraper in scrapers:
        scraper.ended.set()
        scraper.join(10)

    memory = [reading[1] for reading in figures.readings]
    growth = final[0] / settled[0]
    calls = sum(value for _, value in exporter.metrics().find("qga_exporter_calls_total"))
    print(f"soak: {MINUTES:g} min, seed {SEED}; {calls:.0f} calls to agents; "
          f"{sum(s.count for s in scrapers)} scrapes, the longest "
          f"{max(s.longest_s for s in scrapers) * 1000:.0f} ms; {trouble.done}")
    print(f"soak: memory at rest {mib(settled[0])} after {SETTLED_S:.0f} s, {mib(final[0])} at the "
          f"end: {(growth - 1) * 100:+.1f} %; {mib(min(memory))} to {mib(max(memory))}")
    print(f"soak: descriptors at rest {settled[1]:.0f} then, {final[1]:.0f} at the end; threads "
          f"at most {max(reading[3] for reading in figures.readings):.0f}")
    wrong = [error for scraper in scrapers for error in scraper.wrong]
    if wrong:
        sys.exit(f"soak: {len(wrong)} scrapes went wrong, the first: {wrong[0]}")
    if growth > GROWTH_MAX:
        sys.exit("soak: the memory has grown")
    if final[1] > settled[1]:
        sys.exit("soak: descriptors are lost")


def main():
    with Lab() as lab, Agents(lab.directory) as agents:
        for number in range(4):
            lab.guest(f"soak{number}", agent=("7.2", "10.0")[number % 2]).start()
        for guest in lab.guests.values():
            guest.wait_for_agent().wait_for_control()
        for number in range(3):
            agents.start(f"s{number}")
        config = os.path.join(lab.directory, "soak.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(uri=lab.uri, sockets=agents.pattern))
        with Exporter(lab, f"--config.file={config}", uri="") as exporter:
            exporter.wait_for(lambda metrics: all(
                metrics.value("qga_up", domain=name) == 1 for name in [*lab.guests, "s0", "s1"]),
                "all guests", 30)
            soak(lab, agents, exporter)
            assert exporter.process.alive()


if __name__ == "__main__":
    main()
