"""What `make install` puts there, used as its unit does, in a mount namespace with an /etc
of its own: the configuration is found, and the flags of the unit are somewhere."""

import base64
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from lab.image import ROOT
from lab.process import Process, free_port, program, wait_for
from lab.programs import EXPORTER

UNIT = "usr/local/lib/systemd/system/qga-exporter.service"
NOBODY = "--libvirt.uri=qemu+unix:///system?socket=/nowhere"
USERS = """basic_auth_users:
  prometheus: $2y$10$VK.aUVRAe3ovBDg5M3aB2OvpWlUBxFlTamjlkJsot4LL1uqfbIDRK
"""
TLS = "tls_server_config: {cert_file: qga.crt, key_file: qga.key}\n"


class Installed:
    """A root with what is installed, over a copy of this machine's /etc."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree("/etc", f"{folder}/etc", symlinks=True, ignore_dangling_symlinks=True)
        for name in os.listdir("/etc"):
            assert not name.startswith("qga-exporter"), "the exporter is installed here"
        make = ["make", "--no-print-directory", f"BUILD={os.path.dirname(EXPORTER)}",
                f"DESTDIR={folder}", "-o", "all"]
        subprocess.run([*make, "install"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/{UNIT}", encoding="utf-8") as file:
            self.unit = dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))

    def write(self, name, text):
        with open(f"{self.folder}/etc/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def environment(self):
        """The variables of EnvironmentFile, as systemd reads them."""
        path = self.unit["EnvironmentFile"]
        assert path.startswith("-/etc/")
        with open(f"{self.folder}{path[1:]}", encoding="utf-8") as file:
            lines = [line for line in file if re.match(r"\w+=", line)]
        return dict(shlex.split(line)[0].split("=", 1) for line in lines)

    def inside(self, words):
        return [program("unshare"), "--mount", program("sh"), "-c",
                'mount --bind "$0/etc" /etc && mount --bind "$0/usr/local" /usr/local && exec "$@"',
                self.folder, *words]

    def command(self):
        """What ExecStart says."""
        words = []
        for word in self.unit["ExecStart"].split():
            words += self.environment()[word[1:]].split() if word.startswith("$") else [word]
        return self.inside(words)

    def run(self, *arguments):
        done = subprocess.run(self.inside(["/usr/local/bin/qga-exporter", *arguments]), text=True,
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="installed", scope="module")
def _installed(place):
    return Installed(place.directory)


def status_of(url, user=None):
    """An untrusted certificate is none of this test's concern."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_unit_takes_flags_and_finds_its_files(installed):
    port = free_port()
    installed.write("default/qga-exporter",
                    f'ARGS="--web.listen-address=127.0.0.1:{port} {NOBODY}"\n')
    installed.write("qga-exporter-web.yml", "")
    subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                    "/CN=qga", "-keyout", "qga.key", "-out", "qga.crt"],
                   cwd=f"{installed.folder}/etc", check=True, capture_output=True)
    process = Process(installed.command(), f"{installed.folder}/unit.log")
    try:
        wait_for(lambda: status_of(f"http://127.0.0.1:{port}/-/healthy") == 200, "it listens")
        assert ('msg="the config is read" file=/etc/qga-exporter.yml '
                'web_file=/etc/qga-exporter-web.yml') in process.log()
        installed.write("qga-exporter-web.yml", TLS + USERS)
        process.signal(signal.SIGHUP)
        wait_for(lambda: status_of(f"https://127.0.0.1:{port}/metrics") == 401, "TLS")
        assert status_of(f"https://127.0.0.1:{port}/metrics", "prometheus:change me") == 200
        assert status_of(f"http://127.0.0.1:{port}/metrics") == 400
    finally:
        process.stop()


def test_the_doctor_reads_what_the_unit_reads(installed):
    installed.write("qga-exporter.yml", "sources: [{socket: {path: /nowhere/*.sock}}]\n")
    _, out, errors = installed.run("doctor")
    assert out.startswith("configuration: /etc/qga-exporter.yml\n"), out + errors
    assert "/nowhere" in out


def test_a_second_install_keeps_what_was_edited(installed):
    names = ("qga-exporter.yml", "qga-exporter-web.yml", "default/qga-exporter")
    for name in names:
        installed.write(name, "# edited\n")
    subprocess.run(["make", "--no-print-directory", f"BUILD={os.path.dirname(EXPORTER)}",
                    f"DESTDIR={installed.folder}", "-o", "all", "install"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    for name in names:
        with open(f"{installed.folder}/etc/{name}", encoding="utf-8") as file:
            assert file.read() == "# edited\n"


def test_what_the_doctor_names_is_there(installed):
    """The polkit rule of its remedies, below the documents that were installed."""
    words = subprocess.run(["strings", EXPORTER], capture_output=True, text=True, check=True).stdout
    paths = set(re.findall(r"/usr/local/share/doc/[\w./-]+\w", words))
    assert any(path.endswith("50-qga-exporter.rules") for path in paths)
    assert not [path for path in paths if not os.path.exists(installed.folder + path)]


def test_what_uninstall_leaves_it_names(installed):
    """Each file that is left of what was installed is one of the printed commands'."""
    def files():
        return {os.path.join(path, name) for path, _, names in os.walk(installed.folder)
                for name in names if "qga-exporter" in os.path.join(path, name)}

    assert f"{installed.folder}/{UNIT}" in files()
    done = subprocess.run(["make", "--no-print-directory", f"DESTDIR={installed.folder}",
                           "uninstall"], cwd=ROOT, check=True, capture_output=True, text=True)
    removable = [word for line in done.stdout.splitlines() if line.startswith("  rm ")
                 for word in line.split()]
    assert files() == {word for word in removable if os.path.exists(word)}
    for word in ("systemctl stop", "multi-user.target.wants", "polkit-1/rules.d", "userdel"):
        assert word in done.stdout
