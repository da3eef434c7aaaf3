"""The search for a virtual host, asked of a real Envoy."""

from __future__ import annotations

from typing import Any

import pytest

import canarysim as cs

from ..test_hosts import DOMAINS, FOUND
from .judge import Judge, Raw, Version
from .parity import disagreements


@pytest.mark.parametrize("more", [[], ["*"]])
def test_envoy_finds_the_same_domains(envoy: Version, more: list[str]) -> None:
    hosts = [
        {
            "name": domain,
            "domains": [domain],
            "routes": [{"name": domain, "match": {"prefix": "/"}, "direct_response": {"status": 200}}],
        }
        for domain in [*DOMAINS, *more]
    ]
    with Judge(envoy, [({"name": "r", "virtual_hosts": hosts}, {})]) as judge:
        verdicts = judge.ask(0, [Raw("/", host=host) for host in FOUND])
    default = more[0] if more else None
    assert {host: v.route for host, v in zip(FOUND, verdicts, strict=True)} == {
        host: domain or default for host, domain in FOUND.items()
    }


def _table(envoy: Version, routes: list[dict[str, Any]], **http: Any) -> cs.RouteTable:
    hosts = [{"name": "h", "domains": ["*"], "routes": routes}]
    return cs.from_envoy({"virtual_hosts": hosts}, envoy=envoy, http=cs.HttpSettings(port=80, **http))


@pytest.mark.parametrize("stripped", ["strip_matching_host_port", "strip_any_host_port"])
@pytest.mark.parametrize(
    "action",
    [
        {"cluster": "c"},
        {"cluster": "c", "host_rewrite_literal": "y"},
        {"cluster": "c", "host_rewrite_header": "host"},
        {"weighted_clusters": {"clusters": [{"name": "c", "weight": 1, "host_rewrite_literal": "[::4]"}]}},
    ],
)
def test_connect_has_its_port_back_before_the_host_is_rewritten(
    envoy: Version, stripped: str, action: dict[str, Any]
) -> None:
    route: dict[str, Any] = {"match": {"connect_matcher": {}}, "route": action}
    told = {"header": {"key": "x-a", "value": "%REQ(:authority)%"}}
    tables = [
        _table(envoy, [one], upgrades=["connect"], **{stripped: True})
        for one in (route, {**route, "request_headers_to_add": [told]})
    ]
    targets = ["[::1]:80", "[::1]:8080", "x:80", "x:8080", "x.:80"]
    asked = [(cs.Request(method="CONNECT", path=one, headers=[("host", one)]), 0) for one in targets]
    assert disagreements(envoy, tables, [asked, asked]) == []


def test_the_port_of_a_redirected_host(envoy: Version) -> None:
    routes: list[dict[str, Any]] = [
        {"match": {"prefix": "/a"}, "redirect": {"port_redirect": 8443}},
        {"match": {"prefix": "/b"}, "redirect": {"https_redirect": True}},
        {"match": {"prefix": "/c"}, "redirect": {"scheme_redirect": "http"}},
    ]
    hosts = (
        "[::1] [::1]:80 [::1]:443 x[::1] [a]b:80 [x]:1]:80 [a]:b:80 [a]:80] []:80 []: a:b:80 a:443 a: :80 : a a:8x"
    )
    asked = [
        (cs.Request(path=path, headers=[("host", host), ("x-forwarded-proto", scheme)]), 0)
        for path in ("/a", "/b", "/c")
        for host in hosts.split()
        for scheme in ("http", "https")
    ]
    assert disagreements(envoy, [_table(envoy, routes)], [asked]) == []
