"""A service manager's end, played: what systemd is told by the exporter, and the sockets that it
hands over.  tests/deb/service has a real systemd."""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import socket
import time

import pytest

from lab.process import Process, program, wait_for
from lab.programs import EXPORTER, get

NOBODY = "--libvirt.uri=qemu+unix:///system?socket=/nowhere"
WATCHDOG_S = 0.2
ALIVE = "WATCHDOG=1"

# $0 is how many there are said to be; their files go to 3 and on.
HAND_OVER = """
export LISTEN_FDS=$0 LISTEN_PID=${LISTEN_PID-$$}; to=3
for file in $FILES; do eval "exec $to<&$file $file<&-"; to=$((to + 1)); done
exec "$@"
"""

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Manager:
    """What it is told is what it has heard since it asked last."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(self.path)
        self.starts = 0

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def told(self):
        states = []
        with contextlib.suppress(BlockingIOError):
            while True:
                states.append(self.socket.recv(4096).decode())
        return states

    def is_told(self, pattern):
        """Until then; what was said before is forgotten."""
        wait_for(lambda: any(re.fullmatch(pattern, state) for state in self.told()), pattern)

    def start(self, *arguments, files=(), count=None, **environment):
        """With files, or what may be said instead of their number: they are handed over."""
        self.starts += 1
        # Above those that they become.
        high = [fcntl.fcntl(file, fcntl.F_DUPFD, 100) for file in files]
        command = [EXPORTER, NOBODY, *arguments]
        if files or count is not None:
            command = [program("bash"), "-c", HAND_OVER, str(len(files) if count is None else count),
                       *command]
        process = Process(command, f"{self.folder}/service.{self.starts}.log", pass_fds=high,
                          env={**os.environ, "NOTIFY_SOCKET": self.path,
                               "FILES": " ".join(map(str, high)), **environment})
        for file in high:
            os.close(file)
        return process


@pytest.fixture(name="manager")
def _manager(place):
    manager = Manager(place.directory)
    yield manager
    manager.close()


@contextlib.contextmanager
def running(process):
    try:
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def standing_still(thread):
    """One thread of a child; its others go on."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

    def trace(request):
        assert ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())

    def state():
        with open(f"/proc/{thread}/task/{thread}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    trace(PTRACE_SEIZE)
    try:
        trace(PTRACE_INTERRUPT)
        wait_for(lambda: state() == "t", "the thread stands still")
        yield
    finally:
        trace(PTRACE_DETACH)


def listening(family=socket.AF_INET, address="127.0.0.1"):
    server = socket.create_server((address, 0), family=family, backlog=16)
    return server, f"http://{address}:{server.getsockname()[1]}"


def status_of(url):
    return get(url)[0]


# --- what it is told ---


def test_the_manager_is_told_what_the_service_does(manager, place):
    config = f"{place.directory}/told.yml"
    server, url = listening()
    server.close()
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'web: {{listen_addresses: ["{url.removeprefix("http://")}"]}}\n')
    with running(manager.start(f"--config.file={config}")) as process:
        heard = []

        def hears(count):
            heard.extend(manager.told())
            assert process.alive(), process.log()
            return len(heard) >= count

        wait_for(lambda: hears(1), "it is ready")
        assert heard == ["READY=1"]
        assert status_of(f"{url}/-/healthy") == 200  # at once
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        process.signal(signal.SIGHUP)
        wait_for(lambda: hears(3), "it has reloaded")
        after_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", heard[1])
        assert before_us <= int(reloading.group(1)) <= after_us
        assert process.stop() == 0
        heard += manager.told()
        assert heard[2:] == ["READY=1", "STOPPING=1"]


