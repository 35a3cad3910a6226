#!/usr/bin/python3
"""Checks config/prometheus: `make rules-check`.

promtool checks the rules and runs their tests.  On top of that, every alert has what a
person needs who gets it (severity, summary, description, a section of docs/runbook.md, with a
first command and how one knows that it is over), a test for each severity in which it fires,
and one that has its metrics and in which it must not fire; every recording rule has a test; and
every metric is in docs/METRICS.md.  So are those of the queries in docs/runbook.md and
docs/fleet.md, which promtool must understand; and what fleet.md shows of files is their text.
The command that makes runbook_url an address of the reader's does that, and nothing else.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

import links

FOLDER = "config/prometheus"
RULES = [f"{FOLDER}/{name}" for name in
         ("alerts-agents.yml", "alerts-guests.yml", "alerts-hosts.yml", "rules.yml", "fleet/alerts.yml")]
SEVERITIES = ("critical", "warning", "info")
METRIC = re.compile(r"(?<![:\w])(?:qga_\w+|qga:policy_\w+|up)(?![:\w])")
# The administrator records these.
POLICY = {"qga:policy_forbids", "qga:policy_allows", "qga:policy_forbids_agent",
          "qga:policy_driver_date_seconds"}
PROMETHEUS = {"up"}

PAGES = ("docs/runbook.md", "docs/fleet.md")
# What of the `code` in a page is a query.
QUERY = re.compile(r"(?:(?:qga_|process_|prometheus_)\w+|(?:instance|job)\w*:\w+:|up\{"
                   r"|(?:rate|increase|changes|sum|count|max|topk|time)\b.*[({]).*")
# What somebody types first: a query, or one of these.
COMMAND = re.compile(r"(?:virsh|qga-exporter|systemctl|journalctl|ping|ls|uptime|dmesg|grep|df|free|ps|ip|top"
                     r"|vmstat|ethtool|lscpu|timedatectl)(?= |$).*", re.S)
# How long after it is mended an alert may stay that looks back so far.
WINDOWS = {"10m": "ten minutes|within a quarter of an hour", "1h": "(?<!of )an hour", "6h": "six hours",
           "1d": "a day"}
MINUTES = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")

# Versions of Prometheus interpolate with other last digits.
_ROUNDED = re.compile(r"^round\((\S+), [0-9.]+\)$")

ANCHORS = set(links.anchors(f"{os.path.dirname(os.path.abspath(__file__))}/../docs/runbook.md"))

complaints = []


def complain(text):
    complaints.append(text)
    print(f"tests/rules.py: {text}", file=sys.stderr)


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def metrics_of(expression):
    """What an expression reads, without its label names, strings and lists of labels."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(by|on|without|ignoring|group_left|group_right) *\([^)]*\)", r"\1", bare)
    return set(METRIC.findall(bare))


def check_text(rule):
    """What the person who gets the alert reads."""
    name = rule["alert"]
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        complain(f"{name} has no severity of {', '.join(SEVERITIES)}")
    notes = rule.get("annotations", {})
    for key in ("summary", "description", "runbook_url"):
        if not notes.get(key):
            complain(f"{name} has no {key}")
    if "{{" in notes.get("summary", ""):
        complain(f"the summary of {name} differs from alert to alert")
    if notes.get("runbook_url") != f"docs/runbook.md#{name.lower()}":
        complain(f"{name} does not point to its section of the runbook")


def check_sections(alerts, interval_min):
    sections = re.findall(r"^### (\w+)$\n+(.*)", read("docs/runbook.md"), re.M)
    named = {name for name, _ in sections}
    names = {rule["alert"] for rule in alerts}
    for name in sorted(names - named):
        complain(f"docs/runbook.md has no section {name}")
    for name in sorted(named - names):
        complain(f"docs/runbook.md has a section {name}, which is no alert")
    for name, text in sections:
        if not text or text.startswith("#"):
            complain(f"docs/runbook.md says nothing under {name}")
    for rule in alerts:
        check_section(rule, section_of(rule["alert"]), interval_min[rule["alert"]])


