"""Guests that are not there: what real ones say, some time later and under other names.

Prometheus scrapes their hosts as it scrapes real ones, so that rules, alerts and series that
end are its own.  What would be the same of all of them is made to differ: how much there is
to do, how full a disk is, how far a clock is off.  What neither a dashboard nor a rule asks for
is left out, as a thousand guests are much for one machine.
"""

import contextlib
import glob
import http.server
import os
import random
import re
import threading
import time
import uuid

import prometheus_fleet

# Of a thousand guests, how many say what this one says; the others are the usual one's.
SHARES = {"web-2": 290, "legacy-1": 30, "backup-1": 8, "build-1": 6, "dns-1": 6, "mail-1": 5,
          "db-1": 5, "till-1": 2}
USUAL = "web-1"
LATEST_S = 200
STEP_S = 10
ZONES = ("north", "south", "west")
PROJECTS = ("bank", "clinic", "library", "press", "school", "shop")
SERIES = re.compile(r"(?P<name>[a-zA-Z_:]\w*)(?P<labels>\{.*\})? (?P<value>\S+)")
DOMAIN = re.compile(r'(?<=[{,]domain=")[^"]*')
COUNTS = ("_total", "_bucket", "_sum", "_count")
WORK = re.compile(r"qga_(network|disk)_\w+_total|qga_load\d+")
FREE_MEMORY = re.compile(r"qga_(memory|balloon)_MemAvailable_bytes")
DIFFERS = re.compile("|".join((
    WORK.pattern, FREE_MEMORY.pattern, r"qga_\w+_timestamp_seconds", "qga_filesystem_avail_bytes",
    "qga_clock_offset_seconds", "qga_domain_info", "qga_network_address_info")))
ANYBODY = "\0"


