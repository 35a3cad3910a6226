"""--web.config.file: TLS, client certificates and log-ins, with real clients.

No guest is needed: a source without sockets is enough for the web side.
"""

import base64
import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import os
import signal
import socket
import ssl
import subprocess
import types

import pytest

from lab.process import program, wait_for
from lab.programs import Metrics, Prometheus
# pylint: disable-next=unused-import
from secured import CHEAP, DEAR, MUTUAL, TLS, Authority, Secured, folder_fixture

# exporter/web/auth.h: attempts of one address that wait for their hash.
WAITING_PER_REMOTE_MAX = 4


def test_tls(folder):
    with Secured(folder, TLS + "}\n") as exporter:
        assert exporter.curl() == (200, "Healthy\n")
        assert exporter.status("--tlsv1.3") == 200
        assert exporter.status("--tlsv1.2", "--tls-max", "1.2") == 200
        # OpenSSL itself offers it no more without asking it twice.
        assert exporter.status("--ciphers", "DEFAULT@SECLEVEL=0", "--tlsv1.0",
                               "--tls-max", "1.1") == 0
        status, complaint = exporter.curl(ca="stranger")
        assert status == 0 and "certificate" in complaint
        # Over a connection that is kept, and with an answer of many records.
        status, body = exporter.curl(f"https://localhost:{exporter.port}/", path="/metrics")
        assert status == 200 and "qga_exporter_build_info" in body
        for path, part in (("/", "<title>"), ("/guests", "<title>"), ("/style.css", "{"),
                           ("/api/v1/guests", '"guests"')):
            status, body = exporter.curl(path=path)
            assert status == 200 and part in body, path
        log = exporter.process.log()
        assert 'msg="TLS is enabled." http2=false' in log and "TLS is disabled" not in log


def test_http_to_the_tls_port_is_told(folder):
    with Secured(folder, TLS + "}\n") as exporter:
        status, body = exporter.curl(scheme="http")
        assert status == 400 and "HTTPS" in body
        with socket.create_connection(("127.0.0.1", exporter.port), 5) as garbage:
            garbage.sendall(b"\x16\x03\x01\xff\xff" + os.urandom(2000))
            garbage.settimeout(5)
            try:
                while garbage.recv(4096):
                    pass
            except ConnectionError:
                pass
        assert exporter.status() == 200


@pytest.mark.parametrize("kind, none, good, strange", [
    ("NoClientCert", 200, 200, 200),
    ("RequestClientCert", 200, 200, 200),
    ("RequireAnyClientCert", 0, 200, 200),
    ("VerifyClientCertIfGiven", 200, 200, 0),
    ("RequireAndVerifyClientCert", 0, 200, 0),
])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_client_certificates(folder, kind, none, good, strange, version):
    ca = ", client_ca_file: ca.crt" if kind != "NoClientCert" else ""
    with Secured(folder, f"{TLS}{ca}, client_auth_type: {kind}}}\n") as exporter:
        only = ("--tls-max", version)
        assert exporter.status(*only) == none
        assert exporter.status(*only, cert="client") == good
        assert exporter.status(*only, cert="strange") == strange
        if kind == "RequireAndVerifyClientCert":
            # curl has words of its own for an expired one.  With TLS 1.3 its request is on
            # the way already, and the end of the connection may come before the alert.
            for cert, why in (("expired", ("expired", "verification failed")),
                              ("no-client", ("bad certificate",)), ("strange", ("unknown ca",))):
                status, complaint = exporter.curl(*only, cert=cert)
                assert status == 0, cert
                assert version == "1.3" or any(each in complaint for each in why), complaint


def test_names_of_clients(folder):
    sans = ", client_allowed_sans: [{}]}}\n"
    kind = MUTUAL + "RequireAndVerifyClientCert"
    with Secured(folder, kind + sans.format("prometheus.example.com")) as exporter:
        assert exporter.status(cert="client") == 200
        status, complaint = exporter.curl("--tls-max", "1.2", cert="other")
        assert status == 0 and "access denied" in complaint
    with Secured(folder, kind + sans.format('"192.0.2.1"')) as exporter:
        assert exporter.status(cert="client") == 200
        assert exporter.status(cert="other") == 0


