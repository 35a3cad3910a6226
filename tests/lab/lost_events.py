"""A libvirtd behind a socket of ours, whose events get lost when a test says so.

    with LostEvents(lab.socket, path) as between:
        between.loses = True    # from now on; calls and their replies, and keep-alives, pass
        ...
        between.lost            # so many were

libvirt's messages (its docs, "RPC protocol") are a length with itself, program, version,
procedure, type, serial and status, of 4 bytes each, and what belongs to the procedure."""

import contextlib
import os
import socket
import struct
import threading

_HEADER = struct.Struct("!7I")
_MESSAGE = 2  # a type: neither a call nor its reply
_KEEPALIVE = 0x6B656570  # a program


class LostEvents:
    """For clients that pass no files, as the exporter does not."""

    def __init__(self, target, path):
        self.target = target
        self.path = path
        self.loses = False
        self.lost = 0
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(self.target)
                for carry, source, sink in ((self._ask, client, daemon),
                                            (self._tell, daemon, client)):
                    threading.Thread(target=self._carry, args=(carry, source, sink),
                                     daemon=True).start()

    @staticmethod
    def _carry(carry, source, sink):
        with contextlib.suppress(OSError):
            carry(source, sink)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _ask(client, daemon):
        while data := client.recv(65536):
            daemon.sendall(data)

    def _tell(self, daemon, client):
        with daemon.makefile("rb") as stream:
            while len(header := stream.read(_HEADER.size)) == _HEADER.size:
                length, program, _, _, kind, _, _ = _HEADER.unpack(header)
                message = header + stream.read(length - _HEADER.size)
                if self.loses and kind == _MESSAGE and program != _KEEPALIVE:
                    self.lost += 1
                else:
                    client.sendall(message)
