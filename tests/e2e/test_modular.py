"""A host with modular daemons, as RHEL and Fedora are: the exporter finds virtqemud's socket
where there is no libvirtd, and doctor names the daemon that is there.

A libvirtd that serves at that path stands in for virtqemud."""

import os
import signal
import subprocess

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.lab import Lab
from lab.pace import stretched
from lab.process import program, wait_for
from lab.programs import EXPORTER, Exporter

URI = "qemu:///system"
NAME = "modular"


class ModularLab(Lab):
    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.directory}/run/virtqemud-sock"

    def start_libvirtd(self):
        self.libvirtd.start()
        for suffix in ("-ro", ""):
            place = f"{self.directory}/run/libvirt-sock{suffix}"
            wait_for(lambda place=place: os.path.exists(place), "libvirtd's socket")
            os.rename(place, f"{self.directory}/run/virtqemud-sock{suffix}")
        wait_for(lambda: self.virsh("uri"), "libvirtd answers as virtqemud")

    def inside(self):
        """What to put before a command that is to see the lab's /run/libvirt."""
        return [program("nsenter"), "--mount", "--target", str(self.init_pid), "--",
                program("setpriv"), "--pdeathsig", "KILL", "--"]


@pytest.fixture(scope="module", name="lab")
def _lab():
    with ModularLab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        lab.guest(NAME, agent="10.0", network=False, control=False).start().wait_for_agent()
        assert not [name for name in os.listdir(f"{lab.directory}/run")
                    if name.startswith("libvirt-sock")]
        yield lab


def doctor(lab):
    done = subprocess.run([*lab.inside(), EXPORTER, "doctor", f"--libvirt.uri={URI}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=stretched(120), check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_a_guest_is_seen(lab):
    path = write_config(lab, QUICK_CONFIG)
    with Exporter(lab, f"--config.file={path}", uri=URI, command=lab.inside()) as exporter:
        exporter.wait_for(lambda metrics: metrics.value("qga_up", domain=NAME) == 1
                          and metrics.find("qga_os_info", domain=NAME), "the guest's series")
        assert exporter.metrics().value("qga_exporter_source_up") == 1


def test_doctor_sees_it(lab):
    said = doctor(lab)
    assert NAME in said and "systemctl" not in said


def test_a_daemon_that_hangs(lab):
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        said = doctor(lab)
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    assert "systemctl restart virtqemud\n" in said and "libvirtd" not in said


def test_a_daemon_that_is_away(lab):
    lab.libvirtd.stop()
    said = doctor(lab)
    assert "systemctl start virtqemud," in said and "libvirtd" not in said
