"""The route configurations of a real /config_dump are found, each with the settings it runs with."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from canarysim.manifests.document import ENVOY_JSON, read_documents
from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.find import RouteSource, find_route_configurations, is_envoy
from canarysim.manifests.envoy.reader import EnvoyReader

from .configuration import type_url
from .judge import Version
from .loading import ROUTES_TYPE, config_dump

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
PORTS = {"static": 1001, "by rds": 1002, "dynamic": 1003}


def _listener(name: str, **manager: Any) -> dict[str, Any]:
    typed = {
        "@type": type_url("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "s",
        "http_filters": [{"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}}],
        **manager,
    }
    return {
        "name": name,
        "bind_to_port": False,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": PORTS[name]}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": typed}]}],
    }


def _routes(name: str, cluster: str) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "1.5s"}}
    return {"name": name, "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]}


def _dump(envoy: Version, query: str = "") -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/tmp") as folder:
        fetched = {"@type": ROUTES_TYPE, **_routes("fetched", "b")}
        Path(folder, "rds.json").write_text(json.dumps({"resources": [fetched]}))
        dynamic = {
            "@type": LISTENER,
            **_listener("dynamic", route_config=_routes("", "a"), strip_any_host_port=True),
        }
        Path(folder, "lds.json").write_text(json.dumps({"resources": [dynamic]}))
        source = {"path_config_source": {"path": f"{folder}/rds.json"}}
        tls = {
            "name": "tls",
            "typed_config": {
                "@type": type_url("transport_sockets.tls.v3.DownstreamTlsContext"),
                "common_tls_context": {
                    "tls_certificate_sds_secret_configs": [
                        {"name": "s", "sds_config": {"path_config_source": {"path": f"{folder}/rds.json"}}}
                    ]
                },
            },
        }
        static = _listener("static", route_config=_routes("inline", "a"), normalize_path=True)
        by_rds = _listener(
            "by rds", rds={"route_config_name": "fetched", "config_source": source}, merge_slashes=True
        )
        by_rds["filter_chains"][0]["transport_socket"] = tls
        bootstrap = {
            "dynamic_resources": {"lds_config": {"path_config_source": {"path": f"{folder}/lds.json"}}},
            "static_resources": {"clusters": [{"name": "a"}, {"name": "b"}], "listeners": [static, by_rds]},
            "layered_runtime": {
                "layers": [{"name": "s", "static_layer": {"k": {"a": 5, "f": {"numerator": 1}}, "x.y": 7}}]
            },
        }
        return config_dump(envoy, bootstrap, query)


def _found(dump: dict[str, Any], envoy: Version, *, not_given: Sequence[str] = ()) -> dict[str, RouteSource]:
    (document,), problems = read_documents(json.dumps(dump, indent=1), "dump.json", ENVOY_JSON)
    reader = EnvoyReader("dump.json", envoy=envoy, json=True)
    assert is_envoy(document)
    sources = find_route_configurations(reader, document)
    for source in sources:
        reader.message(ROUTE_CONFIGURATION, source.node, source.path, packed=True)
    assert not problems
    assert [(problem.code, problem.message.split("'")[1]) for problem in reader.problems] == [
        ("routes_not_given", name) for name in not_given
    ]
    assert len({source.setting.listener or source.path for source in sources}) == len(sources)
    return {source.setting.listener or source.name or source.path: source for source in sources}


def test_a_dump_gives_each_route_configuration_once_with_its_settings(envoy: Version) -> None:
    found = _found(_dump(envoy), envoy)
    assert found.keys() == {"static", "by rds", "dynamic"}
    assert [found[name].name for name in ("static", "by rds", "dynamic")] == ["inline", "fetched", ""]
    assert [found[name].setting.scheme for name in ("static", "by rds", "dynamic")] == ["http", "https", "http"]
    assert [found[name].setting.port for name in ("static", "by rds", "dynamic")] == [1001, 1002, 1003]
    assert [found[name].fetched for name in ("static", "by rds", "dynamic")] == [False, True, False]
    settings = [source.setting.manager for source in found.values()]
    flags = [
        {name for name, value in manager.values.items() if value is True}
        for manager in settings
        if manager is not None
    ]
    assert sorted(flags, key=str) == [{"merge_slashes"}, {"normalize_path"}, {"strip_any_host_port"}]
    for source in found.values():
        assert source.clusters == frozenset(["a", "b"])
        assert source.runtime == {"k.a": 5, "k.f": {"numerator": 1}, "x.y": 7}
        assert [use.name for use in source.setting.filters] == ["router"]


def test_one_list_of_a_dump_gives_its_route_configurations(envoy: Version) -> None:
    assert _found(_dump(envoy, "?resource=dynamic_route_configs"), envoy).keys() == {"fetched"}
    static = _found(_dump(envoy, "?resource=static_route_configs"), envoy)
    assert sorted(source.name for source in static.values()) == ["", "inline"]
    listeners = _found(_dump(envoy, "?resource=static_listeners"), envoy, not_given=["fetched"])
    assert listeners.keys() == {"static"}
    assert _found(_dump(envoy, "?resource=dynamic_listeners"), envoy).keys() == {"dynamic"}
