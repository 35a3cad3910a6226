"""The tests of the rules hold with each version of Prometheus that users run."""

import glob
import os
import subprocess

import pytest

from lab.image import ROOT
from lab.engines import RELEASES, unpacked


@pytest.mark.parametrize("major", RELEASES)
def test_rules(major):
    tests = sorted(glob.glob(os.path.join(ROOT, "config", "prometheus", "tests", "*.yml")))
    done = subprocess.run([unpacked(major, "promtool"), "test", "rules", *tests],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("SUCCESS")) == (0, len(tests)), \
        done.stdout + done.stderr
