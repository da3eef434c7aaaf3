"""The configuration of an Envoy that serves many route configurations, a listener each."""

import json
import re
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .envoys import JudgeError, Version, require_envoy
from .questions import LOGGED, SEPARATOR

type_url: Final = "type.googleapis.com/envoy.extensions.{}".format

Table = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A RouteConfiguration and the connection manager's fields that go with it."""


class EnvoyRefused(JudgeError):
    """Envoy does not load the configuration; the text is its reason."""


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


def bootstrap(
    folder: str, tables: Sequence[Table], clusters: Mapping[str, str], runtime: Mapping[str, Any]
) -> dict[str, Any]:
    log = {
        "name": "file",
        "typed_config": {
            "@type": type_url("access_loggers.file.v3.FileAccessLog"),
            "path": f"{folder}/log",
            "log_format": {
                "omit_empty_values": True,
                "text_format_source": {"inline_string": SEPARATOR.join(f"%{x}%" for x in LOGGED) + "\n"},
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
        "admin": {"address": {"pipe": {"path": f"{folder}/admin"}}},
        "static_resources": {
            "listeners": [listener(i, table) for i, table in enumerate(tables)],
            "clusters": [cluster(name, path) for name, path in clusters.items()],
        },
        "layered_runtime": {"layers": [{"name": "static", "static_layer": dict(runtime)}]},
    }


def write_bootstrap(folder: str, config: Mapping[str, Any]) -> list[str]:
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
        config = bootstrap(folder, [(route_config, http_settings or {})], named, {})
        command = [str(require_envoy(version)), *write_bootstrap(folder, config), "--mode", "validate"]
        envoy = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if envoy.returncode == 0:
            return None
        return reason(envoy.returncode, envoy.stderr.decode("utf-8", "replace"))


def reason(returncode: int | None, stderr: str) -> str:
    """Why Envoy refused, out of what it wrote: without the dump of the configuration, blanks made single.

    (Protobuf strews blanks into its messages at random, so that nobody depends on their text.)
    """
    found = re.search(r"error initializing configuration '[^']*': (.*)", stderr, re.DOTALL)
    found = found or re.search(r"initializing config '[^']*'\n(.*)", stderr, re.DOTALL)
    if returncode != 1 or found is None:
        raise JudgeError(f"Envoy ended with {returncode} and wrote: {stderr}")
    return " ".join(found[1].rpartition("\n: ")[2].split())
