"""Requests that two servers in a row may see end at different places, or read otherwise.

Each is followed by a request that must not be answered: whoever it was smuggled past would
take the answer for that of somebody else's request.
"""

import os
import re
import socket

import pytest

from lab.programs import Exporter

AFTER = b"GET /-/healthy HTTP/1.1\r\nHost: after\r\n\r\n"


def get(*lines, version=b"HTTP/1.1", host=b"Host: x\r\n"):
    return b"GET /-/healthy " + version + b"\r\n" + host + b"".join(lines) + b"\r\n"


LENGTH = b"Content-Length: %d\r\n" % len(AFTER)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NOTHING = b"0\r\n\r\n"  # the end of chunks

# Each gets 400 and a closed connection.
SMUGGLED = {
    "a length and a coding": get(LENGTH, CHUNKED) + NOTHING,
    "a coding and a length": get(CHUNKED, LENGTH) + NOTHING,
    "a coding and no length": get(CHUNKED, b"Content-Length: 0\r\n") + NOTHING,
    "two lengths": get(b"Content-Length: 0\r\n", LENGTH),
    "two lengths, the other first": get(LENGTH, b"Content-Length: 0\r\n"),
    "the same length twice": get(LENGTH, LENGTH),
    "a list of lengths": get(b"Content-Length: 0, %d\r\n" % len(AFTER)),
    "a length with a sign": get(b"Content-Length: +%d\r\n" % len(AFTER)),
    "a negative length": get(b"Content-Length: -1\r\n"),
    "a length in hexadecimal": get(b"Content-Length: 0x%x\r\n" % len(AFTER)),
    "an empty length": get(b"Content-Length:\r\n"),
    "a length with a blank inside": get(b"Content-Length: 4 1\r\n"),
    "two codings": get(CHUNKED, b"Transfer-Encoding: identity\r\n") + NOTHING,
    "a coding in HTTP/1.0": get(CHUNKED, version=b"HTTP/1.0") + NOTHING,
    "a length with a blank before its colon": get(b"Content-Length : %d\r\n" % len(AFTER)),
    "a coding with a tab before its colon": get(b"Transfer-Encoding\t: chunked\r\n") + NOTHING,
    "two hosts": get(b"Host: y\r\n"),
    "no host": get(host=b""),
    # libmicrohttpd 0.9.75 adds a folded line to the name before it.
    "a folded coding": get(b"Transfer-Encoding:\r\n chunked\r\n") + NOTHING,
    "a folded length": get(b"Content-Length:\r\n %d\r\n" % len(AFTER)),
    "a length behind a fold": get(b"X: y\r\n Content-Length: %d\r\n" % len(AFTER)),
    "a coding behind a fold": get(b"X: y\r\n\tTransfer-Encoding: chunked\r\n") + NOTHING,
    "a folded length of two parts": get(b"Content-Length: %d\r\n 0\r\n" % (len(AFTER) // 10)),
    "a first field that is folded": get(host=b" Host: x\r\nHost: x\r\n"),
    "a bare CR before a length": get(b"X: y\rContent-Length: %d\r\n" % len(AFTER)),
    "a field without a colon": get(b"nonsense\r\n"),
}

# Newer libraries refuse them with 501, as RFC 9112 section 6.1 says.
CODINGS = {
    "a coding that nobody has": get(b"Transfer-Encoding: xchunked\r\n") + NOTHING,
    "a coding after the chunks": get(b"Transfer-Encoding: chunked, identity\r\n") + NOTHING,
    "a coding with a control": get(b"Transfer-Encoding: \x0bchunked\r\n") + NOTHING,
    "a coding in quotes": get(b'Transfer-Encoding: "chunked"\r\n') + NOTHING,
}

# Some are refused with 413 instead: by the library itself, or as what they are, a body.
BODIES = {
    "a length beyond 64 bits": get(b"Content-Length: 18446744073709551616\r\n"),
    "a NUL before a length": get(b"X: y\x00\r\n", LENGTH),
    "a length": get(LENGTH),
    "a coding": get(CHUNKED) + NOTHING,
}


@pytest.fixture(scope="module", name="exporter")
def _exporter(place):
    path = os.path.join(place.directory, "qga-exporter.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'sources: [{{socket: {{path: "{place.directory}/none/*.sock"}}}}]\n')
    with Exporter(place, f"--config.file={path}", uri="") as running:
        yield running


def hear(file):
    """All up to the end of the connection, which may be a reset: what is behind is not read."""
    answer = b""
    try:
        while part := file.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def smuggle(exporter, request):
    """The answer to it, up to the end of the connection, with another request behind it."""
    with socket.create_connection(("127.0.0.1", exporter.port), timeout=120) as file:
        file.sendall(request + AFTER)
        answer = hear(file)
    assert re.match(rb"HTTP/1\.1 (4\d\d|501) ", answer) and b"Healthy" not in answer, answer
    # Beyond its length there is nothing but the library's own refusal: 0.9.75 may repeat the
    # head of that.
    head, _, body = answer.partition(b"\r\n\r\n")
    assert not re.search(rb"HTTP/1\.1 \d", body.replace(head + b"\r\n\r\n", b"")), answer
    assert b"Connection: close" in head
    return answer


@pytest.mark.parametrize("name", SMUGGLED)
def test_nothing_is_smuggled(exporter, name):
    answer = smuggle(exporter, SMUGGLED[name])
    assert answer.startswith(b"HTTP/1.1 400 "), answer


@pytest.mark.parametrize("name", CODINGS)
def test_codings_that_are_not_known_are_refused(exporter, name):
    answer = smuggle(exporter, CODINGS[name])
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_not_read_as_requests(exporter, name):
    answer = smuggle(exporter, BODIES[name])
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer
