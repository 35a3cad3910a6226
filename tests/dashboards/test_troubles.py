"""What needs somebody on the dashboard is what there are alerts for."""

import os
import re
import sys

import lint
import yaml

sys.path.insert(0, lint.DASHBOARDS)
# pylint: disable=wrong-import-position
from source import queries
from source.exporter import LATE_STEPS
from source.troubles import CRITICAL, INFO, NOT_SHOWN, TROUBLES, WARNING

SEVERITIES = {"critical": CRITICAL, "warning": WARNING, "info": INFO}


def alerts():
    folder = os.path.join(lint.DASHBOARDS, "..", "config", "prometheus")
    found = []
    for name in ("alerts.yml", "alerts-hosts.yml"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found += [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]
                      if "alert" in rule]
    return found


def numbers_of(expressions):
    """Those that something is compared with."""
    return {float(number) for text in expressions for number in re.findall(r"[<>] *([0-9.]+)", text)}


def test_every_alert_is_shown_or_said_not_to_be():
    wanted = {(rule["alert"], SEVERITIES[rule["labels"]["severity"]]) for rule in alerts()
              if rule["alert"] not in NOT_SHOWN}
    shown = {(trouble.alert, trouble.severity) for trouble in TROUBLES}
    assert shown == wanted, "change dashboards/source/troubles.py"


def test_what_is_not_shown_is_an_alert():
    assert set(NOT_SHOWN) <= {rule["alert"] for rule in alerts()}


def test_the_numbers_are_those_of_the_alerts():
    for rule in alerts():
        key = (rule["alert"], SEVERITIES[rule["labels"]["severity"]])
        conditions = [trouble.condition for trouble in TROUBLES
                      if (trouble.alert, trouble.severity) == key]
        if conditions:
            assert numbers_of(conditions) == numbers_of([rule["expr"]]), key


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
