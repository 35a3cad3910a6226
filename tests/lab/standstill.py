"""One thread of a process stands still while the others go on, as by a bug that blocks it.

    with standing_still(process.pid):       # the main thread
        ...

The kernel lets nobody but the thread that stopped it let it go again, so the body must not
leave its own thread."""

import contextlib
import ctypes
import os

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000


def _ptrace(request, thread):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def standing_still(thread):
    _ptrace(_SEIZE, thread)
    try:
        _ptrace(_INTERRUPT, thread)
        # Taken here, so that nobody else takes the news of the stop for that of its end.
        os.waitpid(thread, _WALL)
        yield
    finally:
        _ptrace(_DETACH, thread)
