"""A --web.config.file is judged as promtool does, and a bad one is refused."""

import subprocess
import types

import pytest

from lab.process import program
from lab.programs import run_exporter
# pylint: disable-next=unused-import
from secured import CHEAP, DEAR, MUTUAL, TLS, folder_fixture

# The versions of promtool differ: in what Go holds for secure, and in what they know.
VARIES = "depends on promtool's version"
# text, whether it is good, what promtool says where that differs and why
FILES = [
    ("", True, None),
    ("tls_server_config: {}", True, None),
    ("http_server_config: {http2: false}", True, None),
    (TLS + "}", True, None),
    (TLS + ", min_version: TLS12, max_version: TLS13}", True, None),
    (TLS + ", min_version: TLS1.2}", False, None),
    (TLS + ", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
     "TLS_RSA_WITH_AES_128_CBC_SHA]}", True, VARIES),
    (TLS + ", cipher_suites: [TLS_AES_128_GCM_SHA256]}", True, None),
    (TLS + ", cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", False, None),
    (TLS + ", curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]}", True, None),
    (TLS + ", curve_preferences: [P256]}", False, None),
    (TLS + ", prefer_server_cipher_suites: false}", True, None),
    (TLS + ", prefer_server_cipher_suites: 7}", False, None),
    (TLS + ", client_auth_type: RequestClientCert}", True, None),
    (TLS + ", client_auth_type: RequireClientCert}", True, None),
    (TLS + ", client_auth_type: requestclientcert}", False, None),
    (TLS + ", client_ca_file: ca.crt}", False, None),
    (TLS + ", client_ca_file: none.crt, client_auth_type: RequireAndVerifyClientCert}",
     False, None),
    (MUTUAL + "RequireAndVerifyClientCert}", True, None),
    (MUTUAL + "VerifyClientCertIfGiven}", True, None),
    (MUTUAL + "NoClientCert}", False, None),
    ("tls_server_config: {cert_file: server.crt}", False, None),
    ("tls_server_config: {key_file: server.key}", False, None),
    ("tls_server_config: {client_auth_type: RequireAnyClientCert}", False, None),
    ("tls_server_config: {cert_file: none.crt, key_file: server.key}", False, None),
    ("tls_server_config: {cert_file: server.crt, key_file: client.key}", False, None),
    ("tls_server_config: {cert_file: server.key, key_file: server.key}", False, None),
    ("tls_server_config: {cert_file: server.crt, key_file: server.crt}", False, None),
    ("tls_server_config: {foo: bar}", False, None),
    ("foo: bar", False, None),
    ("tls_server_config: [a]", False, None),
    ("http_server_config: {headers: {X-Frame-Options: deny}}", True, None),
    ("http_server_config: {headers: {X-Frame-Options: never}}", False, None),
    ("http_server_config: {headers: {X-Content-Type-Options: sniff}}", False, None),
    ("http_server_config: {headers: {X-Foo: bar}}", False, None),
    ("http_server_config: {http2: maybe}", False, None),
    (f"basic_auth_users: {{alice: {CHEAP}}}", True, None),
    (f"basic_auth_users: {{alice: {DEAR.replace('$2b', '$2y')}}}", True, None),
    ("basic_auth_users: {alice: secret}", False, None),
    ('basic_auth_users: {alice: ""}', False, None),
    (f"basic_auth_users: {{alice: {CHEAP}, alice: {CHEAP}}}", False, None),
    ("rate_limit: {interval: 1s, burst: 2}", True, VARIES),
    (MUTUAL + "RequireAndVerifyClientCert, client_allowed_sans: [a]}", True, VARIES),
    # Where we are stricter, for the reasons in docs/configuration.md.
    ("tls_server_config: {min_version: TLS12}", False, "serves plain HTTP"),
    (TLS + ", client_auth_type: RequireAndVerifyClientCert}", False,
     "takes the system's authorities"),
    (MUTUAL.replace("ca.crt", "server.key") + "RequireAndVerifyClientCert}", False,
     "does not see that it holds no certificate"),
    (TLS + ", min_version: TLS13, max_version: TLS12}", False, "leaves no version"),
    (f"basic_auth_users: {{alice: {CHEAP}x}}", False, "does not see that nobody can log in"),
    (f"basic_auth_users: {{alice: {CHEAP.replace('$04', '$31')}}}", False,
     "does not mind that a log-in takes days"),
    (f'basic_auth_users: {{"a:b": {CHEAP}}}', False, "does not see that nobody can log in"),
    (TLS + ", prefer_server_cipher_suites: yes}", False, "takes it for true, as YAML 1.1 does"),
]


@pytest.mark.parametrize("text, good, differs", FILES)
def test_files_are_judged_as_promtool_does(folder, text, good, differs):
    path = folder / "judged.yml"
    path.write_text(text + "\n")
    theirs = subprocess.run([program("promtool"), "check", "web-config", str(path)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                            timeout=60)
    status, out, error = run_exporter(types.SimpleNamespace(directory=str(folder)),
                                      "--config.check", f"--web.config.file={path}")
    assert (status, status == 0) == (0 if good else 2, good), error
    if differs is not VARIES:
        assert (theirs.returncode == 0) == (good if differs is None else not good), theirs.stdout
    if good:
        assert f"{path}: the web config is good" in out
    else:
        assert len(error.splitlines()) == 1 and error.startswith(f"qga-exporter: {path}:"), error


def test_a_bad_file_at_the_start(folder):
    path = folder / "bad.yml"
    path.write_text("tls_server_config: {cert_file: none.crt, key_file: server.key}\n")
    status, _, error = run_exporter(types.SimpleNamespace(directory=str(folder)),
                                    f"--config.file={folder}/none.yml",
                                    f"--web.config.file={path}")
    assert (status, error) == (2, (
        f"qga-exporter: {path}:1: tls_server_config.cert_file: {folder}/none.crt cannot be read "
        "(No such file or directory); check the path\n"))
