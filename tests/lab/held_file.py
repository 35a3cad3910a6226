"""A file whose opening hangs, as on a file system whose server does not answer (fanotify(7)).

    with HeldFile("/etc/pve/qemu-server/100.conf"):
        ...                     # open() of it waits until here
"""

import ctypes
import os

_CLASS_CONTENT, _CLOEXEC = 0x4, 0x1  # FAN_..., of fanotify_init(2)
_MARK_ADD, _OPEN_PERM = 0x1, 0x10000
_AT_FDCWD = -100


class HeldFile:
    """Of this inode alone: a file that is renamed to its path opens."""

    def __init__(self, path):
        self.path = path
        self.fd = -1

    @staticmethod
    def is_possible():
        try:
            os.close(_init())
        except OSError:
            return False
        return True

    def __enter__(self):
        self.fd = _init()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.fanotify_mark(self.fd, _MARK_ADD, ctypes.c_uint64(_OPEN_PERM), _AT_FDCWD,
                              os.fsencode(self.path)) < 0:
            os.close(self.fd)
            raise OSError(ctypes.get_errno(), "fanotify_mark", self.path)
        return self

    def __exit__(self, *_):
        os.close(self.fd)  # lets all go on that wait


def _init():
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.fanotify_init(_CLASS_CONTENT | _CLOEXEC, os.O_RDONLY | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "fanotify_init")
    return fd
