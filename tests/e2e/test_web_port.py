"""Addresses, and flags of the web: localhost, UNIX sockets, reloads by HTTP, limits.

No guest is needed: a source without sockets is enough for the web side.
"""

import http.client
import itertools
import os
import signal
import socket
import stat
import threading

import pytest

from conftest import in_one_process
from lab.process import Process, free_port, wait_for
from lab.programs import EXPORTER, Exporter, Metrics, get, run_exporter

POST = ("POST", "PUT")
LOGS = itertools.count()


def config(place, text=""):
    path = os.path.join(place.directory, "qga-exporter.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'sources: [{{socket: {{path: "{place.directory}/none/*.sock"}}}}]\n{text}')
    return path


@pytest.fixture(name="start")
def start_fixture(place):
    """start(flags...): an exporter with a configuration and a log of its own."""
    def start(*flags, **options):
        return Exporter(place, f"--config.file={config(place)}", *flags, uri="",
                        name=f"exporter-{next(LOGS)}", **options)

    return start


def reload_has_succeeded(exporter, whether):
    """By its metrics, which may be a second old."""
    exporter.wait_for(lambda metrics: metrics.value("qga_exporter_config_last_reload_successful")
                      == whether, "the outcome of the reload")


def ask(connect, method="GET", path="/metrics", headers=None):
    """(status, headers, body) over what connect() has connected."""
    connection = http.client.HTTPConnection("localhost", timeout=120)
    connection.sock = connect()
    connection.sock.settimeout(120)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def by_port(exporter, host="127.0.0.1"):
    return lambda: socket.create_connection((host, exporter.port))


def by_path(path):
    """A socket is there a moment before it is listened to."""
    def connected():
        file = socket.socket(socket.AF_UNIX)
        try:
            file.connect(path)
        except OSError:
            file.close()
            raise
        return file

    def connect():
        return wait_for(connected, f"{path} takes connections")

    return connect


def has_six():
    with socket.socket(socket.AF_INET6) as file:
        try:
            file.bind(("::1", 0))
        except OSError:
            return False
        return True


def test_localhost_is_both_families(start):
    with start(address="localhost") as exporter:
        hosts = ["127.0.0.1"] + ["::1"] * has_six()
        for host in hosts:
            assert ask(by_port(exporter, host))[0] == 200
        with pytest.raises(OSError):  # of the same host, but not localhost
            by_port(exporter, "127.0.0.2")()
        log = exporter.process.log()
        assert log.count('msg="Listening on"') == len(hosts)


@in_one_process
def test_a_unix_socket_from_its_start_to_its_end(place, start):
    path = os.path.join(place.directory, "web.sock")
    with start(f"--web.listen-address=unix:{path}") as exporter:
        status, _, body = ask(by_path(path))
        assert status == 200 and "qga_exporter_build_info" in body
        assert ask(by_port(exporter))[0] == 200  # beside it
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660

        status, _, errors = run_exporter(place, f"--config.file={config(place)}",
                                         f"--web.listen-address=unix:{path}")
        assert status == 1 and "Address already in use; stop the other program" in errors
        assert ask(by_path(path))[0] == 200  # the living one's is left alone

        exporter.reload()
        wait_for(lambda: "the config is reloaded" in exporter.process.log(), "the reload")
        assert ask(by_path(path))[0] == 200
        exporter.process.signal(signal.SIGKILL)
        wait_for(lambda: not exporter.process.alive(), "it is dead")
        assert os.path.exists(path)
    with start(f"--web.listen-address=unix:{path}"):
        assert ask(by_path(path))[0] == 200  # the dead one's is replaced
    assert not os.path.exists(path)


def test_more_come_by_a_unix_socket_than_from_one_address(place, start):
    path = os.path.join(place.directory, "web.sock")
    with start(f"--web.listen-address=unix:{path}"):
        files = [by_path(path)() for _ in range(48)]
        for file in files:
            file.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        for file in files:
            file.settimeout(120)
            assert file.recv(12) == b"HTTP/1.1 200"
            file.close()


def test_metrics_of_the_exporter_are_left_out(start):
    with start("--web.disable-exporter-metrics") as exporter:
        _, _, body = get(f"{exporter.url}/metrics")
        metrics = Metrics(body.decode())
        assert metrics.find("qga_host_clock_synchronized")
        assert not [name for name in metrics.lines
                    if name.startswith(("process_", "qga_exporter_"))]
        assert get(f"{exporter.url}/metrics?collect[]=process")[0] == 400
        assert get(f"{exporter.url}/")[0] == 200


@pytest.mark.parametrize("method", POST)
def test_reload_by_request(place, start, method):
    with start("--web.enable-lifecycle") as exporter:
        config(place, "log: {format: json}\n")
        assert ask(by_port(exporter), method, "/-/reload")[0::2] == (
            200, "The configuration is reloaded.\n")
        assert '"msg":"the config is reloaded"' in exporter.process.log()
        config(place, "nonsense: 1\n")
        status, _, body = ask(by_port(exporter), method, "/-/reload")
        assert status == 500
        assert body.startswith("The new configuration is refused, the old one stays: ")
        assert 'unknown key "nonsense"' in body
        reload_has_succeeded(exporter, 0)
        config(place)
        assert ask(by_port(exporter), method, "/-/reload")[0] == 200
        reload_has_succeeded(exporter, 1)
        status, headers, _ = ask(by_port(exporter), "GET", "/-/reload")
        assert (status, headers["Allow"]) == (405, "POST, PUT")


def test_many_reloads_at_once_are_all_answered(start):
    statuses = []
    with start("--web.enable-lifecycle") as exporter:
        def reload():
            statuses.append(ask(by_port(exporter), "POST", "/-/reload")[0])

        threads = [threading.Thread(target=reload) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 20


def listen(port):
    return f'web: {{listen_addresses: ["127.0.0.1:{port}"]}}\n'


def test_a_reload_that_moves_is_answered(place):
    """The address at which it was asked for is left meanwhile."""
    here, there = free_port(), free_port()
    exporter = Process([EXPORTER, f"--config.file={config(place, listen(here))}",
                        "--web.enable-lifecycle"], os.path.join(place.directory, "moves.log"))

    def port(number):
        return lambda: socket.create_connection(("127.0.0.1", number))

    def healthy(number):
        assert exporter.alive(), exporter.log()
        return ask(port(number), path="/-/healthy")[0] == 200

    try:
        wait_for(lambda: healthy(here), "it listens")
        with socket.create_server(("127.0.0.1", there)):
            config(place, listen(there))
            status, _, body = ask(port(here), "POST", "/-/reload")
            assert status == 500 and "Address already in use" in body
            assert healthy(here)
        assert ask(port(here), "POST", "/-/reload")[0::2] == (
            200, "The configuration is reloaded.\n")
        assert healthy(there)
        with pytest.raises(OSError):
            healthy(here)
    finally:
        exporter.stop()


def test_nobody_reloads_without_the_flag(start):
    with start() as exporter:
        for method in ("GET", *POST):
            status, _, body = ask(by_port(exporter), method, "/-/reload")
            assert (status, "--web.enable-lifecycle" in body) == (403, True)
        assert "the config is reloaded" not in exporter.process.log()


def test_nobody_reloads_without_a_log_in(place, start):
    web = os.path.join(place.directory, "web.yml")
    # bcrypt of "secret", with a cost of 4.
    with open(web, "w", encoding="ascii") as file:
        file.write("basic_auth_users: {alice: "
                   "$2b$04$Ph54jmRx2AN7CMN3rLyb8uGM5vI.je/IKPI1pZi3jVqoHWICAzXym}\n")
    exporter = start("--web.enable-lifecycle", f"--web.config.file={web}")
    exporter.healthy = lambda: "Listening on" in exporter.process.log()
    with exporter:
        assert ask(by_port(exporter), "POST", "/-/reload")[0] == 401
        assert "the config is reloaded" not in exporter.process.log()
        known = {"Authorization": "Basic YWxpY2U6c2VjcmV0"}
        assert ask(by_port(exporter), "POST", "/-/reload", known)[0] == 200


def test_scrapes_at_once_are_limited(start):
    """One is being answered as long as the kernel takes no more for its reader, who has asked
    for more than that and reads nothing."""
    with start("--web.max-requests=1") as exporter:
        slow = by_port(exporter)()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 900)

        def refused():
            status, _, body = ask(by_port(exporter))
            assert status == 200 or "--web.max-requests" in body
            return status == 503

        wait_for(refused, "one scrape is one too many", 60)
        assert get(f"{exporter.url}/-/healthy")[0] == 200
        slow.close()
        wait_for(lambda: ask(by_port(exporter))[0] == 200, "there is room again", 60)
