"""Exporter: is qga-exporter itself well, and what does it cost?"""

from . import grafana as g
from .queries import STATE_COLORS, UP_DOWN, host_variables, q

RATE = "[$__rate_interval]"
INSTANCE = "{{instance}}"
LATE_STEPS = g.steps((5, g.RED))
CALLS = "qga_exporter_call_duration_seconds_bucket"
LATENESS = "qga_exporter_schedule_lateness_seconds_bucket"


def rate(name, by="instance"):
    return q(f"sum by ({by}) (rate({name}{{HOST}}{RATE}))")


def ten(shown, most):
    """Of the hosts, the ten with the most in the whole time range: no more lines than that,
    and the same ones at all times."""
    return q(f"{shown}\nand on (instance)\n  topk(10, max by (instance) ({most}))")


def ten_of(metric):
    return ten(f"max by (instance) ({metric}{{HOST}})",
               f"avg_over_time({metric}{{HOST}}[$__range] @ end())")


def ten_that_count(metric, function="rate"):
    return ten(f"sum by (instance) ({function}({metric}{{HOST}}{RATE}))",
               f"increase({metric}{{HOST}}[$__range] @ end())")


def ten_worst(shown, by="instance"):
    """Of what is 1 where all is well."""
    metric = f"{shown}{{HOST}}"
    return q(f"min by ({by}) ({metric})\nand on ({by})\n"
             f"  topk(10, 1 - avg_over_time({metric}[$__range] @ end()))")


def quantile(share, bucket, by):
    return q(f"histogram_quantile({share}, sum by ({by}, le) (rate({bucket}{{HOST}}{RATE})))")


def summary():
    return g.row(
        "Now",
        g.stat("Exporters", "Exporters that answer Prometheus.", g.now(q("sum(up{HOST})")),
               unit="short", thresholds=g.steps((1, g.GREEN), base=g.RED), no_value="none"),
        g.stat("Down", "Exporters that do not answer Prometheus.",
               g.now(q("sum(up{HOST} == bool 0)")), unit="short", thresholds=g.steps((1, g.RED)),
               no_value="none"),
        g.stat("Sources down", "Sources of guests (libvirt, a folder of sockets) that are not "
               "connected.", g.now(q("sum(qga_exporter_source_up{HOST} == bool 0)")),
               unit="short", thresholds=g.steps((1, g.RED)), no_value="no exporter"),
        g.stat("Guests", "Running guests.", g.series(q("sum(qga_exporter_guests{HOST})")),
               unit="none", sparkline=True, thresholds=g.steps(base=g.BLUE), no_value="none"),
        g.stat("Calls", "Calls to guest agents.",
               g.series(q(f"sum(rate(qga_exporter_calls_total{{HOST}}{RATE}))")), unit="cps",
               sparkline=True, thresholds=g.steps(base=g.BLUE), no_value="none"),
        g.stat("Failing calls", "The share of calls to guest agents that bring no answer.",
               g.now(q(f"""
sum(rate(qga_exporter_calls_total{{HOST, outcome!="ok"}}{RATE}))
/
sum(rate(qga_exporter_calls_total{{HOST}}{RATE}))""")), unit="percentunit", decimals=1,
               thresholds=g.steps((0.1, g.ORANGE)), no_value="none"),
        g.stat("Lateness", "How long after its due time the latest one in a hundred visits to a "
               "guest began.", g.now(q(f"histogram_quantile(0.99, sum by (le) (rate("
                                       f"{LATENESS}{{HOST}}{RATE})))")),
               unit="s", thresholds=LATE_STEPS, no_value="no visit"),
        g.stat("Processor use", "What all exporters together use: 100 % is one processor.",
               g.series(q(f"sum(rate(process_cpu_seconds_total{{HOST}}{RATE}))")),
               unit="percentunit", decimals=2, sparkline=True, thresholds=g.steps(base=g.BLUE),
               no_value="none"),
        g.table("Exporter by exporter", "Each exporter, its version, and what is wrong with it.",
                [g.rows(q("max by BY_HOST (up{HOST})")),
                 g.rows(q("max by (job, cluster, zone, instance, version, revision) "
                          "(qga_exporter_build_info{HOST})")),
                 g.rows(q("sum by BY_HOST (qga_exporter_guests{HOST})")),
                 g.rows(q("min by BY_HOST (qga_exporter_source_up{HOST})")),
                 g.rows(q("max by BY_HOST (qga_exporter_paused{HOST})")),
                 g.rows(q("min by BY_HOST "
                          "(qga_exporter_config_last_reload_successful{HOST})")),
                 g.rows(q("1000 * max by BY_HOST "
                          "(qga_exporter_config_last_reload_success_timestamp_seconds{HOST})")),
                 g.rows(q("max by BY_HOST (process_start_time_seconds{HOST}) * 1000")),
                 g.rows(q("min by BY_HOST (qga_host_clock_synchronized{HOST})"))],
                (24, 7), sort="Host", no_value="No exporter.",
                columns={"instance": "Host", "zone": "Zone", "cluster": "Cluster",
                         "Value #A": "Exporter", "version": "Version",
                         "revision": "Revision", "Value #C": "Guests", "Value #D": "Sources",
                         "Value #E": "Paused", "Value #F": "Configuration", "Value #G": "Loaded",
                         "Value #H": "Started", "Value #I": "Host's clock"},
                overrides=[
                    g.override("Exporter", mappings=UP_DOWN, custom_cellOptions=g.COLORED_TEXT),
                    g.override("Sources", mappings=g.words((1, "all up", g.GREEN),
                                                           (0, "down", g.RED)),
                               custom_cellOptions=g.COLORED_TEXT),
                    g.override("Paused", mappings=g.words((0, "no", g.GREEN), (1, "yes", g.ORANGE)),
                               custom_cellOptions=g.COLORED_TEXT),
                    g.override("Configuration", mappings=g.words((1, "good", g.GREEN),
                                                                 (0, "refused", g.RED)),
                               custom_cellOptions=g.COLORED_TEXT),
                    g.override("Host's clock", mappings=g.words((1, "synchronized", g.GREEN),
                                                                (0, "not synchronized", g.ORANGE)),
                               custom_cellOptions=g.COLORED_TEXT),
                    g.override("Loaded", unit="dateTimeFromNow"),
                    g.override("Started", unit="dateTimeFromNow")]))


