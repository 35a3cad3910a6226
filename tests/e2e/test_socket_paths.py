"""Which paths lead to an agent: long and late ones, not libvirt's, and not twice to one."""

import contextlib
import os
import shutil
import socket
import tempfile
import types

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.process import wait_for
from lab.programs import Exporter

OWN = "org.qemu.guest_agent.0"
# Of session daemons, of older and newer libvirts, and below a container's own path.
LIBVIRTS = ("user/libvirt/qemu/run/channel/1-web", "home/libvirt/qemu/channel/target/domain-1-web",
            "mnt/channel/2-db", "mnt/old/domain-3-mail")


@pytest.fixture(name="place")
def _place():
    folder = tempfile.mkdtemp(prefix="qga-lab-")  # short: a socket's path has 107 bytes
    yield types.SimpleNamespace(directory=folder, uri="")
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def exporter_of(place, pattern, name="(.+)"):
    config = write_config(place, f'sources: [{{socket: {{path: "{pattern}", guest_name: "{name}"}}}}]\n'
                          + QUICK_CONFIG)
    with Exporter(place, f"--config.file={config}", uri="") as running:
        yield running


def listen(path):
    os.makedirs(os.path.dirname(path))
    listener = socket.socket(socket.AF_UNIX)
    listener.setblocking(False)
    listener.bind(path)
    listener.listen(1)
    return listener


def test_channels_of_any_libvirt_are_left_alone(place):
    paths = [f"{place.directory}/{folder}/{OWN}" for folder in LIBVIRTS]
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(contextlib.closing(listen(path))) for path in paths]
        stack.enter_context(contextlib.closing(listen(f"{place.directory}/mnt/mine/{OWN}")))
        running = stack.enter_context(exporter_of(
            place, f"{place.directory}/{{user/*/*/*/*/*,home/*/*/*/*/*,mnt/*/*,mnt/*}}/{OWN}"))
        metrics = running.wait_for(lambda metrics: metrics.domains(), "one that is nobody's")
        assert {os.path.basename(os.path.dirname(name)) for name in metrics.domains()} == {"mine"}
        for path, listener in zip(paths, listeners):
            wait_for(lambda path=path: f"path={path}" in running.process.log(), f"{path} in the log")
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_two_paths_to_one_agent_are_one_guest(place):
    with Agents(place.directory) as agents:
        agents.start("one")
        first = os.path.join(os.path.dirname(agents.pattern), "another.sock")
        with exporter_of(place, agents.pattern, "/([^/]+)[.]sock$") as running:
            running.wait_for(lambda metrics: metrics.state("one") == "responsive", "the agent")
            os.symlink("one.sock", first)
            calls = running.metrics().value("qga_agent_calls_total", domain="one")
            metrics = running.wait_for(lambda metrics: metrics.value(
                "qga_agent_calls_total", domain="one") > calls + 5, "it is asked on")
            assert metrics.domains() == {"one"}
            assert not metrics.find("qga_agent_failures_total")
        with exporter_of(place, agents.pattern, "/([^/]+)[.]sock$") as running:
            metrics = running.wait_for(lambda metrics: metrics.domains()
                                       and metrics.state("another") == "responsive", "the agent")
            assert metrics.domains() == {"another"}  # the first by its name


def test_a_folder_that_comes_later(place):
    """Nothing fits at first: no error, and the agents are found when they are there."""
    late = os.path.join(place.directory, "late")
    with exporter_of(place, f"{late}/sockets/*.sock", "/([^/]+)[.]sock$") as exporter:
        exporter.wait_for(lambda metrics: metrics.value("qga_exporter_source_up") == 0,
                          "the source without a folder")
        with Agents(late) as agents:
            agents.start("late", watched=True)
            metrics = exporter.wait_for(lambda metrics: metrics.state("late") == "responsive",
                                        "the late agent", 60)
            assert metrics.value("qga_exporter_source_up") == 1


def test_long_paths_and_odd_names(place):
    """sun_path has 108 bytes; a guest's name may have any."""
    folder = os.path.join(place.directory, "a-folder-with-a-long-name-" * 4)
    os.makedirs(folder)
    name = 'a "b" \\c\u00e9'
    with Agents(place.directory) as agents, \
            exporter_of(place, f"{folder}/*.sock", "/([^/]+)[.]sock$") as exporter:
        agent = agents.start("plain")
        os.rename(agent.path, os.path.join(folder, f"{name}.sock"))
        exporter.wait_for(lambda metrics: metrics.state(name) == "responsive",
                          "the agent at the long path")


def test_two_guests_with_one_name(place):
    """Nothing is lost: the second is told apart."""
    with Agents(f"{place.directory}/a") as a, Agents(f"{place.directory}/b") as b:
        a.start("twin")
        b.start("twin")
        with exporter_of(place, f"{place.directory}/*/sockets/*.sock",
                         "/([^/]+)[.]sock$") as exporter:
            metrics = exporter.wait_for(
                lambda metrics: len([1 for _, value in metrics.find("qga_up") if value == 1]) == 2,
                "both agents")
            assert "twin" in metrics.domains()
            assert len(metrics.domains()) == 2
            assert metrics.text.count('\nqga_up{domain="twin",source="socket"}') == 1
            assert "twin" in exporter.process.log()
