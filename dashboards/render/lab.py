#!/usr/bin/python3
"""A fleet for pictures of the dashboards: two hosts with real guests, the exporter on each, and
troubles as they come; beside them hosts that say what those said (echoes.py), up to a thousand
guests; and a Prometheus.

    dashboards/render/lab.py OUT     write OUT/dashboard-*.png: `make screenshots`
    dashboards/render/lab.py --hold  leave it running until Ctrl-C, and say its address

SCREENSHOT_MINUTES (12) is how long it runs before the pictures are taken; a clock's drift
takes more than ten.  SCREENSHOT_GUESTS (1000) is how many guests there are, the real ones with
them.
"""

import contextlib
import functools
import http.server
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
for folder in ("", "e2e", "bench"):
    sys.path.insert(0, os.path.join(ROOT, "tests", folder))
# pylint: disable=wrong-import-position
from echoes import Echoes
from lab.error import LabError
from lab.lab import Lab
from lab.programs import ConfiguredPrometheus, Exporter
from shipped import hurried_rules, write

MINUTES = float(os.environ.get("SCREENSHOT_MINUTES", "12"))
GUESTS = int(os.environ.get("SCREENSHOT_GUESTS", "1000"))
SCRAPE_INTERVAL = "15s"
TICK_S = 5
ZONE = "north"
# The guest of the guest's picture.
GUEST = "db-1"

EVERYTHING = ("clock", "fsfreeze", "agent", "vcpu", "os", "hostname", "timezone", "load", "users",
              "cpustats", "diskstats", "network", "filesystem", "disks", "routes", "memory_blocks",
              "procfs")
CONFIG = "profile: full\ncollectors:\n" + "".join(
    f"  {name}: {{enabled: true, interval: 10s, timeout: 3s}}\n" for name in EVERYTHING
) + "health: {backoff: 5s, backoff_max: 20s, starting: 5s}\n"

# host: {guest: (title, its options)}
FLEET = {
    "hv-1:10177": {
        "db-1": ("Orders database", {"agent": "10.0", "vcpus": 2, "mounts": ("/srv/postgresql",)}),
        "web-1": ("Shop, first", {"agent": "10.0", "vcpus": 2}),
        "web-2": ("Shop, second", {"agent": "7.2"}),
        "mail-1": ("Mail", {"agent": "7.2"}),
    },
    "hv-2:10177": {
        "backup-1": ("Backups", {"agent": "10.0"}),
        "build-1": ("Builds", {"agent": "10.0", "vcpus": 2}),
        "till-1": ("Till in the north", {"agent": "7.2"}),
        "dns-1": ("Names", {"agent": "5.2"}),
        "legacy-1": ("Nobody knows", {"agent": "none", "channel": False}),
    },
}
CLOCKS = {"till-1": 8}  # seconds ahead of the host's
NOVA = ("<instance xmlns='http://openstack.org/xmlns/libvirt/nova/1.1'><name>{name}</name>"
        "<flavor name='m1.tiny'/><owner><project uuid='0'>shop</project></owner></instance>")


def say(text):
    print(f"screenshots: {text}", flush=True)


def wave(period_s, low, high):
    """A value that goes up and down with the time."""
    return low + (high - low) * (1 - math.cos(2 * math.pi * time.time() / period_s)) / 2


def all_known(count, metrics):
    states = [labels["state"] for labels, _ in metrics.find("qga_agent_state")]
    return len(states) == count and not {"unknown", "starting"}.intersection(states)


