"""The parts of a Grafana dashboard, with the defaults that all of ours share.

A panel is made with its width and height; dashboard() sets panels from left to right, in
rows of 24 columns, and numbers them.
"""

COLUMNS = 24
# Of Grafana 10.4: later ones take older schemas to theirs, and none takes a newer one.
SCHEMA_VERSION = 39
PLUGIN_VERSION = "10.4.0"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "qga"

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = (
    "green", "yellow", "orange", "red", "blue", "purple", "text")


# Queries

def series(expr, legend="", ref="A"):
    """A query over the time range; {{label}} in the legend is the label's value."""
    return {"refId": ref, "datasource": DATASOURCE, "editorMode": "code", "expr": expr,
            "legendFormat": legend or "__auto", "range": True, "instant": False,
            "format": "time_series"}


def now(expr, legend="", ref="A"):
    """A query of the end of the time range."""
    return {**series(expr, legend, ref), "range": False, "instant": True}


def rows(expr, ref="A"):
    """A query of the end of the time range, with a column for each label."""
    return {**now(expr, ref=ref), "format": "table"}


def lettered(targets):
    """A query, or a list of them, under the letters A, B, C."""
    targets = targets if isinstance(targets, list) else [targets]
    return [{**target, "refId": chr(ord("A") + place)} for place, target in enumerate(targets)]


# Fields

def steps(*pairs, base=GREEN):
    """Thresholds: the base colour, then (from what value on, colour)."""
    return {"mode": "absolute",
            "steps": [{"color": base, "value": None},
                      *({"color": color, "value": value} for value, color in pairs)]}


def words(*rows_of):
    """Value mappings: (value, text, colour)."""
    return [{"type": "value",
             "options": {str(value): {"text": text, "color": color, "index": place}
                         for place, (value, text, color) in enumerate(rows_of)}}]


def override(name, **properties):
    """What differs for a field; custom_x is custom.x."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key.replace("custom_", "custom."), "value": value}
                           for key, value in properties.items()]}


def override_matching(pattern, **properties):
    return {**override("", **properties), "matcher": {"id": "byRegexp", "options": pattern}}


def link(title, url):
    return {"title": title, "url": url, "targetBlank": False}


def _field(*, unit, thresholds=None, mappings=None, no_value=None, links=None, color=None,
           custom=None, overrides=(), **more):
    defaults = {"unit": unit, "color": color or {"mode": "thresholds"},
                "thresholds": thresholds or steps(), **more}
    for key, value in (("mappings", mappings), ("noValue", no_value), ("links", links),
                       ("custom", custom)):
        if value is not None:
            defaults[key] = value
    return {"defaults": defaults, "overrides": list(overrides)}


# Of what should not be there at all, an axis that does not go up to a hundred.
FEW = {"axisSoftMax": 4}


# Panels

def _panel(kind, title, description, targets, size, options, field, transformations=None):
    width, height = size
    panel = {"type": kind, "title": title, "description": description,
             "datasource": DATASOURCE, "pluginVersion": PLUGIN_VERSION,
             "gridPos": {"w": width, "h": height}, "targets": lettered(targets),
             "fieldConfig": field, "options": options}
    if transformations:
        panel["transformations"] = transformations
    return panel


def _reduced(values):
    return {"calcs": ["lastNotNull"], "fields": "", "values": values}


def stat(title, description, target, size=(3, 4), *, unit, by="value", sparkline=False, **field):
    """One number, or with by="name" one text: the legend."""
    color = "value" if by == "value" else "none"
    options = {"colorMode": "background" if field.get("mappings") else color,
               "graphMode": "area" if sparkline else "none",
               "justifyMode": "center", "orientation": "auto", "percentChangeColorMode": "standard",
               "reduceOptions": _reduced(False), "showPercentChange": False, "textMode": by,
               "wideLayout": True}
    return _panel("stat", title, description, target, size, options, _field(unit=unit, **field))


def bars(title, description, target, size=(8, 8), *, unit, **field):
    """One bar for each series, longest first as the query sorts them."""
    options = {"displayMode": "basic", "legend": _legend(show=False), "maxVizHeight": 32,
               "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "left",
               "orientation": "horizontal", "reduceOptions": _reduced(False),
               "showUnfilled": True, "sizing": "auto", "valueMode": "color"}
    field.setdefault("color", {"mode": "fixed", "fixedColor": BLUE})
    return _panel("bargauge", title, description, target, size, options,
                  _field(unit=unit, **{"min": 0, **field}))


def _legend(show=True, calcs=(), table=False, placement="bottom"):
    return {"showLegend": show, "displayMode": "table" if table else "list",
            "placement": placement, "calcs": list(calcs)}


def _lines_style(stacked, dashed_thresholds):
    return {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
            "fillOpacity": 60 if stacked else 8, "gradientMode": "none", "showPoints": "auto",
            "pointSize": 4, "spanNulls": False,
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if dashed_thresholds else "off"},
            "axisPlacement": "auto", "axisLabel": "", "axisBorderShow": False,
            "scaleDistribution": {"type": "linear"}}


def lines(title, description, targets, size=(12, 8), *, unit, stacked=False, calcs=(),
          placement="bottom", custom=None, **field):
    """Values over time; thresholds are drawn as lines."""
    options = {"legend": _legend(calcs=calcs, table=bool(calcs), placement=placement),
               "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False}}
    style = {**_lines_style(stacked, "thresholds" in field), **(custom or {})}
    field.setdefault("color", {"mode": "palette-classic"})
    return _panel("timeseries", title, description, targets, size, options,
                  _field(unit=unit, custom=style, **field))


def timeline(title, description, targets, size=(12, 8), *, mappings, **field):
    """States over time, a bar for each series."""
    options = {"alignValue": "left", "mergeValues": True, "rowHeight": 0.85, "showValue": "auto",
               "perPage": 20, "legend": _legend(),
               "tooltip": {"mode": "single", "sort": "none", "hideZeros": False}}
    return _panel("state-timeline", title, description, targets, size, options,
                  _field(unit="none", mappings=mappings,
                         custom={"fillOpacity": 80, "lineWidth": 0}, **field))


def table(title, description, targets, size=(12, 8), *, columns, sort=None, overrides=(),
          paged=False, **field):
    """A row for each set of labels.  columns is {label or "Value #A": its title}, in their
    order; what it does not name is hidden.  Several queries are merged by the labels it names;
    the metrics' own names, which differ, must be gone before."""
    targets = lettered(targets)
    if len(targets) == 1:
        columns = {("Value" if name == "Value #A" else name): title_of
                   for name, title_of in columns.items()}
    transformations = [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
        *([{"id": "merge", "options": {}}] if len(targets) > 1 else []),
        {"id": "organize", "options": {
            "excludeByName": {}, "renameByName": columns, "includeByName": {},
            "indexByName": {name: place for place, name in enumerate(columns)}}}]
    options = {"cellHeight": "sm", "enablePagination": paged, "frameIndex": 0, "showHeader": True,
               "showTypeIcons": False,
               "sortBy": [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}]
               if sort else []}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True,
              "inspect": False, "footer": {"reducers": []}, "minWidth": 60}
    # no_value is what the whole panel says; a cell without a value stays empty.  Labels are no
    # numbers, even where they look like some, and nothing is not 0.
    overrides = [override_matching(".*", noValue=""),
                 {**override("", unit="string"), "matcher": {"id": "byType", "options": "string"}},
                 *overrides]
    return _panel("table", title, description, targets, size, options,
                  _field(unit="none", custom=custom, overrides=overrides, **field),
                  transformations)


