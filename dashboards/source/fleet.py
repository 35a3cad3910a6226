"""Fleet: which guests need me now?

No panel has a line or a row for each guest: what is known of all of them is asked of records
and of alerts, and lists end after so many.
"""

from . import grafana as g
from .queries import (CLOCK_CERTAIN, CLOCK_STEPS, DRIFT_STEPS, FROM_LABELS, FROZEN, FROZEN_STEPS,
                      FULL_IN_STEPS, GUEST_LABELS, STATE_COLORS, STATE_NAMES, STATE_WORDS, STATES,
                      UP_DOWN, USED_STEPS, guest_variables, numbers_of, q, to_exporter, to_guest)

NONE_IS_GOOD = g.steps((1, g.ORANGE))
BAD = g.steps((1, g.RED))
LINKS = (g.override("Guest", links=[to_guest()]), g.override("Host", links=[to_exporter()]))
CRITICAL, WARNING, INFO = 3, 2, 1
SEVERITY = g.words((CRITICAL, "critical", g.RED), (WARNING, "warning", g.ORANGE),
                   (INFO, "info", g.BLUE))
HANG = 'state=~"unresponsive|malformed"'
WHERE_HOST = {"instance": "Host", "zone": "Zone", "cluster": "Cluster"}
WHOSE = {"title": "Title", "project": "Project", **WHERE_HOST}
# Who the guest is for people.
INFO_OF_GUEST = f"max by ({GUEST_LABELS}, title, project) (qga_domain_info{{GUEST}})"
# As the records have it, which are half as many series.
USED = "1 - instance_domain_mountpoint:qga_filesystem_avail_bytes:ratio{GUEST, NO_SPACE}"


def firing(severity):
    """Those of the chosen guests, and of hosts."""
    return ('ALERTS{HOST, domain=~"$domain|", alertname=~"Qga.*", alertstate="firing", '
            f'severity="{severity}"}}')


def summary():
    return g.row(
        "Now",
        g.stat("Guests", "Running guests that the exporters know, with and without an agent.",
               g.now(q("count(qga_up{GUEST})")), unit="none",
               thresholds=g.steps(base=g.BLUE), no_value="none"),
        g.stat("Silent agents", "Guests whose agent did not answer the last call. A guest without "
               "an agent counts, too.", g.now(q("count(qga_up{GUEST}) - sum(qga_up{GUEST})")),
               unit="none", thresholds=NONE_IS_GOOD, no_value="no guest"),
        g.stat("Hanging agents", "Guests whose agent is there and gives no usable answer: the "
               "guest may hang.", g.now(q(f"count(qga_agent_state{{GUEST, {HANG}}}) or vector(0)")),
               unit="none", thresholds=NONE_IS_GOOD),
        g.stat("Wrong clocks", "Guests whose clock is more than 0.5 s off the host's, its "
               "uncertainty taken off.", g.now(q(f"sum({CLOCK_CERTAIN} > bool 0.5)")),
               unit="none", thresholds=NONE_IS_GOOD, no_value="no clock"),
        g.stat("Almost full", "Filesystems of guests that are fuller than 95 %.",
               g.now(q(f"sum({USED} > bool 0.95)")),
               unit="none", thresholds=NONE_IS_GOOD, no_value="no filesystem"),
        g.stat("Longest freeze", "For how long the guest that has been frozen longest has been: "
               "until it is thawed, whatever writes in it waits.",
               g.now(q(f"max({FROZEN})")), unit="s",
               thresholds=FROZEN_STEPS, no_value="none"),
        g.stat("Firing alerts", "Alerts of qga-exporter that are firing, but for those that only "
               "inform; Prometheus must have its rules.",
               g.now(q(f"(count({firing('critical')}) or vector(0))\n+\n"
                       f"(count({firing('warning')}) or vector(0))")),
               unit="none", thresholds=NONE_IS_GOOD),
        g.stat("Blind hosts", "Exporters that do not answer, or that have lost their source of "
               "guests: nothing is known of the guests there.",
               g.now(q("sum(up{HOST} == bool 0) + sum(qga_exporter_source_up{HOST} == bool 0)"
                       " or sum(up{HOST} == bool 0)")),
               unit="none", thresholds=BAD, no_value="no exporter"))


