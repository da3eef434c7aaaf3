"""Access logs to read: rows with what they say, and a real Envoy that writes some."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from canarysim.engine.log_fields import Field

from .envoy.configuration import bootstrap, type_url, write_bootstrap
from .envoy.envoys import Version, require_envoy

if TYPE_CHECKING:
    from collections.abc import Sequence

# Rows of JSON. The columns are read from these fields.

FIELDS: Final = {
    "path": (Field(("original",)), Field(("path",))),
    "method": (Field(("method",)),),
    "header x": (Field(("h", "x")),),
    "scheme": (Field(("a.b",)),),
}


@attrs.frozen
class Row:
    """A line of a log: the texts of FIELDS in their order, or a part of the reason why there are none."""

    line: bytes
    texts: tuple[str | None, ...] | None = None
    reason: str = ""


def good(line: bytes | str, path: str | None = None, method: str | None = None, *more: str | None) -> Row:
    texts = (path, method, *more, None, None)[:4]
    return Row(line.encode() if isinstance(line, str) else line, texts)


def bad(line: bytes | str, reason: str) -> Row:
    return Row(line.encode() if isinstance(line, str) else line, reason=reason)


ROWS: Final = (
    good('{"path":"/a","method":"GET"}', "/a", "GET"),
    good('{"path":"/a","h":{"x":"1","y":{"x":"2"}},"a.b":"https"}', "/a", None, "1", "https"),
    good('{"h":null,"path":"/a"}', "/a"),
    good('{"h":{},"path":"/a"}', "/a"),
    good("{}"),
    good('{"original":"/sent","path":"/rewritten"}', "/sent"),
    good('{"original":null,"path":"/a"}', "/a"),
    good('{"original":"-","path":"/a"}', "/a"),
    good(' \t{"path" : "/a"} \r', "/a"),
    good('{"path":"/a","other":[1,2.5e-3,true,false,null,{"path":"/b"}]}', "/a"),
    good('{"path":"/a","other":"\\"path\\":\\"/b\\""}', "/a"),
    good('{"path":"/a","other":"} {","method":"}\\n{"}', "/a", "}\n{"),
    good('{"path":"/a","other":{"path":1,"path":2}}', "/a"),
    good('{"path":"/a","other":1,"other":2}', "/a"),
    good('{"path":"/a","other":' + "9" * 5000 + "}", "/a"),
    good('{"path":"/a","other":NaN}', "/a"),
    good('{"path":"/\\u00e9\\ud83d\\ude00\\/\\n\\u0000"}', "/\u00e9\U0001f600/\n\0"),
    good('{"path":"/\u00e9\U0001f600"}', "/\u00e9\U0001f600"),
    good(b'{"path":"/\xff\xc3"}', "/\udcff\udcc3"),
    good(b'{"path":"/a","other":"\xff"}', "/a"),
    good('{"p\\u0061th":"/a"}', "/a"),
    good('{"path":"' + "x" * 10_000 + '"}', "x" * 10_000),
    good('{"path":"/a","other":' + "[" * 200 + "]" * 200 + "}", "/a"),
    bad("oops", "is no JSON"),
    bad("[2026-11-28 17:38:10.955][12][info][main] starting", "is no JSON"),
    bad('{"path":"/a"', "is no JSON: Expecting"),
    bad('{"path":"/a","meth', "is no JSON: Unterminated string"),
    bad('{"path":"/a",}', "is no JSON"),
    bad('{"path":"/a"} x', "is no JSON: Extra data"),
    bad('{"path":"/a"}{"path":"/b"}', "is no JSON: Extra data"),
    bad('{"path":"/a","other":007}', "is no JSON"),
    bad('{"path":"a\x01b"}', "is no JSON: Invalid control character"),
    bad('{"path":"/a"}\0', "is no JSON"),
    bad("null", "is null, not a JSON object"),
    bad("17", "is a number, not a JSON object"),
    bad('"/a"', "is text, not a JSON object"),
    bad('["/a"]', "is an array, not a JSON object"),
    bad('{"path":1}', "path is a number, not text"),
    bad('{"path":true}', "path is true, not text"),
    bad('{"path":{"a":"/a"}}', "path is an object, not text"),
    bad('{"path":["/a"]}', "path is an array, not text"),
    bad('{"h":"1","path":"/a"}', "h is text, not an object"),
    bad('{"h":{"x":1},"path":"/a"}', "h.x is a number, not text"),
    bad('{"path":"/a","path":"/b"}', "has path twice"),
    bad('{"path":"/a","p\\u0061th":"/a"}', "has path twice"),
    bad('{"h":{"x":"1"},"h":{"x":"2"}}', "has h twice"),
    bad('{"h":{"x":"1","x":"2"}}', "has h.x twice"),
    bad('{"path":"\\ud83d"}', "half of a surrogate pair"),
    bad('{"path":"/a","other":"\\udcff"}', "half of a surrogate pair"),
)

# A real Envoy

ROUTES: Final[dict[str, Any]] = {
    "virtual_hosts": [
        {
            "name": "v",
            "domains": ["*"],
            "routes": [
                {"match": {"prefix": "/old"}, "route": {"cluster": "c", "prefix_rewrite": "/new"}},
                {"match": {"connect_matcher": {}}, "direct_response": {"status": 200}},
                {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
            ],
        }
    ]
}
JSON_FORMAT: Final = {
    "verb": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    ":authority": "%REQ(:AUTHORITY)%",
    "userAgent": "%REQ(USER-AGENT)%",
    "code": "%RESPONSE_CODE%",
    "request": {"headers": {"x-canary": "%REQ(X-CANARY)%"}, "scheme": "%REQ(:SCHEME)%"},
}


def written_by_envoy(version: Version, requests: Sequence[bytes]) -> dict[str, bytes]:
    """What Envoy logs of requests, each sent on a connection of its own: as "text" (the default) and as "json"."""
    folder = tempfile.mkdtemp(prefix="logs-", dir="/tmp")
    config = bootstrap(folder, [(ROUTES, {})], {"c": f"{folder}/up"}, {})
    (listener,) = config["static_resources"]["listeners"]
    del listener["listener_filters"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["access_log"] = [_logger(folder, "text"), _logger(folder, "json", {"json_format": JSON_FORMAT})]
    command = [str(require_envoy(version)), *write_bootstrap(folder, config), "--concurrency", "1"]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        envoy = subprocess.Popen([*command, "--file-flush-interval-msec", "3"], stderr=subprocess.DEVNULL)
        stack.callback(envoy.wait)
        stack.callback(envoy.kill)
        for request in requests:
            _send(f"{folder}/t0", request)
        logs: dict[str, bytes] = {}
        deadline = time.monotonic() + 20
        while len(logs) < 2:
            assert time.monotonic() < deadline, logs
            logs = {name: Path(folder, name).read_bytes() for name in ("text", "json")}
            logs = {name: log for name, log in logs.items() if log.count(b"\n") == len(requests)}
            time.sleep(0.01)
        return logs


def _logger(folder: str, name: str, log_format: dict[str, Any] | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "@type": type_url("access_loggers.file.v3.FileAccessLog"),
        "path": f"{folder}/{name}",
    }
    if log_format:
        config["log_format"] = log_format
    return {"name": name, "typed_config": config}


def _send(path: str, request: bytes) -> None:
    deadline = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            try:
                sock.connect(path)
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)
                continue
            sock.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                data = sock.recv(1 << 16)
                if not data:
                    return
                answer += data
            return
