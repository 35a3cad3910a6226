"""`make bench`: the exporter beside a bare loop of virDomainQemuAgentCommand, on real guests.

What is compared runs in turn in the same run, and medians are judged, because a machine
is never quiet.  From the environment:

    GUESTS   how many guests (default: 57, or as many as the memory holds, 20 at least)
    ROUNDS   how often each comparison is made (default: 5)
    SECONDS  how long the CPU time is taken in each round (default: 15)
"""

import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.error import LabError
from lab.lab import Lab
from lab.programs import Exporter, Metrics, run_exporter

BARE_LOOP = os.environ.get("QGA_BARE_LOOP", "build/tests/bench/bare_loop")

GUESTS_WANTED, GUESTS_MIN = 57, 20
GUEST_MIB = 220  # of host memory, measured
SPARE_MIB = 4096
BOOTING_AT_ONCE = 8
LANES = 4
GAP_MS = 2  # the exporter's SCHEDULE_GAP_NS
COLLECTORS = ("clock", "network", "filesystem", "vcpu", "os")
WARM_UP_S = 3
SATURATED_PASSES = 10
SCRAPES = 500
SCRAPE_GAP_S = 0.015  # so that calls hang, and come back, meanwhile

RATIO_MAX = 1.2
SEPARATED_MIB_MAX = 15
SEPARATED_SCRAPE_MAX = 1.11  # a tenth of the throughput
SCRAPE_MAX_S = 1.0  # an agent's timeout is 3 s

# Every guest is asked five things a second.  Old values stay, so that the body has the same
# size when half of the agents are stopped; and those are tried again and again, so that
# calls to them are always hanging.
CONFIG = "profile: full\ncollectors:\n" + "".join(
    f"  {name}: {{interval: 1s, max_age: 1h}}\n" for name in COLLECTORS
) + "health: {failures_before_backoff: 10, backoff: 1s, backoff_max: 1s}\n"
# All is asked once, so that the first pass is left to be read, and by no budget.
PASS_CONFIG = (CONFIG.replace("interval: 1s", "interval: 1h").replace("max_age: 1h", "max_age: 2h")
               + "limits: {calls_per_minute: 6000}\n")
SEPARATED = "--privilege-separation"


def say(text=""):
    print(text, flush=True)


def number(name, default):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise LabError(f"{name}={text}: a whole number above 0 is wanted")
    return int(text)


# Figures

class Figures:
    """Measured values of one kind, one a round."""

    def __init__(self, unit, scale):
        self.unit = unit
        self.scale = scale
        self.values = []

    def add(self, value):
        self.values.append(value * self.scale)

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        low, middle, high = (f"{value:.4g}" for value in
                             (min(self.values), self.median, max(self.values)))
        return f"{low} / {middle} / {high} {self.unit}"


