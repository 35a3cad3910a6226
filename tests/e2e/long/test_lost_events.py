"""Events of libvirt that never arrive, on a connection that is well: what they would have told
is found by the list of all domains, which is read every five minutes."""

import os

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.lab import Lab
from lab.lost_events import LostEvents
from lab.process import wait_for
from lab.programs import Exporter

RECONCILED_S = 5 * 60
BEFORE, CAME, WENT, PAUSED = "before", "came", "went", "paused"


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        for name in (BEFORE, CAME, WENT, PAUSED):  # with a channel, and nobody behind it
            lab.guest(name, disk=False, network=False, control=False, system=False)
        for name in (WENT, PAUSED):
            lab.guests[name].start()
        yield lab


@pytest.fixture(name="between")
def _between(lab):
    with LostEvents(lab.socket, f"{lab.directory}/between") as between:
        yield between


@pytest.fixture(name="exporter")
def _exporter(lab, between):
    config = write_config(lab, QUICK_CONFIG)
    with Exporter(lab, f"--config.file={config}",
                  uri=f"qemu+unix:///system?socket={between.path}") as exporter:
        yield exporter


def shows(**states):
    return lambda metrics: all(metrics.state(name) == state for name, state in states.items())


def test_what_events_would_have_told_is_found(lab, between, exporter):
    exporter.wait_for(shows(went="disconnected", paused="disconnected"), "both guests")
    lab.guests[BEFORE].start()
    exporter.wait_for(shows(before="disconnected"), "an event passes")
    connections = between.connections

    between.loses = True
    lab.guests[CAME].start()
    lab.guests[WENT].stop()
    lab.virsh("suspend", PAUSED)
    wait_for(lambda: between.lost >= 3, "the events of all three are lost")
    unseen = shows(came=None, went="disconnected", paused="disconnected", before="disconnected")
    assert unseen(exporter.metrics())
    found = exporter.wait_for(
        shows(came="disconnected", went=None, paused="paused", before="disconnected"),
        "what happened without an event", RECONCILED_S + 60)
    assert found.value("qga_exporter_source_up") == 1
    assert between.connections == connections, "it was looked at anew, and not connected to"
    assert "libvirt is away" not in exporter.process.log()

    between.loses = False
    lab.guests[BEFORE].stop()
    exporter.wait_for(shows(before=None), "events pass again")
