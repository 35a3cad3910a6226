"""Seeds: guests that were saved in the middle of a boot, to be restored as others.

Without KVM a boot is four seconds of a core, and most of it is the same for all guests of
the same devices.  Such a guest is booted once up to where it would learn who it is
(guest-init), and saved by libvirt; a guest with these devices is then restored from that
under its own name, UUID and files, and is told its name, clock and agent by its control
port.  To libvirt and to whoever looks at it, it is a domain that was restored.

A saved domain is a head, its XML (padded, so that it may be edited), and QEMU's stream.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import struct
import subprocess
import time

from . import image as lab_image
from .process import program, wait_for

NAME = "qga-seed"
NUMBER = 0xfffe
PAUSES = "qga-lab: seed"
READY = b"ready 0.\n"
# libvirt's magic; version, bytes of XML, whether it runs, compression, where a cookie is.
HEAD = struct.Struct("=16s5I56x")
PAD_BYTES = 64 << 10


@functools.lru_cache
def _stack():
    """What a saved guest can be restored by."""
    return "".join(subprocess.run([program(name), "--version"], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout
                   for name in ("qemu-system-x86_64", "libvirtd"))


def _can_be_restored(guest):
    """Files that its devices name are its own."""
    return (guest.system and guest.control and not guest.fresh
            and not any(word in guest.devices for word in ("file=", "path=", "dev=")))


@contextlib.contextmanager
def _locked(path):
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _seed_for(guest):
    """Not started."""
    seed = type(guest)(guest.lab, NAME, NUMBER, agent=guest.agent, channel=guest.channel,
                       vcpus=guest.vcpus, raw_port=guest.raw_port, disk=guest.disk,
                       network=guest.network, balloon=guest.balloon, on_crash=guest.on_crash,
                       devices=guest.devices)
    seed.is_seed = True
    return seed


def _key(guest):
    """The same for guests that only differ in what they are told."""
    xml = _seed_for(guest).xml().replace(guest.lab.directory, "")
    return hashlib.sha256(repr((lab_image.recipe(), _stack(), xml)).encode()).hexdigest()[:16]


def _make(guest, target):
    """Boots one like this guest in its lab, and saves it."""
    lab = guest.lab
    seed = _seed_for(guest)

    def pauses():
        with open(seed.console, encoding="utf-8", errors="replace") as file:
            return PAUSES in file.read()
    seed.make_files()
    seed.boot_from_kernel()
    try:
        wait_for(pauses, f"a guest that is saved: {seed.console}", 90)
        lab.virsh("save", NAME, target + ".new")
    except BaseException:
        lab.virsh("destroy", NAME, check=False)
        raise
    with open(target + ".place", "w", encoding="utf-8") as file:
        file.write(lab.directory)
    os.rename(target + ".new", target)


def _seed_of(guest):
    """The file; None for the first guest of its kind, which may well be the last: saving costs
    as much as restoring saves.  Seeds of other images are of no use any more."""
    folder = os.path.join(lab_image.CACHE, "seeds")
    generation = os.path.join(folder, lab_image.recipe()[:8])
    path = os.path.join(generation, _key(guest))
    os.makedirs(generation, exist_ok=True)
    with _locked(path):
        if os.path.exists(path):
            return path
        if not os.path.exists(path + ".first"):
            with open(path + ".first", "w", encoding="utf-8") as file:
                file.write(guest.name)
            return None
        for other in set(os.listdir(folder)) - {os.path.basename(generation)}:
            shutil.rmtree(os.path.join(folder, other), ignore_errors=True)
        _make(guest, path)
    return path


def _as_other(data, place, guest):
    """The XML of a seed that was saved at `place`, and what follows it, as of the guest."""
    seed = _seed_for(guest)
    for old, new in ((place + "/", guest.lab.directory + "/"), (seed.mac, guest.mac),
                     (seed.uuid, guest.uuid), (f">{seed.disk_serial}<", f">{guest.disk_serial}<"),
                     (seed.kernel_arguments(), guest.kernel_arguments()), (NAME, guest.name)):
        data = data.replace(old.encode(), new.encode())
    return data


def _write_saved(source, target, guest):
    with open(source + ".place", encoding="utf-8") as file:
        place = file.read()
    with open(source, "rb") as saved, open(target, "wb") as file:
        magic, version, size, runs, compression, cookie = HEAD.unpack(saved.read(HEAD.size))
        data = saved.read(size)
        xml, rest = (_as_other(part.rstrip(b"\0"), place, guest) + b"\0"
                     for part in (data[:cookie or size], data[cookie or size:]))
        file.write(HEAD.pack(magic, version, len(xml + rest) + PAD_BYTES, runs, compression,
                             len(xml) if cookie else 0))
        file.write(xml + rest + bytes(PAD_BYTES))
        shutil.copyfileobj(saved, file, 1 << 20)


def _tell(guest):
    """Who it is; returns when it has understood."""
    with guest.control_connection(60) as control:
        control.sendall(f"{guest.told()} qga.now={time.time():.0f} qga.mac={guest.mac}\n".encode())
        heard = b""
        while not heard.endswith(READY):
            part = control.recv(4096)
            if not part:
                raise OSError(f"the control port of {guest.name} was closed")
            heard += part


def restored(guest):
    """Whether there is such a guest now, without most of its boot."""
    seed = _seed_of(guest) if _can_be_restored(guest) else None
    if not seed:
        return False
    saved = f"{guest.lab.directory}/{guest.name}.save"
    try:
        _write_saved(seed, saved, guest)
        guest.lab.virsh("restore", saved)
        _tell(guest)
    except (OSError, subprocess.SubprocessError) as error:
        guest.lab.notes.append(f"{guest.name} was not restored, and boots: {error}")
        guest.lab.virsh("destroy", guest.name, check=False)
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(saved)
    return True
