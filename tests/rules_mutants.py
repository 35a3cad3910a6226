#!/usr/bin/python3
"""Breaks each rule of config/prometheus in small ways, and wants its tests to notice.

    tests/rules_mutants.py [NAME ...]      all rules, or those named

A mutant is one rule with one change: no `for`, or half or twice of it; a number a tenth
larger or smaller; a comparison turned round; a matcher, an alternative in one, a label of
on () or by (), or an operand of and, or, unless left out; a window halved or doubled.
`promtool test rules` must fail with each of them.
"""

import concurrent.futures
import functools
import glob
import os
import re
import subprocess
import sys
import tempfile

import yaml

from rules import tested_rule

FOLDER = "config/prometheus"
RULES = [f"{FOLDER}/{name}" for name in
         ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml", "fleet/alerts.yml")]

TOKEN = re.compile(r"""
    (?P<space>\s+) | (?P<string>"[^"]*") | (?P<window>\[\w+\]) |
    (?P<number>\d+(?:\.\d+)?) | (?P<word>[a-zA-Z_:][\w:]*) |
    (?P<operator>==|!=|=~|!~|>=|<=|[-+*/%^><=]) | (?P<mark>[(){},])""", re.X)
COMPARISONS = {"==": "!=", ">": "<=", "<": ">=", ">=": "<", "<=": ">"}
SET_OPERATORS = ("and", "or", "unless")
# Windows of these make a rate smoother; they are no threshold.
SMOOTH = ("rate",)
# What these are compared with is a whole number.
COUNTING = ("changes", "count")
FUNCTIONS = (*COUNTING, *SMOOTH, "increase", "abs", "histogram_quantile", "deriv")
INTERVAL_S = 60  # at which most tests evaluate: none notices half of it


# Where most mutants are noticed.
TELLING = re.compile(r"/(edges|hosts|fleet)")
# Hundreds of files are written: by libyaml, where it is there.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@functools.cache
def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def load(path):
    return yaml.load(text_of(path), Loader=Loader)


def tokens_of(expression):
    """[(kind, text)]; what is not understood is a mistake here."""
    found, at = [], 0
    while at < len(expression):
        match = TOKEN.match(expression, at)
        if not match:
            raise ValueError(f"tests/rules_mutants.py: cannot read {expression[at:]!r}")
        found.append((match.lastgroup, match.group()))
        at = match.end()
    return found


def join(tokens):
    return "".join(text for _, text in tokens)


def replaced(tokens, start, end, text):
    return join(tokens[:start]) + text + join(tokens[end:])


def before(tokens, index):
    """The index of the token before, without spaces; -1 if there is none."""
    index -= 1
    while index >= 0 and tokens[index][0] == "space":
        index -= 1
    return index


def closing(tokens, index):
    """The index of what closes the parenthesis at index."""
    depth = 0
    for at in range(index, len(tokens)):
        if tokens[at][1] in "({" and tokens[at][0] == "mark":
            depth += 1
        if tokens[at][1] in ")}" and tokens[at][0] == "mark":
            depth -= 1
            if depth == 0:
                return at
    raise ValueError("tests/rules_mutants.py: a parenthesis is not closed")


def text_before(tokens, index):
    at = before(tokens, index)
    return tokens[at][1] if at >= 0 else ""


def function_before(tokens, index):
    names = [text for _, text in tokens[:index] if text in FUNCTIONS]
    return names[-1] if names else ""


def others_of(text, function):
    """Numbers in its place that a test must tell from it."""
    value = float(text)
    if text == "60" or text == "100" or value == 0 and function == "deriv":
        return []  # units, and a byte that makes no difference
    if value in (0, 1):
        return [1 - value]
    if function in COUNTING:
        return [value - 1, value + 1]
    return [value * 0.9, value * 1.1]


def numbers(tokens):
    """A tenth more and less; 0 and 1, which are mostly no and yes, become each other."""
    for index, (kind, text) in enumerate(tokens):
        if kind != "number":
            continue
        for other in others_of(text, function_before(tokens, index)):
            yield f"{text} is {other:g}", replaced(tokens, index, index + 1, f"{other:.10g}")


def comparisons(tokens):
    for index, (kind, text) in enumerate(tokens):
        if kind == "operator" and text in COMPARISONS:
            yield (f"{text} is {COMPARISONS[text]}, after "
                   f"{join(tokens[:index]).split()[-1]}",
                   replaced(tokens, index, index + 1, COMPARISONS[text]))


def windows(tokens):
    for index, (kind, text) in enumerate(tokens):
        if kind != "window":
            continue
        opening = index
        while tokens[opening][1] != "(" :
            opening -= 1
        if text_before(tokens, opening) in SMOOTH:
            continue
        amount, unit = re.fullmatch(r"\[(\d+)(\w)\]", text).groups()
        seconds = int(amount) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
        for other in (seconds // 2, seconds * 2):
            yield f"{text} is [{other}s]", replaced(tokens, index, index + 1, f"[{other}s]")


def lists(tokens):
    """Items of on (a, b) and {a="b", c="d"}, each left out."""
    for index, (kind, text) in enumerate(tokens):
        of_labels = text == "(" and text_before(tokens, index) in ("on", "by", "without", "ignoring")
        if kind != "mark" or not (text == "{" or of_labels):
            continue
        end = closing(tokens, index)
        items = [item.strip() for item in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)',
                                                   join(tokens[index + 1:end]))]
        for item in items:
            rest = ", ".join(one for one in items if one != item)
            yield (f"{text_before(tokens, index)} {text} without {item}",
                   replaced(tokens, index + 1, end, rest))


