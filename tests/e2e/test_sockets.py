"""Agents by their UNIX sockets: real qemu-ga processes, without libvirt."""

import contextlib
import os
import re
import shutil
import tempfile
import time
import types

import pytest

from conftest import CARD_SERIES, QUICK_CONFIG, write_config
from lab.agents import Agents, Client
from lab.pace import PATIENCE
from lab.process import wait_for
from lab.programs import Exporter, get

FOUND_S = 1.0  # a new socket
GONE_S = 1.0
BACK_S = 2.0   # an agent that answers again
SERIES_S = 2.0

NO_BACKOFF = QUICK_CONFIG.replace("failures_before_backoff: 2", "failures_before_backoff: 100")
SOURCE = 'sources: [{{socket: {{path: "{}"}}}}]\n'


@pytest.fixture(scope="module", name="place")
def _place():
    """Where the lab would be: a folder, with a short path."""
    folder = tempfile.mkdtemp(prefix="qga-lab-")
    yield types.SimpleNamespace(directory=folder, uri="")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", name="agents")
def _agents(place):
    """Two that are there from the start; what a test adds it removes."""
    with Agents(place.directory) as running:
        for name in ("left", "right"):
            running.start(name)
        yield running


@pytest.fixture(scope="module", name="exporter")
def _exporter(place, agents):
    config = write_config(place, SOURCE.format(agents.pattern) + QUICK_CONFIG)
    with Exporter(place, f"--config.file={config}") as running:
        running.wait_for(lambda metrics: all(well(metrics, name) for name in ("left", "right")),
                         "both agents' series")
        yield running


@pytest.fixture(autouse=True, name="all_well_afterwards")
def _all_well_afterwards(request):
    yield
    if "exporter" in request.fixturenames:
        request.getfixturevalue("exporter").wait_for(
            lambda metrics: metrics.domains() == {"left", "right"}
            and all(well(metrics, name) for name in ("left", "right")),
            "the two agents, and nobody else, after the test", 30)


# A host has no filesystem to tell of in some containers.
SERIES = [name for name in CARD_SERIES if name != "qga_filesystem_size_bytes"]


def well(metrics, domain, **labels):
    """Whether the agent answers and each collector has something to say."""
    return (metrics.value("qga_up", domain=domain, **labels) == 1
            and all(metrics.find(name, domain=domain, **labels) for name in SERIES))


def successes(metrics, domain, collector="clock"):
    return metrics.value("qga_collector_last_success_timestamp_seconds", domain=domain,
                         collector=collector) or 0


def failures(metrics, domain, reason):
    return metrics.value("qga_agent_failures_total", domain=domain, reason=reason) or 0


def seconds_until(exporter, condition, what, timeout_s=10):
    started = time.monotonic()
    metrics = exporter.wait_for(condition, what, timeout_s, 0.02)
    return time.monotonic() - started, metrics


def answers_again(exporter, domain, what, since):
    """Seconds until every collector has succeeded after `since`."""
    return seconds_until(
        exporter, lambda metrics: well(metrics, domain) and all(
            successes(metrics, domain, name) > since for name in ("clock", "network", "os")),
        what)


def log_since(exporter, position):
    return exporter.process.log()[position:]


# Found and lost

def test_agents_are_found_at_the_start(exporter):
    metrics = exporter.metrics()
    assert metrics.domains() == {"left", "right"}
    for name in ("left", "right"):
        assert metrics.state(name) == "responsive"
        assert metrics.value("qga_agent_consecutive_failures", domain=name) == 0
        assert sum(value for _, value in
                   metrics.find("qga_agent_failures_total", domain=name)) == 0
        assert metrics.labels("qga_os_info", domain=name)["kernel_release"] == os.uname().release
    assert not any("source" in labels for _, labels, _ in metrics.samples
                   if "domain" in labels)


def test_a_new_socket_is_found_and_a_vanished_one_leaves(agents, exporter):
    agent = agents.start("brief", watched=True)
    found_s, _ = seconds_until(exporter, lambda metrics: "brief" in metrics.domains(),
                               "the new agent")
    series_s, _ = seconds_until(exporter, lambda metrics: well(metrics, "brief"),
                                "the new agent's series")
    os.unlink(agent.path)
    gone_s, _ = seconds_until(exporter, lambda metrics: "brief" not in metrics.domains(),
                              "the removed agent's series gone")
    agents.remove("brief")
    print(f"found after {found_s:.2f} s, series {series_s:.2f} s later, gone after {gone_s:.2f} s")
    assert found_s <= FOUND_S
    assert series_s <= SERIES_S
    assert gone_s <= GONE_S


