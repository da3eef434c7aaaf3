"""Configurations that Envoy refuses for what their fields mean together, and ones that it takes all the same.

Each is held against canarysim in test_refusals.py, and against the real Envoys in tests/envoy/test_refusals.py.
"""

from __future__ import annotations

from typing import Any

from .envoy_cases import table


def with_match(**match: Any) -> dict[str, Any]:
    return table({"prefix": "/", **match})


def with_action(**action: Any) -> dict[str, Any]:
    found = table({"prefix": "/"})
    found["virtual_hosts"][0]["routes"][0]["route"] = action
    return found


def weighted(*clusters: dict[str, Any]) -> dict[str, Any]:
    return with_action(weighted_clusters={"clusters": list(clusters)})


def with_redirect(match: dict[str, Any] | None = None, **redirect: Any) -> dict[str, Any]:
    found = table(match or {"prefix": "/"})
    route = found["virtual_hosts"][0]["routes"][0]
    del route["route"]
    route["redirect"] = redirect
    return found


def with_response(**response: Any) -> dict[str, Any]:
    found = table({"prefix": "/"})
    route = found["virtual_hosts"][0]["routes"][0]
    del route["route"]
    route["direct_response"] = response
    return found


def with_route(**fields: Any) -> dict[str, Any]:
    found = table({"prefix": "/"})
    found["virtual_hosts"][0]["routes"][0].update(fields)
    return found


def with_host(**fields: Any) -> dict[str, Any]:
    found = table({"prefix": "/"})
    found["virtual_hosts"][0].update(fields)
    return found


def hosts(*domains: str) -> dict[str, Any]:
    found = table({"prefix": "/"})
    found["virtual_hosts"] = [
        {**found["virtual_hosts"][0], "name": f"h{number}", "domains": [domain]}
        for number, domain in enumerate(domains)
    ]
    return found


def extension(kind: str, field: str, text: str) -> dict[str, Any]:
    what = f"type.googleapis.com/envoy.extensions.path.{kind}.uri_template.v3.UriTemplate{kind.title()}Config"
    return {"name": f"envoy.path.{kind}.uri_template", "typed_config": {"@type": what, field: text}}


def template(text: str) -> dict[str, Any]:
    return {"path_match_policy": extension("match", "path_template", text)}


def template_rewrite(text: str) -> dict[str, Any]:
    return {"path_rewrite_policy": extension("rewrite", "path_template_rewrite", text)}


def templated(match: str, **action: Any) -> dict[str, Any]:
    found = table(template(match))
    found["virtual_hosts"][0]["routes"][0]["route"].update(action)
    return found


def add_header(key: str, value: str = "v", **more: Any) -> list[dict[str, Any]]:
    return [{"header": {"key": key, "value": value}, **more}]


REGEX = {"pattern": {"regex": "a"}, "substitution": "b"}