def alerts():
    """The worst first, with what tells a guest to people where there is such."""
    found = (f"{CRITICAL} * {firing('critical')}\n  or\n    {WARNING} * {firing('warning')}\n"
             f"  or\n    {INFO} * {firing('info')}")
    return q(f"""
label_join(
  topk(100,
    ({found})
      * on BY_GUEST group_left (title, project)
        {INFO_OF_GUEST}
    or ignoring (title, project)
      ({found})
  ),
  "where", " ", "mountpoint", "device", "collector", "reason", "state", "address")""")


def attention():
    unwell = numbers_of(*(name for name, _ in STATES
                          if name not in ("responsive", "unconfigured", "disconnected")))
    return g.row(
        "What needs you",
        g.table("Needs attention", "The alerts that are firing, the worst hundred. Prometheus must "
                "have the rules of qga-exporter.", g.rows(alerts()), (24, 10), sort="-Severity",
                columns={"Value #A": "Severity", "alertname": "Alert", "domain": "Guest",
                         "where": "Where", **WHOSE},
                no_value="No alert is firing.",
                overrides=[*LINKS, g.override("Severity", mappings=SEVERITY, custom_width=100,
                                              custom_cellOptions=g.COLORED_CELL),
                           g.override("Alert", custom_width=240)]),
        g.timeline("Agents that were not well", "When the agents of which guests were not "
                   "responsive, thirty guests at once; those that never had one are left out.",
                   g.series(q(f"""
topk(30, max by BY_GUEST (
     {unwell}
  or 12 * qga_agent_state{{GUEST, state="disconnected"}}
       and ignoring (state) instance_domain:qga_up:ever{{GUEST}}
))"""), "{{domain}} · {{instance}}"),
                   (24, 12), mappings=STATE_WORDS, links=[to_guest(**FROM_LABELS)],
                   no_value="No agent is known to have been unwell."))


def hosts():
    def or_none(expression):
        return g.rows(q(f"{expression}\nor\n  0 * sum by BY_HOST (instance:qga_up:count{{HOST}})"))
    return g.row(
        "Hosts",
        g.table("Host by host", "Each host, what is known of its guests, and how many alerts fire "
                "there, but for those that only inform.",
                [g.rows(q("max by BY_HOST (instance:up:exporters{HOST})")),
                 g.rows(q("sum by BY_HOST (instance:qga_up:count{HOST})")),
                 g.rows(q("sum by BY_HOST (instance:qga_up:count{HOST})"
                          " - sum by BY_HOST (instance:qga_up:sum{HOST})")),
                 or_none(f"sum by BY_HOST (instance_state:qga_agent_state:count{{HOST, {HANG}}})"),
                 or_none('sum by BY_HOST (instance_state:qga_agent_state:count{HOST, '
                         'state="frozen"})'),
                 or_none('count by BY_HOST (ALERTS{HOST, alertname=~"Qga.*", '
                         'alertstate="firing", severity!="info"})'),
                 g.rows(q("min by BY_HOST (qga_host_clock_synchronized{HOST})"))],
                (24, 10), sort="-Alerts", paged=True, no_value="No host.",
                columns={**WHERE_HOST, "Value #A": "Exporter", "Value #B": "Guests",
                         "Value #C": "Silent", "Value #D": "Hang", "Value #E": "Frozen",
                         "Value #F": "Alerts", "Value #G": "Host's clock"},
                overrides=[
                    *LINKS[1:],
                    g.override("Exporter", mappings=UP_DOWN, custom_cellOptions=g.COLORED_TEXT),
                    *(g.override(name, thresholds=steps, custom_cellOptions=g.COLORED_TEXT)
                      for name, steps in (("Hang", BAD), ("Alerts", NONE_IS_GOOD))),
                    g.override("Host's clock", mappings=g.words(
                        (1, "synchronized", g.GREEN), (0, "not synchronized", g.ORANGE)),
                               custom_cellOptions=g.COLORED_TEXT)]),
        g.lines("Guests by the state of their agent", "How many guests of the chosen hosts have an "
                "agent in which state.",
                g.series(q("sum by (state) (instance_state:qga_agent_state:count{HOST})"),
                         "{{state}}"),
                (24, 7), unit="none", stacked=True, min=0, decimals=0, no_value="No guest.",
                overrides=STATE_COLORS))


def first(title, description, expression, column, size=(8, 9), count=10, **field):
    """The guests with the most of something, and whose they are; a third of a line is too narrow
    for zones, too."""
    worst = f"topk({count}, {expression})"
    return g.table(title, description,
                   [g.rows(q(worst)), g.rows(q(f"{INFO_OF_GUEST}\nand on BY_GUEST\n  {worst}"))],
                   size, sort=f"-{column}", no_value="No guest tells.",
                   columns={"domain": "Guest", "Value #A": column, "title": "Title",
                            "project": "Project", "instance": "Host"},
                   overrides=[*LINKS, g.override(column, **field)])


