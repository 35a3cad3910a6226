"""The lab guests' kernel, initramfs and data disk: built once, kept below build/lab.

The initramfs holds busybox and the guest agents of two Debian releases, each with its
own libraries and loader; the kernel command line says which of them runs (guest-init).
There is another one with the oldest and the newest agent, made when a guest wants it: each
agent costs memory and time at every boot, and its release may have left the mirror.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

from .error import LabError, NotHereError
from .packages import Release
from .process import program

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("QGA_LAB_CACHE", os.path.join(ROOT, "build", "lab"))

# Agent generation -> the Debian release that ships it.
GENERATIONS = {"5.2": "bullseye", "7.2": "bookworm", "10.0": "trixie",
               "11.1": "trixie-backports"}
USUAL, OUTER = ("7.2", "10.0"), ("5.2", "11.1")
KERNEL_RELEASE = "bookworm"
# Without KVM each boot is seconds of a core: what the lab does not need is left out.
KERNEL_ARGUMENTS = ("console=ttyS0 quiet no_timer_check nokaslr mitigations=off "
                    "cryptomgr.notests apparmor=0 audit=0 init_on_alloc=0 init_on_free=1")
KERNEL_MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "ext4")
# Not at every boot: a test loads /modules.storage or /modules.balloon in its guest.
STORAGE_MODULES = ("virtio_scsi", "sd_mod", "ata_piix")
BALLOON_MODULES = ("virtio_balloon",)
DATA_DISK_BYTES = 24 << 20

OS_RELEASE = {
    "ID": "qgalab",
    "NAME": "QGA Lab Linux",
    "PRETTY_NAME": "QGA Lab Linux 1.0 (Test)",
    "VERSION": "1.0 (Test)",
    "VERSION_ID": "1.0",
    "VARIANT": "Lab",
    "VARIANT_ID": "lab",
}


class Image:
    """Paths of what a guest boots from that has these agents."""

    def __init__(self, directory, generations):
        name = os.path.join(directory, "-".join(["initramfs", *generations]))
        self.kernel = os.path.join(directory, "kernel")
        self.initramfs = f"{name}.cpio"
        self.data_disk = os.path.join(directory, "data.raw")
        self.stamp = f"{name}.stamp"


def recipe():
    """Changes when the image must be built anew."""
    digest = hashlib.sha256()
    for name in ("image.py", "packages.py", "guest-init", "guest-agent", "guest-impostor"):
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def _sources(generations, progress):
    """Downloads, once, and returns {"kernel": folder, generation: folder, ...}."""
    folders = {"kernel": os.path.join(CACHE, "sources", "kernel")}
    for generation in generations:
        folders[generation] = os.path.join(CACHE, "sources", f"qga-{generation}")
    missing = {name for name, folder in folders.items() if not os.path.isdir(folder)}
    if missing:
        progress("lab: fetching a kernel and the guest agents of two Debian releases")
    for suite in dict.fromkeys([KERNEL_RELEASE, *GENERATIONS.values()]):
        wanted = [name for name in missing if GENERATIONS.get(name, KERNEL_RELEASE) == suite]
        if not wanted:
            continue
        release = Release(suite, os.path.join(CACHE, "apt"))
        release.update()
        for name in wanted:
            if name == "kernel":
                packages = [release.dependency("linux-image-cloud-amd64", r"linux-image-[0-9]\S*")]
            else:
                packages = release.libraries("qemu-guest-agent")
            unfinished = folders[name] + ".new"
            shutil.rmtree(unfinished, ignore_errors=True)
            release.unpack(packages, unfinished)
            os.rename(unfinished, folders[name])
    return folders


def _module_files(kernel_folder, wanted, loaded=()):
    """The modules' paths in the order to load them, but for those that are loaded."""
    (modules,) = glob.glob(os.path.join(kernel_folder, "lib/modules/*"))
    version = os.path.basename(modules)
    subprocess.run([program("depmod"), "-b", kernel_folder, version], check=True)
    needs = {}
    with open(os.path.join(modules, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            path, _, rest = line.partition(":")
            name = re.sub(r"\.ko.*$", "", os.path.basename(path)).replace("-", "_")
            needs[name] = (path, rest.split())
    order = []
    # ext4 asks for a checksum by its algorithm's name, which no dependency tells.
    for name in ("crc32c_generic", *wanted):
        if name not in needs:
            continue  # built in
        path, dependencies = needs[name]
        for module in [*reversed(dependencies), path]:
            if module not in order:
                order.append(module)
    paths = [os.path.join(modules, path) for path in order]
    return [path for path in paths if path not in loaded]


def _copy(source, target, mode=0o644):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
    os.chmod(target, mode)


def _add_agent(source, target):
    """qemu-ga, its loader and its libraries into one folder."""
    loader = os.path.realpath(glob.glob(os.path.join(source, "**/ld-linux-x86-64.so.2"),
                                        recursive=True)[0])
    libraries = ":".join(
        os.path.join(source, folder)
        for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
    )
    program = os.path.join(source, "usr/sbin/qemu-ga")
    listing = subprocess.run(
        [loader, "--library-path", libraries, "--list", program],
        check=True, stdout=subprocess.PIPE, text=True, env={"LC_ALL": "C"},
    ).stdout
    _copy(program, os.path.join(target, "qemu-ga"), 0o755)
    _copy(loader, os.path.join(target, "ld.so"), 0o755)
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", listing, re.M):
        if not path.startswith(source + "/"):
            raise LabError(f"{program} would use {path} of the host instead of its own release")
        if not name.startswith("/"):
            _copy(path, os.path.join(target, name))


def _write_cpio(folder, target):
    names = subprocess.run(["find", ".", "-print0"], cwd=folder, check=True,
                           stdout=subprocess.PIPE).stdout
    # Not compressed: without KVM that would be half a second of each boot.
    with open(target, "wb") as file:
        subprocess.run(
            [program("cpio"), "--null", "-o", "--quiet", "-H", "newc", "--owner=0:0"],
            cwd=folder, input=names, check=True, stdout=file,
        )


def _build_initramfs(folders, generations, target):
    with tempfile.TemporaryDirectory(dir=CACHE) as root:
        for folder in ("bin", "dev", "etc", "proc", "sys", "run", "tmp", "var", "data"):
            os.makedirs(os.path.join(root, folder))
        _copy("/bin/busybox", os.path.join(root, "bin/busybox"), 0o755)
        _copy(os.path.join(HERE, "guest-init"), os.path.join(root, "init"), 0o755)
        _copy(os.path.join(HERE, "guest-agent"), os.path.join(root, "bin/agent"), 0o755)
        _copy(os.path.join(HERE, "guest-impostor"), os.path.join(root, "bin/guest-impostor"), 0o755)
        with open(os.path.join(root, "etc/os-release"), "w", encoding="utf-8") as file:
            file.writelines(f'{key}="{value}"\n' for key, value in OS_RELEASE.items())
        first = _module_files(folders["kernel"], KERNEL_MODULES)
        lists = {"modules.order": first}
        for name, modules in (("modules.storage", STORAGE_MODULES),
                              ("modules.balloon", BALLOON_MODULES)):
            lists[name] = _module_files(folders["kernel"], modules, first)
        for name, paths in lists.items():
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                for path in paths:
                    inside = "/lib/modules/" + os.path.basename(path)
                    _copy(path, root + inside)
                    file.write(inside + "\n")
        for generation in generations:
            _add_agent(folders[generation], os.path.join(root, f"opt/qga-{generation}"))
        _write_cpio(root, target)


def build_data_disk(target, files=None):
    """A disk for /data, with the files of a folder on it."""
    with open(target, "wb") as file:
        file.truncate(DATA_DISK_BYTES)
    subprocess.run(
        [program("mke2fs"), "-q", "-t", "ext4", "-L", "data", "-E", "lazy_itable_init=0",
         *(["-d", files] if files else []), target],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def locked():
    """While the cache is written to."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def image(agent=USUAL[0], progress=lambda text: print(text, file=sys.stderr, flush=True)):
    """The image that has this agent, if it is a generation; built if it is not there; several
    processes may ask at once."""
    if platform.machine() != "x86_64":
        raise NotHereError(f"the lab's guests are x86_64, this machine is {platform.machine()}")
    generations = OUTER if agent in OUTER else USUAL
    built = Image(CACHE, generations)
    wanted = recipe()
    with locked():
        with contextlib.suppress(FileNotFoundError):
            with open(built.stamp, encoding="utf-8") as file:
                if file.read() == wanted:
                    return built
        folders = _sources(generations, progress)
        (kernel,) = glob.glob(os.path.join(folders["kernel"], "boot/vmlinuz-*"))
        # New files take the old ones' names: a guest may be booting from those.
        for build, target in (
            (lambda path: shutil.copyfile(kernel, path), built.kernel),
            (lambda path: _build_initramfs(folders, generations, path), built.initramfs),
            (build_data_disk, built.data_disk),
        ):
            build(target + ".new")
            os.rename(target + ".new", target)
        with open(built.stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
    return built


if __name__ == "__main__":
    print(image().initramfs)
