"""An exporter with a --web.config.file, and the certificates for it.

No guest is needed: a source without sockets is enough for the web side.
"""

import os
import subprocess
import time
import types

import pytest

from lab.process import program
from lab.programs import Exporter

# bcrypt of "secret", with costs of 4 and 12; the second takes some 0.2 s.
CHEAP = "$2b$04$Ph54jmRx2AN7CMN3rLyb8uGM5vI.je/IKPI1pZi3jVqoHWICAzXym"
DEAR = "$2b$12$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key"
MUTUAL = TLS + ", client_ca_file: ca.crt, client_auth_type: "


def openssl(*arguments, cwd):
    subprocess.run([program("openssl"), *arguments], cwd=cwd, check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


# `openssl ca` takes the dates of a certificate in every version; `x509` takes no past ones
# since 3.5, and dates since 3.4.
AUTHORITY = """\
[ca]
default_ca = here
[here]
database = index.txt
unique_subject = no
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""
VALID = ("-days", "30")
EXPIRED = ("-startdate", "20200101000000Z", "-enddate", "20200131000000Z")


class Authority:
    """One that signs certificates, each NAME.crt with NAME.key in its folder."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = str(folder), name
        (folder / "ca.cnf").write_text(AUTHORITY)
        (folder / "index.txt").touch()
        self._key(name)
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-out", f"{name}.crt",
                "-days", "30", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.folder)

    def _key(self, name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key",
                cwd=self.folder)

    def sign(self, name, san, usage="clientAuth", dates=VALID):
        self._key(name)
        openssl("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", cwd=self.folder)
        with open(f"{self.folder}/{name}.ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={san}\nextendedKeyUsage={usage}\n"
                       "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        # Not into its place at once: somebody may be reading it.
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"{name}.csr",
                "-cert", f"{self.name}.crt", "-keyfile", f"{self.name}.key", *dates,
                "-extfile", f"{name}.ext", "-out", f"{name}.new", cwd=self.folder)
        os.replace(f"{self.folder}/{name}.new", f"{self.folder}/{name}.crt")


@pytest.fixture(scope="module", name="folder")
def folder_fixture(tmp_path_factory):
    """Certificates of our authority and of a stranger's."""
    path = tmp_path_factory.mktemp("web")
    ours = Authority(path)
    ours.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    ours.sign("client", "DNS:prometheus.example.com,IP:192.0.2.1")
    ours.sign("other", "DNS:other.example.com")
    ours.sign("expired", "DNS:prometheus.example.com", dates=EXPIRED)
    ours.sign("no-client", "DNS:prometheus.example.com", "serverAuth")
    Authority(path, "stranger").sign("strange", "DNS:prometheus.example.com")
    (path / "none.yml").write_text(f'sources: [{{socket: {{path: "{path}/none/*.sock"}}}}]\n')
    return path


class Secured(Exporter):
    """An exporter with a web configuration, asked by curl."""

    def __init__(self, folder, web, name="web"):
        self.folder, self.file = folder, folder / f"{name}.yml"
        self.file.write_text(web)
        super().__init__(types.SimpleNamespace(directory=str(folder)),
                         f"--config.file={folder}/none.yml", f"--web.config.file={self.file}",
                         "--log.level=debug", uri="", name=f"{name}-{time.monotonic_ns()}")

    def healthy(self):
        assert self.process.alive(), self.process.log()
        return "Listening on" in self.process.log()

    def curl(self, *arguments, path="/-/healthy", scheme="https", user=None, cert=None, ca="ca",
             timeout_s=60):
        """(HTTP status or 0, body or curl's complaint)."""
        command = [program("curl"), "-sS", "-m", str(timeout_s), "-w", "\n%{http_code}"]
        command += ["--cacert", f"{ca}.crt"] if ca else []
        command += ["--cert", f"{cert}.crt", "--key", f"{cert}.key"] if cert else []
        command += ["-u", user] if user else []
        done = subprocess.run([*command, *arguments, f"{scheme}://localhost:{self.port}{path}"],
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout_s + 10, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body if done.returncode == 0 else done.stderr

    def status(self, *arguments, **options):
        return self.curl(*arguments, **options)[0]

    def rewrite(self, text):
        new = self.folder / f"{self.file.name}.new"
        new.write_text(text)
        os.replace(new, self.file)
