"""A real Envoy, asked over a socket, beside simulate. Skipped, with the reason, where there is none."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import canarysim as cs
from benchmarks.bench_simulate import CANARY, route, some_paths
from tests.envoy.envoys import require_envoy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.conftest import Compare

# Facts. How the two are made comparable, as far as they are.
# 1. Envoy 1.40 serves the fifty routes of bench_simulate.py, each with an answer of its own (a direct response):
#    nothing but the connection manager and the route table works. One worker, no access log, nobody asks for
#    statistics, a Unix socket in a folder of its own.
# 2. The load generator is plain Python: 64 connections that are kept alive, one request under way on each. More on
#    one connection do not do: of three that come at once Envoy 1.40 answers two and closes after a second.
# 3. A run asks a fixed number of requests and ends; whatever takes longer than TIMEOUT seconds fails.
# 4. Envoy does all that a proxy does: it parses HTTP, adds headers, counts, writes answers. simulate is given
#    columns. The ratio says how much sooner the question is answered, not which of the two is written better.
ROUTES = 50
PATHS = 1000
HOST = "shop.example"
REQUESTS = 20_000
ROWS = 10_000_000
CONNECTIONS = 64
TIMEOUT = 30
GENERATOR_CORE = 1
OTHER_CORE = 0

TYPE = "type.googleapis.com/envoy.extensions.filters"


def routes() -> dict[str, Any]:
    """The table of bench_simulate.py with an answer of its own number for each route."""
    made = [route(number, headers=CANARY) for number in range(ROUTES)]
    made.append({"match": {"prefix": "/"}})
    for number, one in enumerate(made):
        one.pop("route", None)
        one["direct_response"] = {"status": 200, "body": {"inline_string": f"{number:02}"}}
    return {"name": "routes", "virtual_hosts": [{"name": "h", "domains": ["*"], "routes": made}]}


@contextmanager
def envoy(core: int) -> Iterator[str]:
    """One Envoy with one worker, on one core; the path of its socket."""
    binary = require_envoy("1.40")
    manager = {
        "@type": f"{TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "benchmark",
        "route_config": routes(),
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPE}.http.router.v3.Router"}}],
    }
    folder = tempfile.mkdtemp(prefix="bench-", dir="/tmp")  # a socket's path may have 108 bytes
    listening = f"{folder}/s"
    listener = {
        "address": {"pipe": {"path": listening}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    Path(folder, "envoy.json").write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    command = [str(binary), "-c", f"{folder}/envoy.json", "--concurrency", "1", "--disable-hot-restart"]
    process = subprocess.Popen([*command, "--log-level", "critical"], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not listens(listening):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "Envoy does not start"
            time.sleep(0.01)
        for thread in Path(f"/proc/{process.pid}/task").iterdir():  # the worker is there by now
            os.sched_setaffinity(int(thread.name), {core})
        yield listening
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder)


def listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0


def texts(n: int) -> tuple[list[str], list[str | None]]:
    """Paths and values of the header, drawn as those of bench_simulate.py."""
    generator = np.random.default_rng(1)
    paths = some_paths(PATHS)
    values = None, "true", "false"
    return (
        [paths[at] for at in generator.integers(0, PATHS, n)],
        [values[at] for at in generator.integers(0, 3, n)],
    )


def wire(path: str, value: str | None) -> bytes:
    header = "" if value is None else f"x-canary: {value}\r\n"
    return f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n{header}\r\n".encode()


def connected(path: str) -> list[socket.socket]:
    sockets = [socket.socket(socket.AF_UNIX) for _ in range(CONNECTIONS)]
    for sock in sockets:
        sock.settimeout(TIMEOUT)
        sock.connect(path)
    return sockets


def ask(sockets: list[socket.socket], requests: list[bytes]) -> list[bytes]:
    """The number of the route that answered each, as its body says."""
    answers = []
    for start in range(0, len(requests), len(sockets)):
        asked = list(zip(sockets, requests[start : start + len(sockets)], strict=False))
        for sock, request in asked:
            sock.sendall(request)
        for sock, _ in asked:
            answer = sock.recv(4096)
            while b"\r\n\r\n" not in answer or not answer[-2:].isdigit():
                more = sock.recv(4096)
                assert more, "Envoy closed a connection"
                answer += more
            answers.append(answer[-2:])
    return answers


def pin(core: int) -> None:
    """This process to one core; skipped where cores cannot be chosen, or are fewer."""
    try:
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        pytest.skip("a process cannot be pinned to a core of its choice here")


def pair(rows: int, n: int) -> tuple[cs.Traffic, list[bytes], cs.Traffic]:
    """Some requests as rows and on the wire, and many more of the same kind as coded rows."""
    generator = np.random.default_rng(2)
    paths = cs.Column(generator.integers(0, PATHS, n), some_paths(PATHS))
    values = cs.Column(generator.integers(0, 3, n), [None, "true", "false"])
    many = cs.Traffic.from_columns(path=paths, authority=HOST, headers={"x-canary": values})
    some_of, told = texts(rows)
    some = cs.Traffic.from_columns(path=some_of, authority=HOST, headers={"x-canary": told})
    return some, [*map(wire, some_of, told)], many


@pytest.mark.parametrize("core", [GENERATOR_CORE, OTHER_CORE], ids=["one core", "two cores"])
def test_a_real_envoy(compare: Compare, core: int) -> None:
    n, asked_of_envoy = compare.size(ROWS), 500 if compare.smoke else REQUESTS
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pin(OTHER_CORE)
    pin(GENERATOR_CORE)
    some, requests, many = pair(asked_of_envoy, n)
    asked = cs.from_envoy(routes())
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, before)
        sockets = connected(stack.enter_context(envoy(core)))
        for sock in sockets:
            stack.callback(sock.close)
        s = cs.simulate(asked, some)
        assert s.rows is not None
        numbers = [decision.matched.index if decision.matched else -1 for decision in s.outcomes]
        assert [*map(int, ask(sockets, requests))] == [numbers[row] for row in s.rows.tolist()]
        where = "on one core with its generator" if core == GENERATOR_CORE else "on a core of its own"
        compare(
            f"{n:,} coded rows, 50 routes; Envoy {where}",
            lambda: cs.simulate(asked, many),
            {"Envoy": (lambda: ask(sockets, requests), asked_of_envoy / n)},
        )
    if not compare.smoke:
        row = compare.rows[-1]
        print(
            f"\n{n / row.peers['Envoy']:,.0f} requests/s of an Envoy {where}; simulate {n / row.ours:,.0f} rows/s"
        )
