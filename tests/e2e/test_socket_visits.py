"""Sockets that are shared, with real qemu-ga processes behind them: what others do there."""

import contextlib
import os
import re
import socket
import threading

import pytest

from conftest import HOURLY_CONFIG, QUICK_CONFIG, in_one_process, write_config
from lab.agents import Agent, Agents
from lab.process import wait_for
from lab.programs import Exporter, Metrics, run_exporter

NAMES = ("left", "right")
SOURCE = 'sources: [{{socket: {{path: "{}", connection: shared}}}}]\n'
COLLECTORS = ("clock", "agent", "os", "vcpu", "network")
ROUNDS = 5
HOURLY = HOURLY_CONFIG.replace("timeout: 2s", "timeout: 4s")


@pytest.fixture(scope="module", name="agents")
def _agents(place):
    with Agents(place.directory) as running:
        running.start_all(NAMES)
        yield running


def exporter_of(place, agents, name, config=QUICK_CONFIG):
    config = write_config(place, SOURCE.format(agents.pattern) + config, f"{name}.yml")
    return Exporter(place, f"--config.file={config}", name=name)


@pytest.fixture(name="exporter")
def _exporter(place, agents):
    with exporter_of(place, agents, "visits") as running:
        asked_on(running)
        yield running


def successes(metrics, names):
    """When each of their collectors has last succeeded."""
    return {(name, collector): metrics.value("qga_collector_last_success_timestamp_seconds",
                                             domain=name, collector=collector) or 0
            for name in names for collector in COLLECTORS}


def asked_on(exporter, names=NAMES):
    """All that is asked of them is asked again and answered."""
    before = successes(exporter.metrics(), names)
    return exporter.wait_for(
        lambda metrics: all(at > before[which]
                            for which, at in successes(metrics, names).items()),
        f"{', '.join(names)} asked on", 60)


def failures(metrics, names=NAMES):
    return sum(value for labels, value in metrics.find("qga_agent_failures_total")
               if labels["domain"] in names)


def lines_of(exporter, domain, state):
    """Where the log says that the guest has got this state."""
    return [line for line in exporter.process.log().splitlines()
            if f"domain={domain} state={state} " in line]


@in_one_process
def test_two_exporters(place, agents):
    """They have the same phases, so they meet again and again: neither loses anything."""
    with contextlib.ExitStack() as stack:
        exporters = [stack.enter_context(exporter_of(place, agents, f"twin{number}"))
                     for number in (1, 2)]
        for _ in range(ROUNDS):
            for exporter in exporters:
                metrics = asked_on(exporter)
                assert failures(metrics) == 0
                assert all(metrics.value("qga_up", domain=name) == 1 for name in NAMES)
        busy = [sum(value for labels, value in exporter.metrics().find("qga_exporter_calls_total")
                    if labels["outcome"] == "busy") for exporter in exporters]
        print(f"they made room {busy} times")
        for exporter, warnings in zip(exporters, (0, 1)):
            found = re.findall("level=(?:WARN|ERROR).*", exporter.process.log())
            assert len(found) == warnings, found
        assert "another exporter on this host" in found[0] and agents.pattern in found[0]


def test_once_and_doctor_beside_it(place, exporter):
    config = os.path.join(place.directory, "visits.yml")
    for _ in range(ROUNDS):
        status, text, log = run_exporter(place, "--once", f"--config.file={config}")
        assert status == 0, log
        metrics = Metrics(text)
        assert all(metrics.value("qga_collector_success", domain=name, collector=collector) == 1
                   for name in NAMES for collector in COLLECTORS)
        status, text, log = run_exporter(place, "doctor", f"--config.file={config}")
        assert status == 0, log + text
    assert failures(asked_on(exporter)) == 0


class Deaf:
    """Accepts whoever comes and reads nothing."""

    def __init__(self, path):
        self.path = path
        self.accepted = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.accepted.append(self.listener.accept()[0])

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for connection in (self.listener, *self.accepted):
            connection.close()


@pytest.fixture(name="deaf")
def _deaf(agents):
    listener = Deaf(agents.path("deaf"))
    yield listener
    listener.close()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(listener.path)


def test_a_listener_that_reads_nothing(exporter, deaf):
    """It is left at the deadline of each visit, and says so once."""
    metrics = exporter.wait_for(
        lambda metrics: (metrics.value("qga_agent_failures_total", domain="deaf",
                                       reason="disconnected") or 0) >= 3, "three visits", 60)
    assert metrics.state("deaf") == "disconnected"
    assert metrics.value("qga_up", domain="deaf") == 0
    assert len(deaf.accepted) >= 3
    [line] = lines_of(exporter, "deaf", "disconnected")
    assert deaf.path in line and "start its guest agent" in line
    assert failures(asked_on(exporter)) == 0


def test_a_socket_that_is_replaced_on_a_visit(place, agents, deaf):
    """Whoever is at the path now is asked, and not in an hour."""
    agent = Agent(deaf.path + ".new", os.path.join(agents.states, "new")).start().wait()
    try:
        with exporter_of(place, agents, "replaced", HOURLY) as exporter:
            wait_for(lambda: deaf.accepted, "a visit")
            os.rename(agent.path, deaf.path)
            agent.path = deaf.path
            metrics = asked_on(exporter, ("deaf",))
            assert metrics.state("deaf") == "responsive"
            assert len(lines_of(exporter, "deaf", "responsive")) == 1
            assert failures(metrics) == 0
    finally:
        agent.remove()
