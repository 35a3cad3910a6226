#!/usr/bin/python3
"""`make bench-rules`: what the rules and the dashboards cost an engine, with many guests.

One real guest is scraped, and its series are written into Prometheus or VictoriaMetrics as
those of GUESTS guests (prometheus_fleet.py).  Then each rule of config/prometheus and each query of the
dashboards is put to it alone, one after the other, in rounds: what a round takes is their mean,
since the garbage collection of what was written before hits one query or another.  What the
rules' results cost to be stored is not in it.  From the environment:

    GUESTS      how many (default: 1000)
    ROUNDS      how often each is asked (default: 3)
    ENGINE      prometheus-2 or -3, victoria-1.79 or -1.145, of Debian (default: prometheus-2)
    MINUTES     the time range of the dashboards (default: 360)
"""

import collections
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import types
import urllib.parse

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
for path in ("..", "../e2e", "../dashboards"):
    sys.path.insert(0, os.path.join(HERE, path))
# pylint: disable=wrong-import-position
import panels
import prometheus_fleet
from lab.engines import unpacked
from lab.error import LabError
from lab.lab import Lab
from lab.process import Process, free_port, wait_for
from lab.programs import Exporter, get
from lab.victoria import VictoriaMetrics
from promql import selectors
from scale import Report, describe_host, number, say

RULES = ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml", "fleet/alerts.yml")
INTERVAL_S = 15  # of a group that names none: evaluation_interval of config/prometheus
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LOOKBACK_S = 300
QUERY_S = 600
QUIET_CORES, QUIET_S = 0.05, 5
RULES_CORES, RULES_SHARE = 0.6, 0.5
PANEL_S = {1000: 1.0, 10000: 5.0}
SLOWEST = 10
ONE_GUEST = "vm00020"


def seconds_of(text):
    return sum(int(amount) * UNITS_S[unit] for amount, unit in re.findall(r"(\d+)([smhd])", text))


def groups():
    """[(name, interval in seconds, rules)]"""
    for name in RULES:
        with open(os.path.join(HERE, "..", "..", "config", "prometheus", name),
                  encoding="utf-8") as file:
            for group in yaml.safe_load(file)["groups"]:
                yield (group["name"], seconds_of(group.get("interval", f"{INTERVAL_S}s")),
                       group["rules"])


def queries(range_s):
    """[(dashboard, panel, target, its PromQL)], with all hosts and all guests chosen."""
    grafana = {"__rate_interval": "60s", "__range": f"{range_s}s", "job": panels.EVERYTHING,
               "instance": panels.EVERYTHING}
    for name in panels.NAMES:
        domain = ONE_GUEST if name == "guest" else panels.EVERYTHING
        for panel in panels.panels_of(panels.load(name)):
            for target in panel["targets"]:
                yield (name, f"{name}: {panel['title']}", target, panels.substituted(
                    target["expr"], {**grafana, "domain": domain}))


def histories(range_s):
    """{metric: how far back somebody looks, in seconds}"""
    found = collections.defaultdict(lambda: LOOKBACK_S)
    for text, over_s in [
            *((rule["expr"], 0) for _, _, rules in groups() for rule in rules),
            *((text, 0 if target["instant"] or name == "guest" else range_s)
              for name, _, target, text in queries(range_s))]:
        for one in selectors(text):
            found[one.metric] = max(found[one.metric],
                                    over_s + max(LOOKBACK_S, seconds_of(one.span)))
    return found


class Server:
    """What takes what is written, scrapes nothing, and is asked."""

    FLAGS = {}  # further parameters of each query

    def __init__(self, url, process):
        self.url, self.process = url, process

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_quiet(self):
        """Within some seconds, as what was written is sorted and cleaned up after."""
        before_s = self.cpu_s()
        time.sleep(QUIET_S)
        return self.cpu_s() - before_s < QUIET_CORES * QUIET_S

    def wait_until_quiet(self):
        wait_for(self.is_quiet, "the engine is quiet", 300)

    def timed(self, path, **parameters):
        """(the answer, seconds, seconds of CPU)"""
        cpu_s, since = self.cpu_s(), time.monotonic()
        asked = urllib.parse.urlencode({**parameters, **self.FLAGS})
        status, _, body = get(f"{self.url}/api/v1/{path}?{asked}", QUERY_S)
        took_s, used_s = time.monotonic() - since, self.cpu_s() - cpu_s
        answer = json.loads(body)
        if status != 200:
            raise LabError(f"{parameters['query']}: {answer.get('error')}")
        return answer["data"]["result"], took_s, used_s


