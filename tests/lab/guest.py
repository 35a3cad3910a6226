"""A small real guest of a lab, its agent by way of libvirt, and its shell."""

import contextlib
import json
import os
import re
import shutil
import socket
import time
import uuid

from . import image as lab_image, seed
from .boot import Boot
from .error import LabError
from .pace import stretched
from .process import wait_for

GUEST_MEMORY_MIB = 128
TRANSLATIONS_MIB = 96  # QEMU would take a GiB in time
GUEST_MAC_PREFIX = "52:54:00:00"
GUEST_IPV4 = "10.0.2.15"


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
    fresh     whether it must be booted, and not be restored (lab.seed)
    """

    def __init__(self, lab, name, number, *, agent="7.2", channel=True, clock_s=0, vcpus=1,
                 mounts=(), raw_port=False, disk=True, disk_files=None, network=True, control=True,
                 system=True, devices="", on_crash="destroy", balloon=False, fresh=False):
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
        self.fresh = fresh
        self.is_seed = False
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

    def told(self):
        """What guest-init does, in its words."""
        words = [f"qga.name={self.name}", f"qga.agent={self.agent}", f"qga.clock={self.clock_s}"]
        if self.mounts:
            words.append("qga.mounts=" + ",".join(self.mounts))
        return " ".join(words)

    def kernel_arguments(self):
        told = "qga.seed=yes" if self.is_seed else self.told()
        return f"{lab_image.KERNEL_ARGUMENTS} {told}"

    def _xml_path(self):
        return f"{self.lab.directory}/{self.name}.xml"

    def xml(self):
        image = lab_image.image(self.agent)
        system = (f"<kernel>{image.kernel}</kernel><initrd>{image.initramfs}</initrd>"
                  f"<cmdline>{self.kernel_arguments()}</cmdline>") if self.system else ""
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

    def make_files(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.console)  # what it said at another boot
        if self.disk_files:
            lab_image.build_data_disk(self._disk_path(), self.disk_files)
        elif self.disk:
            shutil.copyfile(self.lab.image.data_disk, self._disk_path())
        with open(self._xml_path(), "w", encoding="utf-8") as file:
            file.write(self.xml())

    def create(self):
        """For Boot."""
        self.make_files()
        if not seed.restored(self):
            self.boot_from_kernel()

    def boot_from_kernel(self):
        self.lab.virsh("create", self._xml_path())

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

    def control_connection(self, timeout_s):
        """It serves one at a time."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(stretched(timeout_s))
        connection.connect(self._port_path("control"))
        return connection

    def _control(self, timeout_s):
        if self.control_socket is None:
            self.control_socket = self.control_connection(timeout_s)
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
