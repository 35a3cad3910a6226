"""A lab guest without libvirt: QEMU started by hand, its agent behind a chardev's socket."""

import contextlib
import os

from .error import LabError
from .image import KERNEL_ARGUMENTS
from .lab import GUEST_MEMORY_MIB, TRANSLATIONS_MIB, Guest
from .process import Process, program, wait_for


class PlainGuest(Guest):
    """The guest agent's port is the socket self.path, as `-chardev socket,server=on` makes it."""

    def __init__(self, lab, name, path, *, agent="10.0"):
        super().__init__(lab, name, 0, agent=agent, disk=False, network=False)
        self.path = path
        self.process = None

    def create(self):
        image = self.lab.image
        ports = {"org.qemu.guest_agent.0": self.path,
                 "org.test.control": self._port_path("control")}
        command = [
            program("qemu-system-x86_64"), "-machine", "pc",
            "-accel", f"tcg,tb-size={TRANSLATIONS_MIB}", "-nodefaults",
            "-m", str(GUEST_MEMORY_MIB), "-display", "none",
            "-kernel", image.kernel, "-initrd", image.initramfs, "-append",
            f"{KERNEL_ARGUMENTS} qga.name={self.name} qga.agent={self.agent}",
            "-serial", f"file:{self.console}", "-device", "virtio-serial-pci",
        ]
        for index, (port, path) in enumerate(ports.items()):
            command += ["-chardev", f"socket,id=c{index},path={path},server=on,wait=off",
                        "-device", f"virtserialport,chardev=c{index},name={port}"]
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
