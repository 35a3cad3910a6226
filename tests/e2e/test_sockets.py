"""Agents by their UNIX sockets: real qemu-ga processes, without libvirt."""

import contextlib
import datetime
import os
import re
import socket
import tempfile
import time

import pytest

from conftest import CARD_SERIES, HOURLY_CONFIG, QUICK_CONFIG, in_one_process, write_config
from guest_truth import half_trip_ratio
from lab.agents import Agents, Client
from lab.process import wait_for
from lab.programs import Exporter, get

# The exporter lists a folder anew so often, whatever inotify tells.
LISTING_S = 10
# It tries to connect to a socket where nobody listens 0.25, 0.75, 1.75, 3.75 s after the
# agent has gone, and then later than this.
NEXT_ATTEMPT_S = 7.75

NO_BACKOFF = QUICK_CONFIG.replace("failures_before_backoff: 2", "failures_before_backoff: 100")
VISIT_CALLS = 6  # all of QUICK_CONFIG
SOURCE = 'sources: [{{socket: {{path: "{}"}}}}]\n'


@pytest.fixture(scope="module", name="agents")
def _agents(place):
    """Two that are there from the start; what a test adds it removes."""
    with Agents(place.directory) as running:
        for name in ("left", "right"):
            running.start(name)
        yield running


@pytest.fixture(scope="module", name="exporter")
def _exporter(place, agents):
    """It would ask again in an hour: whatever it learns sooner, an event has told."""
    config = write_config(place, SOURCE.format(agents.pattern) + HOURLY_CONFIG)
    with Exporter(place, f"--config.file={config}") as running:
        running.wait_for(lambda metrics: all(well(metrics, name) for name in ("left", "right")),
                         "both agents' series", 60)
        yield running


@pytest.fixture(autouse=True, name="all_well_afterwards")
def _all_well_afterwards(request):
    yield
    if "exporter" not in request.fixturenames:
        return
    agents = request.getfixturevalue("agents")
    for name in set(agents.agents) - {"left", "right"}:  # of a test that has failed
        agents.remove(name)
    request.getfixturevalue("exporter").wait_for(
        lambda metrics: metrics.domains() == {"left", "right"}
        and all(well(metrics, name) for name in ("left", "right")),
        "the two agents, and nobody else, after the test", 60)


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


def calls(metrics, domain):
    return metrics.value("qga_agent_calls_total", domain=domain) or 0


def answers_again(exporter, domain, since, collectors=("clock", "network", "os")):
    """Until these collectors have succeeded after `since`."""
    return exporter.wait_for(
        lambda metrics: well(metrics, domain) and all(
            successes(metrics, domain, name) > since for name in collectors),
        f"the agent {domain} back", 60, 0.02)


def more_often_than_listed(see):
    """Does see(number) again and again, each time something new in the folder that the
    exporter has to notice, until it has done so more often than listings can have told."""
    started = time.monotonic()
    for number in range(1, 11):
        see(number)
        if number > 1 + (time.monotonic() - started) / LISTING_S:
            return
    raise AssertionError("what is new in the folder is found by listing it alone")