def test_users(folder):
    users = f"basic_auth_users: {{prometheus: {CHEAP}}}\n"
    with Secured(folder, users) as exporter:
        def status(user=None, path="/metrics"):
            return exporter.status(scheme="http", user=user, path=path)

        for path in ("/", "/metrics", "/sd", "/-/healthy", "/-/ready", "/none"):
            assert status(path=path) == 401, path
        assert status("prometheus:secret") == 200
        assert status("prometheus:wrong") == 401
        assert status("prometheus:") == 401
        assert status("nobody:secret") == 401
        _, answer = exporter.curl("-i", scheme="http")
        assert "WWW-Authenticate: Basic realm=" in answer
        assert exporter.status("-H", "Authorization: bAsIc " + base64.b64encode(
            b"prometheus:secret").decode(), scheme="http") == 200
        # More than the exporter takes, and less than curl does.
        (folder / "long.txt").write_text("Authorization: Basic " + "A" * 90_000)
        assert exporter.status("-H", "@long.txt", scheme="http") in (0, 400, 413, 431)

        def refused():
            return Metrics(exporter.curl(scheme="http", path="/metrics", user="prometheus:secret")
                           [1]).value("qga_exporter_scrapes_total", code="401")

        wait_for(lambda: refused() == 4, "what was refused is counted", 60)
        assert 'msg="TLS is disabled."' in exporter.process.log()


def log_in(exporter, user, source):
    """The HTTP status, from one of our own addresses; quicker than curl."""
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=120,
                                            source_address=(source, 0))
    with contextlib.closing(connection):
        word = base64.b64encode(user.encode()).decode()
        connection.request("GET", "/-/healthy", headers={"Authorization": f"Basic {word}"})
        return connection.getresponse().status


class Flood:
    """Guesses from these addresses as long as it lasts, each another password; what the
    answers were.  A 401 has cost the exporter a hash."""

    def __init__(self, exporter, sources=("127.0.0.2",) * 12):
        self.answers = collections.Counter()
        self.over = False
        self.pool = concurrent.futures.ThreadPoolExecutor(len(sources))
        self.guessers = [self.pool.submit(self.guess, exporter, number, source)
                         for number, source in enumerate(sources)]

    def guess(self, exporter, number, source):
        tried = 0
        while not self.over:
            tried += 1
            try:
                status = log_in(exporter, f"dear:guess {number} {tried}", source)
            except (OSError, http.client.HTTPException):
                status = 0  # too many connections
            self.answers[status] += 1

    @property
    def hashes(self):
        return self.answers[401]

    def close(self):
        self.over = True
        for guesser in self.guessers:
            guesser.result()
        self.pool.shutdown()


def test_guesses_do_not_hold_up_who_is_logged_in(folder):
    # The hash is of another password, which is how a guesser sees it.
    users = f"basic_auth_users: {{prometheus: {CHEAP}, dear: {DEAR}}}\n"
    with Secured(folder, users) as exporter:
        assert log_in(exporter, "prometheus:secret", "127.0.0.1") == 200
        with contextlib.closing(Flood(exporter)) as flood:
            wait_for(lambda: flood.hashes >= 2, "guesses that are hashed", 60)
            before, answered = flood.hashes, 0
            while flood.hashes < before + 6:
                assert log_in(exporter, "prometheus:secret", "127.0.0.1") == 200
                answered += 1
            print(f"{answered} answers in {flood.hashes - before} hashes, {flood.answers}")
            assert answered >= 3 * (flood.hashes - before)
            # Nor somebody who comes from elsewhere for the first time, for long.
            before = flood.hashes
            assert log_in(exporter, "prometheus:not yet seen", "127.0.0.3") == 401
            waited = flood.hashes - before
            print(f"{waited} hashes for others before")
            assert waited <= WAITING_PER_REMOTE_MAX + 2
        assert set(flood.answers) == {401, 429}, flood.answers


