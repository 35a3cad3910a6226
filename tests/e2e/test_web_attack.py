"""The port under attack, with real agents behind it: whatever clients do, who scrapes in order
is answered, guests are asked on, and nothing grows.

ATTACK_ROUNDS  how often all attacks are gone through (default: 1; `make attack` takes 20)
"""

import contextlib
import itertools
import os
import random
import socket
import struct
import threading

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.process import wait_for
from lab.programs import Exporter, Metrics

ROUNDS = int(os.environ.get("ATTACK_ROUNDS") or 1)
NAMES = ("left", "right")
# Of loopback all addresses are ours: the attackers have a few, each scraper its own.
TARGET = "127.0.0.1"
ATTACKERS = [f"127.6.6.{number}" for number in range(1, 5)]
ORDERLY = "127.1.1.1"
PATIENCE_S = 120  # only ends a test that hangs
GROWTH_MAX_KIB = 8 << 10
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", name="exporter")
def _exporter(place):
    with Agents(place.directory) as agents:
        agents.start_all(NAMES)
        config = write_config(place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n'
                              + QUICK_CONFIG)
        with Exporter(place, f"--config.file={config}", uri="") as running:
            running.wait_for(lambda metrics: all(metrics.value("qga_up", domain=name) == 1
                                                 for name in NAMES), "the agents answer")
            yield running


def dial(exporter, source=ATTACKERS[0]):
    file = socket.socket()
    file.settimeout(PATIENCE_S)
    file.bind((source, 0))
    file.connect((TARGET, exporter.port))
    return file


def say(file, request):
    """As much of it as is taken."""
    with contextlib.suppress(OSError):
        file.sendall(request)


