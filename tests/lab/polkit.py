"""A lab whose libvirtd asks a real polkitd what its clients may do, and a user without
any rights to run the exporter as.

    with PolkitLab() as lab:
        lab.set_rule(text)
        Exporter(lab, uri="qemu:///system", command=lab.as_user())

Bus, polkitd, libvirtd and the user are in the lab's namespaces alone.
"""

import os
import shutil

from .lab import Lab
from .process import SBIN_PATH, Process, program, wait_for

USER = "qga-exporter"  # as the rule says
USER_ID = 64321

BUS_CONF = """\
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""


class PolkitLab(Lab):
    """Root, which is us, may do everything; everybody else what polkit's rules allow."""

    libvirtd_conf = """
auth_unix_ro = "none"
auth_unix_rw = "polkit"
access_drivers = [ "polkit" ]
host_uuid = "{host_uuid}"
"""

    def __init__(self, **options):
        super().__init__(**options)
        self.bus = self.polkitd = None

    def _start_namespaces(self):
        super()._start_namespaces()
        for folder in ("dbus", "rules"):
            os.makedirs(f"{self.directory}/{folder}")
        self._write("bus.conf", BUS_CONF)
        for name, line in (("passwd", f"{USER}:x:{USER_ID}:{USER_ID}::/nonexistent:/bin/false\n"),
                           ("group", f"{USER}:x:{USER_ID}:\n")):
            with open(f"/etc/{name}", encoding="utf-8") as file:
                self._write(name, file.read() + line)
        os.makedirs("/run/dbus", exist_ok=True)
        self._bind("dbus", "/run/dbus")
        self._bind("rules", "/etc/polkit-1/rules.d")
        for name in ("passwd", "group"):
            self._bind(name, f"/etc/{name}")
        for folder in ("", "rules"):
            os.chmod(f"{self.directory}/{folder}", 0o755)  # polkitd and the user are not root
        self._start_polkit()

    @property
    def client_command(self):
        """polkitd looks up who asks, and cannot see who is not in its PID namespace."""
        return self._enter()

    def _write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def _enter(self):
        return [program("nsenter"), "--mount", "--pid", "--target", str(self.init_pid), "--"]

    def _bind(self, name, place):
        process = Process([*self._enter(), program("mount"), "--bind",
                           f"{self.directory}/{name}", place], f"{self.directory}/mount.log")
        assert process.wait(10) == 0, process.log()

    def _start_polkit(self):
        self.bus = Process([*self._enter(), program("dbus-daemon"), "--nofork", "--nopidfile",
                            f"--config-file={self.directory}/bus.conf"],
                           f"{self.directory}/bus.log")
        wait_for(lambda: os.path.exists(f"{self.directory}/dbus/system_bus_socket"),
                 f"the bus ({self.bus.log_path})", 10)
        self.polkitd = Process([*self._enter(), "/usr/lib/polkit-1/polkitd", "--no-debug"],
                               f"{self.directory}/polkitd.log", env={"PATH": SBIN_PATH})

    def set_rule(self, text):
        """polkitd's only rule; it sees by itself that it is another one."""
        path = f"{self.directory}/50-test.rules"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        shutil.move(path, f"{self.directory}/rules/50-test.rules")

    def as_user(self):
        """What to put before a command that is to run as the user without rights."""
        return [*self._enter(), program("setpriv"), "--pdeathsig", "KILL",
                "--reuid", str(USER_ID), "--regid", str(USER_ID), "--clear-groups", "--"]