def test_who_knows_the_password_gets_in_beside_guessers(folder):
    """Twelve addresses fill the line with what five clients each guess."""
    users = f"basic_auth_users: {{prometheus: {CHEAP}, dear: {DEAR}}}\n"
    sources = [f"127.0.1.{number}" for number in range(12) for _ in range(5)]
    with (Secured(folder, users) as exporter,
          contextlib.closing(Flood(exporter, sources)) as flood):
        wait_for(lambda: flood.hashes >= 12 and flood.answers[429] > 0, "a full line", 120)
        before = flood.hashes
        assert log_in(exporter, "prometheus:secret", "127.0.0.1") == 200
        waited = flood.hashes - before
        print(f"{waited} hashes for others before, {flood.answers}")
        assert waited <= WAITING_PER_REMOTE_MAX + 2


def test_headers_and_rate(folder):
    web = ("http_server_config: {headers: {X-Frame-Options: deny, "
           "Strict-Transport-Security: max-age=60}}\n"
           "rate_limit: {interval: 1h, burst: 3}\n")
    with Secured(folder, web) as exporter:
        _, answer = exporter.curl("-i", scheme="http")
        assert "X-Frame-Options: deny" in answer
        assert "Strict-Transport-Security: max-age=60" in answer
        assert "X-Content-Type-Options: nosniff" in answer
        assert [exporter.status(scheme="http") for _ in range(3)] == [200, 200, 429]


def reloads(exporter, **options):
    metrics = Metrics(exporter.curl(path="/metrics", **options)[1])
    return metrics.value("qga_exporter_config_last_reload_successful")


def test_changes_need_no_restart(folder):
    user = {"user": "prometheus:secret"}
    web = TLS + "}\nbasic_auth_users: {prometheus: " + CHEAP + "}\n"
    with Secured(folder, web) as exporter:
        assert exporter.status(**user) == 200
        assert exporter.status(user="new:secret") == 401
        exporter.rewrite(web.replace("{prometheus", f"{{new: {CHEAP}, prometheus"))
        wait_for(lambda: exporter.status(user="new:secret") == 200, "the new user", 60)
        assert reloads(exporter, **user) == 1

        exporter.rewrite("tls_server_config: {cert_file: none.crt, key_file: server.key}\n")
        wait_for(lambda: reloads(exporter, **user) == 0, "the mistake shows", 60)
        assert "none.crt cannot be read (No such file or directory)" in exporter.process.log()
        assert exporter.status(user="new:secret") == 200

        exporter.rewrite(web)
        wait_for(lambda: reloads(exporter, **user) == 1, "the mistake is gone", 60)
        wait_for(lambda: exporter.status(user="new:secret") == 401, "the user is gone", 60)


