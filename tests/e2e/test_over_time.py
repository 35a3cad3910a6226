"""Scrapes in each form, again and again, while agents answer, hang, end, leave and come back,
and the exporter is reloaded and restarted: what holds between them (over_time.py)."""

import gzip

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.process import free_port, wait_for
from lab.programs import Exporter, Metrics, get
from over_time import Breach, OverTime
from test_sockets import SOURCE, well

# A counter, an info, a gauge of a guest, and a histogram of the exporter's own.
SCRAPE = """# HELP process_start_time_seconds Start.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 100
# HELP qga_up Up.
# TYPE qga_up gauge
qga_up{domain="a"} 1
# HELP qga_calls_total Calls.
# TYPE qga_calls_total counter
qga_calls_total{domain="a",reason="x"} 7
# HELP qga_os_info System.
# TYPE qga_os_info gauge
qga_os_info{domain="a",name="x"} 1
# HELP qga_took_seconds Took.
# TYPE qga_took_seconds histogram
qga_took_seconds_bucket{le="1.0"} 2
qga_took_seconds_bucket{le="+Inf"} 3
qga_took_seconds_sum 4.5
qga_took_seconds_count 3
"""
OPEN = """# TYPE process_start_time_seconds gauge
# UNIT process_start_time_seconds seconds
# HELP process_start_time_seconds Start.
process_start_time_seconds 100
# TYPE qga_calls counter
# HELP qga_calls Calls.
qga_calls_total{domain="a",reason="x"} 7
# EOF
"""
CALLS = 'qga_calls_total{domain="a",reason="x"} 7\n'
GUEST = [line for line in SCRAPE.splitlines(True) if "qga_up" in line or " Up" in line]


def changed(*changes, text=SCRAPE):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def without_guest():
    return "".join(line for line in SCRAPE.splitlines(True)
                   if "process_start" in line or "qga_took" in line)


BREACHES = {
    "a counter goes down": ("goes down", [SCRAPE, changed((" 7\n", " 6\n"))]),
    "a bucket goes down": ("goes down", [SCRAPE, changed(('"1.0"} 2', '"1.0"} 1'))]),
    "a sum goes down": ("goes down", [SCRAPE, changed(("_sum 4.5", "_sum 4.4"))]),
    "a counter goes down while it is away": (
        "goes down", [SCRAPE, changed(('reason="x"', 'reason="y"')), changed((" 7\n", " 6\n"))]),
    "another guest leaves": (
        "goes down", [changed((GUEST[-1], GUEST[-1] + 'qga_up{domain="b"} 1\n')),
                      changed((" 7\n", " 6\n"))]),
    "a counter is none": ("a counter is nan", [changed((" 7\n", " NaN\n"))]),
    "a counter is negative": ("a counter is -1", [changed((" 7\n", " -1\n"))]),
    "an earlier start": ("has started before", [SCRAPE, changed((" 100\n", " 99\n"))]),
    "another type": ("changes", [SCRAPE, changed(("qga_up gauge", "qga_up histogram"),
                                                 ("qga_up{", "qga_up_count{"))]),
    "another HELP": ("changes", [SCRAPE, changed(("Up.", "Down."))]),
    "another HELP in the other format": (
        "changes", [SCRAPE, changed(("Calls.", "All calls."), text=OPEN)]),
    "a label more": ("other labels", [SCRAPE, changed(('reason="x"', 'reason="x",why="y"'))]),
    "labels in another order": (
        "other labels", [SCRAPE, changed(('domain="a",reason="x"', 'reason="x",domain="a"'))]),
    "two kinds of labels at once": (
        "other labels", [changed((CALLS, CALLS + 'qga_calls_total{domain="a"} 1\n'))]),
    "an info that is not 1": ("is 2", [changed(('name="x"} 1', 'name="x"} 2'))]),
    "a series twice": ("a series twice", [changed((CALLS, CALLS + CALLS))]),
    "a family twice": ("a family twice", [SCRAPE + "".join(GUEST)]),
    "families that are mixed": ("a foreign sample", [SCRAPE + 'qga_up{domain="b"} 1\n']),
    "no end": ("no end|a family|TYPE", [OPEN.replace("# EOF\n", "")]),
}


