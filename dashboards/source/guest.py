"""Guest: one guest in full."""

from . import grafana as g
from . import queries
from .queries import (CLOCK_CERTAIN, CLOCK_STEPS, DRIFT_STEPS, FROZEN, FROZEN_STEPS, FULL_IN,
                      FULL_IN_STEPS, STATE, STATE_WORDS, USED, USED_STEPS, YES_NO, guest_variables,
                      to_exporter)

HOST_COLUMN = g.override("Host", links=[to_exporter()])
RATE = "[$__rate_interval]"
PERCENT = {"unit": "percentunit", "min": 0}
PROCFS = "The collector procfs is off, or this is not Linux."
BALLOON = "libvirt does not have it: `qga-exporter doctor` says why."


# Between the lines "at most" and "at least", without them; the line in it has no area.
BAND = [g.override("at most", custom_fillBelowTo="at least", custom_fillOpacity=20,
                   custom_lineWidth=0, custom_showPoints="never"),
        g.override("at least", custom_lineWidth=0, custom_fillOpacity=0, custom_showPoints="never"),
        g.override_matching("offset|drift", custom_fillOpacity=0)]


def q(text):
    return queries.q(text, guest="=")


def per_second(name, by="device"):
    return q(f"sum by ({by}) (rate({name}{{GUEST}}{RATE}))")


def below_zero(pattern):
    """Draws what goes out below what comes in."""
    return [g.override_matching(pattern, custom_transform="negative-Y")]


def summary():
    return g.row(
        "Now",
        g.stat("Agent", "The state of the guest's agent.", g.now(q(STATE), "{{instance}}"),
               unit="none", mappings=STATE_WORDS, no_value="not running", links=[to_exporter(
                   "${__field.labels.instance:percentencode}")]),
        g.stat("Last answer", "When the agent last answered.",
               g.now(q("max(qga_agent_last_response_timestamp_seconds{GUEST}) * 1000")),
               unit="dateTimeFromNow", thresholds=g.steps(base=g.BLUE), no_value="never"),
        g.stat("Up for", "Time since the guest's kernel started (collector procfs).",
               g.now(q("time() - max(qga_boot_time_seconds{GUEST})")), unit="dtdurations", decimals=0,
               thresholds=g.steps((0, g.ORANGE), (600, g.GREEN)), no_value="not told"),
        g.stat("Clock offset", "How far the guest's clock is ahead of the host's.",
               g.now(q("max(qga_clock_offset_seconds{GUEST})")), unit="s", decimals=3,
               thresholds=g.steps((-5, g.ORANGE), (-0.5, g.GREEN), (0.5, g.ORANGE), (5, g.RED),
                                  base=g.RED), no_value="not told"),
        g.stat("Fullest filesystem", "The share of the fullest filesystem that users cannot fill "
               "any more.", g.now(q(f"max({USED})")), unit="percentunit", decimals=1,
               thresholds=USED_STEPS, no_value="not told"),
        g.stat("vCPUs", "vCPUs that the guest uses.",
               g.now(q('max(qga_vcpus{GUEST, state="online"})')), unit="short",
               thresholds=g.steps(base=g.BLUE), no_value="not told"),
        g.stat("Frozen for", "For how long the guest's filesystems have been frozen, by a backup "
               "most likely.", g.now(q(f"max({FROZEN})")), unit="s",
               thresholds=FROZEN_STEPS, no_value="not frozen"),
        g.stat("Users", "Users logged in (collector users).", g.now(q("max(qga_users{GUEST})")),
               unit="short", thresholds=g.steps(base=g.BLUE), no_value="not told"))