def consumers():
    def used(name):
        return f"1 - qga_{name}_MemAvailable_bytes{{GUEST}} / qga_{name}_MemTotal_bytes{{GUEST}}"

    def bytes_of(way):
        return f'rate(qga_network_{way}_bytes_total{{GUEST, device!="lo"}}[$__rate_interval])'
    return g.row(
        "Who uses most",
        first("Highest loads", "The ten guests with the most tasks that run or wait for each "
              "vCPU, averaged over 5 minutes (agents from QEMU 10.0 on, or the collector procfs).",
              'qga_load5{GUEST}\n'
              '    / ignoring (state) qga_vcpus{GUEST, state="online"}',
              "Load", decimals=2, thresholds=g.steps((2, g.ORANGE)),
              custom_cellOptions=g.COLORED_TEXT),
        first("Least memory left", "The ten guests that use the largest share of their memory (by "
              "their balloon, or the collector procfs).",
              f"{used('memory')}\n    or {used('balloon')}",
              "Used", unit="percentunit", decimals=1, min=0, max=1,
              thresholds=g.steps((0.95, g.ORANGE)), custom_cellOptions=g.GAUGE_CELL),
        first("Most traffic", "The ten guests that receive and send most.",
              f"sum by BY_GUEST ({bytes_of('receive')} + {bytes_of('transmit')})",
              "Traffic", unit="Bps"))