@pytest.mark.parametrize("said, texts", BREACHES.values(), ids=BREACHES)
def test_a_breach_is_found(said, texts):
    over_time = OverTime()
    for text in texts[:-1]:
        over_time.look("a", text)
    with pytest.raises(Breach, match=said):
        over_time.look("a", texts[-1])


GOOD = {
    "nothing new": [SCRAPE, SCRAPE],
    "more": [SCRAPE, changed((" 7\n", " 8\n"))],
    "both formats": [SCRAPE, OPEN, SCRAPE],
    "a later start": [SCRAPE, changed((" 100\n", " 101\n"), (" 7\n", " 1\n"))],
    "its guest was gone": [SCRAPE, without_guest(), changed((" 7\n", " 1\n"))],
}


@pytest.mark.parametrize("texts", GOOD.values(), ids=GOOD)
def test_no_breach(texts):
    over_time = OverTime()
    for text in texts:
        over_time.look("a", text)


def test_each_form_has_its_counters():
    """What is kept of one may be older than what is kept of the other."""
    over_time = OverTime()
    over_time.look("a", SCRAPE)
    over_time.look("b", changed((" 7\n", " 6\n")))
    with pytest.raises(Breach):
        over_time.look("a", changed((" 7\n", " 6\n")))


OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
GZIP = {"Accept-Encoding": "gzip"}
FORMS = {"text": {}, "OpenMetrics": OPENMETRICS, "text, gzip": GZIP,
         "OpenMetrics, gzip": {**OPENMETRICS, **GZIP}}


class Scraper:
    """Scrapes one port in each form, and judges all that it gets."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.over_time = OverTime()
        self.scrapes = 0

    def scrape(self):
        for form, headers in FORMS.items():
            status, got, body = get(self.url, headers=headers)
            if status != 200:
                raise Breach(f"{form}: {status}")
            if got["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            self.over_time.look(form, body.decode())
            self.scrapes += 1
            if form == "text":
                metrics = Metrics(body.decode())
        return metrics

    def until(self, condition, what):
        def met():
            metrics = self.scrape()
            return metrics if condition(metrics) else None
        return wait_for(met, what)

    def until_well(self, *names):
        """All of these, and nobody else."""
        return self.until(lambda metrics: metrics.domains() == set(names)
                          and all(well(metrics, name) for name in names), f"{names} answer")


def live(agents, exporter, scraper):
    """What happens to agents, to one of them after the other."""
    scraper.until_well("left", "right")
    agents["left"].pause()
    scraper.until(lambda metrics: metrics.state("left") == "unresponsive"
                  and not metrics.find("qga_clock_offset_seconds", domain="left"),
                  "the agent hangs, and its clock is withdrawn")
    agents["left"].resume()
    scraper.until_well("left", "right")
    agents["left"].kill()
    scraper.until(lambda metrics: metrics.state("left") == "disconnected", "the agent has ended")
    agents["left"].start()
    scraper.until_well("left", "right")
    agents.remove("left")
    scraper.until_well("right")
    agents.start("left", watched=True)
    agents.start("third", watched=True)
    before = scraper.until_well("left", "right", "third")
    exporter.reload()
    name = "qga_exporter_config_last_reload_success_timestamp_seconds"
    scraper.until(lambda metrics: metrics.value(name) > before.value(name), "it is reloaded")


def test_over_time(place):
    scraper = Scraper(free_port())
    with Agents(place.directory) as agents:
        agents.start_all(("left", "right"))
        config = write_config(place, SOURCE.format(agents.pattern) + QUICK_CONFIG)
        for start in ("first", "again"):
            with Exporter(place, f"--config.file={config}", port=scraper.port,
                          name=start) as exporter:
                if start == "first":
                    live(agents, exporter, scraper)
                scraper.until_well("left", "right", "third")
    assert {form: seen.starts for form, seen in scraper.over_time.forms.items()} == \
        dict.fromkeys(FORMS, 2)
    print(f"{scraper.scrapes} scrapes of {len(scraper.over_time.families)} families")