#: What is refused by both versions, with the code of the problem that says so here.
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "two default domains": ("duplicate_domain", hosts("*", "*")),
    "a domain twice": ("duplicate_domain", hosts("a.b", "A.b")),
    "a suffix twice": ("duplicate_domain", hosts("*.x", "*.X")),
    "a domain twice in one host": ("duplicate_domain", with_host(domains=["a", "a"])),
    "weights of 0": ("weights_sum_to_zero", weighted({"name": "a", "weight": 0})),
    "too much weight": (
        "weights_overflow",
        weighted({"name": "a", "weight": 2**32 - 1}, {"name": "b", "weight": 1}),
    ),
    "no weight": ("no_weight", weighted({"name": "a"})),
    "no name": ("bad_entry", weighted({"weight": 1})),
    "name and header": ("bad_entry", weighted({"name": "a", "cluster_header": "x", "weight": 1})),
    "a regex": ("bad_regex", with_match(headers=[{"name": "a", "string_match": {"safe_regex": {"regex": "("}}}])),
    "a lookahead": ("bad_regex", table({"safe_regex": {"regex": "/(?!a)"}})),
    "a rewrite's regex": (
        "bad_regex",
        with_action(cluster="a", regex_rewrite={"pattern": {"regex": "["}, "substitution": ""}),
    ),
    "a regex without case": (
        "ignore_case_of_regex",
        with_match(headers=[{"name": "a", "string_match": {"safe_regex": {"regex": "a"}, "ignore_case": True}}]),
    ),
    "two rewrites": ("two_rewrites", with_action(cluster="a", prefix_rewrite="/a", regex_rewrite=REGEX)),
    "prefix_rewrite of a template": ("prefix_rewrite_of_template", templated("/{a}", prefix_rewrite="/b")),
    "a template's missing variable": ("unknown_template_variable", templated("/{a}", **template_rewrite("/{b}"))),
    "a template": ("bad_uri_template", table(template("a"))),
    "a template's rewrite": ("bad_uri_template", templated("/{a}", **template_rewrite("/{a=*}"))),
    "a rewrite without template": ("no_template", with_action(cluster="a", **template_rewrite("/a"))),
    "a mirror without cluster": ("bad_mirror", with_action(cluster="a", request_mirror_policies=[{}])),
    "a mirror with both": (
        "bad_mirror",
        with_action(cluster="a", request_mirror_policies=[{"cluster": "b", "cluster_header": "c"}]),
    ),
    "a virtual cluster without headers": ("no_condition", with_host(virtual_clusters=[{"name": "v"}])),
    "routes and matcher": (
        "routes_and_matcher",
        with_host(matcher={"matcher_list": {"matchers": []}}),
    ),
    "a pseudo header": ("bad_header_name", with_route(request_headers_to_add=add_header(":path"))),
    "the host": ("bad_header_name", with_host(request_headers_to_add=add_header("Host"))),
    "removing a pseudo header": ("bad_header_name", with_route(request_headers_to_remove=[":path"])),
    "removing the host": ("bad_header_name", with_host(response_headers_to_remove=["host"])),
    "append twice": (
        "two_actions",
        with_route(request_headers_to_add=add_header("a", append=True, append_action="ADD_IF_ABSENT")),
    ),
    "a command": ("bad_format", with_route(request_headers_to_add=add_header("a", "%NOTHING%"))),
    "a percent sign": ("bad_format", with_route(request_headers_to_add=add_header("a", "100%"))),
    "an upgrade twice": (
        "duplicate_upgrade",
        with_action(cluster="a", upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "WebSocket"}]),
    ),
    "connect_config elsewhere": (
        "bad_connect_config",
        with_action(cluster="a", upgrade_configs=[{"upgrade_type": "websocket", "connect_config": {}}]),
    ),
    "a negative timeout": ("negative_timeout", with_action(cluster="a", timeout="-1s")),
    "a long body": ("body_too_long", with_response(status=200, body={"inline_string": "x" * 4097})),
}

#: What only 1.36 refuses, for it does not know it.
REFUSED_BY_1_36: dict[str, tuple[str, dict[str, Any]]] = {
    "cookies": ("unknown_field", with_match(cookies=[{"name": "a", "string_match": {"exact": "b"}}])),
    "vhost_header": ("unknown_field", table({"prefix": "/"}, vhost_header="x")),
    "path_rewrite": ("unknown_field", with_action(cluster="a", path_rewrite="/a")),
    "host_rewrite": ("unknown_field", with_action(cluster="a", host_rewrite="a")),
    "a mixed template": ("not_in_this_envoy", table(template("/x{a}"))),
}

#: What both take, though it looks wrong.
TAKEN: dict[str, dict[str, Any]] = {
    "no virtual hosts": {"name": "t"},
    "a host without routes": with_host(routes=[]),
    "routes of one name": table({"prefix": "/a"}, {"prefix": "/b"}),
    "a large port": with_redirect(port_redirect=99999),
    "more than all": with_match(runtime_fraction={"default_value": {"numerator": 250}}),
    "a group that is not there": with_action(
        cluster="a", regex_rewrite={"pattern": {"regex": "a"}, "substitution": "\\7"}
    ),
    "a bad escape": with_action(cluster="a", regex_rewrite={"pattern": {"regex": "a"}, "substitution": "\\q"}),
    "use_hash_policy without one": with_action(
        weighted_clusters={"clusters": [{"name": "a", "weight": 1}], "use_hash_policy": True}
    ),
    "an empty domain": hosts("", "*"),
    "stars anywhere": hosts("a*b", "*a*", "**"),
    "a prefix without a slash": table({"prefix": "a"}),
    "an empty redirect": with_redirect(),
    "a redirect by prefix of an exact path": with_redirect({"path": "/a"}, prefix_rewrite="/b"),
}