def identity():
    name = {"unit": "none", "by": "name", "size": (6, 3), "no_value": "not told"}
    return g.row(
        "What it is",
        g.stat("Operating system", "The guest's operating system, as its agent tells.",
               g.now(q("qga_os_info{GUEST}"), "{{pretty_name}}"), **name),
        g.stat("Kernel", "The guest's kernel.",
               g.now(q("qga_os_info{GUEST}"), "{{kernel_release}} {{machine}}"), **name),
        g.stat("Host name", "What the guest calls itself.",
               g.now(q("qga_uname_info{GUEST}"), "{{nodename}}"), **name),
        g.stat("Agent version", "The version of the guest agent.",
               g.now(q("qga_agent_info{GUEST}"), "{{version}}"), **name),
        g.table("Domain", "What the host has for the guest besides its name.",
                g.rows(q("qga_domain_info{GUEST}")), (18, 4), no_value="not running",
                columns={"domain": "Name", "uuid": "UUID", "title": "Title",
                         "project": "Project", "flavor": "Flavor", "instance": "Host",
                         "source": "Source"},
                overrides=[HOST_COLUMN, g.override("UUID", custom_width=310)]),
        g.table("Time zone", "The guest's time zone and how far its local time is ahead of UTC.",
                g.rows(q("qga_time_zone_offset_seconds{GUEST}")), (6, 4), no_value="not told",
                columns={"time_zone": "Zone", "Value #A": "Ahead of UTC"},
                overrides=[g.override("Ahead of UTC", unit="s")]))


