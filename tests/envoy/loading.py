"""Ask a real Envoy how it reads texts: many route configurations, each in a file of its own, in few processes.

Each file is fetched by the route discovery of a listener of its own, so that a text that Envoy refuses hurts no
other. What it took is read from its ``/config_dump``.
"""

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .configuration import type_url
from .envoys import JudgeError, Version, require_envoy

__all__ = ["ROUTES_TYPE", "config_dump", "taken"]

ROUTES_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"


def taken(version: Version, texts: Sequence[str], suffix: str = ".yaml") -> list[dict[str, Any] | None]:
    """The route configurations as Envoy reads them, None for those that it refuses.

    Each text is a file of resources with one RouteConfiguration named ``r<number>``.
    """
    by_name: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/tmp") as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number}{suffix}").write_text(text, encoding="utf-8")
        for start in range(0, len(texts), _MOST):
            numbers = range(start, min(start + _MOST, len(texts)))
            listeners = [_listener(f"{folder}/{number}{suffix}", number) for number in numbers]
            dump = config_dump(version, {"static_resources": {"listeners": listeners}})
            for part in dump["configs"]:
                for each in part.get("dynamic_route_configs", ()):
                    if "route_config" in each:
                        by_name[each["route_config"].get("name")] = each["route_config"]
    return [by_name.get(f"r{number}") for number in range(len(texts))]


#: How many files a process watches: Linux lets a user have 128 watchers.
_MOST = 60


def _listener(path: str, number: int) -> dict[str, Any]:
    manager = {
        "@type": type_url("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "s",
        "rds": {"route_config_name": f"r{number}", "config_source": {"path_config_source": {"path": path}}},
        "http_filters": [{"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}],
    }
    return {
        "name": f"l{number}",
        "bind_to_port": False,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": number + 1}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def config_dump(version: Version, bootstrap: dict[str, Any], query: str = "") -> dict[str, Any]:
    """The answer to ``/config_dump`` of an Envoy with that bootstrap, once it is ready."""
    folder = tempfile.mkdtemp(prefix="judge-", dir="/tmp")
    config = {"admin": {"address": {"pipe": {"path": f"{folder}/admin"}}}, **bootstrap}
    Path(folder, "envoy.json").write_text(json.dumps(config), encoding="utf-8")
    command = [str(require_envoy(version)), "-c", f"{folder}/envoy.json", "--disable-hot-restart"]
    command += ["--log-level", "critical", "--concurrency", "1", "--reject-unknown-dynamic-fields"]
    command += ["--service-node", "node", "--service-cluster", "cluster"]
    with Path(folder, "stderr").open("wb") as stderr:
        envoy = subprocess.Popen(command, stdout=stderr, stderr=stderr)
    try:
        deadline = time.monotonic() + 60
        while _ask(f"{folder}/admin", "/ready") != b"LIVE\n":
            if envoy.poll() is not None or time.monotonic() > deadline:
                raise JudgeError(Path(folder, "stderr").read_text("utf-8", "replace"))
            time.sleep(0.02)
        answer: dict[str, Any] = json.loads(_ask(f"{folder}/admin", "/config_dump" + query))
        return answer
    finally:
        envoy.kill()
        envoy.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ask(path: str, target: str) -> bytes:
    """The body of an answer; empty where nobody answers yet."""
    connection = http.client.HTTPConnection("envoy")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
        connection.request("GET", target)
        return connection.getresponse().read()
    except OSError:
        return b""
    finally:
        connection.close()
