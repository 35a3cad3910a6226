"""Fleet: which guests need me now?"""

from . import grafana as g
from .queries import (CLOCK_CERTAIN, CLOCK_STEPS, DRIFT_STEPS, FROM_LABELS, FROZEN_STEPS, FULL_IN,
                      FULL_IN_STEPS, GUEST_LABELS, STATE, STATE_COLORS, STATE_WORDS, USED,
                      USED_STEPS, guest_variables, q, to_exporter, to_guest)
from .troubles import SEVERITY, troubles

NONE_IS_GOOD = g.steps((1, g.ORANGE))
GUEST_COLUMN = g.override("Guest", links=[to_guest()])
HOST_COLUMN = g.override("Host", links=[to_exporter()])
LINKS = (GUEST_COLUMN, HOST_COLUMN)


def summary():
    return g.row(
        "Now",
        g.stat("Guests", "Running guests that the exporters know, with and without an agent.",
               g.series(q("count(qga_up{GUEST})")), unit="short", sparkline=True,
               thresholds=g.steps(base=g.BLUE), no_value="none"),
        g.stat("Silent agents", "Guests whose agent did not answer the last call. A guest without "
               "an agent counts, too.", g.now(q("count(qga_up{GUEST}) - sum(qga_up{GUEST})")),
               unit="short", thresholds=NONE_IS_GOOD, no_value="no guest"),
        g.stat("Wrong clocks", "Guests whose clock is more than 0.5 s off the host's, its "
               "uncertainty taken off.", g.now(q(f"sum({CLOCK_CERTAIN} > bool 0.5)")),
               unit="short", thresholds=NONE_IS_GOOD, no_value="no clock"),
        g.stat("Almost full", "Filesystems of guests that are fuller than 95 %.",
               g.now(q(f"sum({USED} > bool 0.95)")),
               unit="short", thresholds=NONE_IS_GOOD, no_value="no filesystem"),
        g.stat("Longest freeze", "For how long the guest that has been frozen longest has been: "
               "until it is thawed, whatever writes in it waits.",
               g.now(q("max(time() - qga_filesystems_frozen_since_timestamp_seconds{GUEST})")), unit="s",
               thresholds=FROZEN_STEPS, no_value="none"),
        g.stat("Outdated agents", "Guests whose agent is older than QEMU 5.2.",
               g.now(q("count(qga_agent_info{GUEST, OUTDATED}) or vector(0)")), unit="short",
               thresholds=g.steps((1, g.BLUE))),
        g.stat("Firing alerts", "Alerts of qga-exporter that are firing, if Prometheus has its "
               "rules.", g.now(q('count(ALERTS{HOST, alertname=~"Qga.*", alertstate="firing"})'
                                 " or vector(0)")), unit="short", thresholds=NONE_IS_GOOD),
        g.stat("Blind hosts", "Exporters that do not answer, or that have lost their source of "
               "guests: nothing is known of the guests there.",
               g.now(q("sum(up{HOST} == bool 0) + sum(qga_exporter_source_up{HOST} == bool 0)"
                       " or sum(up{HOST} == bool 0)")),
               unit="short", thresholds=g.steps((1, g.RED)), no_value="no exporter"))


def attention():
    return g.row(
        "What needs you",
        g.table("Needs attention", "What is wrong with which guest or host, worst first. It "
                "follows the alerts, without their waiting times; a clock is compared with its "
                "host's even if nothing disciplines that.",
                g.rows(troubles()), (13, 11), sort="-Severity",
                columns={"Value #A": "Severity", "domain": "Guest", "problem": "Problem",
                         "where": "Where", "instance": "Host", "source": "Source"},
                no_value="Nothing is known to be wrong.",
                overrides=[*LINKS, g.override("Severity", mappings=SEVERITY, custom_width=100,
                                              custom_cellOptions=g.COLORED_CELL),
                           g.override("Problem", custom_width=230)]),
        g.timeline("Agents that were not well", "The states of those guests whose agent did not "
                   "answer all the time, over the time range.",
                   g.series(q(f"{STATE}\nunless on BY_GUEST\n"
                              "  min_over_time(qga_up{GUEST}[$__range] @ end()) == 1"),
                            "{{domain}} · {{instance}}"),
                   (11, 11), mappings=STATE_WORDS, links=[to_guest(**FROM_LABELS)],
                   no_value="No agent is known to have been unwell."))


