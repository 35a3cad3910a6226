"""The QEMU of a lab's domain, and how it comes not to answer libvirt."""

import contextlib
import os
import signal

from .process import SBIN_PATH, Process, program, wait_for


def qemu_pid(lab, name):
    """The process of the lab's domain."""
    namespace = os.readlink(f"/proc/{lab.init_pid}/ns/pid")

    def is_it(pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            return (b"\0guest=" + name.encode() + b"," in file.read()
                    and os.readlink(f"/proc/{pid}/ns/pid") == namespace)
        return False
    found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_it(pid)]
    assert len(found) == 1, found
    return found[0]


def is_occupied(lab, name):
    return lab.virsh("domcontrol", name).startswith("occupied")


def is_free(lab, name):
    """Or it is gone: a daemon that restarts may give up a domain that does not answer it."""
    return (name not in lab.virsh("list", "--name").split()
            or lab.virsh("domcontrol", name) == "ok")


def go_on(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stuck(lab, *names):
    """Their QEMUs are stopped, and in libvirt somebody waits for the monitor of each."""
    pids = [qemu_pid(lab, name) for name in names]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.callback(wait_for, lambda name=name: is_free(lab, name),
                           f"{name} answers libvirt")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stack.callback(go_on, pid)
        for name in names:
            client = Process(
                [program("virsh"), "-q", "-c", lab.uri, "qemu-monitor-command", name,
                 '{"execute": "query-status"}'],
                os.path.join(lab.directory, f"{name}.virsh.log"),
                env={"PATH": SBIN_PATH, "LC_ALL": "C", "HOME": lab.directory})
            stack.callback(client.kill)
        for name in names:
            wait_for(lambda name=name: is_occupied(lab, name), f"somebody waits for {name}")
        yield
