"""A strict reader of the Prometheus text format 0.0.4: what its documentation only
recommends, and Prometheus silently puts up with, is an error here."""

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_VALUE = re.compile(r"[+-]Inf|NaN|-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


class Family:
    """One metric family, in the order of the text."""

    def __init__(self, name, kind):
        self.name = name
        self.kind = kind
        self.series = []


def check(text):
    """The families by name; AssertionError names the first bad line."""
    assert text.endswith("\n"), "the last line has no end"
    families, family, series, help_name = {}, None, set(), None
    for number, line in enumerate(text.split("\n")[:-1], 1):
        where = f"line {number}: {line[:200]}"
        if line.startswith("# HELP "):
            match = re.fullmatch(rf"# HELP ({_NAME}) (\S(?:[^\\\n]|\\\\|\\n)*)", line)
            assert match, where
            help_name = match.group(1)
            assert help_name not in families, f"a family twice; {where}"
        elif line.startswith("# TYPE "):
            match = re.fullmatch(rf"# TYPE ({_NAME}) (counter|gauge|histogram|summary)", line)
            assert match and match.group(1) == help_name, f"TYPE does not follow HELP; {where}"
            family = families[help_name] = Family(*match.groups())
        else:
            _check_sample(line, family, series, where)
    for one in families.values():
        assert one.series, f"{one.name} has a header and no series"
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
    return families


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