def section_of(name):
    """What stands below the heading of an alert."""
    return re.split(r"^##", read("docs/runbook.md").partition(f"### {name}\n")[2], flags=re.M)[0]


def check_section(rule, section, interval_min):
    """At three in the morning: what to type first, and how to know that it is over."""
    name = rule["alert"]
    first = re.search(r"^1\. .*(?:\n +.*)*", section, re.M)
    codes = re.findall(r"`([^`]+)`", first.group()) if first else []
    if not any(COMMAND.fullmatch(one) or QUERY.fullmatch(one) for one in codes):
        complain(f"docs/runbook.md has no command in the first step of {name}")
    over = re.search(r"^\*\*Over\*\*: .*\Z", section, re.M | re.S)
    if not over:
        complain(f"docs/runbook.md does not say at the end of {name} how one knows that it is **Over**")
        return
    for window in sorted(set(re.findall(r"\[(\w+)\]", rule["expr"])) & WINDOWS.keys()):
        if not re.search(rf"\b(?:{WINDOWS[window]})\b", " ".join(over.group().split())):
            complain(f"{name} looks back {window}, and docs/runbook.md does not say that it is "
                     "Over so much later")
    for said in re.findall(r"\bends? within (\w+)", " ".join(over.group().split())):
        if said in MINUTES and MINUTES.index(said) <= interval_min:
            complain(f"{name} is looked at every {interval_min:g} minutes, and Prometheus scrapes in "
                     f"between, so it may end later than docs/runbook.md says: within {said}")


def check_addresses():
    """What the reader of alerts-agents.yml runs, again after each upgrade, makes each runbook_url an
    address of theirs, and changes nothing else."""
    (command,) = re.findall(r"^#   (sed .*)$", read(f"{FOLDER}/alerts-agents.yml"), re.M)
    named = "https://wiki.example.org/qga-runbook"
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(FOLDER, copy, dirs_exist_ok=True)
        # One is run twice, one has in it what is replaced, and one a further #.
        for base in (named, named, "https://git.example.org/qga/blob/main/docs/runbook.md",
                     "https://wiki.example.org/#/qga", named):
            run("sh", "-c", f"cd {copy} && {command.replace(named, base)}")
            for path in RULES:
                check_addressed(path, copy, base)
        run("promtool", "check", "rules", "--lint=all", "--lint-fatal",
            *(path.replace(FOLDER, copy) for path in RULES))


def check_addressed(path, copy, base):
    text = read(path.replace(FOLDER, copy))
    if text.replace(f"runbook_url: {base}#", "runbook_url: docs/runbook.md#") != read(path):
        complain(f"the command at the head of alerts-agents.yml changes another part of {path}, or not all")
    for address in re.findall(r"^ +runbook_url: (.*)", text, re.M):
        if address.rpartition("#")[0] != base or address.rpartition("#")[2] not in ANCHORS:
            complain(f"{address} is no section of the runbook at {base}")


def cases_of(tests):
    """[(alert, severities that fire, metrics of the input)] of all tests."""
    for test in tests:
        given = {one["series"].partition("{")[0] for one in test["input_series"]}
        for case in test.get("alert_rule_test", []):
            yield case["alertname"], {one["exp_labels"]["severity"]
                                      for one in case["exp_alerts"]}, given


def check_cases(alerts, tests):
    cases = list(cases_of(tests))
    for rule in alerts:
        name, severity = rule["alert"], rule["labels"]["severity"]
        read_by_rule = {metric.removesuffix("_bucket") for metric in metrics_of(rule["expr"])}
        if not any(alert == name and severity in fired for alert, fired, _ in cases):
            complain(f"{name} ({severity}) fires in no test")
        quiet = [{metric.removesuffix("_bucket") for metric in given}
                 for alert, fired, given in cases if alert == name and not fired]
        if not any(read_by_rule <= given for given in quiet):
            complain(f"{name} has no test with {', '.join(sorted(read_by_rule))} in which it "
                     "must not fire")


