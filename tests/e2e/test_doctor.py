"""qga-exporter doctor, on guests with one fault each."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents, Client
from lab.process import wait_for
from lab.programs import run_exporter

LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
OURS = "https://github.com/qga-exporter/metadata/1"


def table(lab, *arguments, uri=None):
    return run_exporter(lab, "doctor", f"--libvirt.uri={uri or lab.uri}", *arguments)


def diagnosis(lab, *arguments, uri=None):
    """(exit status, {domain: row}) of the report for scripts."""
    status, out, errors = table(lab, "--format=json", *arguments, uri=uri)
    assert errors == ""
    report = json.loads(out)
    assert report["well"] is (status == 0)
    return status, {row["domain"]: row for row in report["domains"]}


def problems(row):
    """But for what is said of all guests of the lab, which have no balloon."""
    return [finding["problem"] for finding in row["findings"]
            if finding["problem"] != "no_balloon"]


def remedies(row):
    return [remedy for finding in row["findings"] for remedy in finding["remedies"]]


@contextlib.contextmanager
def metadata(lab, domain, namespace, element):
    lab.virsh("metadata", domain, namespace, "--key", "test", "--set", element, "--live")
    try:
        yield
    finally:
        lab.virsh("metadata", domain, namespace, "--remove", "--live")


def test_every_guest_has_a_row(lab):
    status, rows = diagnosis(lab)
    assert status == 1
    assert set(rows) >= {"old", "new", "silent", "bare"}
    for name, version in (("old", "7.2"), ("new", "10.0")):
        assert rows[name]["well"] and not any(found["fault"] for found in
                                              rows[name]["findings"]), rows[name]
        assert rows[name]["agent_version"].startswith(version)
        assert set(rows[name]["steps"].values()) == {"ok"}
    assert (rows["bare"]["failed_step"], problems(rows["bare"])) == ("channel", ["no_channel"])
    assert (rows["silent"]["failed_step"], problems(rows["silent"])) == (
        "service", ["not_connected"])


def test_the_table_for_those_named(lab, old):
    status, out, errors = table(lab, "new", old.uuid)
    assert (status, errors) == (0, "")
    assert out.startswith("configuration: no file, all defaults\n")
    lines = [line for line in out.splitlines()[1:] if not line.startswith(" ")]
    assert lines[0].split() == ["DOMAIN", "STATE", "AGENT", "CHANNEL", "SERVICE", "ANSWER"]
    assert [line.split()[:2] for line in lines[1:3]] == [["new", "responsive"],
                                                        ["old", "responsive"]]
    # The older agent lacks a command of the newer one; that is no fault.
    assert "note: this agent does not have guest-get-load" in out
    assert lines[-1] == "2 of 2 domains are well"


def test_an_unknown_domain(lab):
    status, rows = diagnosis(lab, "old", "no-such-domain")
    assert status == 1
    assert rows["old"]["well"]
    assert problems(rows["no-such-domain"]) == ["not_running"]


def test_the_channel_is_added_by_the_remedy(lab):
    guest = lab.guests.get("lacking") or lab.guest("lacking", agent="7.2", channel=False,
                                                   disk=False, network=False)
    guest.start()
    try:
        _, rows = diagnosis(lab, "lacking")
        # The guest is transient, for which the remedy has a hint that a shell leaves alone.
        command = remedies(rows["lacking"])[0].replace(" --config #", " #")
        done = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, (command, done.stdout)
        _, rows = diagnosis(lab, "lacking")
        assert rows["lacking"]["steps"]["channel"] == "ok"
    finally:
        guest.stop()


def test_a_channel_that_libvirt_does_not_use(lab):
    guest = lab.guest("pty", channel=False, disk=False, network=False, control=False, system=False,
                      devices="<channel type='pty'><target type='virtio' "
                              "name='org.qemu.guest_agent.0'/></channel>")
    guest.start()
    try:
        status, rows = diagnosis(lab, "pty")
    finally:
        guest.stop()
        del lab.guests["pty"]
    row = rows["pty"]
    assert (status, row["state"], row["failed_step"]) == (1, "unconfigured", "channel")
    assert problems(row) == ["no_channel"]
    assert "not of type unix" in row["findings"][0]["text"]
    assert " edit pty: make the agent's channel <channel type='unix'>" in remedies(row)[0]


def test_an_agent_that_hangs(lab, new):
    new.run("agent stop")
    try:
        status, rows = diagnosis(lab, "new", "old")
        assert status == 1
        assert (rows["new"]["state"], rows["new"]["failed_step"]) == ("unresponsive", "answer")
        assert problems(rows["new"]) == ["no_answer"]
        assert rows["old"]["well"]
    finally:
        new.run("agent cont")
    new.wait_for_agent()


def test_a_paused_domain_has_no_fault(lab):
    lab.virsh("suspend", "old")
    try:
        status, rows = diagnosis(lab, "old")
        assert status == 0
        assert (rows["old"]["state"], problems(rows["old"])) == ("paused", ["paused"])
    finally:
        lab.virsh("resume", "old")


def test_a_frozen_guest(lab, old):
    lab.virsh("domfsfreeze", "old")
    try:
        status, rows = diagnosis(lab, "old")
        assert status == 1
        assert (rows["old"]["state"], problems(rows["old"])) == ("frozen", ["frozen"])
    finally:
        lab.virsh("domfsthaw", "old")
    old.wait_for_agent()
    assert diagnosis(lab, "old")[0] == 0


@pytest.mark.parametrize("identifier, command", [
    ("http://debian.org/debian/12", "apt install qemu-guest-agent"),
    ("http://alpinelinux.org/alpinelinux/3.18", "apk add qemu-guest-agent"),
    ("http://microsoft.com/win/2k22", "Start-Service QEMU-GA"),
])
def test_the_package_of_the_guests_system(lab, identifier, command):
    with metadata(lab, "silent", LIBOSINFO, f'<libosinfo><os id="{identifier}"/></libosinfo>'):
        _, rows = diagnosis(lab, "silent")
    assert rows["silent"]["os_from"] == "metadata"
    assert command in remedies(rows["silent"])[0]


def test_a_guest_that_is_left_alone(lab):
    with metadata(lab, "silent", OURS, '<exporter poll="no"/>'):
        status, rows = diagnosis(lab, "silent")
    assert status == 0
    assert problems(rows["silent"]) == ["opted_out"]


def test_the_read_only_socket(lab):
    status, rows = diagnosis(lab, "old", "bare", uri=f"{lab.uri}-ro")
    assert status == 1
    assert (rows["old"]["state"], rows["old"]["failed_step"]) == ("denied", "answer")
    assert "--libvirt.uri=" in remedies(rows["old"])[0]
    assert problems(rows["bare"]) == ["no_channel"]


def test_without_a_daemon(lab):
    status, out, errors = table(
        lab, uri=f"qemu+unix:///system?socket={lab.directory}/no-such-socket")
    assert (status, errors) == (1, "")
    assert "no-such-socket is away: " in out
    assert "systemctl start libvirtd" in out


def test_a_daemon_that_hangs(lab):
    lab.libvirtd.signal(signal.SIGSTOP)
    try:
        status, out, _ = table(lab, "old")
    finally:
        lab.libvirtd.signal(signal.SIGCONT)
    assert status == 1
    assert "has not answered" in out and "systemctl restart libvirtd" in out
    wait_for(lambda: lab.virsh("uri"), "libvirtd answers again", 60)


def test_a_config_that_says_paused(lab):
    path = write_config(lab, QUICK_CONFIG + "paused: true\n", "doctor-paused.yml")
    status, out, errors = table(lab, f"--config.file={path}")
    os.unlink(path)
    assert (status, out) == (1, "")
    assert "paused" in errors and len(errors.splitlines()) == 1


def test_agents_by_their_sockets(place):
    with Agents(place.directory) as agents:
        with Client(agents.start("well").path) as client:
            commands = [one["name"] for one in client.ask("guest-info")["supported_commands"]]
        agents.start("limited", blocked=("guest-get-osinfo", "guest-get-fsinfo"))
        agents.start("crashed").kill()
        held = agents.start("held")
        path = write_config(place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n')
        with Client(held.path) as other:
            other.ask("guest-sync", {"id": 1})
            status, out, errors = run_exporter(place, "doctor", f"--config.file={path}",
                                               "--format=json")
    assert (status, errors) == (1, "")
    missing = [] if "guest-get-load" in commands else ["command_missing"]  # which release's it is
    rows = {row["domain"]: row for row in json.loads(out)["domains"]}
    assert {name: problems(row) for name, row in rows.items()} == {
        "well": missing, "limited": ["command_disabled", *missing],
        "crashed": ["not_connected"],
        "held": ["held"]}
    text = rows["limited"]["findings"][0]["text"]
    assert "guest-get-osinfo" in text and "guest-get-fsinfo" in text
    assert rows["limited"]["steps"]["answer"] == "ok"
    assert held.path in remedies(rows["held"])[0]


@pytest.mark.parametrize("arguments", [["--format=xml"], ["--once"], ["--no-such-flag"]])
def test_usage(lab, arguments):
    status, out, errors = table(lab, *arguments)
    assert (status, out, len(errors.splitlines())) == (2, "", 1)
