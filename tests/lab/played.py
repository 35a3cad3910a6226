"""An agent that says what it is told to, behind a UNIX socket.

    with PlayedAgent(path, {"guest-get-vcpus": {"return": None}}):
        ...

It answers for as long as its object lives, each client on a thread of its own."""

import contextlib
import json
import os
import socket
import threading
import time

SYNCS = ("guest-sync", "guest-sync-delimited")
ALWAYS = ("guest-info", "guest-get-time", "guest-fsfreeze-status", *SYNCS)


class PlayedAgent:
    """replies   by command: what is sent, whole ("return" or "error"); bytes as they are
    disabled  commands that guest-info lists as not allowed, and that are refused so"""

    def __init__(self, path, replies, version="8.2.2", disabled=()):
        self.path = path
        self.replies = {
            "guest-info": {"return": {"version": version, "supported_commands": [
                {"name": name, "enabled": name not in disabled, "success-response": True}
                for name in sorted({*ALWAYS, *replies, *disabled})]}},
            "guest-fsfreeze-status": {"return": "thawed"},
            **{name: _error(f"Command {name} has been disabled: the command is not allowed")
               for name in disabled},
            **replies,
        }
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.clients = []

    def __enter__(self):
        self.listener.bind(self.path)
        self.listener.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        os.unlink(self.path)
        for each in (self.listener, *self.clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        rest = b""
        with contextlib.suppress(OSError):
            while part := client.recv(65536):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    # A 0xFF makes the agent forget what it has read of a line.
                    line = line.rpartition(b"\xff")[2]
                    if line.strip():
                        client.sendall(self._answer(json.loads(line)))

    def _answer(self, request):
        command = request["execute"]
        self.asked.append(command)
        if command in SYNCS:
            head = b"\xff" if command == "guest-sync-delimited" else b""
            return head + _line({"return": request["arguments"]["id"]})
        if command == "guest-get-time" and command not in self.replies:
            return _line({"return": time.time_ns()})
        reply = self.replies.get(command, _error(f"The command {command} has not been found"))
        return reply if isinstance(reply, bytes) else _line(reply)


def _error(text):
    return {"error": {"class": "CommandNotFound", "desc": text}}


def _line(reply):
    return json.dumps(reply).encode() + b"\n"
