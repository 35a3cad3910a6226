"""Unpacks packages of a Debian release, whichever release the machine itself runs.

Each release gets an apt state directory of its own, whose only source is that suite of
the mirror which the machine's sources name; backports stand on the release that they are
made for.  Nothing is installed.
"""

import glob
import os
import re
import subprocess

from .error import LabError, NotHereError

BACKPORTS = "-backports"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _deb822_entries(text):
    for paragraph in re.split(r"\n\s*\n", text):
        fields = {}
        for line in paragraph.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace() and fields:
                fields[list(fields)[-1]] += " " + line.strip()
            elif ":" in line:
                key, value = line.split(":", 1)
                fields[key.strip().lower()] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off")
        if enabled and "deb" in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                yield uri, fields.get("suites", "").split()


def _one_line_entries(text):
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if match:
            yield match.group(1), [match.group(2)]


def _entries():
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*")):
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        if path.endswith(".sources"):
            yield from _deb822_entries(text)
        elif path.endswith(".list"):
            yield from _one_line_entries(text)


def _codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        match = re.search(r"^VERSION_CODENAME=\"?(\w+)", file.read(), re.M)
    return match.group(1) if match else ""


def debian_mirror():
    """The URI from which this machine gets its own release."""
    suites_wanted = {_codename(), "stable"} - {""}
    for uri, suites in _entries():
        if suites_wanted.intersection(suites) and not uri.startswith(("cdrom:", "file:")):
            return uri
    raise NotHereError(
        "no Debian mirror found in /etc/apt/sources.list or sources.list.d; the guest image "
        "needs one, with the suite of this release"
    )


def _reason(said):
    """The line of apt's that tells the most: the first address that it did not get."""
    lines = said.splitlines()
    for pattern in (r"[EW]: Failed to fetch (.*)", r"E: (.*)"):
        for line in lines:
            if match := re.match(pattern, line):
                return " ".join(match.group(1).split()).rstrip(".")
    return lines[-1] if lines else "it says nothing"


class Release:
    """One suite, trixie or trixie-backports, and its own apt state below `directory`."""

    lost = {}  # suite -> the error: what could not be had is not waited for again

    def __init__(self, suite, directory):
        self.suite = suite
        self.directory = os.path.join(directory, suite)
        self.options = []

    def _apt(self, tool, *arguments):
        command = [tool, *self.options, *arguments]
        done = subprocess.run(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
            text=True,
            check=False,
        )
        if re.search(r"NO_PUBKEY|not signed|GPG error", done.stdout):
            raise LabError(
                f"{tool} {' '.join(arguments)} failed for Debian {self.suite}:\n{done.stdout}"
                "The signature could not be checked: is debian-archive-keyring up to date? "
                "Nothing unsigned is used."
            )
        if done.returncode != 0:
            log = os.path.join(self.directory, "apt.log")
            with open(log, "w", encoding="utf-8") as file:
                file.write(done.stdout)
            raise NotHereError(f"packages of Debian {self.suite} cannot be had: {_reason(done.stdout)}; see {log}")
        return done.stdout

    def update(self):
        for folder in ("state/lists/partial", "cache/archives/partial", "etc/empty"):
            os.makedirs(os.path.join(self.directory, folder), exist_ok=True)
        source = os.path.join(self.directory, "etc/sources.list")
        signed_by = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
        with open(source, "w", encoding="utf-8") as file:
            for suite in dict.fromkeys([self.suite.removesuffix(BACKPORTS), self.suite]):
                file.write(f"deb {signed_by}{debian_mirror()} {suite} main\n")
        status = os.path.join(self.directory, "state/status")
        with open(status, "w", encoding="utf-8"):
            pass
        settings = {
            "Dir::State": os.path.join(self.directory, "state"),
            "Dir::State::status": status,
            "Dir::Cache": os.path.join(self.directory, "cache"),
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": os.path.join(self.directory, "etc/empty"),
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": os.path.join(self.directory, "etc/empty"),
            "APT::Default-Release": self.suite,
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            # Else apt goes on with what it has, and a network that is not there is a package
            # that nobody knows.
            "APT::Update::Error-Mode": "any",
        }
        self.options = ["-q"]
        for name, value in settings.items():
            self.options += ["-o", f"{name}={value}"]
        if self.suite in self.lost:
            raise self.lost[self.suite]
        try:
            self._apt("apt-get", "update")
        except NotHereError as error:
            self.lost[self.suite] = error
            raise

    def dependency(self, package, pattern):
        """The first direct dependency of `package` whose name matches."""
        for line in self._apt("apt-cache", "depends", package).splitlines():
            match = re.match(rf"\s*Depends: ({pattern})$", line)
            if match:
                return match.group(1)
        raise LabError(f"{package} of Debian {self.suite} depends on nothing like {pattern}")

    def libraries(self, package):
        """`package` and all shared libraries it could need, by name."""
        text = self._apt(
            "apt-cache",
            "depends",
            "--recurse",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            package,
        )
        names = {line for line in text.splitlines() if re.fullmatch(r"lib[a-z0-9.+-]+", line)}
        return sorted(name for name in names | {package} if "perl" not in name)

    def unpack(self, packages, target):
        """Downloads the packages and unpacks them below `target`."""
        os.makedirs(target, exist_ok=True)
        for archive in glob.glob(os.path.join(self.directory, "*.deb")):
            os.unlink(archive)  # of a download that ended half way
        self._apt("apt-get", "download", *packages)
        for archive in sorted(glob.glob(os.path.join(self.directory, "*.deb"))):
            subprocess.run(["dpkg-deb", "-x", archive, target], check=True)
            os.unlink(archive)
