"""tests/stack where no root of another release can be had: a sentence says why, and what was
left out; where all tests must run, it is a failure."""

import os
import re
import subprocess

import pytest

from lab.image import ROOT
from lab.pace import stretched
from lab.process import program

# A root that was made while there was a network: this machine's, which knows of no package and
# tries no address twice.
WITHOUT_PACKAGES = """
root=$BUILD/stack/trixie over=$BUILD/over
mkdir -p "$root" "$over"
mount -t tmpfs tmpfs "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay -o "lowerdir=/,upperdir=$over/upper,workdir=$over/work" overlay "$root"
rm -rf "$root"/var/lib/apt/lists/*
>"$root/var/lib/dpkg/status"
echo 'Acquire::Retries "0";' >"$root/etc/apt/apt.conf.d/99once"
exec "$@"
"""
WHY = {
    "no root": (["unshare", "--user"], "trixie", "not root"),
    "no mounts": (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], "trixie",
                  "mounts are not allowed"),
    "no network": (["unshare", "--net"], "trixie", "cannot be reached"),
    "no such release": ([], "none-of-debian", "has no Debian none-of-debian"),
    "no such backports": ([], "sid-backports", "has no Debian sid-backports"),
    "no network for packages": (["unshare", "--net", "--mount", "--propagation", "private",
                                 "bash", "-euc", WITHOUT_PACKAGES, "bash"],
                                "trixie", "packages cannot be had"),
}


def run_true(tmp_path, command, release, **environment):
    """Its exit status, and the last lines of its standard output and error."""
    done = subprocess.run(
        [*(program(word) if word == command[0] else word for word in command),
         "tests/stack", "--if-possible", release, "build", "true"],
        cwd=ROOT, env={**os.environ, "BUILD": str(tmp_path), "QGA_LAB_CACHE": str(tmp_path),
                       **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=stretched(300), check=False)
    return done.returncode, *((text.splitlines() or [""])[-1] for text in (done.stdout, done.stderr))


@pytest.mark.parametrize("command, release, why", WHY.values(), ids=WHY)
def test_no_root(tmp_path, command, release, why):
    status, said, _ = run_true(tmp_path, command, release, CI="")
    assert status == 0
    assert said.startswith(f"SKIPPED: the tests on Debian {release}: ") and why in said
    assert not (tmp_path / "stack" / f"{release}.new").exists()
    for log in re.findall(r"; see (\S+)\.$", said):
        assert os.path.getsize(log) > 0


def test_no_root_where_all_must_run(tmp_path):
    command, release, why = WHY["no mounts"]
    status, _, said = run_true(tmp_path, command, release, CI="true")
    assert status == 1
    assert said.startswith("tests/stack: ") and why in said
