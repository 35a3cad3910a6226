"""The daemon as several processes: who may do what, and what is left when one of them dies."""

import contextlib
import glob
import os
import pwd
import re
import signal
import socket
import struct

import pytest

from conftest import QUICK_CONFIG, healthy, write_config
from lab.agents import Agents
from lab.process import Process, free_port, port_is_free, program, wait_for
from lab.programs import EXPORTER, Exporter, get, run_exporter

SEPARATE = "--privilege-separation"
SOURCE = 'sources: [{{name: {}, socket: {{path: "{}"}}}}]\n'
GUESTS = ("left", "right")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def status(pid, key):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return re.search(rf"^{key}:[ \t]*(.*?)[ \t]*$", file.read(), re.MULTILINE).group(1)


def is_reader(pid):
    return status(pid, "Seccomp") == "2"


class Parts:
    """The two processes below the one that the test has started."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.reader, self.broker = wait_for(self._find, "both processes")

    def _find(self):
        found = children(self.exporter.process.pid)
        readers = [pid for pid in found if is_reader(pid)]
        others = [pid for pid in found if not is_reader(pid)]
        return (readers[0], others[0]) if len(readers) == 1 and len(others) == 1 else None


def ended(pid):
    return not os.path.exists(f"/proc/{pid}")


def well(metrics, names=GUESTS):
    return all(metrics.value("qga_up", domain=name) == 1
               and metrics.find("qga_clock_offset_seconds", domain=name) for name in names)


def calls(metrics):
    return sum(value for _, value in metrics.find("qga_exporter_calls_total"))


@pytest.fixture(scope="module", name="agents")
def _agents(place):
    with Agents(place.directory) as running:
        for name in GUESTS:
            running.start(name)
        yield running


def start_those_that_ended(agents):
    """qemu-ga ends itself when its client is killed with an answer unread."""
    for name in GUESTS:
        if not agents[name].process.alive():
            agents[name].start().wait()


def well_again(metrics, agents):
    start_those_that_ended(agents)
    return well(metrics)


@pytest.fixture(name="config")
def _config(place, agents):
    start_those_that_ended(agents)
    return write_config(place, SOURCE.format("a", agents.pattern) + QUICK_CONFIG, "separate.yml")


@pytest.fixture(name="exporter")
def _exporter(place, config):
    with Exporter(place, SEPARATE, "--web.enable-lifecycle", f"--config.file={config}",
                  uri="") as running:
        running.wait_for(well, "both agents' series")
        yield running


def test_who_may_do_what(exporter):
    parts = Parts(exporter)
    assert status(parts.reader, "NoNewPrivs") == "1"
    for task in os.listdir(f"/proc/{parts.reader}/task"):  # also those that were there before
        with open(f"/proc/{parts.reader}/task/{task}/status", encoding="utf-8") as file:
            assert "\nSeccomp:\t2\n" in file.read()
    # What a library maps tells what it could be made to do; both are one program.
    sockets = [os.readlink(link) for link in glob.glob(f"/proc/{parts.broker}/fd/*")]
    assert sum(link.startswith("socket:") for link in sockets) >= 2 + len(GUESTS)
    assert exporter.metrics().value("process_open_fds") > 0


def test_the_reader_dies(exporter):
    """The broker keeps its connections, and tells the new one what there is."""
    parts = Parts(exporter)
    sockets = {os.readlink(link) for link in glob.glob(f"/proc/{parts.broker}/fd/*")}
    os.kill(parts.reader, signal.SIGKILL)
    wait_for(lambda: ended(parts.reader), "its end")
    exporter.wait_for(well, "the series again")
    after = Parts(exporter)
    assert after.broker == parts.broker and after.reader != parts.reader
    kept = {os.readlink(link) for link in glob.glob(f"/proc/{parts.broker}/fd/*")}
    # But for the way to the one that has died.
    assert len(sockets - kept) <= 1
    assert "a part of the exporter has died" in exporter.process.log()


def test_the_reader_ends_by_itself(exporter):
    """Nobody has told all to stop: what it exits with is no reason to end the exporter."""
    parts = Parts(exporter)
    os.kill(parts.broker, signal.SIGSTOP)  # else it has who leaves it killed, often before its exit
    try:
        os.kill(parts.reader, signal.SIGTERM)
        wait_for(lambda: "is started anew\" part=reader status=0" in exporter.process.log(), "its exit")
    finally:
        os.kill(parts.broker, signal.SIGCONT)
    exporter.wait_for(well, "the series again")
    after = Parts(exporter)
    assert after.broker == parts.broker and after.reader != parts.reader


CANNOT_BEGIN = "cannot begin; it is tried again"


def break_for_the_next(place, parts):
    """The configuration that the next reader finds."""
    write_config(place, "sources: [{nonsense: 1}]\n", "separate.yml")
    os.kill(parts.reader, signal.SIGKILL)


def test_a_reader_that_cannot_begin_again(place, exporter, agents):
    """The broker keeps what it has until that is mended."""
    parts = Parts(exporter)
    before = len(exporter.process.log())
    break_for_the_next(place, parts)
    wait_for(lambda: CANNOT_BEGIN in exporter.process.log()[before:], "it is refused")
    assert "nonsense" in exporter.process.log()[before:]
    write_config(place, SOURCE.format("a", agents.pattern) + QUICK_CONFIG, "separate.yml")
    exporter.reload()
    exporter.wait_for(well, "the series again")
    assert Parts(exporter).broker == parts.broker


def test_a_reader_that_cannot_begin_any_more(place, exporter):
    parts = Parts(exporter)
    before = len(exporter.process.log())
    break_for_the_next(place, parts)
    assert exporter.process.wait(60) == 1
    assert exporter.process.log()[before:].count(CANNOT_BEGIN) == 4
    assert ended(parts.broker)


def test_the_broker_dies(exporter, agents):
    """What was read is shown on, and guests are asked again by the next one."""
    parts = Parts(exporter)
    before = exporter.metrics()
    os.kill(parts.broker, signal.SIGKILL)
    wait_for(lambda: ended(parts.broker), "its end")
    assert exporter.metrics().find("qga_clock_offset_seconds", domain="left")
    exporter.wait_for(lambda metrics: well_again(metrics, agents)
                      and calls(metrics) >= calls(before) + 20, "calls go on")
    after = Parts(exporter)
    assert after.reader == parts.reader and after.broker != parts.broker
    assert exporter.metrics().value("qga_exporter_source_up", source="a") == 1


def test_a_broker_that_stands_still_is_ended(exporter, agents):
    parts = Parts(exporter)
    os.kill(parts.broker, signal.SIGSTOP)
    wait_for(lambda: ended(parts.broker), "its end", 120)
    exporter.wait_for(lambda metrics: well_again(metrics, agents), "guests are asked again")
    assert "stands still; it is ended" in exporter.process.log()


def test_one_that_dies_again_and_again(exporter):
    """It is not tried without end: whoever has started the exporter sees that it ends."""
    def kill_one():
        with contextlib.suppress(ProcessLookupError, AssertionError, FileNotFoundError, ValueError):
            for pid in children(exporter.process.pid):
                if not is_reader(pid):
                    os.kill(pid, signal.SIGKILL)
        return not exporter.process.alive()
    wait_for(kill_one, "the end")
    assert exporter.process.wait(20) == 1
    assert "cannot be started anew" in exporter.process.log()


def test_all_end_together(place, config):
    for number, expected in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
        with Exporter(place, SEPARATE, f"--config.file={config}", uri="") as running:
            running.wait_for(well, "both agents' series")
            parts = Parts(running)
            running.process.signal(number)
            assert running.process.wait(20) == expected
            wait_for(lambda: ended(parts.reader) and ended(parts.broker), "the end of the others")
            assert port_is_free(running.port)


def test_a_reload_brings_another_source(place, agents, exporter):
    more = place.directory + "/more"
    os.makedirs(more)
    with Agents(more) as others:
        others.start("third")
        both = (f'sources: [{{name: a, socket: {{path: "{agents.pattern}"}}}},\n'
                f'          {{name: b, socket: {{path: "{others.pattern}"}}}}]\n')
        write_config(place, both + QUICK_CONFIG, "separate.yml")
        exporter.reload()
        exporter.wait_for(lambda metrics: well(metrics, (*GUESTS, "third")), "the third one")
        # By a request as well, which hears how it went.
        write_config(place, SOURCE.format("a", agents.pattern) + QUICK_CONFIG, "separate.yml")
        assert get(f"{exporter.url}/-/reload", method="POST")[0] == 200
        exporter.wait_for(lambda metrics: metrics.domains() == set(GUESTS), "it is left")
        write_config(place, "sources: [{nonsense: 1}]\n", "separate.yml")
        code, _, body = get(f"{exporter.url}/-/reload", method="POST")
        assert code == 500 and b"nonsense" in body
        assert well(exporter.metrics())


def test_a_start_that_fails(place, config):
    bad = write_config(place, "sources: [{nonsense: 1}]\n", "bad.yml")
    code, _, error = run_exporter(place, SEPARATE, f"--config.file={bad}")
    assert code == 2 and error.count("\n") == 1 and "bad.yml:1" in error
    with Exporter(place, f"--config.file={config}", uri="") as other:
        code, _, error = run_exporter(place, SEPARATE, f"--config.file={config}",
                                      f"--web.listen-address=127.0.0.1:{other.port}")
        assert code == 1 and "in use" in error
    code, _, error = run_exporter(place, SEPARATE, "--privilege-separation.user=nobody-of-that-name",
                                  f"--config.file={config}",
                                  f"--web.listen-address=127.0.0.1:{free_port()}")
    assert code == 2 and "there is no such user" in error
    code, _, error = run_exporter(place, "--privilege-separation.user=nobody", f"--config.file={config}")
    assert code == 2 and SEPARATE in error


def test_another_user(place, config):
    os.chmod(place.directory, 0o755)
    os.chmod(config, 0o644)
    with Exporter(place, SEPARATE, "--privilege-separation.user=nobody", f"--config.file={config}",
                  uri="") as running:
        running.wait_for(well, "both agents' series")
        parts = Parts(running)
        nobody = pwd.getpwnam("nobody")
        assert set(status(parts.reader, "Uid").split()) == {str(nobody.pw_uid)}
        assert set(status(parts.reader, "Gid").split()) == {str(nobody.pw_gid)}
        assert status(parts.reader, "Groups") == ""
        assert set(status(parts.broker, "Uid").split()) == {"0"}
        os.kill(parts.reader, signal.SIGKILL)
        running.wait_for(lambda metrics: well(metrics) and Parts(running).reader != parts.reader,
                         "the next one")


def test_a_service_manager_is_told(place, config):
    """What the reader does, by the process that it has started; and it is fed for that one."""
    path = os.path.join(place.directory, "notify")
    said, who = [], set()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(path)
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

        def is_told(state):
            with contextlib.suppress(BlockingIOError):
                while True:
                    line, ((_, _, credentials),), *_ = manager.recvmsg(4096, socket.CMSG_SPACE(12))
                    said.append(line.decode())
                    who.add(struct.unpack("3i", credentials)[0])
            return any(line.startswith(state) for line in said)

        process = Process(
            [program("bash"), "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", EXPORTER, SEPARATE,
             f"--config.file={config}", f"--web.listen-address=127.0.0.1:{free_port()}"],
            os.path.join(place.directory, "service.log"),
            env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
        try:
            wait_for(lambda: is_told("READY=1"), "it is ready")
            wait_for(lambda: is_told("WATCHDOG=1"), "it is alive")
            said.clear()
            process.signal(signal.SIGHUP)
            wait_for(lambda: is_told("RELOADING=1") and is_told("READY=1"), "it has reloaded")
        finally:
            assert process.stop() == 0
        assert is_told("STOPPING=1")
        assert who == {process.pid}
    os.unlink(path)


def test_through_libvirt(lab, quick_config):
    """With real guests, whose definitions the reader parses."""
    with Exporter(lab, SEPARATE, f"--config.file={quick_config}") as running:
        metrics = running.wait_for(
            lambda metrics: all(healthy(metrics, name) for name in ("old", "new")), "the guests")
        assert metrics.find("qga_domain_info", domain="new")
        parts = Parts(running)
        os.kill(parts.reader, signal.SIGKILL)
        running.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new")),
                         "the guests again")
        os.kill(parts.broker, signal.SIGKILL)
        before = calls(running.metrics())
        running.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new"))
                         and calls(metrics) >= before + 10, "they are asked on")
