#!/usr/bin/python3
"""How many files of end-to-end tests run side by side on this machine."""

import os

# They mostly wait, but without KVM each guest that is asked every second is a tenth of a core.
JOBS_PER_CORE = 1.5
# A lab: libvirtd, Prometheus, and some eight guests of 200 MB each.
JOB_MIB = 2048
JOBS_MAX = 8


def memory_mib():
    """What is free for the taking."""
    with open("/proc/meminfo", encoding="ascii") as file:
        lines = dict(line.split(":") for line in file)
    return int(lines["MemAvailable"].split()[0]) // 1024


def jobs():
    """At least one."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(JOBS_MAX, int(JOBS_PER_CORE * cores), memory_mib() // JOB_MIB))


if __name__ == "__main__":
    print(jobs())
