"""What the dashboards share: selectors, states, and when something is wrong.

The thresholds are those of config/prometheus/alerts-*.yml, so that a colour and an alert say the
same.
"""

from . import grafana as g

JOB_INSTANCE = 'job=~"$job", instance=~"$instance"'
# What tells one host from another, and one guest; where there are no clusters and zones, these
# two say nothing.
HOST_LABELS = "job, cluster, zone, instance"
GUEST_LABELS = f"{HOST_LABELS}, source, domain"
# Types that never have free space, and partitions that nobody fills.
NO_SPACE = 'fstype!~"iso9660|udf|UDF|CDFS|squashfs|cramfs|erofs", mountpoint!="System Reserved"'


def q(text, guest="=~"):
    """PromQL, with {HOST and {GUEST for the selectors.  Of a single guest it is "=": Grafana
    takes the name of one that is chosen alone as it is, which may be no regular expression."""
    one = f'{JOB_INSTANCE}, domain{guest}"$domain"'
    return (text.strip().replace("{HOST", "{" + JOB_INSTANCE).replace("{GUEST", "{" + one)
            .replace("BY_GUEST", f"({GUEST_LABELS})").replace("BY_HOST", f"({HOST_LABELS})")
            .replace("NO_SPACE", NO_SPACE))


# The worse, the higher.
STATES = (
    ("responsive", g.GREEN), ("starting", g.BLUE), ("migrating", "super-light-blue"),
    ("paused", "light-blue"), ("busy", "light-purple"), ("frozen", g.PURPLE),
    ("unconfigured", g.GREY), ("unknown", g.GREY), ("denied", g.ORANGE),
    ("malformed", g.ORANGE), ("unresponsive", g.RED), ("disconnected", "dark-red"),
)
STATE_COLORS = [g.override(name, color={"mode": "fixed", "fixedColor": color})
                for name, color in STATES]
STATE_WORDS = g.words(*((number, name, color) for number, (name, color) in enumerate(STATES, 1)))
STATE_NAMES = g.words(*((name, name, color) for name, color in STATES))



def numbers_of(*names):
    """The states of these names as numbers, for the value mappings."""
    return "\n  or ".join(f'{number} * qga_agent_state{{GUEST, state="{name}"}}'
                          for number, (name, _) in enumerate(STATES, 1) if name in names)


STATE = f"max by BY_GUEST (\n    {numbers_of(*(name for name, _ in STATES))}\n)"
YES_NO = g.words((1, "yes", g.GREEN), (0, "no", g.RED))
UP_DOWN = g.words((1, "up", g.GREEN), (0, "down", g.RED))

CLOCK_CERTAIN = "abs(qga_clock_offset_seconds{GUEST}) - qga_clock_offset_uncertainty_seconds{GUEST}"
CLOCK_STEPS = g.steps((0.5, g.ORANGE), (5, g.RED))
DRIFT_STEPS = g.steps((-100, g.GREEN), (100, g.ORANGE), base=g.ORANGE)  # ppm
USED = "1 - qga_filesystem_avail_bytes{GUEST, NO_SPACE} / qga_filesystem_size_bytes{GUEST}"
FROZEN = "time() - qga_filesystems_frozen_since_timestamp_seconds{GUEST}"
USED_STEPS = g.steps((0.95, g.ORANGE))
FROZEN_STEPS = g.steps((30, g.ORANGE), (300, g.RED))
FULL_IN_STEPS = g.steps((4 * 3600, g.ORANGE), (24 * 3600, g.YELLOW), (7 * 24 * 3600, g.GREEN),
                        base=g.RED)
# A line through the last 6 hours, as in the alert, and when it reaches zero.
FULL_IN = """
  qga_filesystem_avail_bytes{GUEST, NO_SPACE}
/
  (deriv(qga_filesystem_avail_bytes{GUEST, NO_SPACE}[6h]) < 0) * -1
"""


def to_guest(instance="${__data.fields.instance:percentencode}",
             domain="${__data.fields.domain:percentencode}"):
    return g.link("This guest", f"/d/qga-guest?${{datasource:queryparam}}&${{job:queryparam}}"
                  f"&var-instance={instance}&var-domain={domain}&${{__url_time_range}}")


def to_exporter(instance="${__data.fields.instance:percentencode}"):
    return g.link("The exporter of this host", "/d/qga-exporter?${datasource:queryparam}"
                  f"&${{job:queryparam}}&var-instance={instance}&${{__url_time_range}}")


FROM_LABELS = {"instance": "${__field.labels.instance:percentencode}",
               "domain": "${__field.labels.domain:percentencode}"}


def host_variables(metric):
    return [
        g.datasource_variable(),
        g.query_variable("job", "Job", "The scrape job of the exporters.",
                         f"label_values({metric}, job)"),
        g.query_variable("instance", "Instance", "The hosts: one exporter each.",
                         f'label_values({metric}{{job=~"$job"}}, instance)'),
        g.label_variable("labels", "Labels", "Further labels of your hosts: a zone, a cluster."),
    ]


def guest_variables(multi):
    *of_host, labels = host_variables("qga_exporter_build_info")
    return [*of_host, g.query_variable(
        "domain", "Guest", f"{'The guests' if multi else 'The guest'}, by name, as libvirt has it.",
        'label_values(qga_up{job=~"$job", instance=~"$instance"}, domain)', multi), labels]
