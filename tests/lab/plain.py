"""A lab guest without libvirt: QEMU started by hand, its agent behind a chardev's socket."""

import contextlib
import os
import shutil

from .error import LabError
from .image import KERNEL_ARGUMENTS
from .guest import GUEST_MEMORY_MIB, TRANSLATIONS_MIB, Guest
from .process import Process, program, wait_for


class PlainGuest(Guest):
    """The guest agent's port is the socket self.path, as `-chardev socket,server=on` makes it."""

    def __init__(self, lab, name, path, *, agent="10.0", disk=False, network=False, options=(),
                 machine="pc"):
        super().__init__(lab, name, 0, agent=agent, disk=disk, network=network)
        self.path = path
        self.options = options
        self.machine = machine
        self.process = None

    def create(self):
        image = self.lab.image
        ports = {"org.qemu.guest_agent.0": self.path,
                 "org.test.control": self._port_path("control")}
        command = [
            program("qemu-system-x86_64"), "-machine", self.machine,
            "-accel", f"tcg,tb-size={TRANSLATIONS_MIB}", "-nodefaults",
            "-m", str(GUEST_MEMORY_MIB), "-display", "none",
            "-kernel", image.kernel, "-initrd", image.initramfs, "-append",
            f"{KERNEL_ARGUMENTS} qga.name={self.name} qga.agent={self.agent}",
            "-serial", f"file:{self.console}", "-device", "virtio-serial-pci",
        ]
        for index, (port, path) in enumerate(ports.items()):
            command += ["-chardev", f"socket,id=c{index},path={path},server=on,wait=off",
                        "-device", f"virtserialport,chardev=c{index},name={port}"]
        if self.disk:
            shutil.copyfile(image.data_disk, self._disk_path())
            command += ["-drive", f"file={self._disk_path()},if=none,id=drive0,format=raw",
                        "-device", f"virtio-blk-pci,drive=drive0,serial={self.disk_serial}"]
        if self.network:
            command += ["-netdev", "user,id=net0",
                        "-device", f"virtio-net-pci,netdev=net0,mac={self.mac}"]
        command += self.options
        self.process = Process(command, os.path.join(self.lab.directory, f"{self.name}.log"))

        def there():
            if not self.process.alive():
                raise LabError(f"QEMU has ended: {self.process.log()}")
            return os.path.exists(self.path)
        wait_for(there, f"the socket of {self.name}")

    def state(self):
        return "running" if self.process.alive() else "shut off"

    def destroy(self):
        """A QEMU that is ended while it starts leaves its socket behind."""
        self.close_control()
        self.process.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
