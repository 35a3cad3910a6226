"""A libvirtd of our own, and guests that run real guest agents below it.

    with Lab() as lab:
        web = lab.guest("web", agent="10.0", clock_s=90)
        web.start()
        web.wait_for_agent()
        print(lab.uri, web.agent_command("guest-get-osinfo"))

Everything lives below one temporary folder and in PID and mount namespaces of its own,
so labs run side by side, the machine's own libvirt is left alone, and nothing outlives
this process, however it ends.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import uuid

from . import image as lab_image
from .error import LabError, NotHereError
from .guest import Guest
from .pace import stretched
from .process import SBIN_PATH, Process, program, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "qga-lab-"

QEMU_CONF = """
user = "root"
group = "root"
namespaces = []
cgroup_controllers = []
security_driver = "none"
remember_owner = 0
"""
# There is no polkit in the lab, and nobody but us can reach the folder.
LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
# Two labs are two hosts, between which a guest can migrate.
host_uuid = "{host_uuid}"
"""


def remove_leftovers():
    """The folders of labs that were killed."""
    for path in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "*", "lock")):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)


class Daemon:
    """virtlogd or libvirtd inside the lab's namespaces."""

    def __init__(self, lab, name, *arguments):
        self.lab = lab
        self.name = name
        self.program = program(name)
        self.arguments = arguments
        self.process = None
        self.pid = None

    def start(self):
        pid_file = os.path.join(self.lab.directory, f"{self.name}.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)
        self.process = Process(
            [program("nsenter"), "--mount", "--pid", "--target", str(self.lab.init_pid), "--",
             self.program, "-p", pid_file, *self.arguments],
            os.path.join(self.lab.directory, f"{self.name}.log"),
            env={"PATH": SBIN_PATH, "LC_ALL": "C", "HOME": "/root"},
        )
        # nsenter forks into the PID namespace; the daemon is its only child.
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"

        def child():
            if not self.process.alive():
                raise LabError(f"{self.name} has ended:\n{self.process.log()}")
            with open(children, encoding="ascii") as file:
                return int(file.read().split()[0]) if os.path.exists(pid_file) else None

        try:
            self.pid = wait_for(child, f"start of {self.name}")
        except IndexError as error:
            raise LabError(f"{self.name} has ended:\n{self.process.log()}") from error

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """In order, as an upgrade of the package does it; the guests run on."""
        if self.process is not None and self.process.alive():
            self.signal(signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError):  # it may have ended at once
                self.signal(signal.SIGCONT)
            self.wait()
        self.process = None

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()
        self.process = None

    def wait(self, timeout_s=60):
        def ended():
            # nsenter stops itself whenever its child is stopped.
            self.process.signal(signal.SIGCONT)
            return not self.process.alive()
        wait_for(ended, f"end of {self.name}", timeout_s)


class Lab:
    """One private libvirtd and its guests."""

    libvirtd_conf = LIBVIRTD_CONF
    client_command = ()  # what virsh is run by

    def __init__(self, keep_logs=None):
        self.keep_logs = keep_logs  # a folder for the logs of what ran, or None
        self.directory = None
        self.lock = None
        self.init = None
        self.init_pid = None
        self.virtlogd = self.libvirtd = None
        self.guests = {}
        self.image = None
        self.notes = []  # what the lab had to put right: for the summary

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.directory}/run/libvirt-sock"

    @property
    def socket(self):
        return f"{self.directory}/run/libvirt-sock"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        if os.geteuid() != 0:
            raise NotHereError("the lab needs root: a mount namespace and a libvirtd of its own")
        self.image = lab_image.image()
        remove_leftovers()
        # Short: a socket's path has 107 bytes.
        self.directory = tempfile.mkdtemp(prefix=PREFIX)
        # pylint: disable-next=consider-using-with
        self.lock = open(os.path.join(self.directory, "lock"), "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        for folder in ("run", "etc", "lib/qemu", "cache", "log", "control", "disk"):
            os.makedirs(os.path.join(self.directory, folder))
        for name, text in (("qemu.conf", QEMU_CONF), ("libvirtd.conf", self.libvirtd_conf.format(host_uuid=uuid.uuid4()))):
            with open(f"{self.directory}/etc/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        self._start_namespaces()
        self.virtlogd = Daemon(self, "virtlogd")
        self.libvirtd = Daemon(self, "libvirtd")
        self.virtlogd.start()
        self.start_libvirtd()

    def _start_namespaces(self):
        self.init = Process(
            [program("unshare"), "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child=KILL", "--mount-proc", os.path.join(HERE, "namespace-init"),
             self.directory],
            os.path.join(self.directory, "namespace.log"),
            stdout=subprocess.PIPE,
        )
        if self.init.popen.stdout.readline() != b"ready\n":
            raise NotHereError(
                "no mount and PID namespace of our own (a container without CAP_SYS_ADMIN?): "
                + " ".join(self.init.log().split())
            )
        children = f"/proc/{self.init.pid}/task/{self.init.pid}/children"
        with open(children, encoding="ascii") as file:
            self.init_pid = int(file.read().split()[0])

    def start_libvirtd(self):
        self.libvirtd.start()
        wait_for(lambda: self.virsh("uri"), "libvirtd answers")

    def restart_libvirtd(self):
        self.libvirtd.stop()
        self.start_libvirtd()

    def virsh(self, *arguments, timeout_s=60, check=True):
        done = subprocess.run(
            [*self.client_command, program("virsh"), "-q", "-c", self.uri, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": SBIN_PATH, "LC_ALL": "C", "HOME": self.directory},
            text=True, timeout=stretched(timeout_s), check=False,
        )
        if check and done.returncode != 0:
            raise subprocess.SubprocessError(
                f"virsh {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip() if check else done

    def guest(self, name, **options):
        """A guest, not started yet; see Guest for the options."""
        self.guests[name] = Guest(self, name, len(self.guests) + 1, **options)
        return self.guests[name]

    def close(self):
        for guest in self.guests.values():
            guest.close_control()
            guest.cancel_boot()
        if self.init is not None:
            # PID 1 of the namespace takes every process in it along.
            self.init.kill()
            self.init.popen.stdout.close()
            self.init = None
        for daemon in (self.libvirtd, self.virtlogd):
            if daemon is not None and daemon.process is not None:
                daemon.process.kill()  # nsenter; what it ran is gone already
        if self.directory is not None:
            if self.keep_logs:
                self._save_logs()
            shutil.rmtree(self.directory, ignore_errors=True)
            self.lock.close()
            self.directory = None

    def _save_logs(self):
        os.makedirs(self.keep_logs, exist_ok=True)
        for folder, _, names in os.walk(self.directory):
            for name in names:
                if name.endswith(".log"):
                    shutil.copy(os.path.join(folder, name), self.keep_logs)
