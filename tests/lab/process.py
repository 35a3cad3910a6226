"""Child processes that cannot outlive the test, and waiting with a deadline."""

import os
import shutil
import signal
import socket
import subprocess
import time

from .error import NotHereError
from .pace import Limit, stretched

SBIN_PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def program(name):
    """The full path of a program which a package of scripts/install-packages brings."""
    path = shutil.which(name, path=SBIN_PATH)
    if path is None:
        raise NotHereError(f"{name} is missing: run scripts/install-packages test")
    return path



def wait_for(condition, what, timeout_s=60.0, interval_s=0.1):
    """The first true value of condition(); an exception of it counts as not yet.  The limit
    is seconds of a quiet machine: where the machine is late, it is waited longer."""
    limit = Limit(timeout_s)
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, ValueError, KeyError, AssertionError, subprocess.SubprocessError) as error:
            last = error
        if limit.is_over():
            raise AssertionError(f"{what}: not within {timeout_s:g} s (waited "
                                 f"{limit.last_look - limit.began:.0f} s); last seen: {last!r}")
        time.sleep(interval_s)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


class Process:
    """A child whose output goes to a file; the kernel kills it when this process dies."""

    def __init__(self, command, log_path, stdin=subprocess.DEVNULL, stdout=None, env=None,
                 pass_fds=()):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            # setpriv executes the command in its place, so the pid is the command's own.
            # pylint: disable-next=consider-using-with
            self.popen = subprocess.Popen(
                [program("setpriv"), "--pdeathsig", "KILL", "--", *command],
                stdin=stdin,
                stdout=stdout or log,
                stderr=log,
                env=env,
                pass_fds=pass_fds,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, timeout_s):
        """The exit status; AssertionError when it is still there."""
        try:
            return self.popen.wait(stretched(timeout_s))
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.popen.args[4]} has not ended in {timeout_s} s") from error

    def stop(self, timeout_s=20.0):
        """SIGTERM, then SIGKILL.  Returns the exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(stretched(timeout_s))
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.popen.wait()