@contextlib.contextmanager
def listening(path):
    """An agent that says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        try:
            listener.listen(4)
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


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
    assert {labels["source"] for _, labels, _ in metrics.samples if "domain" in labels} == {
        "socket"}


def test_a_new_socket_is_found_and_a_vanished_one_leaves(agents, exporter):
    def come_and_go(number):
        name = f"brief{number}"
        with listening(agents.path(name)):
            exporter.wait_for(lambda metrics: name in metrics.domains(), "the new socket", 60, 0.02)
        exporter.wait_for(lambda metrics: name not in metrics.domains(), "the socket gone", 60,
                          0.02)

    more_often_than_listed(come_and_go)


def test_a_new_agent_is_asked_at_once(agents, exporter):
    """All of it, in its first visit: the second one would be an hour later."""
    agents.start("brief", watched=True)
    metrics = exporter.wait_for(lambda metrics: well(metrics, "brief"), "its series", 60)
    assert sum(value for _, value in
               metrics.find("qga_agent_failures_total", domain="brief")) == 0


# Ended, hung, replaced

def log_time(line):
    """Of a line of the log, in seconds."""
    text = re.search(r"time=(\S+)", line).group(1)
    return datetime.datetime.fromisoformat(text).timestamp()


def kill_and_await_it(agents, exporter):
    """When the agent was seen to go, by the exporter's own clock."""
    position = len(exporter.process.log())
    agents["left"].kill()
    metrics = exporter.wait_for(lambda metrics: metrics.state("left") == "disconnected",
                                "the agent seen gone", 60)
    assert metrics.value("qga_up", domain="left") == 0
    assert well(metrics, "right")
    line = wait_for(lambda: re.search(r".*domain=left state=disconnected.*",
                                      log_since(exporter, position)), "a line of the log", 60)
    return log_time(line.group())


def test_a_killed_agent_is_disconnected_and_a_restarted_one_back(agents, exporter):
    """While attempts to reconnect have become rare, it is the folder's event that tells of
    its return: it answers before the next attempt is made."""
    for _ in range(6):
        gone = kill_and_await_it(agents, exporter)
        # Between the attempts after 3.75 s and 7.75 s.
        time.sleep(max(0, gone + 4.75 - time.time()))
        since = time.time()
        agents["left"].start()
        metrics = answers_again(exporter, "left", since)
        answered = metrics.value("qga_collector_last_success_timestamp_seconds", domain="left",
                                 collector="clock") - gone
        print(f"answers {answered:.2f} s after the end")
        if answered < NEXT_ATTEMPT_S:
            return
    raise AssertionError("nothing but the next attempt to connect finds the agent")


def test_an_agent_that_is_restarted_at_once(agents, exporter):
    for _ in range(3):
        since = time.time()
        agents["left"].kill()
        agents["left"].start()
        answers_again(exporter, "left", since)


def test_replaced_by_another_process_on_the_same_path(agents, exporter):
    """The old one lives on, without a name: its answers are nobody's any more."""
    def replace(_):
        old = agents.agents.pop("left")
        since = time.time()
        os.unlink(old.path)
        try:
            agents.start("left", watched=True)
            answers_again(exporter, "left", since)
            # Nobody holds the old one: it is listening again, on a socket without a name.
            wait_for(lambda: sockets_of(old) == 1, "the old agent left", 60)
        finally:
            old.kill()

    more_often_than_listed(replace)


def sockets_of(agent):
    folder = f"/proc/{agent.pid}/fd"
    return sum(os.readlink(f"{folder}/{fd}").startswith("socket:") for fd in os.listdir(folder))


@contextlib.contextmanager
def two_agents(place, config, name):
    """(agents, exporter): "hung" and "beside"."""
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, Agents(folder) as agents:
        agents.start_all(("hung", "beside"))
        path = write_config(place, SOURCE.format(agents.pattern) + config, f"{name}.yml")
        with Exporter(place, f"--config.file={path}", name=name) as exporter:
            exporter.wait_for(lambda metrics: well(metrics, "hung") and well(metrics, "beside"),
                              "both agents' series", 60)
            yield agents, exporter