class Download(http.server.BaseHTTPRequestHandler):
    """What guests fetch, so that there is traffic: a body whose size is in the path."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(bytes(int(self.path.strip("/"))))

    def do_POST(self):  # pylint: disable=invalid-name
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Host:
    """One libvirtd with its guests, and the exporter beside it."""

    def __init__(self, name, stack):
        self.name = name
        self.lab = stack.enter_context(Lab())
        self.config = os.path.join(self.lab.directory, "qga-exporter.yml")
        self.exporter = None
        for guest, (_, options) in FLEET[name].items():
            self.lab.guest(guest, **options).start()

    def ready(self, stack):
        for name, guest in self.lab.guests.items():
            self.lab.virsh("desc", name, "--live", "--title", FLEET[self.name][name][0])
            self.lab.virsh("metadata", name, "http://openstack.org/xmlns/libvirt/nova/1.1",
                           "--live", "--key", "nova", "--set", NOVA.format(name=name))
            guest.wait_for_control(180)
            guest.set_clock(CLOCKS.get(name, 0))  # booting, it is up to a second off
            if guest.agent == "10.0":
                guest.run("sed -i 's/1[.]0/1.1/g' /etc/os-release")
        self.configure(CONFIG)
        self.exporter = stack.enter_context(Exporter(self.lab, f"--config.file={self.config}"))

    def configure(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        if self.exporter:
            self.exporter.reload()


class Fleet:
    """All of it, and what happens there."""

    def __init__(self, stack):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Download)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.callback(self.server.shutdown)
        real = sum(map(len, FLEET.values()))
        say(f"booting {real} guests under two libvirtd")
        self.hosts = {name: Host(name, stack) for name in FLEET}
        for host in self.hosts.values():
            host.ready(stack)
        self.guests = {name: guest for host in self.hosts.values()
                       for name, guest in host.lab.guests.items()}
        exporters = [host.exporter for host in self.hosts.values()]
        for exporter, guests in zip(exporters, FLEET.values()):
            exporter.wait_for(functools.partial(all_known, len(guests)), "the states of all agents")
        self.echoes = Echoes(exporters, len(FLEET) + 1, GUESTS - real)
        stack.callback(self.echoes.server.shutdown)
        self.prometheus = stack.enter_context(self._prometheus())
        self.filled_kib = 0

    def _prometheus(self):
        """That scrapes all of them, with the rules of ours."""
        lab = next(iter(self.hosts.values())).lab
        targets = [(f"127.0.0.1:{host.exporter.port}", "/metrics", name, ZONE)
                   for name, host in self.hosts.items()] + self.echoes.targets()
        return ConfiguredPrometheus(lab, write(lab.directory, "prometheus.yml", json.dumps({
            "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL},
            "rule_files": hurried_rules(lab.directory),
            "scrape_configs": [{"job_name": "qga", "static_configs": [
                {"targets": [address], "labels": {"instance": instance, "zone": zone,
                                                  "__metrics_path__": path}}
                for address, path, instance, zone in targets]}]})))

    def in_guest(self, name, command):
        self.guests[name].run(f"({command}) >/dev/null 2>&1 &")

    def fetch(self, name, size):
        url = f"http://10.0.2.2:{self.server.server_port}/{int(size)}"
        self.in_guest(name, f"wget -q -O - {url}")

    def work(self, name, rounds):
        self.in_guest(name, f"i=0; while [ $i -lt {int(rounds)} ]; do i=$((i+1)); done")

    def write(self, name, kib):
        self.in_guest(name, f"dd if=/dev/zero of=/data/log bs=4k count={int(kib / 4)} conv=fsync")

    def fill(self, name, share, of_kib=19900):
        """Files that grow until so much of the disk is full."""
        more = int(of_kib * share) - self.filled_kib
        if more >= 64:
            self.filled_kib += more
            self.in_guest(name, f"dd if=/dev/zero bs=1k count={more} >>/data/orders; sync")

    def tick(self, share_of_time):
        """Daily life; called every few seconds."""
        for host in self.hosts.values():
            host.exporter.healthy()  # complains of one that has ended
        self.fetch("web-1", wave(180, 20_000, 400_000))
        self.fetch("web-2", wave(240, 10_000, 150_000))
        self.work("web-1", wave(120, 2_000, 30_000))
        self.work("build-1", wave(300, 1_000, 60_000))
        self.fetch("db-1", wave(200, 5_000, 60_000))
        self.work("db-1", wave(160, 2_000, 20_000))
        self.write("db-1", wave(150, 64, 512))
        self.fill("db-1", 0.55 + 0.38 * share_of_time)

    def troubles(self):
        """[(share of the time, what it is, the function that does it)]"""
        mail, build, backup, till = (self.guests[name] for name in
                                     ("mail-1", "build-1", "backup-1", "till-1"))
        second = self.hosts["hv-2:10177"]
        some = self.echoes.hosts[6:7]  # of few guests there is none
        return [
            (0.10, "till-1: its disk is almost full",
             lambda: till.run("dd if=/dev/zero of=/data/receipts bs=64k count=305 2>&1; sync")),
            (0.22, "build-1: the agent stops answering", lambda: build.run("agent stop")),
            (0.30, "hv-2: a configuration with a mistake", lambda: second.configure("colectors: {}")),
            (0.38, "mail-1: the agent ends", lambda: mail.run("agent hold")),
            (0.42, "hv-2: the configuration is well again", lambda: second.configure(CONFIG)),
            (0.46, "build-1: the agent answers again", lambda: build.run("agent cont")),
            (0.55, "backup-1: frozen for a backup",
             lambda: backup.agent_command("guest-fsfreeze-freeze")),
            *((0.60, f"{one.name}: its exporter does not answer", functools.partial(
                one.be_silent, True)) for one in some),
            (0.66, "backup-1: thawed", lambda: backup.agent_command("guest-fsfreeze-thaw")),
            *((0.70, f"{one.name}: its exporter answers again", functools.partial(
                one.be_silent, False)) for one in some),
            (0.72, "dns-1: its clock jumps", lambda: self.guests["dns-1"].set_clock(1)),
            (0.80, "build-1: the agent restarts", lambda: build.run("agent kill")),
            (0.90, "backup-1: frozen for a backup",
             lambda: backup.agent_command("guest-fsfreeze-freeze")),
        ]

    def live(self, seconds):
        started = time.monotonic()
        left = self.troubles()
        while (passed := time.monotonic() - started) < seconds:
            self.tick(passed / seconds)
            while left and passed >= left[0][0] * seconds:
                _, text, act = left.pop(0)
                say(f"{passed:.0f} s: {text}")
                act()
            time.sleep(TICK_S)


def draw(fleet, out):
    """Life goes on meanwhile."""
    drawing = subprocess.Popen(  # pylint: disable=consider-using-with
        ["node", os.path.join(HERE, "screenshots.mjs"), "--prometheus", fleet.prometheus.url,
         "--out", out, "--period", f"{math.ceil(MINUTES)}m", "--scrape-interval", SCRAPE_INTERVAL,
         "--var", f"guest.domain={GUEST}"])
    try:
        while drawing.poll() is None:
            fleet.tick(1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                drawing.wait(TICK_S)
        return drawing.returncode
    finally:
        drawing.terminate()  # it ends its browser
        drawing.wait()


def end(*_):
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with contextlib.ExitStack() as stack:
        fleet = Fleet(stack)
        say(f"Prometheus is at {fleet.prometheus.url}; {MINUTES:g} minutes to live")
        fleet.live(MINUTES * 60)
        if sys.argv[1] == "--hold":
            say("Ctrl-C ends it")
            while True:
                fleet.tick(1)
                time.sleep(TICK_S)
        return draw(fleet, os.path.abspath(sys.argv[1]))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (LabError, AssertionError) as error:
        sys.exit(f"screenshots: {error}")