def hear(file):
    """All up to the end of the connection."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while True:
            part = file.recv(65536)
            if not part:
                break
            answer += part
    file.close()
    return answer


def scrape(exporter, source=ORDERLY):
    """One in order; fails if it is not answered in full."""
    with dial(exporter, source) as file:
        file.sendall(SCRAPE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        head, _, body = hear(file).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK"), head
    assert b"Content-Length: %d" % len(body) in head
    return Metrics(body.decode())


def last_answers(metrics):
    """When each guest has last told the time."""
    return {name: metrics.value("qga_collector_last_success_timestamp_seconds", domain=name,
                                collector="clock") or 0 for name in NAMES}


def goes_on(exporter):
    """Scrapes are answered, and guests asked, while the attack lasts."""
    before = last_answers(scrape(exporter))
    wait_for(lambda: all(now > before[name]
                         for name, now in last_answers(scrape(exporter)).items()),
             "the guests are asked on", 60, 0.02)


def converse(exporter, request):
    """Says it all, and nothing more; hears what comes."""
    with dial(exporter) as file:
        say(file, request)
        with contextlib.suppress(OSError):
            file.shutdown(socket.SHUT_WR)
        return hear(file)


# Each attack is a context: it lasts as long as what stands in it.

@contextlib.contextmanager
def many(exporter, count, first=b""):
    """Connections from all attackers, on each of which so much is said."""
    with contextlib.ExitStack() as stack:
        files = []
        for source in itertools.islice(itertools.cycle(ATTACKERS), count):
            file = stack.enter_context(dial(exporter, source))
            say(file, first)
            files.append(file)
        yield files


@contextlib.contextmanager
def repeated(act):
    """A thread that does it again and again."""
    stop, failures = threading.Event(), []

    def run():
        try:
            while not stop.is_set():
                act()
        except BaseException as error:  # pylint: disable=broad-exception-caught
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures, failures


@contextlib.contextmanager
def slow_requests(exporter):
    with many(exporter, 120, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ") as files:
        turn = itertools.cycle(files)
        with repeated(lambda: say(next(turn), b"a")):
            yield


@contextlib.contextmanager
def slow_readers(exporter):
    with many(exporter, 120, SCRAPE * 200):
        yield


@contextlib.contextmanager
def idle_connections(exporter):
    with many(exporter, 2000):
        yield


@contextlib.contextmanager
def pipelines(exporter):
    whole = []

    def act():
        with dial(exporter) as file:
            request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n"
            say(file, (request + b"\r\n") * 500 + request + b"Connection: close\r\n\r\n")
            answers = hear(file).count(b"HTTP/1.1 200 OK")
        # Its address may have connections of the attack before, and be let in later.
        assert answers in (0, 501)
        if answers:
            whole.append(answers)

    with repeated(act):
        wait_for(lambda: whole, "a pipeline is answered", 60, 0.02)
        yield


HUGE = [b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics?" + b"name[]=x&" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100000 + b"\r\n",
        b"A" * (1 << 20) + b" /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" * (1 << 18),
        SCRAPE.replace(b"Host", b"Accept: " + b"text/plain;q=0.1," * 1500 + b"\r\nHost")]


@contextlib.contextmanager
def huge_headers(exporter):
    turn = itertools.cycle(HUGE)
    with repeated(lambda: converse(exporter, next(turn))):
        yield


@contextlib.contextmanager
def bodies(exporter):
    requests = itertools.cycle([
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"a" * 1000000,
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100000,
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ])

    def act():
        with dial(exporter) as file:
            say(file, next(requests))
            assert b" 200 OK" not in hear(file)

    with repeated(act):
        yield


METHODS = (b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND",
           b"PRI", b"get", b"G\xc3\x8bT", b"A" * 8000)


@contextlib.contextmanager
def bad_methods(exporter):
    turn = itertools.cycle(METHODS)

    def act():
        with dial(exporter) as file:
            say(file, next(turn) + b" /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 OK" not in hear(file)

    with repeated(act):
        yield


@contextlib.contextmanager
def cut_scrapes(exporter):
    """Asked for, begun to be read, and reset."""
    reset = struct.pack("ii", 1, 0)

    def act():
        file = dial(exporter)
        file.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        say(file, SCRAPE * 3)
        with contextlib.suppress(OSError):
            file.recv(100)
        file.close()

    with repeated(act):
        yield


@contextlib.contextmanager
def noise(exporter):
    dice = random.Random(7)
    with repeated(lambda: converse(
            exporter, dice.randbytes(dice.randrange(1, 4000)) + b"\r\n\r\n")):
        yield


@contextlib.contextmanager
def a_hundred_scrapers(exporter):
    """At once, each from an address of its own: all are answered, whoever has to wait."""
    failures = []

    def run(number):
        try:
            for _ in range(3):
                scrape(exporter, f"127.2.2.{number}")
        except BaseException as error:  # pylint: disable=broad-exception-caught
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 101)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


ATTACKS = (slow_requests, slow_readers, idle_connections, pipelines, huge_headers, bodies,
           bad_methods, cut_scrapes, noise, a_hundred_scrapers)


class Resources:
    """What the exporter has taken of the host."""

    def __init__(self, exporter):
        self.files = len(os.listdir(f"/proc/{exporter.process.pid}/fd"))
        with open(f"/proc/{exporter.process.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        self.threads = int(status["Threads"])
        self.resident_kib = int(status["VmRSS"].split()[0])

    def __str__(self):
        return f"{self.files} files, {self.threads} threads, {self.resident_kib} KiB"


def all_attacks(exporter):
    for attack in ATTACKS:
        with attack(exporter):
            goes_on(exporter)


def test_nothing_grows_and_nobody_waits(exporter):
    idle = Resources(exporter)
    all_attacks(exporter)  # for what is taken once
    wait_for(lambda: Resources(exporter).files <= idle.files, "connections have ended", 60)
    before = Resources(exporter)
    for number in range(ROUNDS):
        all_attacks(exporter)
        print(f"round {number + 1} of {ROUNDS}: {Resources(exporter)}", flush=True)
    wait_for(lambda: Resources(exporter).files <= idle.files, "connections have ended", 60)
    after = Resources(exporter)
    assert after.threads <= before.threads
    if "Sanitizer" not in exporter_symbols(exporter):  # whose quarantine grows
        assert after.resident_kib <= before.resident_kib + GROWTH_MAX_KIB, f"{before}; {after}"
    failures = [value for labels, value in scrape(exporter).find("qga_agent_failures_total")
                if labels["reason"] not in ("unsupported", "disabled")]
    assert not any(failures), scrape(exporter).find("qga_agent_failures_total")


def exporter_symbols(exporter):
    with open(f"/proc/{exporter.process.pid}/maps", encoding="utf-8") as file:
        return "Sanitizer" if "san.so" in file.read() else ""
