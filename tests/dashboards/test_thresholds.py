"""Colours change where the alerts fire."""

import os
import re
import sys

import lint
import yaml

sys.path.insert(0, lint.DASHBOARDS)
# pylint: disable=wrong-import-position
from source import queries
from source.exporter import LATE_STEPS


def alerts():
    folder = os.path.join(lint.DASHBOARDS, "..", "config", "prometheus")
    found = []
    for name in ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found += [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]
                      if "alert" in rule]
    return found


def numbers_of(expressions):
    """Those that something is compared with."""
    return {float(number) for text in expressions for number in re.findall(r"[<>] *([0-9.]+)", text)}


def numbers_of_alert(name):
    return numbers_of(rule["expr"] for rule in alerts() if rule["alert"] == name)


def test_the_colours_change_where_the_alerts_fire():
    def changes(thresholds):
        return {abs(step["value"]) for step in thresholds["steps"] if step["value"] is not None}

    assert changes(queries.CLOCK_STEPS) == numbers_of_alert("QgaClockOffset")
    assert changes(queries.FROZEN_STEPS) == numbers_of_alert("QgaFilesystemsFrozen")
    assert changes(LATE_STEPS) == numbers_of_alert("QgaScheduleLate")
    assert {value / 1e6 for value in changes(queries.DRIFT_STEPS)} == \
        numbers_of_alert("QgaClockDrift")
    assert {round(100 - 100 * value) for value in changes(queries.USED_STEPS)} == \
        numbers_of_alert("QgaFilesystemAlmostFull")
