"""`make bench-scrape`: scrapes over HTTP, beside what others do in the same run.

The web side serves GUESTS (1000) synthetic guests of 138 series.  Beside it are the same
bytes from a static buffer of libmicrohttpd, Debian's haproxy with its Prometheus exporter
and about as many series (the packages haproxy and prometheus-node-exporter, if they are
there), and node_exporter.  All are asked in turn, ROUNDS (15) times; what is kept and the
static buffer also one right after the other, in either order, since what else the machine
does then hits both.
"""

import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.process import Process, free_port, wait_for

SERVER = os.environ.get("QGA_SCRAPE_SERVER", "build/tests/bench/scrape_server")
ROUNDS = int(os.environ.get("ROUNDS", "15"))
HAPROXY_BACKENDS, HAPROXY_SERVERS = 100, 30
SLOW_READERS = 32

FIRST_MIN = 10  # M samples/s
KEPT_RATIO_MIN = 0.8  # of the static buffer
SLOW_RATIO_MAX = 2  # of a time of a few milliseconds
RESIDENT_MAX_MIB = 80
PLAIN = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def ask(port, path="/metrics", accept=PLAIN, gzip=False, source="127.0.0.1"):
    connection = socket.create_connection(("127.0.0.1", port), 120, (source, 0))
    coding = "Accept-Encoding: gzip\r\n" if gzip else ""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n{coding}"
                       "Connection: close\r\n\r\n".encode())
    return connection


def scrape(port, **how):
    """Seconds and bytes, headers with them, of one answer up to its end."""
    buffer = bytearray(1 << 20)
    began, count = time.perf_counter(), 0
    with ask(port, **how) as connection:
        while got := connection.recv_into(buffer):
            count += got
    return time.perf_counter() - began, count


def series_of(port):
    with ask(port) as connection:
        text = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    return len(re.findall(rb"^[a-z]\w*(?:\{.*\})? \S+\r?$", text, re.M))


