"""The queries of the dashboards, put to Prometheus as Grafana would."""

import json
import math
import os
import re
import time
import urllib.parse

from lab import image
from lab.programs import get

FOLDER = os.path.join(image.ROOT, "dashboards")
NAMES = ("fleet", "guest", "exporter")
_LABEL_VALUES = re.compile(r"label_values\((.*), *(\w+)\)", re.S)


def load(name):
    with open(os.path.join(FOLDER, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def panels_of(dashboard):
    """All panels but rows, those of collapsed rows included."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def chosen(*values):
    """What Grafana makes of chosen values of a variable of which several can be chosen."""
    escaped = [re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))
               for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def alone(value):
    """The same of the only value of a variable of which one is chosen."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


EVERYTHING = ".+"


def substituted(text, variables):
    for name in sorted(variables, key=len, reverse=True):
        text = text.replace(f"${{{name}}}", variables[name]).replace(f"${name}", variables[name])
    assert not re.search(r"\$[^\d]", text), f"a variable that Grafana does not have: {text}"
    return text


def ask(prometheus, path, **parameters):
    status, _, body = get(f"{prometheus.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    answer = json.loads(body)
    assert status == 200, f"{parameters}: {answer.get('error')}"
    return answer["data"]


def samples(prometheus, target, variables, seconds=60, step_s=2):
    """[(labels, last value)] of what the panel would show of a target."""
    expression = substituted(target["expr"], variables)
    if target["instant"]:
        found = ask(prometheus, "query", query=expression)["result"]
        values = [(one["metric"], float(one["value"][1])) for one in found]
    else:
        end = int(time.time())
        found = ask(prometheus, "query_range", query=expression, start=end - seconds, end=end,
                    step=step_s)["result"]
        values = [(one["metric"], [float(value) for _, value in one["values"]]) for one in found]
        values = [(labels, next((value for value in reversed(numbers) if math.isfinite(value)),
                                math.nan)) for labels, numbers in values]
    return [(labels, value) for labels, value in values if math.isfinite(value)]


def values_of(prometheus, variable, variables):
    """What can be chosen of a query variable."""
    selector, label = _LABEL_VALUES.fullmatch(variable["query"]["query"]).groups()
    return ask(prometheus, f"label/{label}/values", **{"match[]": substituted(selector, variables)})
