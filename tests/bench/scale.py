"""`make bench-scale`: a thousand real agents, each behind a UNIX socket of its own.

Every agent is a qemu-ga process on this machine, so what the exporter costs is measured
beside what they cost, and beside a bare loop that asks them the same.  In the last part the
sockets are visited, as those are that other programs need too.  From the environment:

    AGENTS   how many (default: 1000)
    STOPPED  how many of them are stopped in the second part (default: a fifth)
    SECONDS  how long each part is measured (default: 60)
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.agents import Agents, count_that_fits
from lab.error import LabError
from lab.process import program
from lab.programs import Exporter, get, run_exporter

BARE_SOCKET = os.environ.get("QGA_BARE_SOCKET", "build/tests/bench/bare_socket")

COLLECTORS = ("clock", "network", "filesystem", "vcpu", "os")
INTERVAL_S = 10
SPARE_MIB = 2048
PASSES = 10  # of the bare loop without a pause
SCRAPES = 10
SCRAPE_INTERVAL_S = 15
# As services get it: the exporter has to ask for more.
FILES_SOFT = 1024
FILES_PER_AGENT = 1.2

LATENESS_P99_MAX_S = 0.1
CPU_SHARE_MAX = 0.05
RESIDENT_MAX_MIB = 64
RATIO_MAX = 1.5
SHARED_RATIO_MAX = 2.0
# Between two parts of one run, and of a call count: what is noise here.
LATENESS_NOISE_S = 0.005
CALLS_NOISE = 0.005

CONFIG = 'sources: [{{socket: {{path: "{}", connection: {}}}}}]\ncollectors:\n' + "".join(
    f"  {name}: {{{{interval: {INTERVAL_S}s, timeout: 2s}}}}\n" for name in COLLECTORS)


def say(text=""):
    print(text, flush=True)


def number(name, default):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise LabError(f"{name}={text}: a whole number above 0 is wanted")
    return int(text)


def describe_host():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = dict(line.split(":") for line in file)
    total_mib, available_mib = (int(memory[name].split()[0]) // 1024
                                for name in ("MemTotal", "MemAvailable"))
    say(f"host: {models[0] if models else platform.machine()}, {os.cpu_count()} CPUs, "
        f"{total_mib} MiB of memory ({available_mib} MiB available), Linux {platform.release()}, "
        f"load {os.getloadavg()[0]:.1f}")


class Report:
    """The table at the end, and whether all limits were kept."""

    def __init__(self):
        self.rows = []
        self.all_reached = True

    def row(self, what, limit, value, reached=None):
        self.rows.append((what, limit, value,
                          "" if reached is None else "yes" if reached else "NO"))
        self.all_reached &= reached is not False

    def show(self):
        rows = [("what", "limit", "measured", "reached"), *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for index, row in enumerate(rows):
            say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
            if index == 0:
                say("  ".join("-" * width for width in widths))


# The bare loop

class BareLoop:
    """CPU time per call of runs at one pace."""

    def __init__(self, *options):
        self.options = options
        self.calls_s = []

    def run(self, agents, timeout_s=120):
        done = subprocess.run(
            [BARE_SOCKET, *self.options, *(agent.path for agent in agents)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise LabError(f"the bare loop failed: {done.stderr}{done.stdout}")
        result = json.loads(done.stdout)
        self.calls_s.append(result["cpu_s"] / result["calls"])

    @property
    def call_s(self):
        return statistics.mean(self.calls_s)


# What the exporter says of itself

class Reading:
    """One scrape."""

    def __init__(self, exporter, well):
        self.metrics = exporter.metrics()
        names = {agent.name for agent in well}
        self.cpu_s = self.metrics.value("process_cpu_seconds_total")
        self.calls = sum(value for _, value in self.metrics.find("qga_exporter_calls_total"))
        self.well_calls, self.well_failures = (
            sum(value for labels, value in self.metrics.find(series) if labels["domain"] in names)
            for series in ("qga_agent_calls_total", "qga_agent_failures_total"))
        self.buckets = {float(labels["le"]): value for labels, value in self.metrics.find(
            "qga_exporter_schedule_lateness_seconds_bucket")}
        self.lateness_sum_s = self.metrics.value("qga_exporter_schedule_lateness_seconds_sum")
        self.last_successes = [
            value for labels, value in
            self.metrics.find("qga_collector_last_success_timestamp_seconds")
            if labels["domain"] in names and labels["collector"] in COLLECTORS]
        # The body may be up to a second old; with hundreds of calls a second, the newest
        # answer in it tells its time.
        self.at = max(self.last_successes)


class Part:
    """What happened between two readings; `well` are the agents that shall answer, so many
    calls in each interval."""

    def __init__(self, exporter, well, seconds, doing=lambda: None, calls=len(COLLECTORS)):
        self.well = well
        self.calls_expected = calls
        self.before = Reading(exporter, well)
        doing()
        time.sleep(seconds)
        self.after = Reading(exporter, well)
        self.seconds = self.after.at - self.before.at

    @property
    def calls(self):
        return self.after.calls - self.before.calls

    @property
    def cpu_share(self):
        return (self.after.cpu_s - self.before.cpu_s) / self.seconds

    @property
    def call_s(self):
        return (self.after.cpu_s - self.before.cpu_s) / self.calls

    @property
    def well_calls(self):
        return self.after.well_calls - self.before.well_calls

    @property
    def well_failures(self):
        return self.after.well_failures - self.before.well_failures

    @property
    def expected_calls(self):
        return len(self.well) * self.calls_expected * self.seconds / INTERVAL_S

    @property
    def oldest_s(self):
        """The age of the oldest good answer; without an answer, infinite."""
        if len(self.after.last_successes) != len(self.well) * len(COLLECTORS):
            return float("inf")
        return self.after.at - min(self.after.last_successes)

    def lateness_quantile_s(self, quantile):
        """Interpolated in its bucket, as Prometheus does it."""
        counts = [(bound, self.after.buckets[bound] - self.before.buckets[bound])
                  for bound in sorted(self.after.buckets)]
        rank = quantile * counts[-1][1]
        low_bound = low_count = 0
        for bound, count in counts:
            if count >= rank:
                break
            low_bound, low_count = bound, count
        if bound == float("inf") or count == low_count:
            return low_bound
        return low_bound + (bound - low_bound) * (rank - low_count) / (count - low_count)

    @property
    def lateness_mean_s(self):
        return (self.after.lateness_sum_s - self.before.lateness_sum_s) / self.calls

    def report(self, report, name):
        p99_s = self.lateness_quantile_s(0.99)
        report.row(f"{name}: lateness p99", f"< {1e3 * LATENESS_P99_MAX_S:.0f} ms",
                   f"{1e3 * p99_s:.2f} ms (mean {1e3 * self.lateness_mean_s:.2f} ms)",
                   p99_s < LATENESS_P99_MAX_S)
        report.row("  failures of agents that are well", "0", f"{self.well_failures:.0f}",
                   self.well_failures == 0)
        report.row("  calls to them", f"{self.expected_calls:.0f} +- {100 * CALLS_NOISE:.1f} %",
                   f"{self.well_calls:.0f}",
                   abs(self.well_calls / self.expected_calls - 1) <= CALLS_NOISE)
        report.row("  their oldest answer", f"<= {INTERVAL_S + LATENESS_P99_MAX_S:.1f} s",
                   f"{self.oldest_s:.2f} s",
                   self.oldest_s <= INTERVAL_S + LATENESS_P99_MAX_S)


def resident_peak_mib(exporter):
    with open(f"/proc/{exporter.process.pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 1024


def wait_until_all_answer(exporter, agents, what):
    """Every collector of every agent, a whole interval long."""
    wanted = len(agents) * len(COLLECTORS)
    exporter.wait_for(
        lambda metrics: sum(value for labels, value in metrics.find("qga_collector_success")
                            if labels["collector"] in COLLECTORS) == wanted,
        what, 120, 1)
    time.sleep(INTERVAL_S)


def scrape_cost_s(exporter):
    """(CPU seconds, wall seconds, bytes) of one scrape; the first pays for memory."""
    size = len(exporter.metrics().text)
    before = exporter.metrics().value("process_cpu_seconds_total")
    walls = []
    for _ in range(SCRAPES - 1):
        started = time.monotonic()
        exporter.metrics_text()
        walls.append(time.monotonic() - started)
    after = exporter.metrics().value("process_cpu_seconds_total")
    return (after - before) / SCRAPES, statistics.median(walls), size


class ScrapedExporter(Exporter):
    """Reads bodies without parsing them."""

    def metrics_text(self):
        return get(f"{self.url}/metrics", 30)[2]


def other_collectors(place):
    _, text, _ = run_exporter(place, "--list-collectors")
    names = [line.split()[0] for line in text.splitlines()[1:]]
    return [name for name in names if name not in COLLECTORS]


def stop_some(agents, count):
    chosen = list(agents)[::max(1, len(agents) // count)][:count]
    return chosen, [agent for agent in agents if agent not in chosen]


def report_cost(report, part, scrape, paced, unpaced):
    cpu_s, wall_s, size = scrape
    whole = part.cpu_share + cpu_s / SCRAPE_INTERVAL_S
    report.row("CPU, of one core", f"<= {100 * CPU_SHARE_MAX:.0f} %",
               f"{100 * whole:.2f} % (calls {100 * part.cpu_share:.2f} %, a scrape each "
               f"{SCRAPE_INTERVAL_S} s {100 * cpu_s / SCRAPE_INTERVAL_S:.2f} %)",
               whole <= CPU_SHARE_MAX)
    report.row("  a scrape", "", f"{size / 1e6:.2f} MB, {1e3 * wall_s:.0f} ms, "
               f"{1e3 * cpu_s:.0f} ms of CPU")
    report.row("CPU per call, exporter", "", f"{1e6 * part.call_s:.1f} us")
    report.row("  / the bare loop's at the same pace", f"<= {RATIO_MAX:.1f}",
               f"{part.call_s / paced.call_s:.2f} ({1e6 * paced.call_s:.1f} us)",
               part.call_s <= RATIO_MAX * paced.call_s)
    report.row("  / the bare loop's without a pause", "",
               f"{part.call_s / unpaced.call_s:.2f} ({1e6 * unpaced.call_s:.1f} us)")


@contextlib.contextmanager
def running(place, agents, connection):
    """An exporter that asks all of them, and whose collectors have all answered."""
    config = os.path.join(place.directory, "scale.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(agents.pattern, connection))
    hard = f"--nofile={FILES_SOFT}:{int(FILES_PER_AGENT * len(agents)) + FILES_SOFT}"
    with ScrapedExporter(place, f"--config.file={config}", "--log.level=error",
                         *(f"--no-collector.{name}" for name in other_collectors(place)),
                         command=[program("prlimit"), hard], name=connection) as exporter:
        started = time.monotonic()
        wait_until_all_answer(exporter, agents, "all agents answer")
        say(f"{connection}: all {len(agents)} answer {time.monotonic() - started - INTERVAL_S:.1f} "
            "s after the start")
        yield exporter


def measure_shared(place, agents, seconds, kept, report):
    """Each visit begins with the question whether the filesystems are frozen."""
    with running(place, agents, "shared") as exporter:
        shared = Part(exporter, list(agents), seconds, calls=len(COLLECTORS) + 1)
    shared.report(report, "shared")
    ratio = shared.cpu_share / kept.cpu_share
    report.row("  CPU / that of kept sockets", f"<= {SHARED_RATIO_MAX:.1f}",
               f"{ratio:.2f} ({100 * shared.cpu_share:.2f} % of one core)",
               ratio <= SHARED_RATIO_MAX)


def measure(place, agents, stopped_count, seconds, report):
    paced = BareLoop("-p", str(1000 * INTERVAL_S), "-n", "2")
    unpaced = BareLoop("-n", str(PASSES))
    for loop in (unpaced, paced):
        loop.run(agents)
    with running(place, agents, "kept") as exporter:
        well = Part(exporter, list(agents), seconds)
        scrape = scrape_cost_s(exporter)
        chosen, others = stop_some(agents, stopped_count)
        say(f"{len(chosen)} of them are stopped (SIGSTOP); measuring for {seconds} s")
        stopped = Part(exporter, others, seconds, lambda: [agent.pause() for agent in chosen])
        down = sum(value == 0 for _, value in stopped.after.metrics.find("qga_up"))
        since = time.monotonic()
        for agent in chosen:
            agent.resume()
        exporter.wait_for(lambda metrics: sum(value for _, value in metrics.find("qga_up"))
                          == len(agents), "all agents answer again", 60, 0.5)
        say(f"all answer again {time.monotonic() - since:.1f} s after their SIGCONT")
        resident = resident_peak_mib(exporter)
        threads = exporter.metrics().value("process_threads")
    for loop in (unpaced, paced):
        loop.run(agents)
    well.report(report, "all well")
    stopped.report(report, f"{len(chosen)} stopped")
    report.row("  known to be down", f"{len(chosen)}", f"{down}", down == len(chosen))
    change_s = stopped.lateness_quantile_s(0.99) - well.lateness_quantile_s(0.99)
    report.row("  lateness p99, change", f"<= {1e3 * LATENESS_NOISE_S:.0f} ms",
               f"{1e3 * change_s:+.2f} ms", change_s <= LATENESS_NOISE_S)
    report_cost(report, well, scrape, paced, unpaced)
    report.row("resident memory, peak", f"<= {RESIDENT_MAX_MIB} MiB", f"{resident:.1f} MiB",
               resident <= RESIDENT_MAX_MIB)
    report.row("threads", "", f"{threads:.0f}")
    measure_shared(place, agents, seconds, well, report)


def bench():
    describe_host()
    wanted = number("AGENTS", 1000)
    seconds = number("SECONDS", 60)
    if count_that_fits(wanted, SPARE_MIB) < wanted:
        raise LabError(f"the memory holds {count_that_fits(wanted, SPARE_MIB)} agents only")
    report = Report()
    place = types.SimpleNamespace(directory=tempfile.mkdtemp(prefix="qga-scale-"), uri="")
    try:
        with Agents(place.directory) as agents:
            started = time.monotonic()
            agents.start_all(f"vm{index:04d}" for index in range(wanted))
            say(f"{wanted} agents (qemu-ga -m unix-listen), started in "
                f"{time.monotonic() - started:.1f} s")
            measure(place, agents, number("STOPPED", max(1, wanted // 5)), seconds, report)
    finally:
        shutil.rmtree(place.directory, ignore_errors=True)
    say()
    report.show()
    return 0 if report.all_reached else 1


def main():
    def end(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)  # so that what runs is ended and removed
    try:
        return bench()
    except KeyboardInterrupt:
        return 130
    except (LabError, AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"bench-scale: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