class Report:
    """The table at the end, and whether all limits were kept."""

    def __init__(self):
        self.rows = []
        self.all_reached = True

    def compare(self, what, ours, theirs, limit=None):
        self._row(what, ours, theirs, f"{ours.median / theirs.median:.2f}", limit,
                  ours.median / theirs.median)

    def absolute(self, what, ours, limit=None):
        self._row(what, ours, "", "", limit, ours.median)

    # pylint: disable-next=too-many-arguments,too-many-positional-arguments
    def _row(self, what, ours, theirs, ratio, limit, judged):
        reached = "" if limit is None else "yes" if judged <= limit else "NO"
        self.all_reached &= reached != "NO"
        self.rows.append((what, str(ours), str(theirs), ratio,
                          "" if limit is None else f"<= {limit:g}", reached))

    def show(self):
        rows = [("min / median / max", "measured", "compared with", "ratio", "limit", "reached"),
                *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for index, row in enumerate(rows):
            say("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
            if index == 0:
                say("  ".join("-" * width for width in widths))


# The guests

def guests_count():
    with open("/proc/meminfo", encoding="ascii") as file:
        lines = dict(line.split(":") for line in file)
    available_mib = int(lines["MemAvailable"].split()[0]) // 1024
    fitting = (available_mib - SPARE_MIB) // GUEST_MIB
    count = number("GUESTS", max(GUESTS_MIN, min(GUESTS_WANTED, fitting)))
    say(f"{count} guests of {GUEST_MIB} MiB: {available_mib} MiB are available, "
        f"{SPARE_MIB} of them stay free")
    if count > fitting:
        raise LabError(f"the memory holds {max(fitting, 0)} guests only")
    return count


def boot(lab, count):
    say("they boot, half with agent 7.2, half with 10.0 ...")
    started = time.monotonic()
    guests = [lab.guest(f"g{i:02d}", agent=("7.2", "10.0")[i % 2]) for i in range(count)]
    for first in range(0, count, BOOTING_AT_ONCE):
        batch = guests[first:first + BOOTING_AT_ONCE]
        for guest in batch:
            guest.start()
        for guest in batch:
            guest.wait_for_agent(120).wait_for_control()
    say(f"... all agents answer after {time.monotonic() - started:.0f} s")
    return guests


# What is measured

def bare_loop(lab, *options, timeout_s=120):
    done = subprocess.run(
        [BARE_LOOP, "-l", str(LANES), *options, lab.uri], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise LabError(f"the bare loop failed: {done.stderr}{done.stdout}")
    return json.loads(done.stdout)


def only_five(lab):
    """The flags that leave no collectors but the five."""
    _, text, _ = run_exporter(lab, "--list-collectors")
    names = re.findall(r"^([a-z]+) ", text, re.M)
    if not set(COLLECTORS) <= set(names):
        raise LabError(f"--list-collectors shows {names}, and not all of {COLLECTORS}")
    return [f"--no-collector.{name}" for name in names if name not in COLLECTORS]


def pass_config(lab):
    path = os.path.join(lab.directory, "pass.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PASS_CONFIG)
    return path


def exporter_pass_s(lab, guests):
    """From the first call that --once sent to the last answer, by its own exposition."""
    status, text, errors = run_exporter(lab, "--once", f"--config.file={pass_config(lab)}",
                                        *only_five(lab), "--log.level=warn",
                                        f"--libvirt.uri={lab.uri}")
    if status != 0:
        raise LabError(f"--once ended with {status}: {errors}")
    return pass_of(Metrics(text), guests)


def daemon_pass_s(lab, guests, *flags):
    """The same of the daemon's first pass."""
    with Exporter(lab, f"--config.file={pass_config(lab)}", *only_five(lab), *flags,
                  "--log.level=warn") as exporter:
        settle(exporter, guests)
        return pass_of(exporter.metrics(), guests)


def pass_of(metrics, guests):
    sent, answered = [], []
    for labels, at in metrics.find("qga_collector_last_success_timestamp_seconds"):
        answered.append(at)
        sent.append(at - metrics.value("qga_collector_duration_seconds", **labels))
    if len(sent) != len(guests) * len(COLLECTORS):
        raise LabError(f"the pass was {len(sent)} calls with success, "
                       f"not {len(guests)} x {len(COLLECTORS)}")
    return max(answered) - min(sent)


def measure_pass(lab, guests, rounds, report):
    say(f"\nOne full pass, {len(guests)} x {len(COLLECTORS)} calls on {LANES} lanes: "
        "`--once` with five collectors against the bare loop's\nfirst pass.  From the first call "
        "sent to the last answer; both connect and look domains up within that time, and\nboth "
        f"leave a guest alone for {GAP_MS} ms between two calls, so that others get at its agent. "
        "Not judged: the loop that\nasks a guest five things in a row, which finds it awake.\n"
        "`--once` is never separated: there the daemon's first pass is judged.")
    ours, separated, theirs, steady, row = (Figures("ms", 1e3) for _ in range(5))
    for index in range(rounds):
        ours.add(exporter_pass_s(lab, guests))
        separated.add(daemon_pass_s(lab, guests, SEPARATED))
        bare = bare_loop(lab, "-g", str(GAP_MS), "-n", "5")
        theirs.add(bare["first_pass_s"])
        steady.add(statistics.median(bare["passes_s"]))
        row.add(bare_loop(lab, "-v", "-n", "0")["first_pass_s"])
        say(f"  round {index + 1}: exporter {ours.values[-1]:.0f} ms, "
            f"separated {separated.values[-1]:.0f} ms, "
            f"bare loop {theirs.values[-1]:.0f} ms, its later passes {steady.values[-1]:.0f} ms, "
            f"without a gap {row.values[-1]:.0f} ms")
    report.compare("one pass / the bare loop's", ours, theirs, RATIO_MAX)
    report.compare("  separated / the bare loop's", separated, theirs, RATIO_MAX)
    report.compare("  / its later passes (connected)", ours, steady)
    report.compare("  / without a gap", ours, row)


def processes(exporter):
    """The one that was started, and those that it has started."""
    pid = exporter.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [pid, *map(int, file.read().split())]


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def memory_mib(pid):
    """What is shared with others counts in parts."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss: +(\d+) kB$", file.read(), re.M).group(1)) / 1024


def cost(exporter):
    calls = sum(value for _, value in exporter.metrics().find("qga_exporter_calls_total"))
    return sum(map(cpu_s, processes(exporter))), calls


def settle(exporter, guests):
    exporter.wait_for(
        lambda metrics: sum(value for _, value in metrics.find("qga_up")) == len(guests)
        and len(metrics.find("qga_collector_last_success_timestamp_seconds"))
        == len(guests) * len(COLLECTORS), "all guests answer", 60, 0.5)


def exporter_cost(lab, guests, config, seconds, *flags):
    """(seconds of processor time a call, MiB)"""
    with Exporter(lab, f"--config.file={config}", *only_five(lab), *flags,
                  "--log.level=warn") as exporter:
        settle(exporter, guests)
        time.sleep(WARM_UP_S)
        cpu_before, calls_before = cost(exporter)
        time.sleep(seconds)
        cpu_after, calls_after = cost(exporter)
        mib = sum(map(memory_mib, processes(exporter)))
    if calls_after == calls_before:
        raise LabError(f"the exporter made no calls in {seconds} s")
    return (cpu_after - cpu_before) / (calls_after - calls_before), mib


def bare_cpu_s(lab, *options):
    bare = bare_loop(lab, *options)
    return bare["steady_cpu_s"] / bare["steady_calls"]


# pylint: disable-next=too-many-arguments,too-many-positional-arguments
def measure_cpu(lab, guests, config, rounds, seconds, report):
    say(f"\nCPU time per call, over {seconds} s a round: the exporter, which asks every guest five "
        "things a second, parses\nthe answers and renders them, against the bare loop, which makes "
        "as many calls, each on its own as the\nexporter does, and frees the answers.  Not judged: "
        "the same with libvirt's own event thread and keep-alive,\nwithout which a daemon does not "
        "notice a dead connection; the loop without any pause, in which a call costs\nless because "
        "nothing falls asleep between two of them.  `--privilege-separation` is judged likewise.")
    ours, separated, paced, alive, saturated = (Figures("us", 1e6) for _ in range(5))
    more = Figures("MiB", 1)
    pace = ("-p", "1000", "-n", str(seconds))
    for index in range(rounds):
        call_s, mib = exporter_cost(lab, guests, config, seconds)
        ours.add(call_s)
        call_s, separated_mib = exporter_cost(lab, guests, config, seconds, SEPARATED)
        separated.add(call_s)
        more.add(separated_mib - mib)
        paced.add(bare_cpu_s(lab, *pace))
        alive.add(bare_cpu_s(lab, "-k", *pace))
        saturated.add(bare_cpu_s(lab, "-v", "-n", str(SATURATED_PASSES)))
        say(f"  round {index + 1}: exporter {ours.values[-1]:.0f} us, separated "
            f"{separated.values[-1]:.0f} us, bare loop "
            f"{paced.values[-1]:.0f} us, with events {alive.values[-1]:.0f} us, "
            f"without a pause {saturated.values[-1]:.0f} us")
    report.compare("CPU per call / the bare loop, paced", ours, paced, RATIO_MAX)
    report.compare("  separated / the bare loop, paced", separated, paced, RATIO_MAX)
    report.compare("  / paced, with events and keep-alive", ours, alive)
    report.compare("  / without a pause", ours, saturated)
    report.absolute("memory more, separated", more, SEPARATED_MIB_MAX)


def scrape_times_s(exporter, count, gap_s):
    """(seconds of each GET /metrics on one connection, bytes of the last body)."""
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=30)
    times, size = [], 0
    try:
        for _ in range(count):
            before = time.monotonic()
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read()
            times.append(time.monotonic() - before)
            if answer.status != 200:
                raise LabError(f"/metrics answers {answer.status}")
            size = len(body)
            time.sleep(gap_s)
    finally:
        connection.close()
    return times, size


class ScrapeFigures:
    """Median, 99th percentile and slowest of each round's requests."""

    def __init__(self):
        self.p50, self.p99, self.slowest = (Figures("ms", 1e3) for _ in range(3))

    def measure(self, exporter):
        times = sorted(scrape_times_s(exporter, SCRAPES, SCRAPE_GAP_S)[0])
        self.p50.add(times[len(times) // 2])
        self.p99.add(times[len(times) * 99 // 100])
        self.slowest.add(times[-1])

    def last(self):
        return f"p50 {self.p50.values[-1]:.2f}, p99 {self.p99.values[-1]:.2f} ms"


def measure_scrape(lab, guests, config, rounds, report):
    say(f"\nGET /metrics, {SCRAPES} requests a round: half of the agents stopped (SIGSTOP), so "
        "that calls to them hang,\nagainst all well.")
    well, stopped = ScrapeFigures(), ScrapeFigures()
    half = guests[::2]
    with Exporter(lab, f"--config.file={config}", *only_five(lab),
                  "--log.level=error") as exporter:
        for index in range(rounds):
            settle(exporter, guests)
            well.measure(exporter)
            for guest in half:
                guest.run("agent stop")
            stopped.measure(exporter)
            down = [value for _, value in exporter.metrics().find("qga_up")].count(0)
            for guest in half:
                guest.run("agent cont")
            if down == 0:
                raise LabError("no guest was seen to be down: what is compared here?")
            say(f"  round {index + 1}: stopped {stopped.last()}, well {well.last()}; "
                f"{down} of {len(half)} "
                "stopped ones were known to be down")
        settle(exporter, guests)
        started = time.monotonic()
        times, size = scrape_times_s(exporter, SCRAPES, 0)
        elapsed_s = time.monotonic() - started
    report.compare("scrape, p50, half stopped / all well", stopped.p50, well.p50, RATIO_MAX)
    report.compare("  p99", stopped.p99, well.p99)
    report.compare("  slowest", stopped.slowest, well.slowest)
    worst = Figures("ms", 1)
    worst.values = [max(stopped.slowest.values)]
    report.absolute("slowest of all with half stopped (ms)", worst, SCRAPE_MAX_S * 1e3)
    say(f"  body: {size} bytes; back to back {len(times) / elapsed_s:.0f} scrapes/s, "
        f"{size * len(times) / elapsed_s / 1e6:.0f} MB/s over loopback (Python's client included)")


def measure_separated_scrape(lab, guests, config, rounds, report):
    say(f"\nGET /metrics, {SCRAPES} requests a round back to back: `--privilege-separation` "
        "against the one process.")
    plain, separated = Figures("ms", 1e3), Figures("ms", 1e3)
    for index in range(rounds):
        for figures, flags in ((plain, ()), (separated, (SEPARATED,))):
            with Exporter(lab, f"--config.file={config}", *only_five(lab), *flags,
                          "--log.level=error") as exporter:
                settle(exporter, guests)
                started = time.monotonic()
                scrape_times_s(exporter, SCRAPES, 0)
                figures.add((time.monotonic() - started) / SCRAPES)
        say(f"  round {index + 1}: separated {separated.values[-1]:.2f} ms, "
            f"one process {plain.values[-1]:.2f} ms")
    report.compare("scrape, separated / one process", separated, plain, SEPARATED_SCRAPE_MAX)


def bench():
    rounds, seconds = number("ROUNDS", 5), number("SECONDS", 15)
    count = guests_count()
    report = Report()
    with Lab() as lab:
        config = os.path.join(lab.directory, "bench.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        guests = boot(lab, count)
        measure_pass(lab, guests, rounds, report)
        measure_cpu(lab, guests, config, rounds, seconds, report)
        measure_scrape(lab, guests, config, rounds, report)
        measure_separated_scrape(lab, guests, config, rounds, report)
    say(f"\n{count} guests, {rounds} rounds, load of the machine now "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
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
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