def agent():
    return g.row(
        "Agent",
        g.timeline("State of the agent", "What state the guest's agent was in.",
                   g.series(q(STATE), "{{instance}}"), (24, 4), mappings=STATE_WORDS,
                   no_value="The guest does not run."),
        g.table("Collectors", "What is asked of the guest: whether its last call brought data and "
                "how long it took (with profile: full), how old the data are, and what was "
                "dropped for the limits.",
                [g.rows(q("qga_collector_supported{GUEST}")),
                 g.rows(q("qga_collector_success{GUEST}")),
                 g.rows(q("qga_collector_duration_seconds{GUEST}")),
                 g.rows(q("time() - qga_collector_last_success_timestamp_seconds{GUEST}")),
                 g.rows(q("qga_collector_dropped_series{GUEST}")),
                 g.rows(q("qga_collector_avoided{GUEST}"))],
                (14, 10), sort="Collector", no_value="Nothing was asked yet.",
                columns={"collector": "Collector", "Value #A": "Supported", "Value #B": "Data",
                         "Value #C": "Took", "Value #D": "Age", "Value #E": "Dropped",
                         "reason": "Avoided", "instance": "Host"},
                overrides=[HOST_COLUMN,
                           g.override("Supported", mappings=g.words((1, "yes", g.GREEN),
                                                                    (0, "no", g.GREY)),
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Data", mappings=YES_NO, custom_cellOptions=g.COLORED_TEXT),
                           g.override("Took", unit="s"), g.override("Age", unit="s", decimals=0),
                           g.override("Dropped", unit="short", thresholds=g.steps((1, g.ORANGE)),
                                      custom_cellOptions=g.COLORED_TEXT)]),
        g.table("Commands that can change the guest", "Whether the agent would run them for the "
                "host: those that take over a guest, with profile: full all. All but the thaw say no while the guest is frozen.",
                g.rows(q("qga_agent_command_enabled{GUEST}")), (10, 10), sort="Command",
                columns={"command": "Command", "Value #A": "Enabled"},
                no_value="The agent did not tell.",
                overrides=[g.override("Enabled", mappings=g.words((1, "yes", g.ORANGE),
                                                                  (0, "no", g.GREEN)),
                                      custom_cellOptions=g.COLORED_TEXT)]),
        g.lines("Calls and failures", "Calls to the agent, and those that failed, by reason.",
                [g.series(q(f"sum(rate(qga_agent_calls_total{{GUEST}}{RATE}))"), "calls"),
                 g.series(q(f"sum by (reason) (rate(qga_agent_failures_total{{GUEST}}{RATE})) > 0"),
                          "failed: {{reason}}")], unit="cps", min=0),
        g.lines("Time that a call takes", "How long the last call of each collector "
                "took; with profile: full.",
                g.series(q("max by (collector) (qga_collector_duration_seconds{GUEST})"),
                         "{{collector}}"), unit="s", min=0, no_value="Only with profile: full."),
        g.lines("Failures in a row", "Calls in a row without a usable answer. From the second on "
                "the agent is only probed, less and less often.",
                [g.series(q("max(qga_agent_consecutive_failures{GUEST})"), "failures in a row"),
                 g.series(q("max(qga_agent_backing_off{GUEST})"), "only probed")],
                (24, 5), unit="short", min=0, decimals=0, custom=g.FEW))


def clock():
    offset = "qga_clock_offset_seconds{GUEST}"
    error = "qga_clock_offset_uncertainty_seconds{GUEST}"
    return g.row(
        "Clock",
        g.lines("Offset from the host's clock", "How far the guest's clock is ahead, and the band "
                "in which the truth lies.",
                [g.series(q(f"max({offset} + {error})"), "at most"),
                 g.series(q(f"max({offset})"), "offset"),
                 g.series(q(f"min({offset} - {error})"), "at least")],
                (10, 8), unit="s", no_value="The agent does not tell the time.", overrides=BAND),
        g.lines("Drift", "What the guest's clock gains on the host's, and the band in which the "
                "truth lies. It takes 10 steady minutes to measure.",
                [g.series(q("1e6 * max(qga_clock_drift_ratio{GUEST}"
                            " + qga_clock_drift_uncertainty_ratio{GUEST})"), "at most"),
                 g.series(q("1e6 * max(qga_clock_drift_ratio{GUEST})"), "drift"),
                 g.series(q("1e6 * min(qga_clock_drift_ratio{GUEST}"
                            " - qga_clock_drift_uncertainty_ratio{GUEST})"), "at least")],
                (8, 8), unit="ppm", no_value="Not measured yet.", thresholds=DRIFT_STEPS,
                overrides=BAND),
        g.stat("Certainly off", "The part of the offset that the uncertainty does not explain.",
               g.series(q(f"clamp_min(max({CLOCK_CERTAIN}), 0)")), (3, 8), unit="s", decimals=3,
               thresholds=CLOCK_STEPS, sparkline=True, no_value="not told"),
        g.stat("Steps", "How often the clock has jumped in the time range.",
               g.now(q("sum(increase(qga_clock_steps_total{GUEST}[$__range]))")), (3, 8),
               unit="short", decimals=0, thresholds=g.steps((1, g.ORANGE)), no_value="not told"))


def processors():
    return g.row(
        "Processors",
        g.lines("Load", "Tasks that run or wait to run, averaged (collector load, from QEMU 10.0 "
                "on, or procfs), and the vCPUs to run them.",
                [*(g.series(q(f"max(qga_load{minutes}{{GUEST}})"), f"{minutes} min")
                   for minutes in (1, 5, 15)),
                 g.series(q('max(qga_vcpus{GUEST, state="online"})'), "vCPUs")],
                (8, 8), unit="short", min=0, no_value="The agent does not tell.",
                overrides=[g.override("vCPUs", color={"mode": "fixed", "fixedColor": g.GREY},
                                      custom_fillOpacity=0,
                                      custom_lineStyle={"fill": "dash", "dash": [8, 8]})]),
        g.lines("Use of the vCPUs", "What the vCPUs spend their time on, in the guest's eyes "
                "(collector cpustats). Steal is what the host did not give.",
                g.series(q(f"""
sum by (mode) (rate(qga_cpu_seconds_total{{GUEST, mode!="idle"}}{RATE}))
/ ignoring (mode) group_left ()
sum(rate(qga_cpu_seconds_total{{GUEST}}{RATE}))"""), "{{mode}}"),
                (8, 8), **PERCENT, stacked=True,
                no_value="The collector cpustats is off, or the agent older than 7.1."),
        g.lines("vCPUs given and used", "What the host has given, and what the guest makes of it.",
                [g.series(q("max(qga_domain_vcpus{GUEST})"), "host: current"),
                 g.series(q("max(qga_domain_vcpus_maximum{GUEST})"), "host: maximum"),
                 g.series(q("max by (state) (qga_vcpus{GUEST})"), "guest: {{state}}")],
                (8, 8), unit="short", min=0, decimals=0),
        g.lines("Use of each vCPU", "How busy each vCPU was (collector cpustats).",
                g.series(q("1 - max by (cpu) (rate("
                           f'qga_cpu_seconds_total{{GUEST, mode="idle"}}{RATE}))'), "vCPU {{cpu}}"),
                (12, 7), **PERCENT,
                no_value="The collector cpustats is off, or the agent older than 7.1."),
        g.lines("Pressure", "The share of time in which tasks waited for CPU, disk or memory, or "
                "all of them did (collector procfs).",
                [g.series(q(f"max(rate(qga_pressure_{what}_seconds_total{{GUEST}}{RATE}))"),
                          what.replace("_", " "))
                 for what in ("cpu_waiting", "io_waiting", "io_stalled", "memory_waiting",
                              "memory_stalled")],
                (12, 7), **PERCENT, no_value=PROCFS))


def memory():
    def bytes_of(name):
        return f"max(qga_memory_{name}_bytes{{GUEST}})"

    def said(name):
        return f"max(qga_balloon_{name}_bytes{{GUEST}})"
    return g.row(
        "Memory",
        g.lines("Use of memory", "What the guest uses its memory for (collector procfs).",
                [g.series(q(" - ".join(bytes_of(name) for name in (
                    "MemTotal", "MemFree", "Buffers", "Cached", "SReclaimable"))), "used"),
                 g.series(q(bytes_of("Buffers")), "buffers"),
                 g.series(q(f"{bytes_of('Cached')} + {bytes_of('SReclaimable')}"), "cached"),
                 g.series(q(bytes_of("MemFree")), "free")],
                (10, 8), unit="bytes", min=0, stacked=True, no_value=PROCFS),
        g.lines("Available memory", "What programs can still have without swapping, of what the "
                "guest sees (collector procfs, else its balloon).",
                g.series(q(f"{bytes_of('MemAvailable')} / {bytes_of('MemTotal')} or "
                           f"{said('MemAvailable')} / {said('MemTotal')}"), "available"),
                (7, 8), unit="percentunit", min=0, max=1, no_value=BALLOON),
        g.lines("Swap", "Swap in use, and what was promised of memory (collector procfs).",
                [g.series(q(f"{bytes_of('SwapTotal')} - {bytes_of('SwapFree')}"), "swap used"),
                 g.series(q(bytes_of("Committed_AS")), "committed")],
                (7, 8), unit="bytes", min=0, no_value=PROCFS),
        g.lines("Memory that the host gives", "What the domain is defined with; current is what "
                "the balloon leaves. Memory blocks are what the guest has plugged in (collector "
                "memory_blocks).",
                [g.series(q("max(qga_domain_memory_bytes{GUEST})"), "host: current"),
                 g.series(q("max(qga_domain_memory_maximum_bytes{GUEST})"), "host: maximum"),
                 g.series(q("max by (state) (qga_memory_blocks_bytes{GUEST})"),
                          "blocks: {{state}}")],
                (10, 6), unit="bytes", min=0),
        g.lines("Memory by the balloon", "What the guest says without its agent, and what its "
                "process holds of the host's memory.",
                [g.series(q(said(name)), words) for name, words in (
                    ("MemTotal", "total"), ("MemAvailable", "available"), ("MemFree", "free"),
                    ("caches", "caches"))]
                + [g.series(q("max(qga_domain_memory_resident_bytes{GUEST})"),
                            "host: the process holds")],
                (7, 6), unit="bytes", min=0, no_value=BALLOON),
        g.lines("Swapping", "What the guest reads from its swap, and writes to it (balloon).",
                [g.series(q(f"max(rate(qga_balloon_swap_{way}_bytes_total{{GUEST}}{RATE}))"), way)
                 for way in ("in", "out")],
                (7, 6), unit="Bps", min=0, no_value=BALLOON),
        g.lines("Memory that was out", "Page faults for which the guest had to read a disk, and "
                "processes that its kernel ended because memory was out (collector procfs).",
                [g.series(q(f"max(rate(qga_vmstat_pgmajfault_total{{GUEST}}{RATE}))"),
                          "faults per second"),
                 g.series(q("max(increase(qga_vmstat_oom_kill_total{GUEST}[$__rate_interval]))"),
                          "processes ended")],
                (24, 6), unit="short", min=0, no_value=PROCFS,
                overrides=[g.override("processes ended", custom_drawStyle="bars")]), collapsed=True)


def filesystems():
    labels = "max by (mountpoint, device, fstype)"
    return g.row(
        "Filesystems",
        g.lines("Use of filesystems", "The share of each filesystem that users cannot fill any "
                "more.", g.series(q(f"max by (mountpoint) ({USED})"), "{{mountpoint}}"), (10, 9),
                **PERCENT, max=1, thresholds=USED_STEPS, no_value="The agent tells of none."),
        g.table("Filesystems", "Sizes and what is left; full in: if it goes on as in the last 6 "
                "hours. Free is with what is reserved for root (agents from 9.1 on); whether it is "
                "read-only the collector procfs tells.",
                [g.rows(q(f"{labels} (qga_filesystem_size_bytes{{GUEST}})")),
                 g.rows(q(f"{labels} (qga_filesystem_avail_bytes{{GUEST}})")),
                 g.rows(q(f"{labels} (qga_filesystem_free_bytes{{GUEST}})")),
                 g.rows(q(f"{labels} ({USED})")),
                 g.rows(q(f"{labels} ({FULL_IN.strip()})")),
                 g.rows(q(f"{labels} (qga_filesystem_readonly{{GUEST}})"))],
                (14, 9), sort="-Used", no_value="The agent tells of none.",
                columns={"mountpoint": "Mounted at", "fstype": "Type", "device": "Device",
                         "Value #A": "Size", "Value #B": "Left", "Value #C": "Free",
                         "Value #D": "Used", "Value #E": "Full in", "Value #F": "Written"},
                overrides=[*(g.override(name, unit="bytes") for name in ("Size", "Left", "Free")),
                           g.override("Used", unit="percentunit", decimals=1, min=0, max=1,
                                      thresholds=USED_STEPS, custom_cellOptions=g.GAUGE_CELL),
                           g.override("Full in", unit="s", thresholds=FULL_IN_STEPS,
                                      custom_cellOptions=g.COLORED_TEXT),
                           g.override("Written", mappings=g.words((0, "yes", g.GREEN),
                                                                  (1, "read-only", g.ORANGE)),
                                      custom_cellOptions=g.COLORED_TEXT)]),
        g.table("Disks below filesystems", "From the guest's filesystem to the host's disk and its "
                "file.", g.rows(q("qga_filesystem_disk_info{GUEST}")), (24, 5), sort="Device",
                no_value="The agent does not tell.",
                columns={"device": "Device", "disk": "Disk", "serial": "Serial", "bus": "Bus",
                         "pci_address": "PCI address", "target": "Host's disk",
                         "source_file": "Host's file"},
                overrides=[g.override("Host's file", custom_width=420)]))


def disks():
    off = {"no_value": "The collector diskstats is off, or the agent older than 7.1."}
    took = f"rate(qga_disk_%s_time_seconds_total{{GUEST}}{RATE})"
    done = f"rate(qga_disk_%s_completed_total{{GUEST}}{RATE})"
    return g.row(
        "Disks",
        g.lines("Bytes", "Bytes read, and written below zero (collector diskstats).",
                [g.series(per_second("qga_disk_read_bytes_total"), "{{device}} read"),
                 g.series(per_second("qga_disk_written_bytes_total"), "{{device}} written")],
                (8, 8), unit="Bps", overrides=below_zero(".* written"), **off),
        g.lines("Requests", "Reads, and writes below zero (collector diskstats).",
                [g.series(per_second("qga_disk_reads_completed_total"), "{{device}} reads"),
                 g.series(per_second("qga_disk_writes_completed_total"), "{{device}} writes")],
                (8, 8), unit="iops", overrides=below_zero(".* writes"), **off),
        g.lines("Busy", "The share of time in which a disk had a request under way (collector "
                "diskstats).", g.series(per_second("qga_disk_io_time_seconds_total"), "{{device}}"),
                (8, 8), **PERCENT, **off),
        g.lines("Time that a request takes", "From the guest's request to its end, with the time "
                "in the queue (collector diskstats).",
                [g.series(q(f"sum by (device) ({took % one}) / sum by (device) ({done % many})"),
                          f"{{{{device}}}} {many}")
                 for one, many in (("read", "reads"), ("write", "writes"))],
                (8, 7), unit="s", min=0, **off),
        g.table("Disks and partitions", "The guest's disks, as it sees them (collector disks).",
                g.rows(q("qga_disk_info{GUEST}")), (16, 7), sort="Device",
                no_value="The collector disks is off, or the agent older than 5.2.",
                columns={"device": "Device", "partition": "Partition", "serial": "Serial",
                         "bus": "Bus", "pci_address": "PCI address", "alias": "Alias"}),
        g.table("NVMe disks", "How the guest's NVMe disks say they are (collector disks). Used up "
                "is the maker's estimate of their life, and may exceed 100 %.",
                [g.rows(q("qga_disk_nvme_critical_warning{GUEST}")),
                 g.rows(q("qga_disk_nvme_used_ratio{GUEST}")),
                 g.rows(q("qga_disk_nvme_available_spare_ratio{GUEST}")),
                 g.rows(q("qga_disk_nvme_temperature_celsius{GUEST}"))],
                (24, 5), sort="Device",
                no_value="The guest has none, or the collector disks is off.",
                columns={"device": "Device", "Value #A": "Warnings", "Value #B": "Used up",
                         "Value #C": "Spare", "Value #D": "Temperature"},
                overrides=[
                    g.override("Warnings", mappings=g.words((0, "none", g.GREEN)),
                               thresholds=g.steps((1, g.RED)), custom_cellOptions=g.COLORED_TEXT),
                    g.override("Used up", unit="percentunit", thresholds=g.steps(
                        (0.8, g.ORANGE), (1, g.RED)), custom_cellOptions=g.COLORED_TEXT),
                    g.override("Spare", unit="percentunit"),
                    g.override("Temperature", unit="celsius")]), collapsed=True)


def network():
    none = {"no_value": "The agent tells of no interface with an address."}

    def both(what):
        return [g.series(per_second(f"qga_network_{way}_{what}_total"), f"{{{{device}}}} {way}")
                for way in ("receive", "transmit")]
    return g.row(
        "Network",
        g.lines("Traffic", "Bytes received, and sent below zero.", both("bytes"), (8, 8),
                unit="Bps", overrides=below_zero(".* transmit"), **none),
        g.lines("Packets", "Packets received, and sent below zero.", both("packets"), (8, 8),
                unit="pps", overrides=below_zero(".* transmit"), **none),
        g.lines("Errors and drops", "Packets with errors, and packets dropped. Linux counts those "
                "that nobody listens to as dropped.",
                [g.series(per_second(f"qga_network_{way}_{what}_total"),
                          f"{{{{device}}}} {way} {word}")
                 for what, word in (("errs", "errors"), ("drop", "drops"))
                 for way in ("receive", "transmit")], (8, 8), unit="pps", min=0,
                custom=g.FEW, **none),
        g.table("Addresses", "The addresses of the guest's interfaces.",
                g.rows(q("qga_network_address_info{GUEST}")), (8, 8), sort="Interface",
                columns={"device": "Interface", "address": "Address", "prefix_length": "Prefix",
                         "family": "Family"}, no_value="The guest has no address.",
                overrides=[g.override("Address", custom_width=250)]),
        g.table("Interfaces", "The guest's interfaces and the host's ends of them.",
                [g.rows(q("qga_network_info{GUEST}")), g.rows(q("qga_domain_interface_info{GUEST}"))],
                (8, 8), sort="Interface", no_value="The agent tells of none.",
                columns={"device": "Interface", "address": "Hardware address",
                         "target": "Host's device", "network": "Leads to", "model": "Model"}),
        g.table("Routes", "The guest's routes (collector routes, from QEMU 9.1 on).",
                g.rows(q("qga_network_route_info{GUEST}")), (8, 8), sort="Interface",
                columns={"device": "Interface", "dest": "To", "gw": "By", "priority": "Metric",
                         "family": "Family"},
                no_value="The collector routes is off, or the agent older than 9.1."))


def inside():
    return g.row(
        "Inside",
        g.lines("Open files", "Open file handles of the whole guest (collector procfs).",
                g.series(q("max(qga_filefd_allocated{GUEST})"), "open"), (8, 7), unit="short",
                min=0, no_value=PROCFS),
        g.lines("Sockets", "Sockets in the guest (collector procfs).",
                [g.series(q(f"max(qga_sockstat_{name}{{GUEST}})"), name.replace("_", " "))
                 for name in ("sockets_used", "TCP_inuse", "TCP_tw", "TCP_orphan", "UDP_inuse")],
                (8, 7), unit="short", min=0, no_value=PROCFS),
        g.lines("Tasks", "Tasks that run or could, and those that wait for a disk and cannot be "
                "interrupted (collector procfs).",
                [g.series(q(f"max(qga_procs_{state}{{GUEST}})"), state)
                 for state in ("running", "blocked")],
                (24, 6), unit="short", min=0, decimals=0, no_value=PROCFS),
        g.lines("Users over time", "Users logged in (collector users).",
                g.series(q("max(qga_users{GUEST})"), "users"), (8, 7), unit="short", min=0,
                decimals=0, no_value="The collector users is off."),
        g.table("Drivers", "The drivers of a Windows guest's PCI devices (collector devices).",
                [g.rows(q("qga_device_driver_info{GUEST}")),
                 g.rows(q("qga_device_driver_date_timestamp_seconds{GUEST} * 1000"))],
                (24, 4), sort="Driver",
                no_value="The collector devices is off, or this is no Windows.",
                columns={"driver_name": "Driver", "driver_version": "Version",
                         "vendor_id": "Vendor", "device_id": "Device", "Value #B": "Released"},
                overrides=[g.override("Released", unit="dateTimeAsIso")]), collapsed=True)


def dashboard():
    return g.dashboard(
        "qga-guest", "QEMU guest agents / Guest",
        "One guest in full, as its guest agent tells.",
        variables=guest_variables(multi=False),
        annotations=[g.annotation(
            "Alerts", q('ALERTS{GUEST, alertname=~"Qga.*", alertstate="firing"}'), g.ORANGE,
            "{{alertname}}", "{{severity}}"),
            g.annotation("Reboots", q(f'increase(qga_domain_events_total{{GUEST, '
                                      f'event="rebooted"}}{RATE}) > 0'),
                         g.BLUE, "Reboot", "{{instance}}"),
            g.annotation("Migrations", q('qga_agent_state{GUEST, state="migrating"}'),
                         g.PURPLE, "Migration", "{{instance}}")],
        rows_of=[summary(), identity(), agent(), clock(), processors(), memory(), filesystems(),
                 disks(), network(), inside()])