def serial(exporter):
    pem = ssl.get_server_certificate(("127.0.0.1", exporter.port))
    done = subprocess.run([program("openssl"), "x509", "-noout", "-serial"], input=pem,
                          text=True, stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout


def test_a_renewed_certificate_needs_no_restart(folder, tmp_path):
    ours = Authority(tmp_path)
    (tmp_path / "none.yml").write_text((folder / "none.yml").read_text())
    ours.sign("server", "DNS:localhost", "serverAuth")
    ours.sign("client", "DNS:x")
    kind = MUTUAL + "RequireAndVerifyClientCert}\n"
    with Secured(tmp_path, TLS + "}\n") as exporter:
        first = serial(exporter)
        assert exporter.status() == 200
        # The new key comes first: for a moment the two do not fit together.
        ours.sign("server", "DNS:localhost", "serverAuth")
        wait_for(lambda: serial(exporter) != first, "the new certificate", 60)
        assert exporter.status() == 200
        # Who is let in can change as well.
        exporter.rewrite(kind)
        wait_for(lambda: exporter.status() == 0, "a client needs a certificate", 60)
        assert exporter.status(cert="client") == 200


def test_tls_is_switched_by_a_signal(folder):
    with Secured(folder, "") as exporter:
        assert exporter.status(scheme="http") == 200
        exporter.rewrite(TLS + "}\n")
        wait_for(lambda: "TLS is switched on; send SIGHUP" in exporter.process.log(),
                 "the hint", 60)
        assert exporter.status(scheme="http") == 200
        exporter.process.signal(signal.SIGHUP)
        wait_for(lambda: exporter.status() == 200, "TLS", 60)
        assert exporter.status(scheme="http") == 400
        exporter.rewrite("nonsense: 1\n")
        exporter.process.signal(signal.SIGHUP)
        wait_for(lambda: "the new config is refused" in exporter.process.log(), "refused", 60)
        assert exporter.status() == 200


def test_prometheus_scrapes_with_all_of_it(folder):
    web = MUTUAL + "RequireAndVerifyClientCert, client_allowed_sans: [prometheus.example.com]}\n"
    web += f"basic_auth_users: {{prometheus: {CHEAP}}}\n"
    lab = types.SimpleNamespace(directory=str(folder))
    with Secured(folder, web) as exporter:
        def job(name, cert, password):
            return (f"{{job_name: {name}, scheme: https, scrape_interval: 1s, "
                    f"tls_config: {{ca_file: {folder}/ca.crt, cert_file: {folder}/{cert}.crt, "
                    f"key_file: {folder}/{cert}.key, server_name: localhost}}, "
                    f"basic_auth: {{username: prometheus, password: {password}}}, "
                    f'static_configs: [{{targets: ["127.0.0.1:{exporter.port}"]}}]}}')

        jobs = [job("good", "client", "secret"), job("password", "client", "wrong"),
                job("name", "other", "secret"), job("stranger", "strange", "secret")]
        with Prometheus(lab, jobs=jobs) as prometheus:
            wait_for(lambda: [value for _, value in prometheus.query('up{job="good"}')] == [1],
                     "the scrape with all of it", 60)

            def error(name):
                return prometheus.targets(name)[0]["lastError"]

            wait_for(lambda: "401" in error("password"), "the wrong password", 60)
            # "tls: ..." or, if the connection's end comes first, that.
            wait_for(lambda: error("name"), "the wrong name", 60)
            wait_for(lambda: error("stranger"), "the stranger", 60)
            assert [value for _, value in prometheus.query('up{job="good"}')] == [1]
            assert not prometheus.query('up{job=~"password|name|stranger"} == 1')


def test_trickling_clients_are_cut_off(folder):
    """32 connections, all that one address may have; others are served meanwhile."""
    with Secured(folder, TLS + "}\n") as exporter, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(contextlib.closing(Trickler(folder, exporter.port, number % 2)))
                for number in range(32)]
        served = 0

        def all_cut():
            nonlocal served
            served += len(slow) == 32 and exporter.status() == 200
            slow[:] = [client for client in slow if client.goes_on()]
            return not slow

        wait_for(all_cut, "the slow clients cut off", 120)
        assert served > 0
        assert exporter.process.log().count("a client takes too long and is cut off") == 32
        assert exporter.status() == 200


class Trickler:
    """A client that sends a byte now and then, so that it is never idle: of its request,
    or already of its handshake."""

    def __init__(self, folder, port, gets_through):
        self.client = socket.create_connection(("127.0.0.1", port), 60,
                                               source_address=("127.0.0.2", 0))
        context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
        hello = ssl.MemoryBIO()
        self.rest = itertools.repeat(ord("a"))
        if gets_through:
            self.client = context.wrap_socket(self.client, server_hostname="localhost")
            self.client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        else:
            with contextlib.suppress(ssl.SSLWantReadError):
                context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
            self.rest = iter(hello.read())

    def goes_on(self):
        try:
            self.client.sendall(bytes([next(self.rest)]))
        except OSError:
            return False
        return True

    def close(self):
        self.client.close()
