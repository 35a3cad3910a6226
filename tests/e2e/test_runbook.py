"""The commands of docs/runbook.md, as they stand there, on a real guest called web.

What is run in guests (their tools are not in the lab's) and systemctl are left out.
"""

import os
import re
import subprocess

import pytest

from conftest import QUICK_CONFIG, write_config
from lab import image
from lab.process import SBIN_PATH, wait_for
from lab.programs import EXPORTER, Exporter

with open(os.path.join(image.ROOT, "docs", "runbook.md"), encoding="utf-8") as page:
    RUNBOOK = page.read()
OURS = re.compile(r"(?:virsh|qga-exporter|curl|journalctl -u qga-exporter \||grep -c|for guest in) ")
# What a sanitizer's build is to overlook.
SANITIZERS = {key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}


def commands():
    """All of them: in `code`, or lines of blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", RUNBOOK, re.S)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    found = lines + re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"```.*?```", "", RUNBOOK,
                                                                flags=re.S))
    return {" ".join(one.split()) for one in found if OURS.match(one)}


def freeze(lab):
    lab.virsh("domfsfreeze", "web")


def set_clock_off(lab):
    """The agent runs hwclock, which distributions have there."""
    guest = lab.guests["web"].wait_for_control()
    guest.run("mkdir -p /sbin && ln -sf $(which busybox) /sbin/hwclock")
    guest.set_clock(90)


def plug(lab):
    lab.virsh("resume", "web")
    lab.guests["web"].wait_for_agent(180)  # it boots
    lab.virsh("setvcpus", "web", "3", "--live")


def start(lab):
    lab.virsh("start", "web", check=False)


def pause(lab):
    lab.exporter.process.signal(10)
    wait_for(lambda: lab.exporter.metrics().value("qga_exporter_paused") == 1, "a pause")
    lab.exporter.process.signal(10)


# Command: what it says, and what is done before.  The order matters: the last ones end it.
EXPECTED = {
    "virsh -c qemu:///system list": ("web", None),
    "virsh list": ("web", None),
    "virsh list --all": ("web", None),
    "virsh list --all | grep web": ("running", None),
    "virsh domstate web --reason": (r"running \(booted\)", None),
    "virsh domblkerror web": ("No errors found", None),
    "virsh domblklist web": ("vda", None),
    "virsh domiflist web": ("virtio", None),
    "virsh domstats --block web": ("block.count=", None),
    "virsh domif-getlink web vnetN": ("up", None),
    "virsh domjobinfo web": ("None", None),
    "virsh console web": ("without a controlling TTY", None),  # it would wait for keys
    "virsh net-dhcp-leases default": ("no network with matching name|no connection driver|Expiry",
                                      None),
    "virsh domfsthaw GUEST": ("Thawed 1 filesystem", freeze),
    """virsh qemu-agent-command GUEST '{"execute":"guest-fsfreeze-thaw"}'""": ('"return":1', freeze),
    "qga-exporter doctor --config.file=/etc/qga-exporter.yml web": ("web", None),
    "qga-exporter --config.check --config.file=/etc/qga-exporter.yml": ("", None),
    "virsh domcontrol web": ("ok|occupied", None),
    """for guest in $(virsh list --name); do echo "$guest: $(virsh domcontrol $guest)"; done""":
        ("(?m)^web: (ok|occupied)", None),
    """curl -s localhost:10177/metrics | grep 'domain="web"'""": (r'qga_up\{domain="web",source="libvirt"\} 1', None),
    "curl -s localhost:10177/-/ready": ("^Ready$", None),
    "curl -s localhost:10177/-/healthy": ("^Healthy$", None),
    "journalctl -u qga-exporter | grep domain=web": ("domain=web", None),
    """journalctl -u qga-exporter | grep -E '"(paused:|no longer)'""": ('msg="paused: ', pause),
    "grep -c 'starting up' /var/log/libvirt/qemu/web.log": ("^1$", None),
    "virsh domtime GUEST --sync": ("^$", set_clock_off),
    "virsh setvcpus GUEST N --guest": ("", None),
    "virsh setvcpus GUEST N --config": ("", None),
    "virsh domblkinfo web vda": ("Capacity:", None),
    "virsh blockresize GUEST DISK NEWSIZE": ("resized", None),
    "virsh list --state-paused": ("^ Id", None),
    "virsh dump GUEST FILE --memory-only": ("dumped", None),
    "virsh suspend GUEST": ("suspended", None),
    "virsh reset GUEST": ("reset", None),
    # Emulated guests do not let go of a vCPU in time, and sometimes die of it.
    "virsh setvcpus GUEST N --live": ("unplug request timed out|^$", plug),
    "virsh vcpucount web": ("current +live|current +config", None),
    "virsh destroy GUEST": ("destroyed", start),
    "virsh undefine GUEST --keep-nvram": ("undefined", None),
}
# Why one is not run here.
NOT_RUN = {
    "qga-exporter doctor": "the same with its file is run",
    "qga-exporter doctor web": "likewise",
    "virsh resume GUEST": "what is run before `virsh setvcpus GUEST N --live` does",
    "virsh domjobabort GUEST": "nothing migrates here",
    "virsh migrate-postcopy GUEST": "likewise",
    "virsh migrate-setmaxdowntime GUEST MILLISECONDS": "likewise",
    "journalctl -u qga-exporter | grep -E 'does not come back|given_up'": "test_patience has such a call",
    "virsh setmem GUEST SIZE --live": "the guest here has no balloon",
    "virsh setmem": "named, without what it needs",
    "virsh setmaxmem": "likewise",
    "virsh setvcpus": "likewise",
    "curl -k -u USER https://localhost:10177/metrics": "test_web has TLS and users",
    "journalctl -u qga-exporter | grep -i denied": "test_permissions has a libvirtd that denies",
}


@pytest.fixture(scope="module", name="there")
def _there(lab):
    """The lab with the guest web, defined and running, and an exporter."""
    guest = lab.guest("web", vcpus=4, fresh=True)
    xml = guest.xml().replace("<vcpu>4</vcpu>", "<vcpu current='2'>4</vcpu>")
    guest.xml = lambda: xml
    try:
        guest.start()
        lab.virsh("define", f"{lab.directory}/web.xml")
        guest.wait_for_agent()
        config = write_config(lab, f"sources: [{{libvirt: {{uri: '{lab.uri}'}}}}]\n"
                              + QUICK_CONFIG, "runbook.yml")
        os.makedirs(f"{lab.directory}/bin", exist_ok=True)
        if not os.path.exists(f"{lab.directory}/bin/qga-exporter"):
            os.symlink(EXPORTER, f"{lab.directory}/bin/qga-exporter")
        with Exporter(lab, f"--config.file={config}", uri="", name="runbook") as lab.exporter:
            lab.exporter.wait_for(lambda metrics: metrics.value("qga_up", domain="web") == 1,
                                  "web", 60)
            yield lab
    finally:
        lab.virsh("destroy", "web", check=False)
        lab.virsh("undefine", "web", check=False)
        del lab.guests["web"]


def here(lab, command):
    """The same with the names of this machine."""
    guest = lab.guests["web"]
    for old, new in (
            ("qemu:///system", f"'{lab.uri}'"), (" vnetN", f" {guest.mac}"),
            ("FILE", f"{lab.directory}/web.dump"), ("localhost:10177", f"127.0.0.1:{lab.exporter.port}"),
            ("/etc/qga-exporter.yml", f"{lab.directory}/runbook.yml"),
            ("journalctl -u qga-exporter", f"cat {lab.exporter.process.log_path}"),
            ("GUEST N --guest", "web 1 --guest"), ("GUEST N --live", "web 2 --live"),
            ("GUEST N --config", "web 1 --config"), ("GUEST", "web"), (" DISK", " vda"), ("NEWSIZE", "40M"),
            ("/var/log/libvirt/qemu", f"{lab.directory}/log/qemu")):
        command = command.replace(old, new)
    return command


def test_all_commands_are_known():
    assert commands() == EXPECTED.keys() | NOT_RUN.keys()


def test_what_changes_a_guest_names_none():
    """As pasted it fails: no guest is called GUEST."""
    looks = re.compile(r"virsh (?:-c \S+ )?(?:list|vcpucount|console|net-dhcp-leases|dom(?:state|blk|if|job"
                       r"info|control|stats)\S*)")
    for command in commands():
        if command.startswith("virsh ") and not looks.match(command) and " " in command.removeprefix("virsh "):
            assert "GUEST" in command and " web" not in command, command


@pytest.mark.parametrize("command", EXPECTED)
def test_command(there, command):
    says, before = EXPECTED[command]
    if before:
        before(there)
    done = subprocess.run(
        ["bash", "-c", here(there, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=180, check=False, start_new_session=True,
        env={**SANITIZERS,
             "PATH": f"{there.directory}/bin:{SBIN_PATH}", "LC_ALL": "C", "HOME": there.directory,
             "LIBVIRT_DEFAULT_URI": there.uri})
    assert re.search(says, done.stdout), done.stdout
    meant = any(word in says for word in ("TTY", "network", "timed out"))
    assert done.returncode == 0 or meant, done.stdout
    if before is set_clock_off:  # the hardware clock tells whole seconds
        low, high = there.guests["web"].clock_offset()
        assert -3 < low <= high < 3
