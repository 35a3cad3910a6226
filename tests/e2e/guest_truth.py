"""What a lab guest's kernel says of it, asked in its shell, past the agent."""

import re

CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
# The fields of /proc/diskstats, as metrics, and their units.
DISK_FIELDS = (
    ("reads_completed_total", 1), ("reads_merged_total", 1), ("read_bytes_total", 512),
    ("read_time_seconds_total", 1e-3), ("writes_completed_total", 1), ("writes_merged_total", 1),
    ("written_bytes_total", 512), ("write_time_seconds_total", 1e-3), ("io_now", 1),
    ("io_time_seconds_total", 1e-3), ("io_time_weighted_seconds_total", 1e-3),
    ("discards_completed_total", 1), ("discards_merged_total", 1),
    ("discarded_sectors_total", 1), ("discard_time_seconds_total", 1e-3),
    ("flush_requests_total", 1), ("flush_requests_time_seconds_total", 1e-3))
# Those of /proc/net/dev.
NETWORK_FIELDS = {"receive_bytes": 0, "receive_packets": 1, "receive_errs": 2, "receive_drop": 3,
                  "transmit_bytes": 8, "transmit_packets": 9, "transmit_errs": 10,
                  "transmit_drop": 11}


def cpu_times(guest):
    """{(cpu, mode): seconds}"""
    found = {}
    for cpu, numbers in re.findall(r"^cpu(\d+) (.*)$", guest.run("cat /proc/stat"), re.M):
        for mode, ticks in zip(CPU_MODES, numbers.split()):
            found[cpu, mode] = int(ticks) / 100
    return found


def disk_counts(guest, device="vda"):
    """In the order of DISK_FIELDS."""
    line = re.search(rf" {device} (.*)", guest.run("cat /proc/diskstats")).group(1)
    return [int(word) * unit for word, (_, unit) in zip(line.split(), DISK_FIELDS)]


def interface_counts(guest, device):
    line = re.search(rf"{device}:(.*)", guest.run("cat /proc/net/dev")).group(1)
    fields = [int(field) for field in line.split()]
    return {name: fields[index] for name, index in NETWORK_FIELDS.items()}


def filesystem(guest, mount_point):
    """(blocks, free, available) in bytes."""
    blocks, free, available, block_bytes = (
        int(word) for word in guest.run(f"stat -f -c '%b %f %a %S' {mount_point}").split())
    return blocks * block_bytes, free * block_bytes, available * block_bytes


def routes(guest, device):
    """{(destination, gateway, metric)} of IPv4."""
    found = set()
    for line in guest.run(f"ip -4 route show dev {device}").splitlines():
        word = line.split()
        option = dict(zip(word[1::2], word[2::2]))
        found.add((word[0], option.get("via", ""), option.get("metric", "0")))
    return found


def memory_blocks(guest):
    """(bytes of a block, blocks online, blocks offline)"""
    folder = "/sys/devices/system/memory"
    size, *states = guest.run(f"cat {folder}/block_size_bytes; cat {folder}/memory*/state").split()
    return int(size, 16), states.count("online"), states.count("offline")


def proc_values(guest):
    """{metric: value} of what the collector procfs reads."""
    text = guest.run("cat /proc/meminfo /proc/loadavg /proc/sys/fs/file-nr /proc/net/sockstat; "
                     "grep -E '^(btime|procs_)' /proc/stat; "
                     "grep -E '^(oom_kill|pgmajfault) ' /proc/vmstat; "
                     "for f in cpu io memory; do sed s/^/$f./ /proc/pressure/$f; done")
    values = {f"qga_memory_{name}_bytes": int(kib) * 1024
              for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)}
    load = re.search(r"^(\S+) (\S+) (\S+) \d+/\d+ \d+$", text, re.M)
    values.update((f"qga_load{minutes}", float(word))
                  for minutes, word in zip((1, 5, 15), load.groups()))
    allocated, maximum = re.search(r"^(\d+)\t\d+\t(\d+)$", text, re.M).groups()
    values.update(qga_filefd_allocated=int(allocated), qga_filefd_maximum=int(maximum))
    for line, name in (("btime", "boot_time_seconds"), ("procs_running", "procs_running"),
                       ("procs_blocked", "procs_blocked"),
                       ("oom_kill", "vmstat_oom_kill_total"),
                       ("pgmajfault", "vmstat_pgmajfault_total")):
        values[f"qga_{name}"] = int(re.search(rf"^{line} (\d+)$", text, re.M).group(1))
    tcp = re.search(r"^TCP: inuse (\d+) orphan (\d+) tw (\d+) alloc (\d+)", text, re.M).groups()
    values.update((f"qga_sockstat_TCP_{name}", int(count))
                  for name, count in zip(("inuse", "orphan", "tw", "alloc"), tcp))
    for name, pattern in (("sockets_used", "sockets: used"), ("UDP_inuse", "UDP: inuse")):
        values[f"qga_sockstat_{name}"] = int(re.search(rf"^{pattern} (\d+)", text, re.M).group(1))
    for place, line, name in (("cpu", "some", "cpu_waiting"), ("io", "some", "io_waiting"),
                              ("io", "full", "io_stalled"), ("memory", "some", "memory_waiting"),
                              ("memory", "full", "memory_stalled")):
        total = re.search(rf"^{place}\.{line} .*total=(\d+)", text, re.M).group(1)
        values[f"qga_pressure_{name}_seconds_total"] = int(total) / 1e6
    return values


def open_files(guest, folder="/proc"):
    """Which files there the agent has open."""
    return guest.run("ls -l /proc/$(cat /run/agent/pid)/fd 2>/dev/null | sed -n 's/.* -> //p' "
                     f"| grep '^{folder}/' | grep -v '^/proc/self'", check=False).split()


def has_port_open(guest):
    """Whether the impostor that was told to come (`agent impostor`) is at the agent's port:
    the agent itself is gone since then."""
    return "vport" in guest.run("ls -l /proc/$(cat /run/agent/impostor)/fd", check=False)


def half_trip_ratio(samples):
    """Twice the least uncertainty by the least time that a call has taken: 1 where half the
    round trip is stated.  (Of a single sample it may be anything: the uncertainty is that of
    an earlier, better one, or the exporter was interrupted between its two clocks.)"""
    uncertainties, taken = zip(*samples)
    return 2 * min(uncertainties) / min(taken)
