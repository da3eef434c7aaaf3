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
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from .configuration import (
    EnvoyRefused,
    Table,
    bootstrap,
    clusters_named,
    reason,
    refuses,
    type_url,
    write_bootstrap,
)
from .envoys import VERSIONS, JudgeError, Version, find_envoy, require_envoy
from .questions import SEPARATOR, Raw, Verdict
from .wire import Answer, Lane, Seen, Upstream

__all__ = [
    "VERSIONS",
    "EnvoyRefused",
    "Judge",
    "JudgeError",
    "Raw",
    "Table",
    "Verdict",
    "Version",
    "clusters_named",
    "find_envoy",
    "refuses",
    "require_envoy",
    "type_url",
]


class Judge:
    """One Envoy that serves `tables`, a listener each: `with Judge("1.40", [(table, {})]) as judge: ...`

    Every cluster that the tables name exists, but for those in `missing`; `clusters` adds others (those a
    cluster_header leads to), `mirrors` those of them that get mirrored requests. `runtime` is a static runtime
    layer (feature guards). Raises EnvoyRefused on entering. Not for several threads at once.
    """

    LANES = 8

    def __init__(
        self,
        version: Version,
        tables: Sequence[Table],
        *,
        clusters: Iterable[str] = (),
        mirrors: Iterable[str] = (),
        missing: Collection[str] = (),
        runtime: Mapping[str, Any] | None = None,
        timeout: float = 20.0,
    ) -> None:
        self.version = version
        self.timeout = timeout
        self._tables = list(tables)
        named, mirrored = clusters_named([table for table, _ in self._tables])
        self._clusters = sorted((named | set(clusters)) - set(missing))
        self._mirrors = sorted((mirrored | set(mirrors)) - set(missing))
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
        lanes = [Lane(f"{self._folder}/t{table}", self._connections) for _ in range(self.LANES)]
        self._converse(lanes, iter(enumerate(questions)))
        lines = self._read_log(lanes)
        mirrors = self._collect_mirrors()
        verdicts: list[Verdict | None] = [None] * len(questions)
        for lane in lanes:
            for connection, index, answer in lane.answers:
                logged = lines[connection].popleft() if lines[connection] else None
                verdicts[index] = self._verdict(answer, logged, mirrors)
        return [verdict for verdict in verdicts if verdict is not None]

    def config_dump(self) -> str:
        """What the running Envoy says of its configuration: a JSON text."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(self.timeout)
            admin.connect(f"{self._folder}/admin")
            admin.sendall(b"GET /config_dump HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: admin.recv(1 << 18), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return dechunked(body) if b"chunked" in head else body.decode()

    def _start(self, stack: contextlib.ExitStack) -> None:
        binary = require_envoy(self.version)
        folder = self._folder = tempfile.mkdtemp(prefix="judge-", dir="/tmp")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._seen: list[Seen] = []
        self._connections = iter(range(1, 1 << 24))
        self._upstreams: set[Upstream] = set()
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
        arguments = write_bootstrap(folder, bootstrap(folder, self._tables, clusters, self._runtime))
        command = [str(binary), *arguments, "--concurrency", "1", "--file-flush-interval-msec", "3"]
        with Path(folder, "stderr").open("wb") as stderr:
            self._envoy = subprocess.Popen(command, stdout=stderr, stderr=stderr)
        stack.callback(self._stop)
        deadline = time.monotonic() + self.timeout
        listeners = deque(f"{folder}/t{i}" for i in range(len(self._tables)))
        while listeners:
            if self._envoy.poll() is not None:
                raise EnvoyRefused(reason(self._envoy.returncode, self.stderr))
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

    def _converse(self, lanes: Sequence[Lane], questions: Iterator[tuple[int, Raw]]) -> None:
        """Keep every lane busy until all questions are answered."""
        registered: dict[Lane, socket.socket] = {}

        def forget(lane: Lane) -> None:
            if sock := registered.pop(lane, None):
                self._selector.unregister(sock)

        def proceed(lane: Lane) -> None:
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

    def _turn(self, timeout: float) -> list[Lane] | None:
        """Serve the upstream side for once; the lanes that can be read. None: nothing came in time."""
        events = self._selector.select(timeout)
        lanes = []
        for key, _ in events:
            if isinstance(key.data, Lane):
                lanes.append(key.data)
            elif isinstance(key.data, Upstream):
                if not key.data.on_readable():
                    self._selector.unregister(key.data.sock)
                    self._upstreams.discard(key.data)
                    key.data.sock.close()
            else:
                assert isinstance(key.fileobj, socket.socket)
                upstream = Upstream(key.fileobj.accept()[0], key.data, self._seen)
                self._upstreams.add(upstream)
                self._selector.register(upstream.sock, selectors.EVENT_READ, upstream)
        return lanes if events else None

    def _read_log(self, lanes: Sequence[Lane]) -> dict[int, deque[list[str]]]:
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
                fields = line.decode("latin-1").split(SEPARATOR)
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
        self, answer: Answer, logged: Sequence[str] | None, mirrors: Mapping[bytes, Sequence[int]]
    ) -> Verdict:
        body = answer.body.decode("latin-1")
        if logged is None:
            return Verdict(status=answer.status, body=body)
        status, flags, details, route, cluster, method, path, authority, location, virtual_cluster = logged
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
            virtual_cluster=virtual_cluster or None,
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


def dechunked(body: bytes) -> str:
    """The text of a body that was sent in chunks."""
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        text, body = text + body[:length], body[length + 2 :]
    return text.decode()


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