def test_a_folder_that_comes_later(place):
    """Nothing fits at first: no error, and the agents are found when they are there."""
    with tempfile.TemporaryDirectory(dir=place.directory) as late:
        pattern = os.path.join(late, "vm/sockets/*.sock")
        config = write_config(place, SOURCE.format(pattern) + QUICK_CONFIG, "late.yml")
        with Exporter(place, f"--config.file={config}", name="late") as exporter:
            exporter.wait_for(lambda metrics: metrics.value("qga_exporter_source_up") == 0,
                              "the source without a folder")
            with Agents(os.path.join(late, "vm")) as agents:
                agents.start("late", watched=True)
                seconds, metrics = seconds_until(
                    exporter, lambda metrics: "late" in metrics.domains(), "the late agent")
                assert seconds <= FOUND_S + 0.5
                assert metrics.value("qga_exporter_source_up") == 1
                exporter.wait_for(lambda metrics: well(metrics, "late"), "its series")


def test_long_paths_and_odd_names(place):
    """sun_path has 108 bytes; a guest's name may have any."""
    with tempfile.TemporaryDirectory(dir=place.directory) as deep:
        folder = os.path.join(deep, "a-folder-with-a-long-name-" * 4)
        os.makedirs(folder)
        config = write_config(place, SOURCE.format(os.path.join(folder, "*.sock")) + QUICK_CONFIG,
                              "deep.yml")
        name = 'a "b" \\c\u00e9'
        with Agents(deep) as agents, \
                Exporter(place, f"--config.file={config}", name="deep") as exporter:
            agent = agents.start("plain")
            os.rename(agent.path, os.path.join(folder, f"{name}.sock"))
            exporter.wait_for(lambda metrics: well(metrics, name), "the agent at the long path")


# Ended, hung, replaced

def test_a_killed_agent_is_disconnected_and_a_restarted_one_back(agents, exporter):
    agent = agents["left"]
    agent.kill()
    seconds, metrics = seconds_until(
        exporter, lambda metrics: metrics.state("left") == "disconnected", "the agent seen gone")
    assert seconds <= GONE_S
    assert metrics.value("qga_up", domain="left") == 0
    assert well(metrics, "right")
    time.sleep(4)  # so long that the attempts to reconnect have become rare
    since = time.time()
    agent.start()
    seconds, _ = answers_again(exporter, "left", "the agent back", since)
    print(f"back after {seconds:.2f} s")
    assert seconds <= BACK_S


def test_an_agent_that_is_restarted_at_once(agents, exporter):
    for _ in range(3):
        since = time.time()
        agents["left"].kill()
        agents["left"].start()
        seconds, _ = answers_again(exporter, "left", "the agent back", since)
        assert seconds <= BACK_S


def test_replaced_by_another_process_on_the_same_path(agents, exporter):
    """The old one lives on, without a name: its answers are nobody's any more."""
    old = agents.agents.pop("left")
    since = time.time()
    os.unlink(old.path)
    try:
        agents.start("left", watched=True)
        seconds, _ = answers_again(exporter, "left", "the new agent's answers", since)
        assert seconds <= BACK_S
        # Nobody holds the old one: it is listening again, on a socket without a name.
        clients = [os.readlink(f"/proc/{old.pid}/fd/{fd}")
                   for fd in os.listdir(f"/proc/{old.pid}/fd")]
        assert len([one for one in clients if one.startswith("socket:")]) == 1
    finally:
        old.kill()


def test_a_stopped_agent_costs_only_its_own_data(agents, exporter):
    agents["left"].pause()
    try:
        metrics = exporter.wait_for(lambda metrics: metrics.state("left") == "unresponsive",
                                    "the hung agent noticed", 10)
        assert metrics.value("qga_up", domain="left") == 0
        assert failures(metrics, "left", "timeout") >= 1
        for _ in range(4):
            before = successes(metrics, "right")
            started = time.monotonic()
            metrics = exporter.wait_for(lambda metrics: successes(metrics, "right") > before,
                                        "another sample of the other agent", 5)
            assert time.monotonic() - started < 1.5
        assert failures(metrics, "right", "timeout") == 0
        exporter.wait_for(
            lambda metrics: not metrics.find("qga_clock_offset_seconds", domain="left"),
            "the old offset withdrawn", 10)
    finally:
        since = time.time()
        agents["left"].resume()
    seconds, _ = answers_again(exporter, "left", "the agent back", since)
    print(f"back after {seconds:.2f} s")
    assert seconds <= BACK_S


def offset_is_zero(metrics, domain):
    offset = metrics.value("qga_clock_offset_seconds", domain=domain)
    uncertainty = metrics.value("qga_clock_offset_uncertainty_seconds", domain=domain)
    return offset is None or abs(offset) <= uncertainty + 0.001