def tested_rule(expression):
    """The recording rule that a test's expression asks for, be it rounded."""
    return _ROUNDED.sub(r"\1", expression)


def check_records(records, tests):
    tested = {tested_rule(one["expr"])
              for test in tests for one in test.get("promql_expr_test", [])
              if one["exp_samples"]}
    for rule in records:
        if rule["record"] not in tested:
            complain(f"{rule['record']} has no test")


def check_metrics(rules):
    documented = set(re.findall(r"^\| `(\w+)`", read("docs/METRICS.md"), re.M))
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        found = {metric.removesuffix("_bucket") for metric in metrics_of(rule["expr"])}
        if not found and not recorded & set(re.findall(r"[\w:]+", rule["expr"])):
            complain(f"{rule.get('alert', rule.get('record'))} reads no metric")
        for metric in sorted(found - documented - POLICY - PROMETHEUS):
            complain(f"{rule.get('alert', rule.get('record'))} reads {metric}, which "
                     "docs/METRICS.md does not have")


def queries_of(page):
    text = read(page)
    blocks = re.findall(r"```promql\n(.*?)```", text, re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return blocks + [one for one in inline if QUERY.fullmatch(one)]


def check_queries(page, known):
    """Rules of them all are what promtool can check without a Prometheus."""
    queries = queries_of(page)
    rules = [{"record": f"query:{index}", "expr": query} for index, query in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        run("promtool", "check", "rules", "--lint=none", file.name)
    for query in queries:
        found = {metric.removesuffix("_bucket") for metric in metrics_of(query)}
        for metric in sorted(found - known):
            complain(f"{page} asks for {metric}, which docs/METRICS.md does not have")
    if not queries:
        complain(f"{page} has no query")


def check_blocks(page):
    files = [read(path) for path in glob.glob(f"{FOLDER}/**/*.yml", recursive=True)]
    for block in re.findall(r"```yaml\n(.*?)```", read(page), re.S):
        if not any(block in text for text in files):
            complain(f"{page} shows what no file of {FOLDER} has: {block.strip().splitlines()[0]}")


def run(*command):
    if subprocess.run(command, check=False).returncode != 0:
        complain(f"failed: {' '.join(command)}")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    test_files = sorted(glob.glob(f"{FOLDER}/tests/*.yml"))
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)
    for path in [f"{FOLDER}/prometheus.yml", *glob.glob(f"{FOLDER}/fleet/*.yml")]:
        agent = ["--agent"] if path.endswith("/agent.yml") else []
        if "scrape_configs" in load(path) or "alerting" in load(path):
            run("promtool", "check", "config", *agent, path)
    if shutil.which("amtool"):
        run("amtool", "check-config", f"{FOLDER}/alertmanager.yml")
    run("promtool", "test", "rules", *test_files)
    groups = [group for path in RULES for group in load(path)["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    interval_min = {rule.get("alert"): int(group["interval"].removesuffix("m"))
                    for group in groups for rule in group["rules"]}
    alerts = [rule for rule in rules if "alert" in rule]
    records = [rule for rule in rules if "record" in rule]
    tests = [test for path in test_files for test in load(path)["tests"]]
    for rule in alerts:
        check_text(rule)
    check_sections(alerts, interval_min)
    check_addresses()
    check_cases(alerts, tests)
    check_records(records, tests)
    check_metrics(rules)
    known = set(re.findall(r"^\| `(\w+)`", read("docs/METRICS.md"), re.M))
    for page in PAGES:
        check_queries(page, known | {rule["record"] for rule in records} | PROMETHEUS)
    check_blocks("docs/fleet.md")
    if not complaints:
        print(f"ok    {len(alerts)} alerts, {len(records)} recording rules, "
              f"{sum(1 for _ in cases_of(tests))} cases")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