def alternatives(tokens):
    """a|b in a matcher, each left out; none in parentheses."""
    for index, (kind, text) in enumerate(tokens):
        if kind != "string" or text_before(tokens, index) not in ("=~", "!~"):
            continue
        parts = re.split(r"\|(?![^(]*\))", text.strip('"'))
        for part in parts if len(parts) > 1 else []:
            rest = "|".join(one for one in parts if one != part)
            yield f"{part} is not in {text}", replaced(tokens, index, index + 1, f'"{rest}"')


def operands(tokens):
    """`a unless on (x) b` becomes a: what is right of a set operator is left out."""
    for index, (kind, text) in enumerate(tokens):
        if kind != "word" or text not in SET_OPERATORS:
            continue
        depth, end = 0, index + 1
        while end < len(tokens):
            other = tokens[end][1]
            depth += (other in "({") - (other in ")}") if tokens[end][0] == "mark" else 0
            if depth < 0 or depth == 0 and tokens[end][0] == "word" and other in SET_OPERATORS:
                break
            end += 1
        shown = " ".join(join(tokens[index:end]).split())
        yield f"not: {shown[:70]}", replaced(tokens, index, end, "")


def mutants_of(rule):
    """[(what is different, the rule)]"""
    if "for" in rule:
        yield "no `for`", {key: value for key, value in rule.items() if key != "for"}
        amount, unit = re.fullmatch(r"(\d+)(\w)", rule["for"]).groups()
        seconds = int(amount) * {"s": 1, "m": 60, "h": 3600}[unit]
        for other in {max(seconds // 2, INTERVAL_S), seconds * 2} - {seconds}:
            yield f"for {other} s", {**rule, "for": f"{other}s"}
    tokens = tokens_of(rule["expr"])
    for kind in (numbers, comparisons, windows, lists, alternatives, operands):
        for what, expression in kind(tokens):
            yield what, {**rule, "expr": expression}


def name_of(rule):
    return rule.get("alert") or rule["record"]


def narrowed(test, name):
    """A test of an expression, as far as it is about this rule; else None.  Of all alerts that
    fire, those of the name."""
    if tested_rule(test["expr"]) == name:
        return test
    if "ALERTS{" not in test["expr"] or not re.search(r"\bby \(alertname\b", test["expr"]):
        return None
    shown = [one for one in test["exp_samples"] if f'alertname="{name}"' in one["labels"]]
    return shown and {**test, "exp_samples": shown,
                      "expr": test["expr"].replace("ALERTS{", f'ALERTS{{alertname="{name}",')}


def tests_of(rule, files):
    """The tests of this rule alone: [a file of them], those that tell most first."""
    name = name_of(rule)
    for path in sorted(files, key=lambda path: not TELLING.search(path)):
        file = load(path)
        for test in file["tests"]:
            test["alert_rule_test"] = [one for one in test.get("alert_rule_test", [])
                                       if one["alertname"] == name]
            test["promql_expr_test"] = [about for one in test.get("promql_expr_test", [])
                                        if (about := narrowed(one, name))]
        file["tests"] = [test for test in file["tests"]
                         if test["alert_rule_test"] or test["promql_expr_test"]]
        if file["tests"]:
            yield {**file, "rule_files": ["rules.yml"]}


def passes(folder, rules, test_file):
    """Whether these rules pass this file of tests; a mutant may not even be a rule."""
    for name, content in (("rules.yml", {"groups": [{"name": "mutant", "rules": rules}]}),
                          ("tests.yml", test_file)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            yaml.dump(content, file, Dumper=Dumper)
    done = subprocess.run(["promtool", "test", "rules", os.path.join(folder, "tests.yml")],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def survives(job):
    """The mutant's name if its tests do not notice it."""
    name, what, rules, tests = job
    with tempfile.TemporaryDirectory(prefix="qga-rules-") as folder:
        survived = all(passes(folder, rules, test_file) for test_file in tests)
    return f"{name}: {what}" if survived else None


def jobs_of(names):
    files = sorted(glob.glob(f"{FOLDER}/tests/*.yml"))
    of_files = [[rule for group in load(path)["groups"] for rule in group["rules"]]
                for path in RULES]
    records = [rule for rules in of_files for rule in rules if "record" in rule]
    for rules in of_files:
        for index, rule in enumerate(rules):
            if names and name_of(rule) not in names:
                continue
            tests = list(tests_of(rule, files))
            # Others of its name, and what it is recorded from.
            needed = records + [one for one in rules
                                if "alert" in one and name_of(one) == name_of(rule)]
            yield name_of(rule), None, needed, tests
            for what, mutant in mutants_of(rule):
                changed = [mutant if one is rule else one for one in needed]
                yield f"{name_of(rule)} ({rule.get('labels', {}).get('severity', index)})", \
                    what, changed, tests


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    jobs = list(jobs_of(sys.argv[1:]))
    bad = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for job, survivor in zip(jobs, pool.map(survives, jobs)):
            if job[1] is None and not survivor:
                bad.append(f"{job[0]} as it is fails its tests")
            elif job[1] is not None and survivor:
                bad.append(f"no test notices {survivor}")
    for text in bad:
        print(f"tests/rules_mutants.py: {text}", file=sys.stderr)
    if not bad:
        print(f"ok    {sum(job[1] is not None for job in jobs)} mutants of rules, none survives")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
