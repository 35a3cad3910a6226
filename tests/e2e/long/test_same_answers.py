"""Each query of the dashboards and each expression of the rules, put to VictoriaMetrics and to
Prometheus that have the same samples (made_up.py): the answers are the same, but for those that
are named here.
"""

import contextlib
import math
import os
import subprocess
import urllib.request

import made_up
import panels
import pytest
import yaml

from conftest import write_config
from lab.engines import unpacked
from lab.process import wait_for
from lab.programs import ConfiguredPrometheus
from lab.victoria import VictoriaMetrics
from shipped import text_of

# VictoriaMetrics, and the Prometheus of the same Debian release.
VERSIONS = {"1.79": "2", "1.145": "3"}
GRAFANA = {"__rate_interval": "60s", "__range": "1200s"}
RANGE_S, STEP_S = 600, 15
# Where counters go up evenly, these alone differ, and why.
DIFFERENT = {
    "QgaExporterRestarting, warning": "changes() counts the first sample of a series",
    **dict.fromkeys(("QgaLanesGivenUp, warning", "QgaGuestOutOfMemory, warning"),
                    "increase() over more time than there are samples of: Prometheus "
                    "extrapolates to half an interval before the first"),
}
# Where they do not, what these make of them does: Prometheus extrapolates from the samples of
# the window, VictoriaMetrics takes the one before it.
BY_WINDOWS = ("rate(", "increase(", "changes(")
# What is decades old would be thrown away.
KEPT = "100y"


def loaded(place, major, even):
    """A Prometheus whose blocks are made of the file."""
    name = f"{major}-{even}"
    path = made_up.write(os.path.join(place.directory, f"{name}.txt"), even)
    subprocess.run([unpacked(major, "promtool"), "tsdb", "create-blocks-from", "openmetrics", path,
                    os.path.join(place.directory, f"data-{name}")],
                   check=True, stdout=subprocess.DEVNULL)
    return ConfiguredPrometheus(
        place, write_config(place, "{}\n", "empty.yml"), f"--storage.tsdb.retention.time={KEPT}",
        name=name, path=unpacked(major, "prometheus"))


def load(victoria, place, even):
    path = made_up.write(os.path.join(place.directory, "import.txt"), even, milliseconds=True)
    with open(path, "rb") as file:
        urllib.request.urlopen(urllib.request.Request(
            f"{victoria.url}/api/v1/import/prometheus", data=file.read(), method="POST")).close()
    victoria.flush()


@pytest.fixture(scope="module", name="version", params=VERSIONS)
def _version(request):
    return request.param


def engines(stack, place, version, even):
    """Prometheus and VictoriaMetrics, loaded."""
    prometheus = stack.enter_context(loaded(place, VERSIONS[version], even))
    victoria = stack.enter_context(VictoriaMetrics(place, version, f"-retentionPeriod={KEPT}"))
    load(victoria, place, even)
    for engine in (prometheus, victoria):
        wait_for(lambda engine=engine: len(answer(engine, '{job="qga"}', True))
                 == len(made_up.series(even)), "all series", 60)
    return prometheus, victoria


def answer(engine, expression, instant):
    """{labels: {time: value}}, without what is no number: VictoriaMetrics leaves that out."""
    if instant:
        found = panels.ask(engine, "query", query=expression, time=made_up.END_S)["result"]
        rows = [(one["metric"], [one["value"]]) for one in found]
    else:
        found = panels.ask(engine, "query_range", query=expression, end=made_up.END_S,
                           start=made_up.END_S - RANGE_S, step=STEP_S, nocache=1)["result"]
        rows = [(one["metric"], one["values"]) for one in found]
    kept = {tuple(sorted(labels.items())): {float(at): float(value) for at, value in values
                                            if math.isfinite(float(value))}
            for labels, values in rows}
    return {labels: values for labels, values in kept.items() if values}


def same(left, right):
    """Sums may be added up in another order."""
    return left.keys() == right.keys() and all(
        left[key].keys() == right[key].keys() and all(
            math.isclose(left[key][at], right[key][at], rel_tol=1e-9, abs_tol=1e-9)
            for at in left[key]) for key in left)


def of_dashboards():
    """{name: (expression, whether it is instant)}"""
    variables = {"job": panels.EVERYTHING, "instance": panels.EVERYTHING, **GRAFANA}
    for name in panels.NAMES:
        one = panels.alone("web") if name == "guest" else panels.EVERYTHING
        for panel in panels.panels_of(panels.load(name)):
            for target in panel["targets"]:
                yield (f"{name}: {panel['title']}, {target['refId']}",
                       (panels.substituted(target["expr"], {**variables, "domain": one}),
                        target["instant"]))


def of_rules():
    for name in ("rules.yml", "alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "fleet/alerts.yml"):
        for group in yaml.safe_load(text_of(name))["groups"]:
            for rule in group["rules"]:
                severity = rule.get("labels", {}).get("severity", "record")
                yield f"{rule.get('alert') or rule['record']}, {severity}", (rule["expr"], True)


def differing(prometheus, victoria):
    """{name: expression}; and of dashboards, each has an answer to compare."""
    found = {}
    shown = dict(of_dashboards())
    for name, (expression, instant) in {**shown, **dict(of_rules())}.items():
        expected = answer(prometheus, expression, instant)
        assert expected or name not in shown, f"{name}: nothing to compare"
        if not same(expected, answer(victoria, expression, instant)):
            found[name] = expression
    return found


def test_the_same_where_counters_are_even(place, version):
    with contextlib.ExitStack() as stack:
        assert differing(*engines(stack, place, version, True)).keys() == DIFFERENT.keys()


def test_elsewhere_only_windows_of_counters_differ(place, version):
    with contextlib.ExitStack() as stack:
        found = differing(*engines(stack, place, version, False))
    others = {name: expression for name, expression in found.items()
              if not any(function in expression for function in BY_WINDOWS)}
    assert others == {}
    for function in BY_WINDOWS:
        assert any(function in expression for expression in found.values()), function
