"""Another client of an agent's socket, which behaves as Proxmox VE's host does.

A connection for each command, tried again each 100 ms while the queue is full; a sync and the
command at once; the answer is what stands behind the last 0xFF, exactly two lines.  A sync's
answer with a smaller id than ours is late and skipped, one with a larger id is an error.
"""

import json
import os
import re
import socket
import time

RETRY_S = 0.1
DEFAULT_TIMEOUT_S = 5
TIMEOUTS_S = {"guest-ping": 3, "guest-fsfreeze-freeze": 3600, "guest-fsfreeze-thaw": 180}
ANSWER = re.compile(rb"^.*\xff([^\n]+\})\r?\n([^\n]+\})\r?\n", re.DOTALL)


class HostClientError(Exception):
    """The command failed, and what depends on it with it: a backup's freeze, say."""


class HostClient:
    """The commands of one process of the host to one agent."""

    def __init__(self, path):
        self.path = path
        self.count = 0

    def ask(self, command, timeout_s=None):
        """The value of "return"."""
        timeout_s = timeout_s or TIMEOUTS_S.get(command, DEFAULT_TIMEOUT_S)
        self.count += 1
        number = int(f"{os.getpid()}0{self.count}")
        with self.connect(timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(b"".join(
                json.dumps(request).encode() + b"\n" for request in
                ({"execute": "guest-sync-delimited", "arguments": {"id": number}},
                 {"execute": command, "arguments": {}})))
            return _hear(connection, number, command)

    def connect(self, timeout_s):
        started = time.monotonic()
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.setblocking(False)
            try:
                connection.connect(self.path)
                return connection
            except BlockingIOError as error:
                connection.close()
                if time.monotonic() - started >= timeout_s:
                    raise HostClientError("unable to connect: timeout") from error
            except OSError:
                connection.close()
                raise
            time.sleep(RETRY_S)


def _hear(connection, number, command):
    """Each silence may last as long as the timeout."""
    heard = b""
    while True:
        try:
            part = connection.recv(65536)
        except TimeoutError as error:
            raise HostClientError(f"{command}: got timeout") from error
        if not part:
            raise HostClientError(f"{command}: the connection was closed")
        heard += part
        match = ANSWER.match(heard)
        if not match:
            continue
        heard = heard[match.end():]
        told = json.loads(match.group(1)).get("return")
        if not told:
            raise HostClientError(f"{command}: an answer without an id")
        if told < number:
            continue
        if told != number:
            raise HostClientError(f"{command}: got wrong command id {told} (expected {number})")
        answer = json.loads(match.group(2))
        if "error" in answer:
            raise HostClientError(f"{command}: {answer['error']}")
        return answer["return"]