def calls():
    return g.row(
        "Calls to guest agents",
        g.lines("Calls by command", "Calls to guest agents, by the agent's command.",
                g.series(rate("qga_exporter_calls_total", "command"), "{{command}}"), (12, 9),
                unit="cps", stacked=True, min=0, placement="right", no_value="No call."),
        g.lines("Time that a call takes, 99th percentile", "By command, on the host where it "
                "takes longest, with the time spent waiting inside libvirt.",
                g.series(q("max by (command) (instance_command:"
                           "qga_exporter_call_duration_seconds:p99_5m{HOST})"), "{{command}}"),
                (12, 9), unit="s", min=0, placement="right", no_value="No call."),
        g.table("Commands", "Calls of each command in the last minutes, and how long they take.",
                [g.rows(rate("qga_exporter_calls_total", "command")),
                 g.rows(q(f"""
(
    sum by (command) (rate(qga_exporter_calls_total{{HOST, outcome!="ok"}}{RATE}))
  or
    0 * {rate("qga_exporter_calls_total", "command")}
)
/
{rate("qga_exporter_calls_total", "command")}
>= 0""")),
                 g.rows(quantile(0.5, CALLS, "command") + " >= 0"),
                 g.rows(quantile(0.99, CALLS, "command") + " >= 0")],
                (12, 9), sort="-99 % within", no_value="No call.",
                columns={"command": "Command", "Value #A": "Calls", "Value #B": "Failing",
                         "Value #C": "Half within", "Value #D": "99 % within"},
                overrides=[g.override("Command", custom_width=230),
                           g.override("Calls", unit="cps"),
                           g.override("Failing", unit="percentunit", decimals=1),
                           g.override("Half within", unit="s"),
                           g.override("99 % within", unit="s")]),
        g.lines("Failed calls by reason", "Calls that brought no answer. Unsupported and disabled "
                "are facts about a guest, not faults.",
                g.series(q('sum by (outcome) (rate(qga_exporter_calls_total{HOST, outcome!="ok"}'
                           f"{RATE})) > 0"), "{{outcome}}"),
                (6, 9), unit="cps", stacked=True, min=0, no_value="No call has failed."),
        g.lines("Guests by the state of their agent", "How many guests have an agent in which "
                "state.",
                g.series(q("sum by (state) (qga_exporter_guests{HOST}) > 0"), "{{state}}"),
                (6, 9), unit="none", stacked=True, min=0, decimals=0, no_value="No guest.",
                overrides=STATE_COLORS))