def clocks():
    ten = f"topk(10, {CLOCK_CERTAIN})"
    return g.row(
        "Clocks",
        g.lines("Clock offsets", "The ten hosts with the guest whose clock is furthest from the "
                "host's: how much of the offset is certain, whichever the way it goes.",
                g.series(q("instance:qga_clock_offset_seconds:certain_max{HOST}\n"
                           "and on BY_HOST topk(10, max_over_time("
                           "instance:qga_clock_offset_seconds:certain_max{HOST}"
                           "[$__range] @ end()))"), "{{instance}}"),
                unit="s", thresholds=CLOCK_STEPS, min=0,
                custom={"scaleDistribution": {"type": "symlog", "log": 10, "linearThreshold": 0.1}},
                no_value="No guest tells its time."),
        g.table("Furthest clocks", "Guest less host, how much that may be wrong either way, and "
                "what the guest's clock gains on the host's. Drift is there from 10 steady minutes "
                "on.",
                [g.rows(q(f"max by BY_GUEST ({what})\nand on BY_GUEST\n  {ten}"))
                 for what in ("qga_clock_offset_seconds{GUEST}",
                              "qga_clock_offset_uncertainty_seconds{GUEST}",
                              "1e6 * qga_clock_drift_ratio{GUEST}", CLOCK_CERTAIN)],
                sort="-Certain", no_value="No guest tells its time.",
                columns={"domain": "Guest", "Value #D": "Certain", "Value #A": "Offset",
                         "Value #B": "±", "Value #C": "Drift", **WHERE_HOST},
                overrides=[*LINKS,
                           g.override("Offset", unit="s", decimals=3),
                           g.override("±", unit="s", decimals=3),
                           g.override("Certain", unit="s", decimals=3, thresholds=CLOCK_STEPS,
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Drift", unit="ppm", thresholds=DRIFT_STEPS)]))


def filesystems():
    columns = {"domain": "Guest", "mountpoint": "Mounted at", "Value #A": "Used",
               "Value #B": "Left", **WHERE_HOST}
    full = ("bottomk(20, instance_domain_mountpoint:qga_filesystem_avail_bytes:zero_in_seconds"
            "{GUEST})")
    return g.row(
        "Filesystems",
        g.table("Fullest filesystems", "The twenty with the least space left for users, relative "
                "to their size.",
                [g.rows(q(f"topk(20, {USED})")),
                 g.rows(q(f"qga_filesystem_avail_bytes{{GUEST}}\nand\n  topk(20, {USED})"))],
                sort="-Used", columns=columns, no_value="No guest tells of its filesystems.",
                overrides=[*LINKS,
                           g.override("Used", unit="percentunit", decimals=1, min=0, max=1,
                                      thresholds=USED_STEPS, custom_cellOptions=g.GAUGE_CELL),
                           g.override("Left", unit="bytes")]),
        g.table("Will be full within a week", "Filesystems that fill up, and when they are full if "
                "they go on as in the last 6 hours; the twenty that are first.",
                [g.rows(q(full)), g.rows(q(f"qga_filesystem_avail_bytes{{GUEST}}\nand\n  {full}"))],
                sort="Full in", columns={**columns, "Value #A": "Full in"},
                no_value="No filesystem will be full within a week.",
                overrides=[*LINKS,
                           g.override("Full in", unit="s", thresholds=FULL_IN_STEPS,
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Left", unit="bytes")]),
        g.lines("Freezes", "For how long filesystems have been frozen, by backups most likely; ten "
                "guests at once.",
                g.series(q(f"topk(10, {FROZEN})"), "{{domain}} · {{instance}}"),
                (24, 7), unit="s", min=0, thresholds=FROZEN_STEPS,
                links=[to_guest(**FROM_LABELS)], no_value="No guest was frozen."))


def software():
    return g.row(
        "Software",
        g.bars("Agent versions", "How many guests run which version of the guest agent.",
               g.now(q("topk(20, count by (version) (qga_agent_info{GUEST}))"), "{{version}}"),
               (12, 9), unit="none", no_value="No agent tells its version."),
        g.bars("Operating systems", "How many guests run which operating system.",
               g.now(q("topk(20, count by (pretty_name) (qga_os_info{GUEST}))"),
                     "{{pretty_name}}"),
               (12, 9), unit="none", no_value="No agent tells its operating system."))


def commands():
    return g.row(
        "What agents would do for the host",
        g.bars("Commands", "How many agents would run a command that can "
               "change their guest. guest-exec runs any program as root.",
               g.now(q("sort_desc(sum by (command) (qga_agent_command_enabled{GUEST}) > 0)"),
                     "{{command}}"),
               (24, 13), unit="none", no_value="None."), collapsed=True)


def guests():
    """The hundred are found by one series of each guest, once for each query; what a query reads
    is cut down to them before it is put together.  Each reads a series of every guest: what
    the guest's own dashboard is for is not here."""
    def those(labels, expression):
        return g.rows(q(f"max by ({GUEST_LABELS}{labels}) (\n  {expression}\n"
                        "  and on BY_GUEST bottomk(100, qga_up{GUEST})\n)"))
    return g.row(
        "Guest by guest",
        g.table("A hundred guests", "Those whose agents do not answer come before all others, "
                "with what matters most of each; choose hosts or guests to see the others. A "
                "value that the agent did not tell is left out.",
                [those(", state", "qga_agent_state{GUEST}"),
                 those(", pretty_name", "qga_os_info{GUEST}"),
                 those(", version", "qga_agent_info{GUEST}"),
                 those("", "qga_clock_offset_seconds{GUEST}"),
                 those("", USED),
                 those("", "qga_agent_last_response_timestamp_seconds{GUEST} * 1000"),
                 those(", title, project", "qga_domain_info{GUEST}")],
                (24, 12), sort="Guest", paged=True, no_value="No guest.",
                columns={"domain": "Guest", "state": "State", "pretty_name": "System",
                         "version": "Agent", "Value #D": "Clock offset",
                         "Value #E": "Fullest filesystem", "Value #F": "Last answer", **WHOSE},
                overrides=[
                    *LINKS,
                    g.override("System", custom_width=200),
                    g.override("State", mappings=STATE_NAMES, custom_cellOptions=g.COLORED_CELL),
                    g.override("Clock offset", unit="s", decimals=3,
                               custom_cellOptions=g.COLORED_TEXT,
                               thresholds=g.steps((-5, g.ORANGE), (-0.5, g.GREEN), (0.5, g.ORANGE),
                                                  (5, g.RED), base=g.RED)),
                    g.override("Fullest filesystem", unit="percentunit", decimals=1, min=0, max=1,
                               thresholds=USED_STEPS, custom_cellOptions=g.GAUGE_CELL),
                    g.override("Last answer", unit="dateTimeFromNow")]), collapsed=True)


def dashboard():
    return g.dashboard(
        "qga-fleet", "QEMU guest agents / Fleet",
        "Which guests need me now? All guests of all hosts, as their guest agents tell.",
        variables=guest_variables(multi=True),
        rows_of=[summary(), attention(), hosts(), consumers(), clocks(), filesystems(), software(),
                 commands(), guests()])
