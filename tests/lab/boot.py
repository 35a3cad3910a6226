"""Boots of guests: so many at a time as the machine has cores, and again when one fails.

Without KVM a boot is some seconds of a core.  More at once than there are cores make each
of them late, and a kernel that is late may panic before it has begun (about one boot in
some hundreds) or stay silent.  Such a guest is started anew, and the lab notes it.
"""

import contextlib
import fcntl
import os
import subprocess
import threading
import time

from . import image as lab_image
from .pace import PACE

ATTEMPTS = 3
SILENT_S = 90       # of a quiet machine; a boot takes three
UP = "qga-lab: up"  # guest-init's last word on the console
PANIC = "Kernel panic"
LOOK_S = 0.1


@contextlib.contextmanager
def _slot():
    """One of as many as there are cores, shared by all labs of this checkout."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(f"{lab_image.CACHE}/boot-{number}.lock", "w",
                                          encoding="ascii"))
                 for number in range(os.cpu_count())]
        while True:
            for file in files:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
            time.sleep(LOOK_S)


class Boot:
    """One start of a guest, until it is up.  The guest's create(), destroy() and state()
    are called by a thread of its own, and notes go to lab.notes."""

    def __init__(self, guest):
        self.guest = guest
        self.cancelled = threading.Event()
        self.slot = contextlib.ExitStack()
        self.thread = threading.Thread(target=self._watch, name=f"boot {guest.name}", daemon=True)

    def begin(self):
        """Returns when QEMU runs."""
        self.slot.enter_context(_slot())
        try:
            self.guest.create()
        except BaseException:
            self.slot.close()
            raise
        self.thread.start()

    def cancel(self):
        """Before the guest is ended on purpose."""
        self.cancelled.set()
        if self.thread.is_alive() and threading.current_thread() is not self.thread:
            self.thread.join()

    def _watch(self):
        with self.slot, contextlib.suppress(subprocess.SubprocessError, OSError):
            for attempt in range(1, ATTEMPTS + 1):
                trouble = self._trouble()
                if not trouble:
                    return
                self.guest.lab.notes.append(
                    f"{self.guest.name} did not boot ({trouble}), attempt {attempt} of {ATTEMPTS}")
                if attempt < ATTEMPTS:
                    self.guest.destroy()
                    self.guest.fresh = True  # whatever is wrong with its seed
                    self.guest.create()

    def _trouble(self):
        """Why it does not come up; "" when it is up, or not meant to be any more."""
        waited_s = 0.0
        while not self.cancelled.wait(LOOK_S):
            text = self._console()
            if UP in text:
                return ""
            if PANIC in text:
                return "its kernel has panicked"
            waited_s += LOOK_S / PACE.stretch()
            if waited_s > SILENT_S:
                # Paused, or ended by a test: it is no boot any more.
                return "it says nothing" if self.guest.state() == "running" else ""
        return ""

    def _console(self):
        with contextlib.suppress(FileNotFoundError), \
                open(self.guest.console, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""
