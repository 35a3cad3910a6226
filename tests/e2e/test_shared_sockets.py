"""QEMU's sockets, which others need too: a host that behaves as Proxmox VE's notices nothing of
the exporter.  Real QEMU, real agents of two generations."""

import contextlib
import os
import shutil
import time

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.host_client import HostClient, HostClientError
from lab.host_load import HostLoad, put_load
from lab.plain import PlainGuest
from lab.programs import Exporter, run_exporter

COMMANDS = 60  # to each guest; `make harmless` sends 2,000
NAMES = {"7.2": "shared-old", "10.0": "shared-new"}


@pytest.fixture(scope="module", name="folder")
def _folder(lab):
    path = os.path.join(lab.directory, "shared")
    os.makedirs(path)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", name="guests")
def _guests(lab, folder):
    """One of each agent generation, by it; with a filesystem that can be frozen."""
    guests = {agent: PlainGuest(lab, name, os.path.join(folder, f"{name}.qga"), agent=agent,
                                disk=True) for agent, name in NAMES.items()}
    with contextlib.ExitStack() as stack:
        for guest in guests.values():
            stack.callback(guest.stop)
            guest.start()
        for guest in guests.values():
            guest.wait_for_control()
            wait_for_agent(guest)
        yield guests


def wait_for_agent(guest):
    client = HostClient(guest.path)
    while True:
        with contextlib.suppress(HostClientError):
            return client.ask("guest-ping")


@pytest.fixture(scope="module", name="config")
def _config(lab, folder):
    source = f'sources: [{{socket: {{path: "{folder}/*.qga"}}}}]\n'
    return write_config(lab, source + QUICK_CONFIG, "shared.yml")


@pytest.fixture(name="exporter")
def _exporter(lab, config, guests):
    with Exporter(lab, f"--config.file={config}", uri="", name="shared") as running:
        for guest in guests.values():
            is_asked_on(running, guest)
        yield running


def is_asked_on(exporter, guest):
    """Its collectors succeed after now."""
    since = time.time()
    return exporter.wait_for(
        lambda metrics: metrics.state(guest.name) == "responsive" and all(
            (metrics.value("qga_collector_last_success_timestamp_seconds", domain=guest.name,
                           collector=name) or 0) > since for name in ("clock", "filesystem")),
        f"{guest.name} is asked on", 60)


def failures(metrics):
    return {(labels["domain"], labels["reason"]): value for labels, value in
            metrics.find("qga_agent_failures_total") if value > 0}


def test_the_host_notices_nothing(exporter, guests):
    """Each backup has its freeze, and no answer is another's."""
    loads = [HostLoad(guest) for guest in guests.values()]
    put_load(loads, COMMANDS)
    for load in loads:
        print(load)
        assert not load.wrong
    for guest in guests.values():
        metrics = is_asked_on(exporter, guest)
    assert not failures(metrics)
    met = sum(value for labels, value in metrics.find("qga_exporter_calls_total")
              if labels["outcome"] == "busy")
    print(f"the exporter made room {met:.0f} times")


def test_a_frozen_guest_is_asked_nothing_else(exporter, guests):
    """All that comes while it is frozen is the question whether it is."""
    guest = guests["10.0"]
    client = HostClient(guest.path)
    assert client.ask("guest-fsfreeze-freeze") == 1
    try:
        metrics = exporter.wait_for(lambda metrics: metrics.state(guest.name) == "frozen",
                                    "the freeze", 60)
    finally:
        assert client.ask("guest-fsfreeze-thaw") == 1
    assert (guest.name, "disabled") not in failures(metrics)
    outcomes = {labels["outcome"] for labels, value in metrics.find("qga_exporter_calls_total")
                if value > 0}
    assert outcomes <= {"ok", "busy"}
    is_asked_on(exporter, guest)


def test_one_that_has_the_socket(exporter, guests):
    """For as long as it takes; then all goes on."""
    guest = guests["7.2"]
    before = exporter.metrics()
    with HostClient(guest.path).connect(5):
        metrics = exporter.wait_for(lambda metrics: metrics.state(guest.name) == "busy",
                                    "the guest busy", 60)
        assert metrics.value("qga_up", domain=guest.name) == 1
        assert metrics.value("qga_agent_backing_off", domain=guest.name) == 0
    metrics = is_asked_on(exporter, guest)
    assert failures(metrics) == failures(before)


def test_a_hung_agent_is_the_hosts_as_well(exporter, guests):
    """The host's ping fails as it does alone, and the exporter does not stand in its way
    afterwards."""
    guest = guests["10.0"]
    client = HostClient(guest.path)
    guest.run("agent stop")
    try:
        exporter.wait_for(lambda metrics: metrics.value("qga_agent_failures_total",
                                                        domain=guest.name, reason="timeout"),
                          "the hung agent", 60)
        with pytest.raises(HostClientError, match="got timeout"):
            client.ask("guest-ping")
    finally:
        guest.run("agent cont")
    assert client.ask("guest-ping") == {}
    is_asked_on(exporter, guest)


def test_once_and_doctor_leave(lab, config, guests):
    for arguments in (("--once",), ("doctor",)):
        status, text, log = run_exporter(lab, *arguments, f"--config.file={config}")
        assert status == 0, log
        assert all(guest.name in text for guest in guests.values())
    for guest in guests.values():
        assert HostClient(guest.path).ask("guest-ping") == {}
