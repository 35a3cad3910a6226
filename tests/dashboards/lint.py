#!/usr/bin/python3
"""Holds the dashboards to the rules of Grafana's dashboard-linter, and to ours.

    tests/dashboards/lint.py [FILE ...]      (default: the dashboards)

The first rules have the names that they have there, and apply to every kind of panel.  Ours
come after them.  PromQL is parsed by promtool.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from promql import selectors

DASHBOARDS = os.path.join(HERE, "..", "..", "dashboards")
METRICS = os.path.join(DASHBOARDS, "..", "docs", "METRICS.md")
RULES_FOLDER = os.path.join(DASHBOARDS, "..", "config", "prometheus")
PROMETHEUS = {"up", "ALERTS", "scrape_samples_scraped", "scrape_duration_seconds"}
SUFFIXES = ("_bucket", "_sum", "_count")
# Those of Grafana's units that are fit for base units, and for plain numbers.
UNITS = {"none", "short", "bytes", "Bps", "s", "dtdurations", "dateTimeFromNow", "dateTimeAsIso",
         "percentunit", "ppm", "celsius", "cps", "iops", "pps", "reqps", "string"}
GRAFANA = {"__rate_interval": "1m", "__range": "6h", "__interval": "15s"}
LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), *(?P<label>\w+)\)", re.S)

RULES = []


def rule(name):
    """A function that yields what is wrong with a dashboard."""
    def register(function):
        RULES.append((name, function))
        return function
    return register


def panels_of(board):
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def targets_of(board):
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            yield f"{panel.get('title')} ({target.get('refId')})", target["expr"]


def variables_of(board, kind="query"):
    return [one for one in board["templating"]["list"] if one["type"] == kind]


def substituted(text):
    """As it could reach Prometheus: a duration, or some value."""
    for name, value in GRAFANA.items():
        text = text.replace(f"${name}", value)
    return re.sub(r"\$\{?[a-z]\w*\}?", "value", text)


# Those of dashboard-linter

@rule("template-datasource-rule")
def check_datasource_variable(board):
    found = variables_of(board, "datasource")
    if [(one["name"], one["label"], one["query"]) for one in found] != \
            [("datasource", "Data source", "prometheus")]:
        yield "there is not one variable datasource, Data source, of Prometheus"


def required_variable(board, name, label):
    found = [one for one in board["templating"]["list"] if one["name"] == name]
    if len(found) != 1:
        yield f"there is not one variable {name}"
        return
    variable = found[0]
    wanted = {"type": "query", "label": label, "multi": True, "allValue": ".+",
              "datasource": {"type": "prometheus", "uid": "${datasource}"}}
    for key, value in wanted.items():
        if variable.get(key) != value:
            yield f"{key} of the variable {name} is not {value}"


@rule("template-job-rule")
def check_job_variable(board):
    yield from required_variable(board, "job", "Job")


@rule("template-instance-rule")
def check_instance_variable(board):
    yield from required_variable(board, "instance", "Instance")


@rule("template-label-promql-rule")
def check_variable_queries(board):
    for variable in variables_of(board):
        if not LABEL_VALUES.fullmatch(variable["query"]["query"]):
            yield f"the variable {variable['name']} does not ask for label_values(METRIC, LABEL)"


@rule("template-on-time-change-reload-rule")
def check_refresh(board):
    for variable in variables_of(board):
        if variable.get("refresh") != 2:
            yield f"the variable {variable['name']} does not change with the time range"


@rule("panel-datasource-rule")
def check_datasource(board):
    for panel in panels_of(board):
        for one in (panel, *panel.get("targets", [])):
            if one.get("datasource", {}).get("uid") != "${datasource}":
                yield f"{panel.get('title')}: not from the datasource that is chosen"


@rule("panel-title-description-rule")
def check_words(board):
    for panel in panels_of(board):
        if not panel.get("title") or not panel.get("description"):
            yield f"panel {panel.get('id')} {panel.get('title')} has no title or no description"


def units_of(panel):
    field = panel["fieldConfig"]
    yield field["defaults"].get("unit")
    for override in field["overrides"]:
        yield from (one["value"] for one in override["properties"] if one["id"] == "unit")


@rule("panel-units-rule")
def check_units(board):
    for panel in panels_of(board):
        for unit in units_of(panel):
            if unit not in UNITS:
                yield f"{panel.get('title')}: the unit {unit} is not one of ours"


@rule("panel-no-targets-rule")
def check_targets(board):
    for panel in panels_of(board):
        if not panel.get("targets"):
            yield f"{panel.get('title')} asks nothing"


def expressions_of(board):
    """(place, PromQL) of all that is put to Prometheus."""
    yield from ((place, substituted(text)) for place, text in targets_of(board))
    for variable in variables_of(board):
        found = LABEL_VALUES.fullmatch(variable["query"]["query"])
        if found:
            yield f"variable {variable['name']}", substituted(found["selector"])
    for one in board["annotations"]["list"]:
        if "expr" in one:
            yield f"annotation {one['name']}", substituted(one["expr"])


@rule("target-promql-rule")
def check_promql(board):
    found = list(expressions_of(board))
    rules = [{"record": f"r{number}", "expr": text} for number, (_, text) in enumerate(found)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "g", "rules": rules}]}, file)  # JSON is YAML
        file.flush()
        done = subprocess.run(["promtool", "check", "rules", "--lint=none", file.name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
    for number, why in re.findall(r'"r(\d+)".*?(could not parse.*)', done.stdout):
        yield f"{found[int(number)][0]}: {why}"
    if done.returncode != 0 and "could not parse" not in done.stdout:
        yield f"promtool: {done.stdout}"


@rule("target-rate-interval-rule")
def check_rate_interval(board):
    for place, text in targets_of(board):
        for one in selectors(text):
            if one.function in ("rate", "irate") and one.span != "$__rate_interval":
                yield f"{place}: {one.function} over {one.span}, not over $__rate_interval"
            if one.span == "$__rate_interval" and not one.function:
                yield f"{place}: $__rate_interval outside a function"


@rule("target-at-end-rule")
def check_end(board):
    """VictoriaMetrics looks back one step for an instant at the end, and finds none now and then."""
    for place, text in targets_of(board):
        if re.search(r"[^\]\s]\s*@ (end|start)\(\)", text):
            yield f"{place}: @ without a range; write last_over_time(...[2m] @ end())"


def required_matcher(board, label):
    for place, text in targets_of(board):
        for one in selectors(text):
            if (label, "=~", f"${label}") not in one.matchers:
                yield f'{place}: {one.metric} without {label}=~"${label}"'


@rule("target-job-rule")
def check_job(board):
    yield from required_matcher(board, "job")


@rule("target-instance-rule")
def check_instance(board):
    yield from required_matcher(board, "instance")


@rule("target-counter-agg-rule")
def check_counters(board):
    for place, text in targets_of(board):
        for one in selectors(text):
            if one.metric.endswith("_total") and one.function not in ("rate", "irate", "increase"):
                yield f"{place}: the counter {one.metric} outside of rate, irate and increase"


@rule("uneditable-dashboard")
def check_editable(board):
    if board.get("editable") is not False:
        yield "editable is not false"


# Ours

@rule("target-domain-rule")
def check_domain(board):
    """A chosen guest is chosen in every query of what is said of guests."""
    wanted = {one["name"]: "=~" if one["multi"] else "=" for one in variables_of(board)}
    if "domain" not in wanted:
        return
    for place, text in targets_of(board):
        for one in selectors(text):
            of_host = one.metric in PROMETHEUS or one.metric.startswith((
                "qga_exporter_", "qga_host_", "process_", "instance:", "instance_state:",
                "instance_command:"))
            if not of_host and ("domain", wanted["domain"], "$domain") not in one.matchers:
                yield f'{place}: {one.metric} without domain{wanted["domain"]}"$domain"'


def records():
    """Those of the rules that everybody has."""
    found = set()
    for name in ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml"):
        with open(os.path.join(RULES_FOLDER, name), encoding="utf-8") as file:
            found.update(re.findall(r"^ +- record: (\S+)$", file.read(), re.M))
    return found


@rule("target-metric-rule")
def check_metrics(board):
    with open(METRICS, encoding="utf-8") as file:
        known = set(re.findall(r"^\| `(\w+)`", file.read(), re.M)) | PROMETHEUS | records()
    for place, text in expressions_of(board):
        for one in selectors(text):
            bare = next((one.metric.removesuffix(end) for end in SUFFIXES
                         if one.metric.endswith(end)), one.metric)
            if one.metric not in known and bare not in known:
                yield f"{place}: neither docs/METRICS.md nor a rule has {one.metric}"


@rule("panel-unique-rule")
def check_unique(board):
    seen = set()
    folded = [one for row in board["panels"] for one in row.get("panels", [])]
    for panel in board["panels"] + folded:
        titled = () if panel["type"] == "row" else (panel.get("title"),)
        for key in (panel["id"], *titled):
            if key in seen:
                yield f"two panels have the id or title {key}"
            seen.add(key)


@rule("panel-place-rule")
def check_places(board):
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']} is beyond the 24 columns"
        for line in range(place["y"], place["y"] + place["h"]):
            for column in range(place["x"], place["x"] + place["w"]):
                other = taken.setdefault((line, column), panel["title"])
                if other != panel["title"]:
                    yield f"{panel['title']} lies on {other}"
                    return


@rule("panel-no-value-rule")
def check_no_value(board):
    """Without data a panel says why, unless it always has some: guests and exporters do."""
    always = ("qga_exporter_", "process_", "scrape_", "up", "qga_domain_", "qga_agent_",
              "qga_host_")
    for panel in panels_of(board):
        metrics = {one.metric for target in panel.get("targets", [])
                   for one in selectors(target["expr"])}
        if not panel["fieldConfig"]["defaults"].get("noValue") and panel["type"] != "stat" \
                and not any(metric.startswith(always) for metric in metrics):
            yield f"{panel['title']} does not say why it is empty"


def links_of(panel):
    field = panel["fieldConfig"]
    yield from field["defaults"].get("links", [])
    for override in field["overrides"]:
        for one in override["properties"]:
            if one["id"] == "links":
                yield from one["value"]


@rule("link-rule")
def check_links(board):
    """Links lead to a dashboard of ours and set variables that it has."""
    known = {uid: {one["name"] for one in other["templating"]["list"]}
             for uid, other in ((one["uid"], one) for one in our_dashboards())}
    for panel in panels_of(board):
        for link in links_of(panel):
            yield from (f"{panel['title']}: {why}" for why in wrong_with(link["url"], known))
    for link in board["links"]:
        yield from wrong_with(link["url"], known)
        if link["includeVars"]:
            yield f"{link['title']}: all guests here are no guest there"


def wrong_with(url, known):
    found = re.match(r"/d/([\w-]+)\?(.*)", url)
    if not found or found[1] not in known:
        yield f"{url} leads to no dashboard of ours"
        return
    named = re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", found[2])
    for name in sorted({one or other for one, other in named} - known[found[1]]):
        yield f"{found[1]} has no variable {name}"


@rule("dashboard-rule")
def check_dashboard(board):
    wanted = {"id": None, "timezone": "browser", "schemaVersion": 39, "graphTooltip": 1}
    for key, value in wanted.items():
        if key not in board or board[key] != value:
            yield f"{key} is not {value}"
    if not re.fullmatch(r"qga-[a-z]+", board.get("uid") or ""):
        yield "the uid is not qga-NAME"
    if "qga" not in board.get("tags", []) or not board.get("description"):
        yield "it lacks the tag qga or a description"
    if not all(any(one["url"].startswith(f"/d/{uid}?") and one["keepTime"]
                   for one in board.get("links", []))
               for uid in ("qga-fleet", "qga-guest", "qga-exporter")):
        yield "it has no links to all dashboards that keep the time"


@rule("panel-limit-rule")
def check_limits(board):
    """Of all guests, no list without an end: topk, bottomk, or an aggregation that has no guests."""
    if board["uid"] != "qga-fleet":
        return
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            text = target["expr"]
            if not re.search(r"\b(topk|bottomk)\(", text) and not re.match(
                    r"\(*(count|sum|max|min|sort_desc\(sum)(\(| by \((state|version|command|"
                    r"pretty_name|job, cluster, zone, instance)\))", text):
                yield f"{panel['title']} ({target['refId']}) has as many rows as there are guests"


@rule("panel-hosts-rule")
def check_hosts(board):
    """Nobody tells the lines of a hundred hosts from each other."""
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            if "{{instance}}" in target.get("legendFormat", "") and board["uid"] != "qga-guest" \
                    and not re.search(r"\b(topk|bottomk)\(", target["expr"]):
                yield f"{panel['title']} ({target['refId']}) has as many lines as there are hosts"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def our_dashboards():
    return [load(path) for path in sorted(glob.glob(os.path.join(DASHBOARDS, "*.json")))]


def complaints_of(board):
    return [(name, text) for name, function in RULES for text in function(board)]


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(DASHBOARDS, "*.json")))
    bad = 0
    for path in paths:
        board = load(path)
        found = complaints_of(board)
        bad += len(found)
        for name, text in found:
            print(f"{os.path.relpath(path)}: {name}: {text}", file=sys.stderr)
        if not found:
            print(f"ok    {os.path.relpath(path)}: {len(list(panels_of(board)))} panels, "
                  f"{len(list(targets_of(board)))} queries, {len(RULES)} rules")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