def test_no_stale_reply_answers_another_command(place):
    """Each agent is stopped while commands are on their way, again and again; what it says
    afterwards is thrown away: a stale answer would be malformed to another command, and
    to guest-get-time a clock that is seconds behind."""
    names = [f"vm{i}" for i in range(10)]
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, Agents(folder) as agents:
        agents.start_all(names)
        config = write_config(place, SOURCE.format(agents.pattern)
                              + NO_BACKOFF.replace("timeout: 2s", "timeout: 1s"), "stale.yml")
        with Exporter(place, f"--config.file={config}", name="stale") as exporter:
            exporter.wait_for(lambda metrics: all(well(metrics, name) for name in names),
                              "the agents' series")
            for _ in range(3):
                for agent in agents:
                    agent.pause()
                exporter.wait_for(
                    lambda metrics: all(metrics.state(name) == "unresponsive" for name in names),
                    "all of them hung", 15)
                since = time.time()
                for agent in agents:
                    agent.resume()
                seconds, _ = seconds_until(
                    exporter,
                    lambda metrics: all(metrics.state(name) == "responsive"
                                        for name in names), "all of them back")
                assert seconds <= BACK_S
                # The command that hung is asked less often now.
                exporter.wait_for(
                    lambda metrics: all(successes(metrics, name, "network") > since
                                        for name in names), "the networks again", 20)
                for _ in range(20):
                    metrics = exporter.metrics()
                    assert all(offset_is_zero(metrics, name) for name in names)
                    time.sleep(0.05)
            reasons = {labels["reason"] for labels, value in
                       metrics.find("qga_agent_failures_total") if value > 0}
            assert reasons == {"timeout"}
            assert sum(value for _, value in metrics.find("qga_agent_failures_total")) >= 30
            assert len({labels["kernel_release"]
                        for labels, _ in metrics.find("qga_os_info")}) == 1


# What an agent may not do, and who else is there

def test_a_blocked_command_is_not_asked(agents, exporter):
    agents.start("blocked", blocked=["guest-get-fsinfo"], watched=True)
    labels = {"domain": "blocked", "collector": "filesystem"}
    metrics = exporter.wait_for(lambda metrics: well(metrics, "blocked"), "the agent's series")
    assert metrics.value("qga_collector_supported", **labels) == 0
    assert metrics.value("qga_up", domain="blocked") == 1
    assert metrics.value("qga_collector_supported", domain="blocked", collector="vcpu") == 1
    assert not metrics.find("qga_filesystem_size_bytes", domain="blocked")
    before = successes(metrics, "blocked")
    metrics = exporter.wait_for(lambda metrics: successes(metrics, "blocked") > before + 2,
                                "some more rounds")
    # At most once, if it was asked before guest-info had told.
    assert failures(metrics, "blocked", "disabled") <= 1
    assert metrics.state("blocked") == "responsive"
    agents.remove("blocked")


def test_a_socket_that_somebody_else_holds(agents, exporter):
    position = len(exporter.process.log())
    agents["left"].kill()
    exporter.wait_for(lambda metrics: metrics.state("left") == "disconnected", "the agent gone")
    agents["left"].start()
    with hold(agents["left"]):
        metrics = exporter.wait_for(lambda metrics: failures(metrics, "left", "held") > 0,
                                    "the reason", 10)
        assert metrics.value("qga_up", domain="left") == 0
        line = wait_for(lambda: re.search(r".*another program has the agent's socket.*",
                                          log_since(exporter, position)), "a line of the log")
        assert "level=WARN" in line.group() and "domain=left" in line.group()
        assert agents["left"].path in line.group() and "end that program" in line.group()
        assert well(exporter.metrics(), "right")
        since = time.time()
    seconds, _ = answers_again(exporter, "left", "the agent back", since)
    print(f"back after {seconds:.2f} s")
    assert seconds <= BACK_S


@contextlib.contextmanager
def hold(agent):
    """Its only client, before the exporter is."""
    def first():
        client = Client(agent.path, timeout_s=0.5)
        try:
            client.ask("guest-sync", {"id": 1})
            return client
        except OSError:
            client.connection.close()
            raise
    client = wait_for(first, "a connection that is served", 10, 0.001)
    with client:
        yield


def test_a_thread_costs_nothing_per_agent(agents, exporter):
    before = exporter.metrics().value("process_threads")
    names = [f"many{i:02d}" for i in range(50)]
    agents.start_all(names, watched=True)
    metrics = exporter.wait_for(lambda metrics: all(well(metrics, name) for name in names),
                                "fifty agents more", 20)
    assert metrics.value("process_threads") == before
    assert len(os.listdir(f"/proc/{exporter.process.pid}/task")) == before
    for name in names:
        agents.remove(name)


