"""A dashboard that Grafana would not understand is found out by the types."""

import copy
import json
import os

import pytest
import schema


def load(name):
    with open(os.path.join(schema.DASHBOARDS, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def panel_of(board, kind):
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def set_in(*path, kind=None):
    """A change of one value, of the dashboard or of its first panel of a kind."""
    *way, last, value = path

    def change(board):
        place = panel_of(board, kind) if kind else board
        for key in way:
            place = place[key]
        place[last] = value
    return change


CHANGES = {
    "no-schema-version": lambda board: board.pop("schemaVersion"),
    "title-is-a-number": set_in("title", 7),
    "unknown-key": set_in("titel", "Fleet"),
    "unknown-variable-type": set_in("templating", "list", 1, "type", "querry"),
    "refresh-of-a-variable": set_in("templating", "list", 1, "refresh", 9),
    "cursor-sync": set_in("graphTooltip", 5),
    "unknown-panel-type": set_in("type", "grafh", kind="stat"),
    "height-is-text": set_in("gridPos", "h", "8", kind="stat"),
    "target-without-query": lambda board: panel_of(board, "stat")["targets"][0].pop("expr"),
    "color-mode-of-stat": set_in("options", "colorMode", "backgruond", kind="stat"),
    "option-of-another-panel": set_in("options", "cellHeight", "sm", kind="stat"),
    "sort-of-a-table": set_in("options", "sortBy", [{"name": "Guest"}], kind="table"),
    "cell-of-a-table": set_in("fieldConfig", "defaults", "custom", "cellOptions",
                              {"type": "colour-text"}, kind="table"),
    "style-of-lines": set_in("fieldConfig", "defaults", "custom", "drawStyle", "lines",
                             kind="timeseries"),
    "legend-of-lines": set_in("options", "legend", "placement", "top", kind="timeseries"),
    "thresholds": set_in("fieldConfig", "defaults", "thresholds", "mode", "relative",
                         kind="timeseries"),
    "mapping": set_in("fieldConfig", "defaults", "mappings", 0, "type", "values",
                      kind="state-timeline"),
    "height-of-a-state": set_in("options", "rowHeight", "0.9", kind="state-timeline"),
    "bar-gauge": set_in("options", "displayMode", "fancy", kind="bargauge"),
    "override-of-nothing": set_in("fieldConfig", "overrides",
                                  [{"matcher": {"id": "byName", "options": "A"},
                                    "properties": [{"id": "uint", "value": "s"}]}], kind="table"),
    "override-of-the-wrong-kind": set_in(
        "fieldConfig", "overrides", [{"matcher": {"id": "byName", "options": "A"},
                                      "properties": [{"id": "decimals", "value": "3"}]}],
        kind="table"),
}


@pytest.fixture(scope="module", name="found")
def _found():
    """All at once: the compiler's start costs most."""
    schema.programs()
    schema.install()
    boards = {"good": load("fleet")}
    for name, change in CHANGES.items():
        boards[name] = copy.deepcopy(boards["good"])
        change(boards[name])
        assert boards[name] != boards["good"], name
    return schema.complaints_of(boards)


def test_a_good_one_is_good(found):
    assert found["good"] == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_bad_one_is_found_out(found, name):
    assert found[name]
