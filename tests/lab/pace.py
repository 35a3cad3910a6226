"""How late this machine is, so that what waits for a state waits longer on a busy one.

A thread does a little work every other second and compares the time that it took with the
processor's time that it got.  On a quiet machine both are the same; beside eight busy
processes on two cores the first is five times the second, and so long does a guest take
to boot.
"""

import os
import threading
import time

# So many times as long as usual may things take: a sanitizer's build is slow.
PATIENCE = float(os.environ.get("QGA_E2E_PATIENCE", "1"))

WORK_S = 0.02    # longer than the slices that the kernel hands out
EVERY_S = 2.0
REMEMBERED = 15  # measurements: a lull ends no stretch
STRETCH_MAX = 20.0
LATE = 2.0  # from this stretch on a guest may be too slow for a call's timeout


def _runnable_per_core():
    """The processes that want a core, by the kernel's count; 0 where it tells none."""
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            return int(file.read().split()[3].split("/")[0]) / os.cpu_count()
    except (OSError, ValueError, IndexError):
        return 0.0


class Pace:
    """The lateness as measured lately; one for each process."""

    def __init__(self):
        self.measured = [1.0]
        self.worst = 1.0
        self.started = False
        self.lock = threading.Lock()

    def _measure(self):
        began, got = time.monotonic(), time.thread_time()
        while time.thread_time() - got < WORK_S:
            pass
        late = (time.monotonic() - began) / (time.thread_time() - got)
        return min(STRETCH_MAX, max(1.0, late, _runnable_per_core()))

    def _run(self):
        while True:
            late = self._measure()
            self.measured = [*self.measured[1 - REMEMBERED:], late]
            self.worst = max(self.worst, late)
            time.sleep(EVERY_S)

    def stretch(self):
        """So many times as long as on a quiet machine do things take: 1 to STRETCH_MAX."""
        with self.lock:
            if not self.started:
                self.started = True
                threading.Thread(target=self._run, name="pace", daemon=True).start()
        return max(self.measured) * PATIENCE


PACE = Pace()


class Limit:
    """Seconds of a quiet machine from now on: they pass slowly as long as this one is late."""

    def __init__(self, limit_s):
        self.limit_s = limit_s
        self.spent_s = 0.0
        self.began = self.last_look = time.monotonic()

    def is_over(self):
        now = time.monotonic()
        self.spent_s += (now - self.last_look) / PACE.stretch()
        self.last_look = now
        return self.spent_s > self.limit_s


def stretched(timeout_s):
    """The limit for something that ends a hung test and decides nothing else."""
    return timeout_s * PACE.stretch()