def test_the_clock(place):
    """Host and agent have the same clock: the true offset is 0, at every sample."""
    samples = {}
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, Agents(folder) as agents:
        agents.start_all(f"vm{i:02d}" for i in range(20))
        config = write_config(place, SOURCE.format(agents.pattern) + QUICK_CONFIG, "clock.yml")
        with Exporter(place, f"--config.file={config}", name="clock") as exporter:
            end = time.monotonic() + 12
            while time.monotonic() < end:
                metrics = exporter.metrics()
                for labels, offset in metrics.find("qga_clock_offset_seconds"):
                    domain = labels["domain"]
                    uncertainty = metrics.value("qga_clock_offset_uncertainty_seconds",
                                                domain=domain)
                    samples[domain, successes(metrics, domain)] = (offset, uncertainty)
                time.sleep(0.3)
    uncertainties = sorted(uncertainty for _, uncertainty in samples.values())
    right = sum(abs(offset) <= uncertainty for offset, uncertainty in samples.values())
    print(f"{len(samples)} samples, {right} right; uncertainty median "
          f"{1e6 * uncertainties[len(uncertainties) // 2]:.0f} us, "
          f"highest {1e6 * uncertainties[-1]:.0f} us")
    assert len(samples) >= 150
    assert right >= 0.99 * len(samples)
    assert uncertainties[len(uncertainties) // 2] < 0.001 * PATIENCE
    assert uncertainties[len(samples) * 99 // 100] < 0.005


def test_agents_outlive_the_exporter(place):
    """qemu-ga ends when its client leaves a reply unread: it is stopped in mid-talk."""
    config_text = QUICK_CONFIG.replace("health:", "#health:")
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, Agents(folder) as agents:
        agents.start_all(f"vm{i:03d}" for i in range(200))
        config = write_config(place, SOURCE.format(agents.pattern) + config_text, "outlive.yml")
        for _ in range(4):
            with Exporter(place, f"--config.file={config}", "--log.level=warn",
                          name="outlive") as exporter:
                exporter.wait_for(
                    lambda metrics: sum(v for _, v in metrics.find("qga_up")) == len(agents),
                    "all agents answer", 30)
            ended = [agent.name for agent in agents if not agent.process.alive()]
            assert not ended


# Sources

def test_two_sources_and_a_reload(place):
    """The label `source`; a source that a reload adds, and one that it takes away."""
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(Agents(os.path.join(place.directory, name)))
                    for name in ("one", "two"))
        one.start("web")
        two.start("web")
        two.start("db")
        first = f'  - {{name: one, socket: {{path: "{one.pattern}"}}}}\n'
        second = f'  - {{name: two, socket: {{path: "{two.pattern}"}}}}\n'
        config = write_config(place, "sources:\n" + first + second + QUICK_CONFIG, "two.yml")
        exporter = stack.enter_context(Exporter(place, f"--config.file={config}", name="two"))

        def both(metrics):
            return (well(metrics, "web", source="one") and well(metrics, "web", source="two")
                    and well(metrics, "db", source="two"))

        metrics = exporter.wait_for(both, "three guests of two sources")
        assert all("source" in labels for _, labels, _ in metrics.samples if "domain" in labels)
        assert metrics.value("qga_exporter_source_up", source="one") == 1

        write_config(place, "sources:\n" + first + QUICK_CONFIG, "two.yml")
        exporter.reload()
        metrics = exporter.wait_for(lambda metrics: metrics.domains() == {"web"}
                                    and well(metrics, "web"), "one source less", 10)
        assert not any("source" in labels for _, labels, _ in metrics.samples
                       if "domain" in labels)
        # What is left behind is free for others.
        with Client(two.path("web")) as client:
            assert client.ask("guest-sync", {"id": 3}) == 3

        write_config(place, "sources:\n" + first + second + QUICK_CONFIG, "two.yml")
        exporter.reload()
        exporter.wait_for(both, "both sources again", 10)
        assert get(f"{exporter.url}/-/healthy")[0] == 200


def test_two_guests_with_one_name(place):
    """Nothing is lost: the second is told apart."""
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, \
            Agents(os.path.join(folder, "a")) as a, Agents(os.path.join(folder, "b")) as b:
        a.start("twin")
        b.start("twin")
        config = write_config(place, SOURCE.format(os.path.join(folder, "*/sockets/*.sock"))
                              + QUICK_CONFIG, "twins.yml")
        with Exporter(place, f"--config.file={config}", name="twins") as exporter:
            metrics = exporter.wait_for(
                lambda metrics: len([1 for _, value in metrics.find("qga_up") if value == 1]) == 2,
                "both agents")
            assert "twin" in metrics.domains()
            assert len(metrics.domains()) == 2
            assert metrics.text.count('\nqga_up{domain="twin"}') == 1
            assert "twin" in exporter.process.log()
