"""Real guest agents without a guest: qemu-ga processes that listen on UNIX sockets.

    with Agents(folder) as agents:
        web = agents.start("web")
        print(agents.pattern, web.path)

They answer for the machine they run on, so what could change it is blocked in each of
them.  They are known by their processes, never by name, and the kernel ends them when
this process dies.
"""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess

from .error import LabError
from .machine import memory_mib
from .process import Process, program, wait_for

BLOCKED = (
    "guest-exec", "guest-file-open", "guest-file-write", "guest-fsfreeze-freeze",
    "guest-fsfreeze-freeze-list", "guest-fstrim", "guest-set-memory-blocks", "guest-set-time",
    "guest-set-user-password", "guest-set-vcpus", "guest-shutdown",
    "guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys", "guest-suspend-disk",
    "guest-suspend-hybrid", "guest-suspend-ram",
)
STARTING_AT_ONCE = 100
# Of host memory, with what the kernel needs for a process; 4 MiB of its pages are shared.
AGENT_KIB = 1024


class Agent:
    """One qemu-ga behind one socket."""

    def __init__(self, path, folder, blocked=()):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".sock")
        self.folder = folder  # its own, for its state, pid file and log
        self.blocked = [*BLOCKED, *blocked]
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def start(self):
        """Returns at once; see wait."""
        assert self.process is None or not self.process.alive(), f"{self.name} is running"
        pid_file = os.path.join(self.folder, "pid")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pid_file)
        self.process = Process(
            [program("qemu-ga"), "-m", "unix-listen", "-p", self.path, "-t", self.folder,
             "-f", pid_file, "-l", "/dev/null", "-b", ",".join(self.blocked)],
            os.path.join(self.folder, "log"))
        return self

    def wait_for_socket(self, timeout_s=60):
        """For one that an exporter may have as its only client already."""
        def there():
            if not self.process.alive():
                raise LabError(f"qemu-ga has ended: {self.process.log()}")
            return os.path.exists(self.path)
        wait_for(there, f"the socket of the agent {self.name}", timeout_s, 0.005)
        return self

    def wait(self, timeout_s=60):
        """Until it answers a sync; its only client is then gone again."""
        wait_for(self._answers, f"the agent {self.name} answers", timeout_s, 0.01)
        return self

    def _answers(self):
        if not self.process.alive():
            raise LabError(f"qemu-ga has ended: {self.process.log()}")
        with Client(self.path) as client:
            return client.ask("guest-sync", {"id": 7}) == 7

    @property
    def pid(self):
        return self.process.pid

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        """As a crash: its socket stays behind."""
        self.process.kill()

    def remove(self):
        """Its process and its socket."""
        self.process.kill()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class Client:
    """What an agent's socket is for: one client at a time."""

    def __init__(self, path, timeout_s=5):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(timeout_s)
        try:
            self.connection.connect(path)
        except OSError:
            self.connection.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, command, arguments=None):
        """The value of "return"."""
        request = {"execute": command}
        if arguments is not None:
            request["arguments"] = arguments
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            part = self.connection.recv(65536)
            if not part:
                raise OSError("the agent has closed the connection")
            line += part
        return json.loads(line)["return"]


class Agents:
    """Agents with their sockets side by side in one folder."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "sockets")
        self.states = os.path.join(folder, "agents")
        self.agents = {}
        for path in (self.folder, self.states):
            os.makedirs(path, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getitem__(self, name):
        return self.agents[name]

    def __iter__(self):
        return iter(self.agents.values())

    def __len__(self):
        return len(self.agents)

    @property
    def pattern(self):
        return os.path.join(self.folder, "*.sock")

    def path(self, name):
        return os.path.join(self.folder, f"{name}.sock")

    def _new(self, name, blocked=()):
        agent = Agent(self.path(name), os.path.join(self.states, name), blocked)
        self.agents[name] = agent
        return agent.start()

    def start(self, name, blocked=(), watched=False):
        """watched: an exporter looks for sockets here, so we ask nothing ourselves."""
        agent = self._new(name, blocked)
        return agent.wait_for_socket() if watched else agent.wait()

    def start_all(self, names, watched=False):
        """Hundreds of them, all there when this returns."""
        names = iter(names)
        while batch := list(itertools.islice(names, STARTING_AT_ONCE)):
            for agent in [self._new(name) for name in batch]:
                if watched:
                    agent.wait_for_socket(60)
                else:
                    agent.wait(60)

    def remove(self, name):
        self.agents.pop(name).remove()

    def close(self):
        """All at once, then all awaited: a thousand do not end one by one."""
        for agent in self.agents.values():
            agent.process.signal(signal.SIGKILL)
        for agent in self.agents.values():
            with contextlib.suppress(subprocess.SubprocessError):
                agent.remove()
        self.agents.clear()


def count_that_fits(wanted, spare_mib):
    """How many agents the memory holds while spare_mib stay free, up to wanted."""
    return max(0, min(wanted, (memory_mib() - spare_mib) * 1024 // AGENT_KIB))