def guests():
    worst = "max by BY_GUEST"
    return g.row(
        "All guests",
        g.lines("Guests by the state of their agent", "How many guests have an agent in which "
                "state.", g.series(q("count by (state) (qga_agent_state{GUEST})"), "{{state}}"),
                (24, 7), unit="short", stacked=True, min=0, decimals=0, no_value="No guest.",
                overrides=STATE_COLORS),
        g.table("Guest by guest", "Every guest, with what matters most of each. A value that the "
                "agent did not tell is left out.",
                [g.rows(q(STATE)),
                 g.rows(q(f"max by ({GUEST_LABELS}, pretty_name) (qga_os_info{{GUEST}})")),
                 g.rows(q(f"max by ({GUEST_LABELS}, version) (qga_agent_info{{GUEST}})")),
                 g.rows(q("max by BY_GUEST (qga_vcpus{GUEST, state=\"online\"})")),
                 g.rows(q(f"{worst} (qga_clock_offset_seconds{{GUEST}})")),
                 g.rows(q(f"{worst} (qga_clock_offset_uncertainty_seconds{{GUEST}})")),
                 g.rows(q(f"{worst} ({USED})")),
                 g.rows(q(f"{worst} (qga_agent_last_response_timestamp_seconds{{GUEST}}) * 1000"))],
                (24, 12), sort="Guest", no_value="No guest.",
                columns={"domain": "Guest", "Value #A": "State", "pretty_name": "System",
                         "version": "Agent", "Value #D": "vCPUs", "Value #E": "Clock offset",
                         "Value #F": "±", "Value #G": "Fullest filesystem",
                         "Value #H": "Last answer", "instance": "Host", "source": "Source"},
                overrides=[
                    *LINKS,
                    g.override("System", custom_width=200),
                    g.override("vCPUs", custom_width=90),
                    g.override("State", mappings=STATE_WORDS, custom_cellOptions=g.COLORED_CELL),
                    g.override("Clock offset", unit="s", decimals=3,
                               custom_cellOptions=g.COLORED_TEXT,
                               thresholds=g.steps((-5, g.ORANGE), (-0.5, g.GREEN), (0.5, g.ORANGE),
                                                  (5, g.RED), base=g.RED)),
                    g.override("±", unit="s", decimals=3),
                    g.override("Fullest filesystem", unit="percentunit", decimals=1, min=0, max=1,
                               thresholds=USED_STEPS, custom_cellOptions=g.GAUGE_CELL),
                    g.override("Last answer", unit="dateTimeFromNow")]))


def clocks():
    ten = f"topk(10, {CLOCK_CERTAIN})"
    return g.row(
        "Clocks",
        g.lines("Clock offsets", "The ten guests whose clock is furthest from the host's now: how "
                "much of their offset is certain, whichever the way it goes.",
                g.series(q(f"clamp_min({CLOCK_CERTAIN}, 0)\nand on BY_GUEST\n  "
                           + ten.replace("{GUEST}", "{GUEST} @ end()")),
                         "{{domain}} · {{instance}}"),
                unit="s", thresholds=CLOCK_STEPS, min=0, links=[to_guest(**FROM_LABELS)],
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
                         "Value #B": "±", "Value #C": "Drift", "instance": "Host",
                         "source": "Source"},
                overrides=[*LINKS,
                           g.override("Offset", unit="s", decimals=3),
                           g.override("±", unit="s", decimals=3),
                           g.override("Certain", unit="s", decimals=3, thresholds=CLOCK_STEPS,
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Drift", unit="ppm", thresholds=DRIFT_STEPS)]),
        g.stat("Hosts without the time", "Hosts whose own clock nothing disciplines: the offsets "
               "of their guests say little.",
               g.now(q("sum(qga_host_clock_synchronized{HOST} == bool 0)")), unit="short",
               thresholds=NONE_IS_GOOD, size=(4, 6), no_value="no host"),
        g.lines("Stepped clocks", "Jumps of guests' clocks against the host's. If all guests of a "
                "host step at once, the host did.",
                g.series(q("increase(qga_clock_steps_total{GUEST}[$__rate_interval]) > 0"),
                         "{{domain}} · {{instance}}"), (20, 6), unit="short", min=0,
                links=[to_guest(**FROM_LABELS)], no_value="No clock has stepped.",
                custom={"drawStyle": "bars", "fillOpacity": 60}))


def filesystems():
    columns = {"domain": "Guest", "mountpoint": "Mounted at", "Value #A": "Used",
               "Value #B": "Left", "instance": "Host", "source": "Source"}
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
                "they go on as in the last 6 hours.",
                [g.rows(q(f"{FULL_IN.strip()}\n< 7 * 24 * 3600")),
                 g.rows(q(f"qga_filesystem_avail_bytes{{GUEST}}\nand\n  {FULL_IN.strip()}\n"
                          "  < 7 * 24 * 3600"))],
                sort="Full in", columns={**columns, "Value #A": "Full in"},
                no_value="No filesystem will be full within a week.",
                overrides=[*LINKS,
                           g.override("Full in", unit="s", thresholds=FULL_IN_STEPS,
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Left", unit="bytes")]))


def software():
    return g.row(
        "Software",
        g.bars("Agent versions", "How many guests run which version of the guest agent.",
               g.now(q("sort_desc(count by (version) (qga_agent_info{GUEST}))"), "{{version}}"),
               (8, 13), unit="short", no_value="No agent tells its version."),
        g.bars("Operating systems", "How many guests run which operating system.",
               g.now(q("sort_desc(count by (pretty_name) (qga_os_info{GUEST}))"),
                     "{{pretty_name}}"),
               (8, 13), unit="short", no_value="No agent tells its operating system."),
        g.bars("What agents would do for the host", "How many agents would run a command that can "
               "change their guest. guest-exec runs any program as root.",
               g.now(q("sort_desc(sum by (command) (qga_agent_command_enabled{GUEST}) > 0)"),
                     "{{command}}"),
               (8, 13), unit="short", no_value="None."),
        g.table("Which agents are outdated", "Agents older than QEMU 5.2, of 2020: later ones "
                "tell more and have fewer faults.",
                g.rows(q("max by (job, instance, source, domain, version) "
                         "(qga_agent_info{GUEST, OUTDATED})")),
                (24, 5), sort="Agent", no_value="No agent is outdated.",
                columns={"domain": "Guest", "version": "Agent", "instance": "Host",
                         "source": "Source"}, overrides=LINKS))


def dashboard():
    return g.dashboard(
        "qga-fleet", "QEMU guest agents / Fleet",
        "Which guests need me now? All guests of all hosts, as their guest agents tell.",
        variables=guest_variables(multi=True),
        rows_of=[summary(), attention(), guests(), clocks(), filesystems(), software()])
