"""The faults of faults.py that are the agent's: it is not there, or does not answer."""

import os
import re

from lab.process import wait_for
from watched import Watched, returns
from watched import fault_domain_fixture, guest_fixture  # pylint: disable=unused-import


def test_no_channel(lab, exporter):
    bare = Watched(exporter, "no channel", "bare")
    metrics = bare.is_noticed()
    assert metrics.value("qga_agent_calls_total", domain="bare") == 0
    path = os.path.join(lab.directory, "channel.xml")
    with open(path, "w", encoding="ascii") as file:
        file.write("<channel type='unix'>"
                   "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>")
    lab.virsh("attach-device", "bare", path, "--live")
    bare.ends()
    bare.is_over(lambda metrics: metrics.state("bare") == "disconnected")
    channel = re.search(r"<channel.*?alias name='(.*?)'", lab.virsh("dumpxml", "bare"), re.S)
    lab.virsh("detach-device-alias", "bare", channel.group(1), "--live")
    wait_for(lambda: "<channel" not in lab.virsh("dumpxml", "bare"), "the channel gone", 10, 0.02)
    bare.begins()
    bare.is_noticed()


def test_never_started(lab, exporter):
    silent = Watched(exporter, "never started", "silent")
    metrics = silent.is_noticed()
    assert metrics.value("qga_agent_calls_total", domain="silent") == 0
    guest = lab.guests["silent"]
    guest.wait_for_control().run("agent start 10.0 >/dev/null 2>&1 &")
    try:
        returns(lab, guest)
        silent.ends()
        silent.is_over()
    finally:
        guest.run("agent hold")


def test_killed(lab, guest, exporter):
    watched = Watched(exporter, "killed")
    guest.run("agent hold")
    watched.is_noticed()
    guest.run("agent release")
    returns(lab, guest)
    watched.ends()
    watched.is_over()


def test_hung(guest, exporter):
    watched = Watched(exporter, "hung")
    guest.run("agent stop")
    watched.is_noticed()
    guest.run("agent cont")
    watched.ends()
    watched.is_over()
