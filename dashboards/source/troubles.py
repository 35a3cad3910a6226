"""What needs somebody: a row of Fleet's table for each guest or host and trouble.

The conditions are those of config/prometheus/alerts.yml, without their waiting times, and of
clocks without their silence on hosts that lack the time.  A test compares names, severities
and numbers.
"""

from dataclasses import dataclass

from . import grafana as g
from .queries import CLOCK_CERTAIN, GUEST_LABELS, q

CRITICAL, WARNING, INFO = 3, 2, 1
SEVERITY = g.words((CRITICAL, "critical", g.RED), (WARNING, "warning", g.ORANGE),
                   (INFO, "info", g.BLUE))

# Alerts that are not here, and why.
NOT_SHOWN = {
    "QgaForbiddenCommandEnabled": "what is forbidden is in rules.yml, which may not be there",
    "QgaAgentForbidden": "likewise",
    "QgaDriverOutdated": "likewise",
    "QgaTakeoverEnabled": "agents of most distributions come so: it would be there always",
    "QgaDataOld": "the row of its cause says more; ages have panels of their own",
    "QgaUpButSilent": "as for QgaDataOld",
    "QgaHostGuestsHang": "each of the guests has its row",
    "QgaExportersDown": "each exporter that is down has its row",
    "QgaExporterRestarting": "the holes in its values are seen; why, its log says",
    "QgaLanesGivenUp": "the dashboard Exporter has them",
    "QgaHostGuestsGone": "it needs a recording rule",
}


@dataclass
class Trouble:
    """An alert, what it says in a few words, the label that says where, and its condition."""
    alert: str
    severity: int
    words: str
    place: str
    condition: str


LEFT = "qga_filesystem_avail_bytes{GUEST, NO_SPACE} / qga_filesystem_size_bytes{GUEST} * 100"
OTHERS_CAN_REACH = 'address!~"fe[89ab].:.*|169[.]254[.].*|127[.].*|::1"'


def of_packets(what, more_than, and_a_second=None):
    """A share of the packets of an interface, either way."""
    for way in ("receive", "transmit"):
        bad = f"rate(qga_network_{way}_{what}_total{{GUEST}}[$__rate_interval])"
        packets = f"rate(qga_network_{way}_packets_total{{GUEST}}[$__rate_interval])"
        yield (f"{bad} / {packets} > {more_than}"
               + (f" and {bad} > {and_a_second}" if and_a_second else ""))


def happened(event, more_than=0):
    """Within the last hour."""
    return f'increase(qga_domain_events_total{{GUEST, event="{event}"}}[1h]) > {more_than}'