class PrometheusServer(Server):
    def __init__(self, folder, major):
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("{}\n")
        address = f"127.0.0.1:{free_port()}"
        super().__init__(f"http://{address}", Process(
            [unpacked(major, "prometheus"), f"--config.file={config}",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}",
             "--web.enable-remote-write-receiver", "--query.max-samples=500000000",
             "--query.timeout=10m", "--storage.tsdb.min-block-duration=7d",
             "--storage.tsdb.max-block-duration=7d", "--log.level=warn"],
            os.path.join(folder, "prometheus.log")))

    def __enter__(self):
        wait_for(lambda: self.process.alive and get(f"{self.url}/-/ready")[0] == 200,
                 "Prometheus is ready", 120)
        return self

    def __exit__(self, *_):
        self.process.stop()


class VictoriaServer(Server):
    """Without the cache of results, which knows each question after the first round."""

    FLAGS = {"nocache": 1}

    def __init__(self, folder, version):
        self.running = VictoriaMetrics(
            types.SimpleNamespace(directory=folder), version, "-search.maxQueryDuration=10m",
            "-search.maxUniqueTimeseries=5000000", "-search.maxSamplesPerQuery=4000000000")
        super().__init__(self.running.url, self.running.process)

    def __enter__(self):
        self.running.__enter__()
        return self

    def __exit__(self, *failure):
        self.running.__exit__(*failure)

    def wait_until_quiet(self):
        self.running.flush()
        super().wait_until_quiet()


ENGINES = {"prometheus-2": (PrometheusServer, "2"), "prometheus-3": (PrometheusServer, "3"),
           "victoria-1.79": (VictoriaServer, "1.79"), "victoria-1.145": (VictoriaServer, "1.145")}


def engine():
    name = os.environ.get("ENGINE") or "prometheus-2"
    if name not in ENGINES:
        raise LabError(f"ENGINE={name}: one of {', '.join(ENGINES)} is wanted")
    return name


def keep(server, writer, end_s, rule, range_s):
    """The outcome of a rule, as Prometheus' rule manager would write it."""
    found, _, _ = server.timed("query", query=rule["expr"], time=end_s)
    of_guests = any("domain" in one["metric"] for one in found)
    history_s = LOOKBACK_S if of_guests and "record" in rule else range_s
    samples = prometheus_fleet.Samples(end_s, {})
    for one in found:
        labels = {**one["metric"], **rule.get("labels", {})}
        name, value = rule.get("record", "ALERTS"), float(one["value"][1])
        if "alert" in rule:
            labels, value = {**labels, "alertname": rule["alert"], "alertstate": "firing"}, 1.0
        writer.add({**labels, "__name__": name}, *samples.of(name, value, 0, history_s))
    writer.flush()


def keep_all(server, end_s, range_s):
    """What all rules say, those first that others read."""
    writer = prometheus_fleet.Writer(server.url)
    server.wait_until_quiet()
    for _, _, rules in groups():
        for rule in rules:
            keep(server, writer, end_s, rule, range_s)
    server.wait_until_quiet()