def schedule():
    return g.row(
        "Schedule",
        g.lines("Lateness of visits", "How long after its due time the latest one in a hundred "
                "visits to a guest began; the ten hosts where that is longest.",
                g.series(ten_of("instance:qga_exporter_schedule_lateness_seconds:p99_5m"), INSTANCE),
                (8, 8), unit="s", min=0, thresholds=LATE_STEPS, no_value="No visit."),
        g.lines("Lanes in use", "The share of the calls that there can be at once which are in "
                "flight; the ten hosts with the largest. With all lanes in use visits are late.",
                g.series(ten("max by (instance) (qga_exporter_lanes_in_use{HOST} / "
                             "qga_exporter_lanes{HOST})",
                             "avg_over_time(qga_exporter_lanes_in_use{HOST}[$__range] @ end()) / "
                             "last_over_time(qga_exporter_lanes{HOST}[2m] @ end())"), INSTANCE),
                (8, 8), unit="percentunit", min=0, no_value="No lanes: sockets only."),
        g.lines("Lanes given up", "Lanes whose call into libvirt never came back, and which were "
                "replaced: libvirt or a guest hangs. The ten hosts with most.",
                g.series(ten_that_count("qga_exporter_lanes_abandoned_total", "increase"),
                         INSTANCE),
                (8, 8), unit="short", min=0, decimals=0, custom=g.FEW,
                no_value="No lanes: sockets only."))


def limits():
    return g.row(
        "Limits and faults of guests",
        g.table("Dropped series", "Guests that say more than the limits allow, or what "
                "is not as documented; that is dropped. The fifty with most.",
                g.rows(q("topk(50, qga_collector_dropped_series{HOST} > 0)")), (8, 8),
                sort="-Dropped", no_value="Nothing is dropped.",
                columns={"domain": "Guest", "collector": "Collector", "Value #A": "Dropped",
                         "instance": "Host", "source": "Source"},
                overrides=[g.override("Dropped", unit="short", thresholds=g.steps((1, g.ORANGE)),
                                      custom_cellOptions=g.COLORED_TEXT)]),
        g.table("Avoided commands", "Commands that are not sent to a guest any more: their reply "
                "broke the channel, may have left something open, or they do harm.",
                g.rows(q("topk(50, qga_collector_avoided{HOST})")), (8, 8), sort="Guest",
                no_value="No command is avoided.",
                columns={"domain": "Guest", "collector": "Collector", "reason": "Why",
                         "instance": "Host", "source": "Source"}),
        g.bars("Failing collectors", "Guests whose last call of a collector brought no data though "
               "their agent has the command.",
               g.now(q("""
sort_desc(
  count by (collector) (instance_domain_collector:qga_collector_success:zero{HOST})
)"""), "{{collector}}"), unit="short", no_value="None fails.",
               color={"mode": "thresholds"}, thresholds=g.steps((1, g.ORANGE))),
        g.lines("Names that two guests have", "Guests found with the name of another guest of the "
                "same source; their label domain has got a suffix. The ten hosts with most.",
                g.series(ten_that_count("qga_exporter_guest_name_conflicts_total", "increase"),
                         INSTANCE),
                (24, 5), unit="short", min=0, decimals=0, custom=g.FEW))


