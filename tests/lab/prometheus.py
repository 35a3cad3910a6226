"""Prometheus of other Debian releases, unpacked beside the machine's own and kept in the
lab's cache."""

import os
import shutil

from . import image as lab_image
from .packages import Release

# Major version -> the Debian release that ships it, and in which packages.
RELEASES = {"2": ("bookworm", ("prometheus",)), "3": ("forky", ("prometheus", "promtool"))}


def unpacked(major, name):
    """The path of its prometheus or promtool."""
    suite, packages = RELEASES[major]
    folder = os.path.join(lab_image.CACHE, "sources", f"prometheus-{major}")
    with lab_image.locked():
        if not os.path.isdir(folder):
            release = Release(suite, os.path.join(lab_image.CACHE, "apt"))
            release.update()
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            release.unpack(packages, f"{folder}.new")
            os.rename(f"{folder}.new", folder)
    return os.path.join(folder, "usr", "bin", name)