def asked():
    """The names of all metrics in dashboards and rules, and some more words."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    found = set()
    for pattern in ("dashboards/*.json", "config/prometheus/*.yml"):
        for path in glob.glob(os.path.join(root, pattern)):
            with open(path, encoding="utf-8") as file:
                found.update(re.findall(r"\w+", file.read()))
    return found


ASKED = asked()


def relabelled(labels, **values):
    for name, value in values.items():
        labels = re.sub(f'(?<=[{{,]{name}=")[^"]*', value, labels)
    return labels


def state_of(text):
    return re.search('state="([^"]*)', text)[1]


class Said:
    """What an exporter said at one time: of itself, and of each of its guests."""

    def __init__(self, metrics):
        self.at_s = time.time()
        self.own = []  # (name, labels, value)
        self.alike = {}  # {guest: lines}
        self.different = {}  # {guest: [(name, labels, value)]}
        self.states = {}  # {guest: state}
        for name, lines in metrics.lines.items():
            for line in lines if name in ASKED else ():
                self._sort(name, line)
        self.alike = {domain: "".join(lines) for domain, lines in self.alike.items()}

    def _sort(self, name, line):
        labels, value = SERIES.fullmatch(line).group("labels", "value")
        domain = DOMAIN.search(labels or "")
        if not domain:
            if name.startswith(prometheus_fleet.HOST):
                self.own.append((name, labels or "", float(value)))
            return
        if name == "qga_agent_state":
            self.states[domain.group()] = state_of(labels)
        labels = relabelled(labels, domain=ANYBODY)
        if DIFFERS.fullmatch(name):
            self.different.setdefault(domain.group(), []).append((name, labels, float(value)))
        else:
            self.alike.setdefault(domain.group(), []).append(f"{name}{labels} {value}\n")


class Guest:
    """One that says what the guest `real` has said."""

    def __init__(self, number):
        dice = random.Random(number)
        self.number = number
        (self.real,) = dice.choices([*SHARES, USUAL],
                                    [*SHARES.values(), 1000 - sum(SHARES.values())])
        self.name = f"{self.real.rpartition('-')[0]}-{number}"
        self.uuid = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        self.project = dice.choice(PROJECTS)
        self.late_s = dice.uniform(0, LATEST_S)
        self.work = dice.lognormvariate(0, 0.5)
        self.room, self.memory = dice.triangular(0.07, 1, 0.7), dice.triangular(0.3, 1, 0.8)
        self.clock_s = dice.gauss(0, 0.02)

    def _labels(self, name, labels):
        if name == "qga_domain_info":
            title = re.search('title="([^",]*)', labels)[1]
            return relabelled(labels, uuid=self.uuid, project=self.project,
                              title=f"{title} {self.number}")
        if name == "qga_network_address_info" and 'device="lo"' not in labels:
            address = (f"10.1.{self.number >> 8}.{self.number & 255}" if 'family="ipv4"' in labels
                       else f"2001:db8::{self.number:x}")
            return relabelled(labels, address=address)
        return labels

    def _value(self, name, value, later_s):
        if name.endswith("_timestamp_seconds"):
            return value + later_s
        if WORK.fullmatch(name):
            return value * self.work
        if name == "qga_filesystem_avail_bytes":
            return value * self.room
        if FREE_MEMORY.fullmatch(name):
            return value * self.memory
        if name == "qga_clock_offset_seconds":
            return value + self.clock_s
        return value

    def says(self, history):
        """(what it is heard to say, its state); history is what was said, the last at the end."""
        now_s = time.time()
        said = next((one for one in reversed(history) if one.at_s <= now_s - self.late_s),
                    history[0])
        text = said.alike.get(self.real, "") + "".join(
            f"{name}{self._labels(name, labels)} {self._value(name, value, now_s - said.at_s)}\n"
            for name, labels, value in said.different.get(self.real, ()))
        return text.replace(ANYBODY, self.name), said.states.get(self.real)


class Host:
    """Its exporter says of itself what a real one says, for as many guests as it has."""

    def __init__(self, number, guests):
        dice = random.Random(f"host {number}")
        self.name = f"hv-{number}:10177"
        self.zone = ZONES[number % len(ZONES)]
        self.guests = guests
        self.work = dice.uniform(0.7, 1.4)
        # What the real hosts lack, which run inside of something else.
        self.clock = {"qga_host_clock_synchronized": 1,
                      "qga_host_clock_max_error_seconds": dice.uniform(0.001, 0.05)}
        self.answers = True

    def be_silent(self, silent):
        self.answers = not silent

    def _own(self, said, states):
        times = self.work * len(self.guests) / len(said.states)
        for name, labels, value in said.own:
            if name == "qga_exporter_guests":
                value = states.count(state_of(labels))
            elif name.endswith(COUNTS):
                value *= times
            elif name in self.clock:
                value = self.clock[name]
            yield f"{name}{labels} {value}\n"

    def text(self, histories):
        """histories is {the real guest: what its host's exporter has said}"""
        texts, states = zip(*(guest.says(histories[guest.real]) for guest in self.guests))
        return "".join((*texts, *self._own(histories[USUAL][-1], states)))


class Echoes:
    """So many guests on hosts beside the real ones, and the server that they are scraped from."""

    def __init__(self, exporters, first_host, guests):
        self.exporters = exporters
        self.histories = {}
        per_host = prometheus_fleet.GUESTS_A_HOST
        everyone = [Guest(100 + number) for number in range(guests)]
        self.hosts = [Host(first_host + place // per_host, everyone[place:place + per_host])
                      for place in range(0, guests, per_host)]
        echoes = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                host = echoes.hosts[int(self.path.strip("/"))]
                self.send_response(200 if host.answers else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                if host.answers:
                    with contextlib.suppress(OSError):  # of a scrape that does not wait
                        self.wfile.write(host.text(echoes.histories).encode())

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.listen()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        for work in (self.server.serve_forever, self._listen_on):
            threading.Thread(target=work, daemon=True).start()

    def listen(self):
        """To what the real ones say now."""
        for exporter in self.exporters:
            said = Said(exporter.metrics())
            for guest in said.states:
                history = self.histories.setdefault(guest, [])
                history.append(said)
                del history[:-LATEST_S // STEP_S - 2]

    def _listen_on(self):
        while True:
            time.sleep(STEP_S)
            with contextlib.suppress(OSError):  # what was said last is said again
                self.listen()

    def targets(self):
        """[(address, path, instance, zone)]"""
        address = f"127.0.0.1:{self.server.server_port}"
        return [(address, f"/{place}", host.name, host.zone)
                for place, host in enumerate(self.hosts)]
