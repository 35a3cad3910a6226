"""Each rule is silent on our dashboards and fires on a bad one."""

import copy
import json
import os
import re

import lint
import promql
import pytest
import yaml


def load(name):
    with open(os.path.join(lint.DASHBOARDS, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


GOOD = load("fleet")


def first_panel(board, kind="timeseries"):
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def variable(board, name):
    return next(one for one in board["templating"]["list"] if one["name"] == name)


def asks(expr):
    """A panel's only query is this one."""
    def change(board):
        panel = first_panel(board)
        panel["targets"] = [{**panel["targets"][0], "expr": expr}]
    return change


def of_panel(**properties):
    return lambda board: first_panel(board).update(properties)


def of_variable(which, **properties):
    return lambda board: variable(board, which).update(properties)


def of_board(**properties):
    return lambda board: board.update(properties)


def of_field(**properties):
    return lambda board: first_panel(board)["fieldConfig"]["defaults"].update(properties)


def both(*changes):
    return lambda board: [change(board) for change in changes]


def linked_to(url):
    return of_field(links=[{"title": "x", "url": url, "targetBlank": False}])


HOST = 'job=~"$job", instance=~"$instance"'
GUEST = HOST + ', domain=~"$domain"'
BAD = [
    ("template-datasource-rule", of_variable("datasource", name="source")),
    ("template-datasource-rule", of_variable("datasource", query="loki")),
    ("template-job-rule", of_variable("job", label="job")),
    ("template-job-rule", of_variable("job", multi=False)),
    ("template-job-rule", of_variable("job", name="jobs")),
    ("template-instance-rule", of_variable("instance", allValue=".*")),
    ("template-instance-rule", of_variable("instance", datasource={"uid": "abc"})),
    ("template-label-promql-rule", lambda board: variable(board, "domain")["query"].update(
        query="query_result(qga_up)")),
    ("template-on-time-change-reload-rule", of_variable("domain", refresh=1)),
    ("panel-datasource-rule", of_panel(datasource={"type": "prometheus", "uid": "abc"})),
    ("panel-datasource-rule", lambda board: first_panel(board)["targets"][0].pop("datasource")),
    ("panel-title-description-rule", of_panel(title="")),
    ("panel-title-description-rule", of_panel(description="")),
    ("panel-units-rule", of_field(unit="seconds")),
    ("panel-units-rule", lambda board: first_panel(board)["fieldConfig"]["defaults"].pop("unit")),
    ("panel-units-rule", lambda board: first_panel(board, "table")["fieldConfig"].update(overrides=[
        {"matcher": {"id": "byName", "options": "x"},
         "properties": [{"id": "unit", "value": "seconds"}]}])),
    ("panel-no-targets-rule", of_panel(targets=[])),
    ("target-promql-rule", asks("sum(qga_up{%s}" % GUEST)),
    ("target-promql-rule", asks("sum by (qga_up{%s}) x" % GUEST)),
    ("target-promql-rule", lambda board: variable(board, "domain")["query"].update(
        query="label_values(qga_up{, domain)")),
    ("target-rate-interval-rule", asks("rate(qga_agent_calls_total{%s}[5m])" % GUEST)),
    ("target-rate-interval-rule", asks("sum(irate(qga_agent_calls_total{%s}[$__range]))" % GUEST)),
    ("target-at-end-rule", asks("qga_up{%s} @ end()" % GUEST)),
    ("target-job-rule", asks('qga_up{instance=~"$instance", domain=~"$domain"}')),
    ("target-job-rule", asks('qga_up{job="$job", instance=~"$instance", domain=~"$domain"}')),
    ("target-instance-rule", asks('qga_up{job=~"$job", domain=~"$domain"}')),
    ("target-instance-rule", asks("sum(qga_up{%s}) / sum(qga_agent_info)" % GUEST)),
    ("target-counter-agg-rule", asks("sum(qga_agent_calls_total{%s})" % GUEST)),
    ("target-counter-agg-rule", asks("changes(qga_agent_calls_total{%s}[1h])" % GUEST)),
    ("uneditable-dashboard", of_board(editable=True)),
    ("target-domain-rule", asks("qga_up{%s}" % HOST)),
    ("target-domain-rule", asks('qga_up{%s, domain="$domain"}' % HOST)),
    ("target-metric-rule", asks("qga_upp{%s}" % GUEST)),
    ("target-metric-rule", lambda board: variable(board, "domain")["query"].update(
        query="label_values(qga_upp, domain)")),
    ("panel-unique-rule", of_panel(title="Guests")),
    ("panel-unique-rule", of_panel(id=1)),
    ("panel-place-rule", of_panel(gridPos={"x": 20, "y": 500, "w": 12, "h": 8})),
    ("panel-place-rule", of_panel(gridPos={"x": 0, "y": 0, "w": 12, "h": 8})),
    ("panel-no-value-rule", both(asks("topk(3, qga_load1{%s})" % GUEST), of_field(noValue=""))),
    ("link-rule", linked_to("/d/qga-host?var-domain=x")),
    ("link-rule", linked_to("/d/qga-exporter?var-domain=x")),
    ("link-rule", linked_to("/d/qga-guest?${jobs:queryparam}")),
    ("link-rule", lambda board: board["links"][0].update(includeVars=True)),
    ("link-rule", lambda board: board["links"][0].update(url="/d/qga-host?")),
    ("panel-limit-rule", asks("max by (instance, domain) (qga_up{%s})" % GUEST)),
    ("panel-limit-rule", asks("qga_up{%s}" % GUEST)),
    ("panel-hosts-rule", lambda board: first_panel(board)["targets"][0].update(
        legendFormat="{{instance}}")),
    ("target-metric-rule", asks("sum(instance:qga_upp:count{%s})" % HOST)),
    ("dashboard-rule", of_board(timezone="utc")),
    ("dashboard-rule", of_board(id=7)),
    ("dashboard-rule", of_board(schemaVersion=30)),
    ("dashboard-rule", of_board(uid="Xy7")),
    ("dashboard-rule", of_board(tags=[])),
    ("dashboard-rule", lambda board: board["links"].pop()),
]


@pytest.mark.parametrize("name", ("fleet", "guest", "exporter"))
def test_ours_are_good(name):
    assert not lint.complaints_of(load(name))


@pytest.mark.parametrize("number", range(len(BAD)))
def test_a_bad_one_is_found_out(number):
    rule, change = BAD[number]
    board = copy.deepcopy(GOOD)
    change(board)
    assert list(dict(lint.RULES)[rule](board))


def test_every_rule_is_tested():
    assert {name for name, _ in lint.RULES} == {name for name, _ in BAD}


def words_of(mappings):
    (mapping,) = mappings
    return sorted(one["text"] for one in mapping["options"].values())


def test_the_states_are_all_there():
    with open(lint.METRICS, encoding="utf-8") as file:
        (states,) = re.findall(r"^States: (.*)", file.read(), re.M)
    names = sorted(re.findall(r"`(\w+)`", states))
    (panel,) = [one for one in lint.panels_of(GOOD) if one["type"] == "state-timeline"]
    assert words_of(panel["fieldConfig"]["defaults"]["mappings"]) == names
    (table,) = [one for one in lint.panels_of(GOOD) if one["title"] == "A hundred guests"]
    (column,) = [one for one in table["fieldConfig"]["overrides"]
                 if one["matcher"]["options"] == "State"]
    assert words_of(one for each in column["properties"] if each["id"] == "mappings"
                    for one in each["value"]) == names
    queries = " ".join(expr for _, expr in lint.targets_of(load("guest")))
    for name in names:
        assert f'state="{name}"' in queries


def test_the_provisioning_files_are_what_the_readme_says():
    folder = os.path.join(lint.DASHBOARDS, "provisioning")
    with open(os.path.join(folder, "dashboards", "qga-exporter.yml"), encoding="utf-8") as file:
        (provider,) = yaml.safe_load(file)["providers"]
    with open(os.path.join(folder, "datasources", "prometheus.yml"), encoding="utf-8") as file:
        (source,) = yaml.safe_load(file)["datasources"]
    with open(os.path.join(lint.DASHBOARDS, "README.md"), encoding="utf-8") as file:
        assert provider["options"]["path"] in file.read()
    assert (provider["type"], source["type"]) == ("file", "prometheus")
    with open(os.path.join(lint.DASHBOARDS, "..", "config", "prometheus", "prometheus.yml"),
              encoding="utf-8") as file:
        interval = yaml.safe_load(file)["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval


def test_a_panel_in_a_collapsed_row_counts():
    board = copy.deepcopy(GOOD)
    row = first_panel(board, "row")
    row["panels"] = [{**first_panel(board), "id": 999, "title": ""}]
    assert "panel-title-description-rule" in {name for name, _ in lint.complaints_of(board)}


def read(text):
    return [(one.metric, one.matchers, one.span, one.around) for one in promql.selectors(text)]


@pytest.mark.parametrize("text,expected", [
    ("up", [("up", [], "", [])]),
    ('{job="a"}', [("", [("job", "=", "a")], "", [])]),
    ('a{x="}", y!~"b,c"} or on (x, y) b', [
        ("a", [("x", "=", "}"), ("y", "!~", "b,c")], "", []), ("b", [], "", [])]),
    ("sum by (a, b) (rate(c_total[$__rate_interval]))",
     [("c_total", [], "$__rate_interval", ["rate", "sum"])]),
    ("sum(a) without (b) / c", [("a", [], "", ["sum"]), ("c", [], "", [])]),
    ("topk(3, (a)) * on (x) group_left (y) b offset 5m",
     [("a", [], "", ["topk"]), ("b", [], "", [])]),
    ("max_over_time(a[6h] @ end()) > bool 0.5e3", [("a", [], "6h", ["max_over_time"])]),
    ("a and b unless c # or d", [("a", [], "", []), ("b", [], "", []), ("c", [], "", [])]),
    ('label_replace(a, "b", "$1", "c", "(.*)") + time()', [("a", [], "", ["label_replace"])]),
])
def test_selectors(text, expected):
    assert read(text) == expected
