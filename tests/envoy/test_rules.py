"""The rules on values: what canarysim refuses Envoy refuses, and the other way round where a rule is declared."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from canarysim.manifests.document import from_python
from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.problems import Problem

from .judge import Version
from .loading import ROUTES_TYPE, taken

_HOST = {"name": "v", "domains": ["x"]}
_ANSWER = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
_TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"


def _route(**fields: Any) -> dict[str, Any]:
    return {"virtual_hosts": [{**_HOST, "routes": [{**_ANSWER, **fields}]}]}


def _match(**fields: Any) -> dict[str, Any]:
    return _route(match={"prefix": "/", **fields})


def _action(**fields: Any) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "c", **fields}}
    return {"virtual_hosts": [{**_HOST, "routes": [route]}]}


def _header(**fields: Any) -> dict[str, Any]:
    return _match(headers=[{"name": "a", **fields}])


def _hashed(**policy: Any) -> dict[str, Any]:
    return _action(hash_policy=[policy])


#: Route configurations and the code of all problems; None for good ones.
CASES: list[tuple[dict[str, Any], str | None]] = [
    (_route(), None),
    ({"virtual_hosts": [{"name": "", "domains": ["x"]}]}, "bad_value"),
    ({"virtual_hosts": [{"domains": ["x"]}]}, "missing_field"),
    ({"virtual_hosts": [{"name": "v"}]}, "missing_field"),
    ({"virtual_hosts": [{"name": "v", "domains": []}]}, "bad_value"),
    ({"virtual_hosts": [{"name": "v", "domains": ["a\nb"]}]}, "bad_value"),
    ({"virtual_hosts": [{"name": "v", "domains": ["a\x00b"]}]}, "bad_value"),
    ({"virtual_hosts": [{"name": "v", "domains": ["a\tb"]}]}, None),
    ({"virtual_hosts": [{"name": "v", "domains": ["x"], "require_tls": 3}]}, "wrong_type"),
    ({"virtual_hosts": [{**_HOST, "virtual_clusters": [{"headers": [{"name": "a"}]}]}]}, "missing_field"),
    ({"internal_only_headers": ["a\rb"]}, "bad_value"),
    ({"internal_only_headers": [""]}, None),
    ({"request_headers_to_remove": [""]}, None),
    ({"request_headers_to_add": [{}]}, "missing_field"),
    ({"request_headers_to_add": [{"header": {"value": "b"}}]}, "missing_field"),
    ({"request_headers_to_add": [{"header": {"key": "a", "value": "b\n"}}]}, "bad_value"),
    ({"request_headers_to_add": [{"header": {"key": "a", "value": "é" * 8192}}]}, None),
    ({"request_headers_to_add": [{"header": {"key": "a", "value": "é" * 8192 + "a"}}]}, "bad_value"),
    ({"request_headers_to_add": [{"header": {"key": "a", "value": "b"}}] * 1000}, None),
    ({"request_headers_to_add": [{"header": {"key": "a", "value": "b"}}] * 1001}, "bad_value"),
    (_route(request_headers_to_remove=[""]), "bad_value"),
    ({"virtual_hosts": [{**_HOST, "routes": [{"redirect": {}}]}]}, "missing_field"),
    ({"virtual_hosts": [{**_HOST, "routes": [{"match": {"prefix": "/"}}]}]}, "missing_choice"),
    (_route(redirect={}), "several_of_oneof"),
    (_route(match={}), "missing_choice"),
    (_route(match={"case_sensitive": True}), "missing_choice"),
    (_match(path="/"), "several_of_oneof"),
    (_route(match={"safe_regex": {}}), "missing_field"),
    (_route(match={"safe_regex": {"regex": ""}}), "bad_value"),
    *((_route(match={"path_separated_prefix": text}), None) for text in ("/a", "/a/b", "ab", "/a\n/b")),
    *(
        (_route(match={"path_separated_prefix": text}), "bad_value")
        for text in ("", "/", "a", "/a/", "/a?b", "/a#")
    ),
    (_route(match={"path_match_policy": {"typed_config": {"@type": _TEMPLATE}}}), "missing_field"),
    (_route(match={"path_match_policy": {"name": "a"}}), "missing_field"),
    (_match(runtime_fraction={}), "missing_field"),
    (_match(runtime_fraction={"default_value": {"numerator": 4294967295}}), None),
    (_match(runtime_fraction={"default_value": {"denominator": 3}}), "wrong_type"),
    (_header(), None),
    (_header(name=""), "bad_value"),
    (_header(name="a\nb"), "bad_value"),
    (_header(prefix_match=""), "bad_value"),
    (_header(exact_match=""), None),
    (_header(string_match={}), "missing_choice"),
    (_header(string_match={"exact": ""}), None),
    (_header(string_match={"prefix": ""}), "bad_value"),
    (_header(string_match={"contains": ""}), "bad_value"),
    (_header(string_match={"exact": "a", "suffix": "b"}), "several_of_oneof"),
    (_header(regex_match="a"), "unknown_field"),
    (_header(present_match=False, exact_match="a"), "several_of_oneof"),
    (_match(query_parameters=[{"name": "é" * 512}]), None),
    (_match(query_parameters=[{"name": "é" * 512 + "a"}]), "bad_value"),
    (_match(query_parameters=[{}]), "missing_field"),
    (_match(query_parameters=[{"name": "a", "value": "b"}]), "unknown_field"),
    (_match(dynamic_metadata=[{"filter": "a", "value": {"bool_match": True}}]), "missing_field"),
    (_match(dynamic_metadata=[{"filter": "a", "path": [{}], "value": {"bool_match": True}}]), "missing_choice"),
    (_match(dynamic_metadata=[{"filter": "a", "path": [{"key": "k"}], "value": {}}]), "missing_choice"),
    (
        _match(dynamic_metadata=[{"filter": "a", "path": [{"key": "k"}], "value": {"or_match": {}}}]),
        "missing_field",
    ),
    (_action(), None),
    (_action(cluster=""), "bad_value"),
    (_action(cluster_header="a"), "several_of_oneof"),
    (_action(cluster_not_found_response_code=3), "wrong_type"),
    (_action(prefix_rewrite="/a\n"), "bad_value"),
    (_action(regex_rewrite={"substitution": "a"}), "missing_field"),
    (_action(host_rewrite_literal="a", auto_host_rewrite=True), "several_of_oneof"),
    (_action(timeout="1"), "wrong_type"),
    (_action(upgrade_configs=[{}]), "missing_field"),
    (_action(request_mirror_policies=[{"cluster": "c", "runtime_fraction": {}}]), "missing_field"),
    (_hashed(), "missing_choice"),
    (_hashed(header={}), "missing_field"),
    (_hashed(cookie={"name": "", "ttl": "1s"}), "bad_value"),
    (_hashed(connection_properties={}), None),
    (_route(direct_response={}), "missing_field"),
    *((_route(direct_response={"status": status}), None) for status in (200, 599)),
    *((_route(direct_response={"status": status}), "wrong_type") for status in (0, 199, 600)),
    (_route(direct_response={"status": 200, "body": {}}), "missing_choice"),
    (_route(direct_response={"status": 200, "body": {"filename": ""}}), "bad_value"),
]


def _problems(mapping: dict[str, Any], envoy: Version) -> list[Problem]:
    reader = EnvoyReader("f", envoy=envoy, json=True)
    reader.message(ROUTE_CONFIGURATION, from_python(mapping), "")
    return reader.problems


def _texts(mappings: list[dict[str, Any]]) -> list[str]:
    return [
        json.dumps({"resources": [{"@type": ROUTES_TYPE, **mapping, "name": f"r{number}"}]})
        for number, mapping in enumerate(mappings)
    ]


def test_values_that_break_a_rule_are_refused_by_both(envoy: Version) -> None:
    verdicts = taken(envoy, _texts([mapping for mapping, _ in CASES]), ".json")
    for (mapping, code), dump in zip(CASES, verdicts, strict=True):
        assert {problem.code for problem in _problems(mapping, envoy)} == ({code} - {None}), mapping
        assert (dump is None) == (code is not None), mapping


RICH: dict[str, Any] = {
    "most_specific_header_mutations_wins": True,
    "request_headers_to_add": [{"header": {"key": "a", "value": "b"}, "append_action": "ADD_IF_ABSENT"}],
    "internal_only_headers": ["x-a"],
    "virtual_hosts": [
        {
            "name": "v",
            "domains": ["a", "*.b"],
            "require_tls": "EXTERNAL_ONLY",
            "virtual_clusters": [{"name": "c", "headers": [{"name": ":path", "string_match": {"prefix": "/a"}}]}],
            "routes": [
                {
                    "name": "one",
                    "match": {
                        "path_separated_prefix": "/a",
                        "case_sensitive": False,
                        "headers": [{"name": "h", "range_match": {"start": 1, "end": 5}, "invert_match": True}],
                        "query_parameters": [{"name": "q", "string_match": {"safe_regex": {"regex": "a+"}}}],
                        "runtime_fraction": {
                            "default_value": {"numerator": 5, "denominator": "MILLION"},
                            "runtime_key": "k",
                        },
                        "dynamic_metadata": [
                            {
                                "filter": "f",
                                "path": [{"key": "k"}],
                                "value": {"list_match": {"one_of": {"double_match": {"range": {"start": 1.5}}}}},
                            }
                        ],
                        "grpc": {},
                        "tls_context": {"presented": True},
                    },
                    "route": {
                        "weighted_clusters": {
                            "clusters": [
                                {"name": "c1", "weight": 1, "host_rewrite_literal": "h"},
                                {"cluster_header": "x-c", "weight": 2, "request_headers_to_remove": ["b"]},
                            ],
                            "header_name": "x-random",
                        },
                        "regex_rewrite": {"pattern": {"regex": "a", "google_re2": {}}, "substitution": "b"},
                        "host_rewrite_header": "x-h",
                        "timeout": "1.5s",
                        "retry_policy": {"retry_on": "5xx"},
                        "hash_policy": [{"header": {"header_name": "h"}, "terminal": True}],
                        "request_mirror_policies": [{"cluster": "m"}],
                    },
                    "typed_per_filter_config": {},
                    "metadata": {"filter_metadata": {"a": {"b": [1, None]}}},
                },
                {"match": {"path": "/b"}, "redirect": {"host_redirect": "h", "response_code": "FOUND"}},
                {"match": {"prefix": ""}, "direct_response": {"status": 204, "body": {"inline_string": "x"}}},
            ],
        }
    ],
}


def _spoiled(rng: random.Random) -> dict[str, Any]:
    """The rich configuration with one to three places removed, exchanged or renamed."""
    spoiled = copy.deepcopy(RICH)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(_places(spoiled)))
        action = rng.random()
        if action < 0.4:
            del holder[key]
        elif action < 0.9:
            holder[key] = rng.choice([None, "", "1", "a", 0, 1.5, -1, True, [], {}, ["a"], {"value": 1}, [[]]])
        elif isinstance(holder, dict):
            holder[rng.choice(["name", "prefix", "headers", "nonsense"])] = holder.pop(key)
    return spoiled


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def test_what_canarysim_refuses_envoy_refuses(envoy: Version) -> None:
    rng = random.Random(5)
    mappings = [RICH, *(_spoiled(rng) for _ in range(119))]
    verdicts = taken(envoy, _texts(mappings), ".json")
    refused = [bool(_problems({**mapping, "name": "r"}, envoy)) for mapping in mappings]
    assert verdicts[0] is not None
    assert not refused[0]
    both = 0
    for mapping, ours, dump in zip(mappings, refused, verdicts, strict=True):
        assert dump is None or not ours, (mapping, _problems(mapping, envoy))
        both += ours and dump is None
    assert both > 30