TROUBLES = (
    Trouble("QgaAgentDead", WARNING, "agent has ended", "", """
     qga_agent_state{GUEST, state="disconnected"}
       and on BY_GUEST max_over_time(qga_up{GUEST}[1d]) == 1"""),
    Trouble("QgaAgentMissing", INFO, "agent is missing", "", """
     qga_agent_state{GUEST, state=~"disconnected|unconfigured"}
       unless on BY_GUEST max_over_time(qga_up{GUEST}[1d]) == 1"""),
    Trouble("QgaAgentUnresponsive", WARNING, "agent does not answer", "state", """
     qga_agent_state{GUEST, state=~"unresponsive|malformed"}"""),
    Trouble("QgaAgentHeld", WARNING, "busy or migrating", "state", """
     qga_agent_state{GUEST, state=~"busy|migrating"}"""),
    Trouble("QgaAgentDenied", WARNING, "libvirt denies its agent", "", """
     qga_agent_state{GUEST, state="denied"}"""),
    Trouble("QgaAgentFlapping", WARNING, "agent comes and goes", "", """
     changes(qga_up{GUEST}[1h]) > 6
       unless on (job, instance, source) min_over_time(qga_exporter_source_up{HOST}[1h]) == 0
       unless on (job, instance) time() - process_start_time_seconds{HOST} < 3600"""),
    Trouble("QgaAgentOutdated", INFO, "agent is outdated", "version", """
     qga_agent_info{GUEST, OUTDATED}"""),
    Trouble("QgaCollectorFailing", WARNING, "collector fails", "collector", """
     (qga_collector_success{GUEST} == 0
         unless on (job, instance, source, domain, collector) qga_collector_supported{GUEST} == 0)
       and on BY_GUEST qga_up{GUEST} == 1"""),
    Trouble("QgaSeriesLimitHit", WARNING, "says more than the limits allow", "collector", """
     qga_collector_dropped_series{GUEST} > 0"""),

    Trouble("QgaClockOffset", WARNING, "clock is wrong", "", f"{CLOCK_CERTAIN} > 0.5"),
    Trouble("QgaClockOffset", CRITICAL, "clock is wrong", "", f"{CLOCK_CERTAIN} > 5"),
    Trouble("QgaClockDrift", WARNING, "clock drifts", "", """
     abs(qga_clock_drift_ratio{GUEST}) - qga_clock_drift_uncertainty_ratio{GUEST} > 0.0001"""),
    Trouble("QgaClockStepped", INFO, "clock has jumped", "", """
     increase(qga_clock_steps_total{GUEST}[10m]) > 0
       unless on (job, instance)
         count by (job, instance) (increase(qga_clock_steps_total{GUEST}[10m]) > 0)
           > 0.5 * (count by (job, instance) (increase(qga_clock_steps_total{GUEST}[10m])) > 2)"""),

    Trouble("QgaFilesystemAlmostFull", WARNING, "filesystem almost full", "mountpoint",
            f"{LEFT} < 5"),
    Trouble("QgaFilesystemFillingUp", WARNING, "filesystem fills up", "mountpoint", f"""
     {LEFT} < 40
       and predict_linear(qga_filesystem_avail_bytes{{GUEST}}[6h], 24 * 60 * 60) < 0"""),
    Trouble("QgaNvmeFailing", WARNING, "NVMe disk fails", "device", """
     (qga_disk_nvme_critical_warning{GUEST} > 0
       or qga_disk_nvme_available_spare_ratio{GUEST}
         < qga_disk_nvme_available_spare_threshold_ratio{GUEST})"""),
    Trouble("QgaFilesystemsFrozen", WARNING, "frozen for long", "",
            "time() - qga_filesystems_frozen_since_timestamp_seconds{GUEST} > 30"),
    Trouble("QgaFilesystemsFrozen", CRITICAL, "frozen for long", "",
            "time() - qga_filesystems_frozen_since_timestamp_seconds{GUEST} > 300"),

    *(Trouble("QgaNetworkErrors", WARNING, "network errors", "device", condition)
      for condition in of_packets("errs", 0.01)),
    *(Trouble("QgaNetworkDrops", WARNING, "network drops", "device", condition)
      for condition in of_packets("drop", 0.05, 1)),
    Trouble("QgaNetworkNoAddress", WARNING, "no address", "device", f"""
       (max by ({GUEST_LABELS}, device) (
            qga_network_address_info{{GUEST, address=~"fe[89ab].:.*|169[.]254[.].*"}})
          unless on ({GUEST_LABELS}, device)
            qga_network_address_info{{GUEST, {OTHERS_CAN_REACH}}}
          unless on ({GUEST_LABELS}, device) (
            qga_network_info{{GUEST}}
              and on ({GUEST_LABELS}, address) (
                qga_network_info{{GUEST}}
                  and on ({GUEST_LABELS}, device)
                    qga_network_address_info{{GUEST, {OTHERS_CAN_REACH}}})))
     or
       (max by ({GUEST_LABELS}, device) (qga_network_info{{GUEST, device!~"lo|Loopback.*"}})
          unless on BY_GUEST qga_network_address_info{{GUEST, {OTHERS_CAN_REACH}}})"""),
    Trouble("QgaNetworkSameAddress", WARNING, "same address as another guest", "address", f"""
     qga_network_address_info{{GUEST, OWN_ADDRESS}}
       and on (job, instance, address)
         count by (job, instance, address) (
           count by ({GUEST_LABELS}, address) (qga_network_address_info{{HOST}})) > 1"""),
    Trouble("QgaMemoryShort", WARNING, "memory is short", "", """
     (qga_memory_MemAvailable_bytes{GUEST} / qga_memory_MemTotal_bytes{GUEST}
       or qga_balloon_MemAvailable_bytes{GUEST} / qga_balloon_MemTotal_bytes{GUEST}) < 0.05"""),
    Trouble("QgaGuestSwapping", WARNING, "swaps in and out", "", """
     rate(qga_balloon_swap_in_bytes_total{GUEST}[$__rate_interval]) > 1048576
       and rate(qga_balloon_swap_out_bytes_total{GUEST}[$__rate_interval]) > 1048576"""),
    Trouble("QgaGuestPanicked", CRITICAL, "kernel has panicked", "", happened("panicked")),
    Trouble("QgaGuestStopped", CRITICAL, "stands still", "reason", """
     qga_domain_paused{GUEST, reason=~"panicked|io_error|watchdog"} == 1"""),
    Trouble("QgaGuestWatchdog", WARNING, "watchdog has expired", "", happened("watchdog")),
    Trouble("QgaGuestIoErrors", WARNING, "a disk has errors at the host", "",
            happened("io_error")),
    Trouble("QgaGuestMemoryFailure", WARNING, "the host's memory failed", "",
            happened("memory_failure")),
    Trouble("QgaGuestRebooting", WARNING, "reboots again and again", "",
            happened("rebooted", 3.5)),
    Trouble("QgaVcpusOffline", WARNING, "vCPUs not online", "", """
     qga_domain_vcpus{GUEST}
         - on BY_GUEST qga_vcpus{GUEST, state="online"} > 0
       or on BY_GUEST
         sum without (state) (qga_vcpus{GUEST, state="offline"} > 0)"""),

    # Of hosts.  Without them an empty table would look well when nothing is known.
    Trouble("QgaExporterDown", WARNING, "exporter does not answer", "", "up{HOST} == 0"),
    Trouble("QgaSourceDown", WARNING, "source of guests is lost", "source",
            "qga_exporter_source_up{HOST} == 0"),
    Trouble("QgaExporterStuck", WARNING, "exporter stands still", "", """
     time() - qga_exporter_loop_last_turn_timestamp_seconds{HOST} > 60
       unless changes(qga_exporter_loop_last_turn_timestamp_seconds{HOST}[5m]) > 0"""),
    Trouble("QgaSocketsBeyondLimit", WARNING, "sockets beyond the limit", "source",
            "qga_exporter_sockets_beyond_limit{HOST} > 0"),
    Trouble("QgaExporterPaused", INFO, "exporter is paused", "", "qga_exporter_paused{HOST} == 1"),
    Trouble("QgaConfigReloadFailed", WARNING, "configuration was refused", "",
            "qga_exporter_config_last_reload_successful{HOST} == 0"),
    Trouble("QgaScheduleLate", WARNING, "exporter is late", "", """
     histogram_quantile(0.99, sum by (job, instance, le) (
       rate(qga_exporter_schedule_lateness_seconds_bucket{HOST}[$__rate_interval]))) > 5"""),
    Trouble("QgaHostClockUnsynchronized", WARNING, "host's clock is not synchronized", "",
            "qga_host_clock_synchronized{HOST} == 0"),
    Trouble("QgaHostClockStepped", WARNING, "host's clock has jumped", "", """
     count by (job, instance) (increase(qga_clock_steps_total{GUEST}[10m]) > 0)
       > 0.5 * (count by (job, instance) (increase(qga_clock_steps_total{GUEST}[10m])) > 2)"""),
)


def _row(trouble):
    """1, 2 or 3 with the labels of the guest, the words, and where."""
    found, labels = trouble.condition.strip(), GUEST_LABELS
    if trouble.place:
        found = f'label_replace({found}, "where", "$1", "{trouble.place}", "(.*)")'
        labels += ", where"
    return (f"label_replace({trouble.severity} * max by ({labels}) (({found}) * 0 + 1),\n"
            f'  "problem", "{trouble.words}", "", "")')


def troubles():
    """The worst first: of what "or" finds on both sides it takes the left."""
    worst_first = sorted(TROUBLES, key=lambda trouble: -trouble.severity)
    return q("\nor\n".join(_row(trouble) for trouble in worst_first))
