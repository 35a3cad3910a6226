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
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

from . import image as lab_image
from .boot import Boot
from .error import LabError
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

GUEST_MEMORY_MIB = 128
TRANSLATIONS_MIB = 96  # QEMU would take a GiB in time
GUEST_MAC_PREFIX = "52:54:00:00"
GUEST_IPV4 = "10.0.2.15"


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
            raise LabError("the lab needs root: a mount namespace and a libvirtd of its own")
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
            raise LabError(
                "no mount and PID namespace of our own (a container without CAP_SYS_ADMIN?): "
                + self.init.log()
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


class Guest:
    """A small real guest.

    agent     a generation of lab.image, "7.2", or "none": which agent runs in it
    channel   whether the domain has the agent's channel at all
    clock_s   how far init sets its clock off
    vcpus     their number
    mounts    places where /data is mounted once more
    raw_port  a second port, org.test.raw, served by a socket of ours (for recordings)
    disk, network, control    whether it has them
    system    whether it has a kernel; without, it costs no boot
    disk_files                a folder whose files are put on the disk (/data)
    devices                   XML of more devices
    balloon   whether it has a balloon; the test loads its driver (/modules.balloon)
    on_crash                  what libvirt does when the guest panics
    """

    def __init__(self, lab, name, number, *, agent="7.2", channel=True, clock_s=0, vcpus=1,
                 mounts=(), raw_port=False, disk=True, disk_files=None, network=True, control=True,
                 system=True, devices="", on_crash="destroy", balloon=False):
        self.lab = lab
        self.name = name
        self.agent = agent
        self.channel = channel
        self.clock_s = clock_s
        self.vcpus = vcpus
        self.mounts = mounts
        self.raw_port = raw_port
        self.disk = disk
        self.disk_files = disk_files
        self.network = network
        self.control = control
        self.system = system
        self.devices = devices
        self.on_crash = on_crash
        self.balloon = balloon
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.mac = f"{GUEST_MAC_PREFIX}:{number >> 8:02x}:{number & 255:02x}"
        self.disk_serial = f"lab-{number}"
        self.control_socket = None
        self.boot = None
        self.console = f"{lab.directory}/log/{name}.console.log"

    def _port_path(self, port):
        return f"{self.lab.directory}/control/{self.name}.{port}"

    def _channel_xml(self, target, path=None):
        source = f"<source mode='bind' path='{path}'/>" if path else ""
        return (f"<channel type='unix'>{source}"
                f"<target type='virtio' name='{target}'/></channel>")

    def _devices_xml(self):
        devices = [
            "<controller type='usb' model='none'/>",
            "<controller type='virtio-serial'/>",
            f"<memballoon model='{'virtio' if self.balloon else 'none'}'/>",
            f"<serial type='file'><source path='{self.console}'/></serial>",
            self.devices,
        ]
        if self.channel:
            devices.append(self._channel_xml("org.qemu.guest_agent.0"))
        if self.control:
            devices.append(self._channel_xml("org.test.control", self._port_path("control")))
        if self.raw_port:
            devices.append(self._channel_xml("org.test.raw", self._port_path("raw")))
        if self.network:
            devices.append(f"<interface type='user'><mac address='{self.mac}'/>"
                           "<model type='virtio'/></interface>")
        if self.disk:
            devices.append(
                f"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                f"<source file='{self._disk_path()}'/><target dev='vda' bus='virtio'/>"
                f"<serial>{self.disk_serial}</serial></disk>")
        return "".join(devices)

    def _disk_path(self):
        return f"{self.lab.directory}/disk/{self.name}.raw"

    def xml(self):
        arguments = [lab_image.KERNEL_ARGUMENTS, f"qga.name={self.name}",
                     f"qga.agent={self.agent}", f"qga.clock={self.clock_s}"]
        if self.mounts:
            arguments.append("qga.mounts=" + ",".join(self.mounts))
        image = lab_image.image(self.agent)
        system = (f"<kernel>{image.kernel}</kernel><initrd>{image.initramfs}</initrd>"
                  f"<cmdline>{' '.join(arguments)}</cmdline>") if self.system else ""
        return f"""<domain type='qemu'>
  <name>{self.name}</name><uuid>{self.uuid}</uuid>
  <memory unit='MiB'>{GUEST_MEMORY_MIB}</memory><vcpu>{self.vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    {system}
  </os>
  <features><acpi/><tcg><tb-cache unit='MiB'>{TRANSLATIONS_MIB}</tb-cache></tcg></features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>{self.on_crash}</on_crash>
  <devices>{self._devices_xml()}</devices>
</domain>
"""

    def start(self):
        """Returns when it boots; it is booted again if that fails, twice at most."""
        self.cancel_boot()
        if self.system:
            self.boot = Boot(self)
            self.boot.begin()
        else:
            self.create()
        return self

    def load_balloon(self):
        self.run("while read -r module; do insmod $module; done </modules.balloon")

    def tell_memory(self, period_s=1):
        """Loads the balloon's driver, and has libvirt ask it."""
        self.load_balloon()
        self.lab.virsh("dommemstat", self.name, "--period", str(period_s), "--live")

    def cancel_boot(self):
        if self.boot is not None:
            self.boot.cancel()

    def create(self):
        """For Boot."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.console)  # what it said at another boot
        if self.disk_files:
            lab_image.build_data_disk(self._disk_path(), self.disk_files)
        elif self.disk:
            shutil.copyfile(self.lab.image.data_disk, self._disk_path())
        path = f"{self.lab.directory}/{self.name}.xml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.xml())
        self.lab.virsh("create", path)

    def destroy(self):
        """For Boot."""
        self.close_control()
        self.lab.virsh("destroy", self.name)

    def stop(self):
        """Pulls the plug."""
        self.cancel_boot()
        self.destroy()

    def state(self):
        return self.lab.virsh("domstate", self.name)

    # The agent, by way of libvirt.

    def agent_command(self, command, arguments=None, timeout_s=4):
        """The value of "return"."""
        request = {"execute": command}
        if arguments is not None:
            request["arguments"] = arguments
        text = self.lab.virsh("qemu-agent-command", self.name, "--timeout", str(timeout_s),
                              json.dumps(request))
        return json.loads(text)["return"]

    def wait_for_agent(self, timeout_s=300):
        """The limit is for all attempts of a boot."""
        wait_for(lambda: self.agent_command("guest-get-time"),
                 f"the agent of {self.name} answers (console: {self.console})", timeout_s, 0.2)
        return self

    # The shell in the guest, by a port of its own.

    def _control(self, timeout_s):
        if self.control_socket is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(stretched(timeout_s))
            connection.connect(self._port_path("control"))
            self.control_socket = connection
            self._flush_control()
        self.control_socket.settimeout(stretched(timeout_s))
        return self.control_socket

    def _flush_control(self):
        """Past whatever an earlier connection, or the boot, has left in the channel."""
        token = uuid.uuid4().hex
        self._converse(f"echo {token}", lambda text: f"{token}\nstatus 0.\n" in text)

    def _converse(self, line, complete):
        self.control_socket.sendall(line.encode() + b"\n")
        received = b""
        while not complete(received.decode("utf-8", "replace")):
            part = self.control_socket.recv(65536)
            if not part:
                raise OSError(f"the control port of {self.name} was closed")
            received += part
        return received.decode("utf-8", "replace")

    def run(self, command, timeout_s=60, check=True):
        """Runs a shell command line in the guest; returns its output."""
        try:
            self._control(timeout_s)
            text = self._converse(command, lambda text: re.search(r"status \d+\.\n$", text))
        except OSError:
            self.close_control()
            raise
        output, status = re.fullmatch(r"(.*)status (\d+)\.\n", text, re.S).groups()
        if check and status != "0":
            raise LabError(f"'{command}' in {self.name} ended with {status}: {output}")
        return output

    def wait_for_control(self, timeout_s=300):
        wait_for(lambda: self.run("true", timeout_s=5) == "", f"the control port of {self.name}",
                 timeout_s, 0.2)
        return self

    def close_control(self):
        if self.control_socket is not None:
            self.control_socket.close()
            self.control_socket = None

    def clock_offset(self, readings=5):
        """(lowest, highest) possible offset of the guest's clock to the host's, in seconds:
        the guest's kernel is asked, not the agent, and the host's clock is read before and
        after; of several readings the narrowest, and of more where the host is busy."""
        best = None
        for reading in range(10 * readings):
            if reading >= readings and best[1] - best[0] < 0.04:
                break
            before = time.time()
            text = self.run("adjtimex")
            after = time.time()
            seconds = int(re.search(r"time\.tv_sec:\s*(\d+)", text).group(1))
            fraction = int(re.search(r"time\.tv_usec:\s*(\d+)", text).group(1))
            # Nanoseconds if the kernel's status says so (STA_NANO).
            status = int(re.search(r"status:\s*(\d+)", text).group(1))
            guest = seconds + fraction / (1e9 if status & 0x2000 else 1e6)
            span = (guest - after, guest - before)
            if best is None or span[1] - span[0] < best[1] - best[0]:
                best = span
        return best

    def set_clock(self, offset_s):
        """Sets the guest's clock off by whole seconds, to some 10 ms: busybox can set whole
        seconds only, so the command goes out when the host's clock is at one."""
        self.run("true")
        target = int(time.time()) + 2
        time.sleep(target - 1 - time.time())
        while time.time() < target - 0.005:
            time.sleep(0.001)
        self.run(f"date -s @{target + offset_s}")

    def raw_connection(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(stretched(60))
        connection.connect(self._port_path("raw"))
        return connection