def test_the_main_loop_alone_feeds_the_watchdog(manager):
    server, url = listening()
    server.close()
    with running(manager.start(f"--web.listen-address={url.removeprefix('http://')}",
                               WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))) as process:
        for _ in range(3):
            manager.is_told(ALIVE)
        with standing_still(process.pid):
            manager.told()
            scrapes, until = 0, time.monotonic() + 10 * WATCHDOG_S
            while time.monotonic() < until or scrapes < 10:
                assert status_of(f"{url}/metrics") == 200  # all else goes on
                scrapes += 1
            assert not manager.told()
        manager.is_told(ALIVE)


def test_a_manager_that_wants_no_watchdog_is_not_fed(manager):
    server, url = listening()
    server.close()
    with running(manager.start(f"--web.listen-address={url.removeprefix('http://')}",
                               WATCHDOG_USEC="1000", WATCHDOG_PID="1")) as process:
        manager.is_told("READY=1")
        for _ in range(10):
            assert status_of(f"{url}/metrics") == 200
        assert process.stop() == 0
        assert manager.told() == ["STOPPING=1"]


# --- its sockets ---


def test_it_serves_on_all_sockets_and_keeps_them(manager, place):
    config = f"{place.directory}/sockets.yml"
    servers, urls = zip(*[listening(address=f"127.0.0.{last}") for last in (1, 2, 3)])
    files = [server.fileno() for server in servers]

    def write(path):
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"web: {{telemetry_path: {path}}}\n")

    write("/first")
    # Before it is up; it waits, and is answered.
    early = socket.create_connection(servers[1].getsockname())
    early.sendall(b"GET /first HTTP/1.0\r\n\r\n")
    arguments = (f"--config.file={config}", "--web.systemd-socket")
    with running(manager.start(*arguments, files=files)) as process:
        answer = early.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.") and b" 200 OK" in answer and b"qga_exporter_" in answer
        assert [status_of(f"{url}/first") for url in urls] == [200] * 3
        write("/second")
        process.signal(signal.SIGHUP)
        wait_for(lambda: status_of(f"{urls[0]}/second") == 200, "the reload")
        assert [status_of(f"{url}/second") for url in urls] == [200] * 3
        assert process.stop() == 0
    with running(manager.start(*arguments, files=files)):
        assert [status_of(f"{url}/second") for url in urls] == [200] * 3
    for server in servers:
        server.close()
    early.close()


def a_unix_socket(place):
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{place.directory}/not-tcp")
    os.unlink(f"{place.directory}/not-tcp")
    server.listen()
    return server


NONE = "has handed over no socket, or more than 16; enable the .socket unit"


@pytest.mark.parametrize("makers, count, environment, says", [
    ((), None, {}, NONE),
    ((), 0, {}, NONE),
    ((listening,), 17, {}, NONE),
    ((listening,), "1x", {}, NONE),
    ((listening,), None, {"LISTEN_PID": "1"}, NONE),
    ((), 1, {}, "file 3 of the service manager is no TCP socket that listens"),
    ((a_unix_socket,), None, {}, "file 3 of the service manager is no TCP socket"),
    ((lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),), None, {}, "file 3 "),
    ((lambda _: socket.socket(),), None, {}, "file 3 "),
    ((lambda _: open("/dev/null", "rb"),), None, {}, "file 3 "),
    ((listening, a_unix_socket), None, {}, "file 4 of the service manager is no TCP socket"),
], ids=["no variables", "none", "too many", "no number", "another's", "closed", "UNIX", "UDP",
        "does not listen", "no socket", "the second"])
def test_other_files_are_refused_in_a_sentence(manager, place, makers, count, environment, says):
    files = [listening()[0] if maker is listening else maker(place) for maker in makers]
    process = manager.start("--web.systemd-socket", files=[file.fileno() for file in files],
                            count=count, **environment)
    assert process.wait(60) == 1, process.log()
    sentence = process.log().splitlines()[-1]
    assert sentence.startswith("qga-exporter: --web.systemd-socket: ") and says in sentence
    assert not manager.told()
    for file in files:
        file.close()
