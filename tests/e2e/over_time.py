"""Expositions of one exporter, one after the other, and what holds between them.

Each alone is held against the strict reader of its format (exposition.py).  Between them, and
in all forms alike, a family keeps its type, its HELP and the names of its labels; in each form
no counter goes down, unless the exporter has started anew or the guest was gone meanwhile."""

import math
import re

import exposition

_LABELS = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"')
_GUEST = re.compile(r'domain="(?:[^"\\]|\\.)*"(?:,source="(?:[^"\\]|\\.)*")?')


class Breach(Exception):
    """No AssertionError, which wait_for() takes for a state that is not reached yet."""


def _of_guest(series):
    """The labels that name its guest; None for the exporter's own."""
    match = _GUEST.match(series, series.find("{") + 1)
    return match.group() if match else None


class _Form:
    """What was seen in one form, which is what one scraper sees."""

    def __init__(self):
        self.started = 0
        self.starts = 0
        self.counters = {}  # the last value of each series, of guests that are there

    def begin(self, started):
        if started < self.started:
            raise Breach(f"the exporter has started before it did: {started}, {self.started}")
        if started > self.started:
            self.counters = {}
            self.starts += 1
        self.started = started

    def forget_others(self, guests):
        self.counters = {series: value for series, value in self.counters.items()
                         if _of_guest(series) in guests}

    def count(self, series, value):
        if not (math.isfinite(value) and value >= 0):
            raise Breach(f"{series}: a counter is {value}")
        if value < self.counters.get(series, 0):
            raise Breach(f"{series} goes down: {self.counters[series]}, {value}")
        self.counters[series] = value


class OverTime:
    """Raises Breach."""

    def __init__(self):
        self.families = {}  # name -> what it is
        self.labels = {}    # name of series -> names of labels
        self.forms = {}

    def look(self, form, text):
        """At the next one of that form."""
        is_open = text.endswith("# EOF\n")
        try:
            families = (exposition.check_openmetrics if is_open else exposition.check)(text)
        except (AssertionError, ValueError) as error:
            raise Breach(f"{form}: {error}") from error
        for family in families.values():
            self._look_at(family)
        self._compare(self.forms.setdefault(form, _Form()), families)

    def _look_at(self, family):
        what = (family.kind, family.help)
        if self.families.setdefault(family.name, what) != what:
            raise Breach(f"{family.name} changes: {self.families[family.name]}, {what}")
        for series, value in family.series:
            name, labels = series.split("{")[0], _LABELS.findall(series)
            if self.labels.setdefault(name, labels) != labels:
                raise Breach(f"{series} has other labels: {self.labels[name]}")
            if name.endswith("_info") and value != "1":
                raise Breach(f"{series} is {value}")

    @staticmethod
    def _compare(form, families):
        (_, started), = families["process_start_time_seconds"].series
        up = families.get("qga_up")
        form.begin(float(started))
        form.forget_others({None, *(_of_guest(series) for series, _ in (up.series if up else ()))})
        for family in families.values():
            for series, value in family.series if family.kind != "gauge" else ():
                form.count(series, float(value))