def test_a_stopped_agent_costs_only_its_own_data(place):
    """While a call of it hangs, the other one is visited again and again."""
    # It hangs for 4 s, is left alone for a second, and hangs again.
    config = (QUICK_CONFIG.replace("timeout: 2s", "timeout: 4s")
              .replace("interval: 2s", "interval: 1s")
              .replace("backoff_max: 2s", "backoff_max: 1s"))
    with two_agents(place, config, "hung") as (agents, exporter):
        agents["hung"].pause()
        before = exporter.wait_for(
            lambda metrics: metrics.value("qga_agent_backing_off", domain="hung") == 1,
            "the hung agent noticed", 60)
        assert before.state("hung") == "unresponsive"
        assert before.value("qga_up", domain="hung") == 0
        after = exporter.wait_for(
            lambda metrics: failures(metrics, "hung", "timeout")
            >= failures(before, "hung", "timeout") + 3, "it is asked again", 60)
        hangs = failures(after, "hung", "timeout") - failures(before, "hung", "timeout")
        made = calls(after, "beside") - calls(before, "beside")
        print(f"{made:.0f} calls of the other agent in {hangs:.0f} that hang")
        assert made >= 3 * hangs * VISIT_CALLS
        assert failures(after, "beside", "timeout") == 0
        exporter.wait_for(
            lambda metrics: not metrics.find("qga_clock_offset_seconds", domain="hung"),
            "the old offset withdrawn", 60)
        since = time.time()
        agents["hung"].resume()
        exporter.wait_for(lambda metrics: metrics.state("hung") == "responsive"
                          and metrics.value("qga_agent_last_response_timestamp_seconds",
                                            domain="hung") > since, "the agent back", 60)


def test_a_stopped_agent_wakes(place):
    """The sync that it answers late tells: the next probe would be in an hour."""
    config = HOURLY_CONFIG.replace("clock:      {interval: 1h", "clock:      {interval: 1s")
    with two_agents(place, config, "wakes") as (agents, exporter):
        agents["hung"].pause()
        metrics = exporter.wait_for(
            lambda metrics: metrics.value("qga_agent_backing_off", domain="hung") == 1,
            "the hung agent left alone", 60)
        assert metrics.state("hung") == "unresponsive"
        since = time.time()
        agents["hung"].resume()
        exporter.wait_for(lambda metrics: well(metrics, "hung")
                          and successes(metrics, "hung") > since, "the agent back", 60)


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
                    "all of them hung", 60)
                since = time.time()
                for agent in agents:
                    agent.resume()
                exporter.wait_for(lambda metrics: all(metrics.state(name) == "responsive"
                                                      for name in names), "all of them back", 60)
                # The command that hung is asked less often now.
                metrics = exporter.wait_for(
                    lambda metrics: all(offset_is_zero(metrics, name) for name in names)
                    and all(successes(metrics, name, "network") > since for name in names),
                    "the networks again", 60)
                seen = {name: set() for name in names}
                while min(map(len, seen.values())) < 3:  # each the offset of another call
                    metrics = exporter.metrics()
                    for name in names:
                        assert offset_is_zero(metrics, name), name
                        seen[name].add(successes(metrics, name))
                    time.sleep(0.1)
            reasons = {labels["reason"] for labels, value in
                       metrics.find("qga_agent_failures_total") if value > 0}
            assert reasons == {"timeout"}
            assert sum(value for _, value in metrics.find("qga_agent_failures_total")) >= 30
            assert len({labels["kernel_release"]
                        for labels, _ in metrics.find("qga_os_info")}) == 1


# What an agent may not do, and who else is there

def test_a_blocked_command_is_not_asked(place):
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, Agents(folder) as agents:
        agents.start("blocked", blocked=["guest-get-fsinfo"])
        config = write_config(place, SOURCE.format(agents.pattern) + QUICK_CONFIG, "blocked.yml")
        with Exporter(place, f"--config.file={config}", name="blocked") as exporter:
            is_not_asked(exporter)


def is_not_asked(exporter):
    labels = {"domain": "blocked", "collector": "filesystem"}
    metrics = exporter.wait_for(lambda metrics: well(metrics, "blocked"), "the agent's series")
    assert metrics.value("qga_collector_supported", **labels) == 0
    assert metrics.value("qga_up", domain="blocked") == 1
    assert metrics.value("qga_collector_supported", domain="blocked", collector="vcpu") == 1
    assert not metrics.find("qga_filesystem_size_bytes", domain="blocked")
    before = calls(metrics, "blocked")
    metrics = exporter.wait_for(
        lambda metrics: calls(metrics, "blocked") >= before + 3 * VISIT_CALLS,
        "some more rounds", 60)
    # At most once, if it was asked before guest-info had told.
    assert failures(metrics, "blocked", "disabled") <= 1
    assert metrics.state("blocked") == "responsive"