def cost():
    return g.row(
        "Cost",
        g.lines("Processor", "The ten hosts whose exporters use most; 100 % is one processor.",
                g.series(ten_that_count("process_cpu_seconds_total"), INSTANCE), (8, 8),
                unit="percentunit", min=0),
        g.lines("Memory", "Resident memory of the ten exporters that have most.",
                g.series(ten_of("process_resident_memory_bytes"), INSTANCE),
                (8, 8), unit="bytes", min=0),
        g.lines("Series", "Series in an answer to Prometheus; the ten hosts with most.",
                g.series(ten_of("scrape_samples_scraped"), INSTANCE), (8, 8),
                unit="short", min=0))


def more():
    return g.row(
        "More of what it costs",
        g.lines("Open files", "Open file descriptors, of how many there can be; the ten hosts "
                "with most.",
                g.series(ten("max by (instance) (process_open_fds{HOST} / process_max_fds{HOST})",
                             "last_over_time(process_open_fds{HOST}[2m] @ end()) / "
                             "last_over_time(process_max_fds{HOST}[2m] @ end())"),
                         INSTANCE), (8, 8), unit="percentunit", min=0,
                thresholds=g.steps((0.8, g.RED))),
        g.lines("Duration of a scrape", "How long Prometheus waits for an answer. It does not wait "
                "for guests. The ten hosts with the longest.",
                g.series(ten_of("scrape_duration_seconds"), INSTANCE), (8, 8),
                unit="s", min=0),
        g.lines("Bytes of answers", "Bytes of the bodies of all answers, to whoever scrapes; the "
                "ten hosts with most.",
                g.series(ten_that_count("qga_exporter_scrape_body_bytes_total"), INSTANCE), (8, 8),
                unit="Bps", min=0),
        g.lines("Answers by status", "Answers to requests for the metrics, by their HTTP status.",
                g.series(rate("qga_exporter_scrapes_total", "code"), "{{code}}"), (8, 8),
                unit="reqps", min=0),
        g.lines("Threads", "Threads of the process; lanes that were given up stay until their call "
                "comes back. The ten hosts with most.",
                g.series(ten_of("process_threads"), INSTANCE), (8, 8),
                unit="short", min=0, decimals=0),
        g.lines("Error of the host's clock", "The most by which the host's clock may be wrong; "
                "16 s means that nothing disciplines it. The ten hosts with most.",
                g.series(ten_of("qga_host_clock_max_error_seconds"), INSTANCE),
                (8, 8), unit="s", min=0), collapsed=True)


def states():
    return g.row(
        "Over time",
        g.timeline("Exporter and its sources", "Whether the exporter answered Prometheus, and "
                   "whether its sources of guests were connected; of each the ten that were so "
                   "least.",
                   [g.series(ten_worst("up"), f"{INSTANCE} exporter"),
                    g.series(ten_worst("qga_exporter_source_up", "instance, source"),
                             f"{INSTANCE} {{{{source}}}}")],
                   (12, 10), mappings=UP_DOWN, no_value="No exporter."),
        g.timeline("Configuration and pause", "Whether the last configuration was accepted, and "
                   "whether the exporter asks its guests; of each the ten hosts that did so least.",
                   [g.series(ten_worst("qga_exporter_config_last_reload_successful"),
                             f"{INSTANCE} configuration"),
                    g.series(ten("2 + max by (instance) (qga_exporter_paused{HOST})",
                                 "avg_over_time(qga_exporter_paused{HOST}[$__range] @ end())"),
                             f"{INSTANCE} asks")],
                   (12, 10), mappings=g.words((1, "good", g.GREEN), (0, "refused", g.RED),
                                             (2, "asks", g.GREEN), (3, "paused", g.ORANGE)),
                   no_value="No exporter."))


def dashboard():
    return g.dashboard(
        "qga-exporter", "QEMU guest agents / Exporter",
        "Is qga-exporter itself well, and what does it cost?",
        variables=host_variables("qga_exporter_build_info"),
        annotations=[g.annotation(
            "Alerts", q('ALERTS{HOST, alertname=~"Qga.*", alertstate="firing", domain=""}'),
            g.ORANGE, "{{alertname}}", "{{severity}}")],
        rows_of=[summary(), states(), calls(), schedule(), limits(), cost(), more()])
