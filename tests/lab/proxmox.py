"""A host of Proxmox VE, played: its folders, and guests whose QEMU is started as it does it.

    host = ProxmoxHost(lab, "pve")
    web = host.guest(100, agent="10.0", name="web")
    host.configure(100, "name: web\nagent: 1\n")
    web.start()
"""

import contextlib
import os
import shutil

from .plain import PlainGuest
from .process import Process, program, wait_for

DISK_PLACE = "0xa"  # the slot that Proxmox VE gives the disk virtio0
# What it gives a q35 machine by -readconfig, from a file of its own: bridges, pci.0 among them.
Q35_BRIDGES = (
    *(f"pcie-root-port,id=ich9-pcie-port-{number + 1},bus=pcie.0,addr=1c.{number},multifunction=on,"
      f"port={number + 1},chassis={number + 1}" for number in range(4)),
    "i82801b11-bridge,id=pcidmi,bus=pcie.0,addr=1e.0",
    *(f"pci-bridge,id=pci.{number},bus=pcidmi,addr={number + 1}.0,chassis_nr={number + 1}"
      for number in range(4)))


class ProxmoxHost:
    """run is /var/run/qemu-server, etc is /etc/pve/qemu-server."""

    def __init__(self, lab, name):
        self.lab = lab
        self.folder = os.path.join(lab.directory, name)
        self.run = os.path.join(self.folder, "run")
        self.etc = os.path.join(self.folder, "etc")
        for folder in (self.run, self.etc):
            os.makedirs(folder)

    def source(self, **keys):
        """The source of a configuration of the exporter's."""
        there = {"sockets": self.run, "pid_files": self.run, "configurations": self.etc, **keys}
        return "proxmox: {" + ", ".join(f"{key}: {value}" for key, value in there.items()) + "}"

    def configure(self, vmid, text):
        """As Proxmox VE does it: the file is whole at once."""
        path = self.configuration(vmid)
        with open(f"{path}.tmp", "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.rename(f"{path}.tmp", path)

    def configuration(self, vmid):
        return os.path.join(self.etc, f"{vmid}.conf")

    def pid_file(self, vmid):
        return os.path.join(self.run, f"{vmid}.pid")

    def guest(self, vmid, **options):
        return ProxmoxGuest(self, vmid, **options)

    def bare(self, vmid):
        """The process of a guest without an agent, and without a system: it costs no boot."""
        process = Process(
            [program("qemu-system-x86_64"), "-machine", "pc", "-accel", "tcg", "-m", "16",
             "-nodefaults", "-display", "none", "-pidfile", self.pid_file(vmid), "-name", "bare"],
            os.path.join(self.lab.directory, f"pve-{vmid}.log"))
        wait_for(lambda: os.path.getsize(self.pid_file(vmid)), f"the pid file of {vmid}")
        return process

    def close(self):
        shutil.rmtree(self.folder)


class ProxmoxGuest(PlainGuest):
    """With a disk virtio0 and a NIC net0."""

    def __init__(self, host, vmid, *, agent="10.0", machine="pc"):
        self.host, self.vmid = host, vmid
        super().__init__(host.lab, f"pve-{vmid}", os.path.join(host.run, f"{vmid}.qga"),
                         agent=agent, machine=machine)
        self.mac = f"BC:24:11:00:00:{vmid % 256:02X}"
        self.options = [
            *(word for bridge in (Q35_BRIDGES if machine == "q35" else ())
              for word in ("-device", bridge)),
            "-pidfile", host.pid_file(vmid), "-name", f"pve-{vmid},debug-threads=on",
            "-drive", f"file={self._disk_path()},if=none,id=drive-virtio0,format=raw",
            "-device", f"virtio-blk-pci,drive=drive-virtio0,id=virtio0,bus=pci.0,addr={DISK_PLACE}",
            "-netdev", "user,id=net0",
            "-device", f"virtio-net-pci,mac={self.mac},netdev=net0,bus=pci.0,addr=0x12,id=net0"]

    def create(self):
        shutil.copyfile(self.lab.image.data_disk, self._disk_path())
        super().create()

    def destroy(self):
        super().destroy()
        with contextlib.suppress(FileNotFoundError):  # a QEMU that was killed leaves it
            os.unlink(self.host.pid_file(self.vmid))