class Served:
    """The program below test."""

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.port, self.static, self.series = map(int, self.process.stdout.readline().split())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)

    def change(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


@contextlib.contextmanager
def haproxy(folder):
    """Its port; None without it."""
    if not shutil.which("haproxy"):
        yield None
        return
    port = free_port()
    path = os.path.join(folder, "haproxy.cfg")
    with open(path, "w", encoding="ascii") as file:
        file.write("global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n"
                   " timeout client 60s\n timeout server 60s\n"
                   f"frontend metrics\n bind 127.0.0.1:{port}\n"
                   " http-request use-service prometheus-exporter if { path /metrics }\n")
        for backend in range(HAPROXY_BACKENDS):
            file.write(f"backend web-{backend}\n")
            for server in range(HAPROXY_SERVERS):
                file.write(f" server s{server} 127.0.0.1:1\n")
    process = Process(["haproxy", "-db", "-f", path], os.path.join(folder, "haproxy.log"))
    try:
        wait_for(lambda: scrape(port)[1] > 0, "haproxy answers")
        yield port
    finally:
        process.kill()


@contextlib.contextmanager
def node_exporter(folder):
    """Its port; None without it."""
    if not shutil.which("prometheus-node-exporter"):
        yield None
        return
    port = free_port()
    process = Process(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
                      os.path.join(folder, "node-exporter.log"))
    try:
        wait_for(lambda: scrape(port)[1] > 0, "node_exporter answers")
        yield port
    finally:
        process.kill()


def row(what, seconds, count, series):
    print(f"{what:<36} {series:>9} {count / 1e6:>9.2f} {seconds * 1e3:>9.2f} "
          f"{series / seconds / 1e6:>13.2f}", flush=True)


def verdict(what, value, limit, reached):
    print(f"{what:<58} {value:>8.2f}  limit {limit:>6.2f}  {'yes' if reached else 'NO'}",
          flush=True)
    return reached


def measure(served, others):
    forms = {
        "first": (lambda: scrape(served.port), True),
        "first, OpenMetrics": (lambda: scrape(served.port, accept=OPENMETRICS), True),
        "first, gzip": (lambda: scrape(served.port, gzip=True), True),
        "kept": (lambda: scrape(served.port), False),
        "kept, OpenMetrics": (lambda: scrape(served.port, accept=OPENMETRICS), False),
        "kept, gzip": (lambda: scrape(served.port, gzip=True), False),
        "the same bytes, static": (lambda: scrape(served.static), False),
        **{name: (lambda port=port: scrape(port), False) for name, port in others.items()},
    }
    taken = {name: [] for name in forms}
    sizes = {}
    for _ in range(ROUNDS):
        for name, (ask_once, changes) in forms.items():
            if changes:
                served.change()
            seconds, sizes[name] = ask_once()
            taken[name].append(seconds)
            if name.startswith("first"):
                # What follows finds all forms that it asks for kept.
                for how in ({}, {"accept": OPENMETRICS}, {"gzip": True}):
                    scrape(served.port, **how)
    return taken, sizes


def kept_ratio(served):
    """The speed of what is kept, as share of the static buffer's."""
    ratios = []
    for turn in range(2 * ROUNDS):
        scrape(served.port)  # so that it is kept
        both = [served.port, served.static]
        seconds = {port: scrape(port)[0] for port in (both if turn % 2 else both[::-1])}
        ratios.append(seconds[served.static] / seconds[served.port])
    return statistics.median(ratios)


def with_slow_readers(served):
    """One scrape's time while others have asked and do not read."""
    slow = [ask(served.port, source=f"127.6.6.{1 + number % 4}")
            for number in range(SLOW_READERS)]
    try:
        return statistics.median(scrape(served.port)[0] for _ in range(ROUNDS))
    finally:
        for connection in slow:
            connection.close()


def main():
    with tempfile.TemporaryDirectory(prefix="qga-scrape-") as folder, Served() as served, \
            haproxy(folder) as proxy, node_exporter(folder) as node:
        others = {"haproxy": proxy, "node_exporter": node}
        for name in [name for name, port in others.items() if port is None]:
            print(f"{name} is not there, so it is left out")
            del others[name]
        series = {name: series_of(port) for name, port in others.items()}
        taken, sizes = measure(served, others)
        times = {name: statistics.median(seconds) for name, seconds in taken.items()}
        print(f"{'':<36} {'series':>9} {'MB':>9} {'ms':>9} {'M samples/s':>13}")
        for name, seconds in times.items():
            row(name, seconds, sizes[name], series.get(name, served.series))
        ratio = kept_ratio(served)
        slow_ratio = with_slow_readers(served) / times["kept"]
        resident = served.resident_mib()
        # The best of all: a limit of its own is no matter of what else the machine does.
        rates = {name: served.series / min(taken[name]) / 1e6
                 for name in ("first", "first, OpenMetrics")}
        results = [
            *(verdict(f"{name}, at best, M samples/s", rate, FIRST_MIN, rate >= FIRST_MIN)
              for name, rate in rates.items()),
            verdict("kept, as share of the static buffer's speed", ratio, KEPT_RATIO_MIN,
                    ratio >= KEPT_RATIO_MIN),
            verdict(f"kept, beside {SLOW_READERS} slow readers, times as long", slow_ratio,
                    SLOW_RATIO_MAX, slow_ratio <= SLOW_RATIO_MAX),
            verdict("resident with all forms kept and the static copy, MiB", resident,
                    RESIDENT_MAX_MIB + sizes["the same bytes, static"] / (1 << 20),
                    resident <= RESIDENT_MAX_MIB + sizes["the same bytes, static"] / (1 << 20)),
        ]
        if "haproxy" in others:
            faster = (served.series / times["first"]) / (series["haproxy"] / times["haproxy"])
            results.append(verdict("first, times haproxy's samples a second", faster, 1,
                                   faster >= 1))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