COLORED_CELL = {"type": "color-background", "mode": "basic"}
COLORED_TEXT = {"type": "color-text"}
GAUGE_CELL = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}


def row(title, *panels, collapsed=False):
    return {"type": "row", "title": title, "collapsed": collapsed, "panels": list(panels)}


# Variables

def datasource_variable():
    return {"type": "datasource", "name": "datasource", "label": "Data source",
            "description": "The Prometheus that scrapes the exporters.", "query": "prometheus",
            "regex": "", "hide": 0, "includeAll": False, "multi": False, "refresh": 1,
            "options": []}


def query_variable(name, label, description, query, multi=True):
    """Values of a label; with multi, all of them unless some are chosen."""
    everything = {"current": {"text": ["All"], "value": ["$__all"]}, "allValue": ".+"}
    return {"type": "query", "name": name, "label": label, "description": description,
            "datasource": DATASOURCE, "definition": query,
            "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery",
                      "qryType": 1},
            "regex": "", "sort": 7, "hide": 0, "refresh": 2, "multi": multi,
            "includeAll": multi, "options": [], **(everything if multi else {})}


def label_variable(name, label, description):
    """Matchers of any labels, which Grafana puts into every query."""
    return {"type": "adhoc", "name": name, "label": label, "description": description,
            "datasource": DATASOURCE, "hide": 0}


# Dashboards

def _placed(panels, top, number):
    """(panels with their places, the next free line, the next free number)"""
    placed, left, height = [], 0, 0
    for panel in panels:
        place = panel["gridPos"]
        if left + place["w"] > COLUMNS:
            top, left, height = top + height, 0, 0
        placed.append({"id": number, **panel, "gridPos": {**place, "x": left, "y": top}})
        left, height, number = left + place["w"], max(height, place["h"]), number + 1
    return placed, top + height, number


def _laid_out(rows_of):
    panels, top, number = [], 0, 1
    for one in rows_of:
        head = {"id": number, **one, "panels": [],
                "gridPos": {"w": COLUMNS, "h": 1, "x": 0, "y": top}}
        inside, below, number = _placed(one["panels"], top + 1, number + 1)
        if one["collapsed"]:
            head["panels"], below = inside, top + 1
            inside = []
        panels += [head, *inside]
        top = below
    return panels


def _annotations(queries):
    builtin = {"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"},
               "enable": True, "hide": True, "iconColor": "rgba(0, 211, 255, 1)",
               "name": "Annotations & Alerts", "type": "dashboard"}
    return {"list": [builtin, *queries]}


def annotation(name, expr, color, title, text):
    """A mark on all panels wherever the query has a value."""
    return {"datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": color,
            "name": name, "expr": expr, "titleFormat": title, "textFormat": text,
            "useValueForTime": False}


def _other(name):
    """Without the chosen hosts and guests: what is all of them here may be one there."""
    return {"type": "link", "title": name, "tags": [], "icon": "dashboard", "asDropdown": False,
            "tooltip": f"The dashboard {name} of qga-exporter", "includeVars": False,
            "keepTime": True, "targetBlank": False,
            "url": f"/d/qga-{name.lower()}?${{datasource:queryparam}}&${{job:queryparam}}"}


def dashboard(uid, title, description, *, variables, rows_of, annotations=(), period="now-6h"):
    return {
        "uid": uid, "id": None, "title": title, "description": description, "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": False, "timezone": "browser",
        "graphTooltip": 1, "fiscalYearStartMonth": 0, "preload": False, "refresh": "1m",
        "time": {"from": period, "to": "now"}, "timepicker": {},
        "links": [_other(name) for name in ("Fleet", "Guest", "Exporter")],
        "annotations": _annotations(annotations),
        "templating": {"list": list(variables)},
        "panels": _laid_out(rows_of),
    }
