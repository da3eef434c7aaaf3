"""The two ends of the wire: connections that ask, and the upstream that sees what is sent on."""

import contextlib
import re
import select
import socket
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from .envoys import JudgeError
from .questions import Raw


@frozen
class Seen:
    """A request as it came in upstream, and on which cluster's socket (None: one that nobody mirrors to)."""

    mirror: str | None
    head: bytes

    def parse(self) -> tuple[str, str, str | None, tuple[tuple[str, str], ...]]:
        line, *rest = self.head.decode("latin-1").split("\r\n")
        method, _, target = line.removesuffix(" HTTP/1.1").partition(" ")
        headers = tuple((name, value) for name, _, value in (text.partition(": ") for text in rest))
        hosts = [value for name, value in headers if name == "host"]
        others = tuple((n, v) for n, v in headers if n not in ("host", UPSTREAM_NOISE))
        return method, target, hosts[0] if hosts else None, others


UPSTREAM_NOISE: Final = "x-envoy-expected-rq-timeout-ms"  # the route's timeout, always there


class Upstream:
    """One connection from Envoy, which sends one request at a time: the text ends where the request ends."""

    def __init__(self, sock: socket.socket, mirror: str | None, seen: list[Seen]) -> None:
        self.sock = sock
        self.mirror = mirror
        self.seen = seen
        self.buffer = b""

    def on_readable(self) -> bool:
        """Whether the connection lives on."""
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            return False
        self.buffer += data
        head, blank, body = self.buffer.partition(b"\r\n\r\n")
        if not blank or not self._complete(head, body):
            return True
        self.buffer = b""
        answer = b"HTTP/1.1 200 OK\r\nx-judge-seen: %d\r\ncontent-length: 0\r\n\r\n" % len(self.seen)
        self.seen.append(Seen(self.mirror, head))
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(answer)
        return True

    @staticmethod
    def _complete(head: bytes, body: bytes) -> bool:
        if length := re.search(rb"\r\ncontent-length: (\d+)", head):
            return len(body) >= int(length[1])
        return b"\r\ntransfer-encoding: chunked" not in head or body.endswith(b"0\r\n\r\n")


@frozen
class Answer:
    status: int
    seen: int | None  # the number of the request upstream
    body: bytes
    closes: bool


def _read_answer(buffer: bytearray, request: Raw) -> Answer | None:
    """Take one answer off the buffer; None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    status = int(head[9:12])
    if 100 <= status < 200 and status != 101:  # an answer before the answer
        del buffer[: end + 4]
        return _read_answer(buffer, request)
    tunnel = status == 101 or (request.method == "CONNECT" and status < 300)
    length = 0
    if request.method != "HEAD" and not tunnel and status not in (204, 304):
        if found := re.search(rb"\r\ncontent-length: (\d+)", head):
            length = int(found[1])
        elif b"\r\ntransfer-encoding:" in head:
            raise JudgeError(f"chunked answers are not expected: {head!r}")
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    seen = re.search(rb"\r\nx-judge-seen: (\d+)", head)
    closes = tunnel or b"\r\nconnection: close" in head
    return Answer(status, int(seen[1]) if seen else None, body, closes)


def _send(sock: socket.socket, text: bytes, timeout: float) -> None:
    """Send all of it, or as much as is read: a request that is too long is answered before its end."""
    sent = sock.send(text)
    while sent < len(text):
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLOUT)
        events = poll.poll(timeout * 1000)
        if not events:
            raise JudgeError(f"Envoy read only {sent} of {len(text)} bytes within {timeout} s")
        if events[0][1] & select.POLLIN:
            return
        sent += sock.send(text[sent:])


class Lane:
    """One connection to a listener, replaced when it closes, with one question under way.

    More at a time would be legal, but after an answer of its own (a redirect, a 404) Envoy sleeps for a third
    of a second when the next request is there already.
    """

    def __init__(self, listener: str, connections: Iterator[int]) -> None:
        self.listener = listener
        self.connections = connections
        self.sock: socket.socket | None = None
        self.number = 0
        self.asked: tuple[int, Raw] | None = None
        self.buffer = bytearray()
        self.answers: list[tuple[int, int, Answer]] = []  # connection, index of the request, answer

    def send(self, index: int, request: Raw, timeout: float) -> None:
        text = request.wire
        if self.sock is None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(self.listener)
            self.sock.setblocking(False)
            self.number = next(self.connections)
            text = b"PROXY TCP4 127.0.0.1 %s 50000 80\r\n" % address(self.number).encode() + text
        self.asked = index, request
        with contextlib.suppress(ConnectionError):  # closed while we sent: the answer is there all the same
            _send(self.sock, text, timeout)

    def on_readable(self) -> bool:
        """Whether the question is answered."""
        assert self.sock is not None
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionError:
            data = b""
        if self.asked is None:  # Envoy closes a connection that has nothing under way
            self.close()
            return True
        self.buffer += data
        index, request = self.asked
        answer = _read_answer(self.buffer, request)
        if answer is None:
            if data:
                return False
            answer = Answer(0, None, b"", closes=True)
        self.asked = None
        self.answers.append((self.number, index, answer))
        if answer.closes or request.alone:
            self.close()
        return True

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
        self.sock = None
        self.buffer.clear()


def address(number: int) -> str:
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