def test_a_socket_that_somebody_else_holds(agents, exporter):
    """And when it is left: the next probe would be in an hour."""
    position = len(exporter.process.log())
    kill_and_await_it(agents, exporter)
    with held(agents["left"]):
        metrics = exporter.wait_for(lambda metrics: failures(metrics, "left", "held") > 0,
                                    "the reason", 60)
        assert metrics.value("qga_up", domain="left") == 0
        line = wait_for(lambda: re.search(r".*another program has the agent's socket.*",
                                          log_since(exporter, position)), "a line of the log")
        assert "level=WARN" in line.group() and "domain=left" in line.group()
        assert agents["left"].path in line.group() and "end that program" in line.group()
        assert well(exporter.metrics(), "right")
        since = time.time()
    answers_again(exporter, "left", since)


@contextlib.contextmanager
def held(agent):
    """Started, and with us as its only client before the exporter sees its socket."""
    path, agent.path = agent.path, agent.path + ".elsewhere"
    try:
        agent.start().wait()
        with Client(agent.path, timeout_s=60) as client:
            client.ask("guest-sync", {"id": 1})
            os.rename(agent.path, path)
            agent.path = path
            yield
    finally:
        agent.path = path


@in_one_process
def test_a_thread_costs_nothing_per_agent(agents, exporter):
    before = exporter.metrics().value("process_threads")
    names = [f"many{i:02d}" for i in range(50)]
    agents.start_all(names, watched=True)
    metrics = exporter.wait_for(lambda metrics: all(well(metrics, name) for name in names),
                                "fifty agents more", 60)
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
            while len(samples) < 200:
                metrics = exporter.metrics()
                for labels, offset in metrics.find("qga_clock_offset_seconds"):
                    domain = labels["domain"]
                    uncertainty = metrics.value("qga_clock_offset_uncertainty_seconds",
                                                domain=domain)
                    took = metrics.value("qga_collector_duration_seconds", domain=domain,
                                         collector="clock")
                    if took is not None:  # a first visit's is shown when it is over
                        samples[domain, successes(metrics, domain)] = (offset, uncertainty, took)
                time.sleep(0.3)
    uncertainties = sorted(uncertainty for _, uncertainty, _ in samples.values())
    right = sum(abs(offset) <= uncertainty for offset, uncertainty, _ in samples.values())
    print(f"{len(samples)} samples, {right} right; uncertainty median "
          f"{1e6 * uncertainties[len(uncertainties) // 2]:.0f} us, "
          f"highest {1e6 * uncertainties[-1]:.0f} us")
    assert right >= 0.99 * len(samples)
    # Half of what the call has taken: the best of each guest's samples tells.
    ratios = sorted(half_trip_ratio([(uncertainty, took) for (domain, _), (_, uncertainty, took)
                                     in samples.items() if domain == name])
                    for name in {domain for domain, _ in samples})
    assert 0.9 < ratios[len(ratios) // 2] < 1.5, ratios


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
                    "all agents answer", 60)
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
        assert {labels["source"] for _, labels, _ in metrics.samples if "domain" in labels} == {
            "one", "two"}
        assert metrics.value("qga_exporter_source_up", source="one") == 1

        write_config(place, "sources:\n" + first + QUICK_CONFIG, "two.yml")
        exporter.reload()
        metrics = exporter.wait_for(lambda metrics: metrics.domains() == {"web"}
                                    and well(metrics, "web"), "one source less", 60)
        assert {labels["source"] for _, labels, _ in metrics.samples if "domain" in labels} == {
            "one"}
        # What is left behind is free for others.
        with Client(two.path("web")) as client:
            assert client.ask("guest-sync", {"id": 3}) == 3

        write_config(place, "sources:\n" + first + second + QUICK_CONFIG, "two.yml")
        exporter.reload()
        exporter.wait_for(both, "both sources again", 60)
        assert get(f"{exporter.url}/-/healthy")[0] == 200
