"""Strict readers of the Prometheus text format 0.0.4 and of OpenMetrics 1.0.0: what their
documentation only recommends, and Prometheus silently puts up with, is an error here."""

import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_VALUE = re.compile(r"[+-]Inf|NaN|-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


class Family:
    """One metric family, in the order of the text."""

    def __init__(self, name, kind, help_text):
        self.name = name
        self.kind = kind
        self.help = help_text
        self.series = []


def check(text):
    """The families by name; AssertionError names the first bad line."""
    assert text.endswith("\n"), "the last line has no end"
    families, family, series, help_name, help_text = {}, None, set(), None, None
    for number, line in enumerate(text.split("\n")[:-1], 1):
        where = f"line {number}: {line[:200]}"
        if line.startswith("# HELP "):
            match = re.fullmatch(rf"# HELP ({_NAME}) (\S(?:[^\\\n]|\\\\|\\n)*)", line)
            assert match, where
            help_name, help_text = match.groups()
            assert help_name not in families, f"a family twice; {where}"
        elif line.startswith("# TYPE "):
            match = re.fullmatch(rf"# TYPE ({_NAME}) (counter|gauge|histogram|summary)", line)
            assert match and match.group(1) == help_name, f"TYPE does not follow HELP; {where}"
            family = families[help_name] = Family(*match.groups(), help_text)
        else:
            _check_sample(line, family, series, where)
    for one in families.values():
        assert one.series, f"{one.name} has a header and no series"
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
    return families


_UNITS = ("seconds", "bytes", "ratio", "celsius", "sectors")


def check_openmetrics(text):
    """The families by name, as check() has them for the other format: with the same names
    and the same series.  AssertionError or ValueError names what is wrong."""
    assert text.endswith("\n# EOF\n") or text == "# EOF\n", "no end"
    plain, lines = [], text.split("\n")[:-2]
    while lines:
        line = lines.pop(0)
        match = re.fullmatch(rf"# TYPE ({_NAME}) (counter|gauge|histogram|info)", line)
        if not match:
            assert not line.startswith("#"), f"a family begins with its TYPE; {line}"
            plain.append(line)
            continue
        name, kind = match.groups()
        unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), None)
        if unit and kind != "info":
            assert lines.pop(0) == f"# UNIT {name} {unit}", line
        match = re.fullmatch(rf"# HELP {name} (\S(?:[^\\\n\"]|\\\\|\\n|\\\")*)", lines.pop(0))
        assert match, f"TYPE, UNIT, HELP; {line}"
        full = name + {"counter": "_total", "info": "_info"}.get(kind, "")
        help_text = match.group(1).replace('\\"', '"')
        plain += [f"# HELP {full} {help_text}",
                  f"# TYPE {full} {'gauge' if kind == 'info' else kind}"]
        assert lines and lines[0].startswith(full), f"a family without series; {line}"
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.timestamp is None and sample.exemplar is None, sample
    return check("".join(f"{line}\n" for line in plain))


def _check_sample(line, family, series, where):
    match = _SAMPLE.fullmatch(line)
    assert match, where
    name, labels, value = match.groups()
    assert family is not None, f"a sample before any family; {where}"
    suffixes = _SUFFIXES.get(family.kind, ("",))
    assert name in [family.name + suffix for suffix in suffixes], f"a foreign sample; {where}"
    assert _VALUE.fullmatch(value), f"a value that is none; {where}"
    identity = line[: -len(value) - 1]
    assert identity not in series, f"a series twice; {where}"
    series.add(identity)
    keys = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"', labels or "")
    assert len(keys) == len(set(keys)), f"a label twice; {where}"
    family.series.append((identity, value))