class Spent:
    """The means of seconds, and of seconds of CPU, by name."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.wall_s, self.cpu_s = collections.Counter(), collections.Counter()

    def add(self, name, wall_s, cpu_s):
        self.wall_s[name] += wall_s / self.rounds
        self.cpu_s[name] += cpu_s / self.rounds

    def show_slowest(self, what):
        say(f"\nthe slowest {what}:")
        for name, seconds in self.wall_s.most_common(SLOWEST):
            say(f"  {seconds:7.3f} s, {self.cpu_s[name]:7.3f} s of CPU  {name}")


def measure_rules(server, end_s, rounds):
    by_rule, by_group, report = Spent(rounds), Spent(rounds), Report()
    for _ in range(rounds):
        for name, _, rules in groups():
            for rule in rules:
                _, *spent = server.timed("query", query=f"count({rule['expr']})", time=end_s)
                by_rule.add(f"{name}: {rule.get('alert') or rule['record']}", *spent)
                by_group.add(name, *spent)
    cores = 0
    for name, interval_s, _ in groups():
        took_s, used = by_group.wall_s[name], by_group.cpu_s[name] / interval_s
        cores += used
        report.row(f"group {name}, each {interval_s} s", f"{100 * RULES_SHARE:.0f} %",
                   f"{took_s:.2f} s, {100 * took_s / interval_s:.0f} %, {used:.3f} cores",
                   took_s <= RULES_SHARE * interval_s)
    report.row("all groups", f"{RULES_CORES} cores", f"{cores:.2f} cores", cores < RULES_CORES)
    report.show()
    by_rule.show_slowest("rules")
    return report.all_reached


def measure_dashboards(server, end_s, range_s, rounds, limit_s):
    by_query, by_panel, by_board = Spent(rounds), Spent(rounds), Spent(rounds)
    rows_of, report = collections.Counter(), Report()
    for _ in range(rounds):
        for name, title, target, text in queries(range_s):
            if target["instant"]:
                found, *spent = server.timed("query", query=text, time=end_s)
            else:
                found, *spent = server.timed("query_range", query=text, start=end_s - range_s,
                                             end=end_s, step=max(15, range_s // 720))
            by_query.add(f"{title} ({target['refId']}), {len(found)} series", *spent)
            by_panel.add(title, *spent)
            by_board.add(name, *spent)
            rows_of[title] = max(rows_of[title], len(found))
    (worst, worst_s), = by_panel.wall_s.most_common(1)
    report.row("the slowest panel", f"{limit_s:g} s", f"{worst_s:.2f} s ({worst})",
               worst_s < limit_s)
    (most, rows), = rows_of.most_common(1)
    report.row("the most rows or lines of a panel", "", f"{rows} ({most})")
    for name in panels.NAMES:
        report.row(f"all queries of {name}", "", f"{by_board.wall_s[name]:.2f} s, "
                                                 f"{by_board.cpu_s[name]:.2f} s of CPU")
    report.show()
    by_panel.show_slowest("panels")
    by_query.show_slowest("queries")
    return report.all_reached


def real_guest():
    """(what its exporter says, its name)"""
    with Lab() as lab:
        guest = lab.guest("10.0", agent="10.0", vcpus=2, balloon=True)
        guest.start()
        guest.wait_for_agent()
        with Exporter(lab) as exporter:
            return exporter.wait_for(
                lambda metrics: all(metrics.find(name, domain=guest.name) for name in (
                    "qga_filesystem_avail_bytes", "qga_network_address_info", "qga_os_info",
                    "qga_vcpus", "qga_load1", "qga_clock_offset_seconds")),
                "all collectors", 200, 0.5), guest.name


def measure(guests, name, range_s, rounds):
    metrics, domain = real_guest()
    folder = tempfile.mkdtemp(prefix="qga-bench-")
    kind, version = ENGINES[name]
    try:
        with kind(folder, version) as server:
            end_s, since = int(time.time()), time.monotonic()
            series, samples = prometheus_fleet.write(server.url, metrics, domain, guests, end_s,
                                                     histories(range_s))
            say(f"{guests} guests, {series} series, {samples / 1e6:.1f} million samples, written "
                f"in {time.monotonic() - since:.0f} s; {name}, mean of {rounds} rounds")
            keep_all(server, end_s, range_s)
            reached = measure_rules(server, end_s, rounds)
            return measure_dashboards(server, end_s, range_s, rounds,
                                      PANEL_S.get(guests, guests / 1000)) and reached
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
    try:
        describe_host()
        reached = measure(number("GUESTS", 1000), engine(), 60 * number("MINUTES", 360), number("ROUNDS", 3))
        sys.exit(0 if reached else 1)
    except LabError as error:
        print(f"bench-rules: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
