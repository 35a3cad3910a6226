"""Prometheus and VictoriaMetrics of other Debian releases, unpacked beside the machine's own
and kept in the lab's cache."""

import os
import shutil

from . import image as lab_image
from .packages import Release

# Major version -> the Debian release that ships it, and in which packages.
RELEASES = {"2": ("bookworm", ("prometheus",)), "3": ("forky", ("prometheus", "promtool"))}
# The same of VictoriaMetrics, with vmagent and vmalert.
VICTORIA = {"1.79": ("bookworm", ("victoria-metrics",)), "1.145": ("forky", ("victoria-metrics",))}


def _unpacked(engine, suite, packages, name):
    folder = os.path.join(lab_image.CACHE, "sources", engine)
    with lab_image.locked():
        if not os.path.isdir(folder):
            release = Release(suite, os.path.join(lab_image.CACHE, "apt"))
            release.update()
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            release.unpack(packages, f"{folder}.new")
            os.rename(f"{folder}.new", folder)
    return os.path.join(folder, "usr", "bin", name)


def unpacked(major, name):
    """The path of that Prometheus' prometheus or promtool."""
    return _unpacked(f"prometheus-{major}", *RELEASES[major], name)


def victoria(version, name):
    """The path of that VictoriaMetrics' victoria-metrics, vmagent or vmalert."""
    return _unpacked(f"victoria-{version}", *VICTORIA[version], name)
