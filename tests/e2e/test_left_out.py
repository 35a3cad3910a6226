"""Where no guests can be had: what is left out says why, in a sentence; where all tests must run,
it is a failure."""

import os
import re
import subprocess
import sys

import pytest

from lab.image import ROOT
from lab.pace import stretched
from lab.process import program

WHY = {
    "no mounts": (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
                  "mounts and namespaces are not allowed"),
    "no network": (["unshare", "--net"], "packages of Debian bookworm cannot be had: http"),
}
# One with the lab of all, and one with a lab of its own.
FILES = ("tests/e2e/test_prometheus.py", "tests/e2e/test_balloon.py")


def run(tmp_path, command, files, **environment):
    """Its exit status and what it says; nothing that the lab needs is kept."""
    done = subprocess.run(
        [program(command[0]), *command[1:], sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env={**os.environ, "QGA_LAB_CACHE": str(tmp_path), **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=stretched(300), check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("command, why", WHY.values(), ids=WHY)
def test_left_out(tmp_path, command, why):
    status, said = run(tmp_path, command, FILES, CI="")
    assert status == 0, said
    assert re.search(r"^=+ \d+ skipped in ", said, re.M), said
    for file in FILES:
        assert re.search(rf"^SKIPPED \[\d+\] {file}: end-to-end tests: {why}.*$", said, re.M), said


def test_where_all_must_run(tmp_path):
    command, why = WHY["no mounts"]
    status, said = run(tmp_path, command, FILES[:1], CI="true")
    assert status == 1
    assert re.search(rf"^end-to-end tests: {why}.*$", said, re.M), said
    assert re.search(r"^=+ \d+ skipped, 1 error in ", said, re.M), said
