"""Where versions and runtime guards differ: our switch is thrown, and so does Envoy's."""

from __future__ import annotations

from typing import Any

import pytest

import canarysim as cs

from .. import envoy_cases
from .judge import Version
from .parity import disagreements

HEADERS = [("x-a", "a"), ("x-a", "b")]

#: A guard, a table, and requests of which it decides at least one.
GUARDS: dict[str, tuple[dict[str, Any], list[cs.Request]]] = {
    "match_headers_individually": (
        envoy_cases.asks_header(string_match={"exact": "a,b"}),
        [cs.Request("/", authority="h", headers=HEADERS)],
    ),
    "re2_use_latin1_mode": (
        envoy_cases.asks_header(string_match={"safe_regex": {"regex": "."}}),
        [cs.Request("/", authority="h", headers={"x-a": "é"})],
    ),
    "strip_path_parameters_per_segment": (
        envoy_cases.without_parameters(path="/a"),
        [cs.Request(path, authority="h") for path in ("/a;x", "/a;x/b", "/a/b;x")],
    ),
    "enable_new_query_param_present_match_behavior": (
        envoy_cases.first({"query_parameters": [{"name": "a", "present_match": False}]}),
        [cs.Request(path, authority="h") for path in ("/", "/?a", "/?b")],
    ),
    "http_reject_path_with_fragment": (
        envoy_cases.path(path="/a"),
        [cs.Request(path, authority="h") for path in ("/a#b", "/a?b#c", "/#")],
    ),
}
#: Those that 1.36 does not know.
NEW = {"match_headers_individually", "re2_use_latin1_mode", "strip_path_parameters_per_segment"}


def decided(table: cs.RouteTable, requests: list[cs.Request]) -> list[object]:
    return [(table.route(request).kind, table.route(request).cluster) for request in requests]


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_changes_what_envoy_and_we_decide(guard: str, envoy: Version) -> None:
    configuration, requests = GUARDS[guard]
    plain = cs.from_envoy(configuration, envoy=envoy)
    off = cs.from_envoy(configuration, envoy=envoy, runtime={f"envoy.reloadable_features.{guard}": False})
    assert (decided(plain, requests) == decided(off, requests)) is (envoy == "1.36" and guard in NEW)
    questions = [(request, 0) for request in requests]
    assert disagreements(envoy, [plain, off], [questions, questions]) == []


@pytest.mark.parametrize("guard", sorted(NEW))
def test_the_versions_differ_as_the_guard_does(guard: str) -> None:
    configuration, requests = GUARDS[guard]
    older = cs.from_envoy(configuration, envoy="1.36")
    off = cs.from_envoy(configuration, runtime={f"envoy.reloadable_features.{guard}": "false"})
    assert decided(older, requests) == decided(off, requests)


#: What a runtime key may hold; whether the fraction is then 0, all, or the default.
VALUES = [
    *(0, 100, 250, "0", "100", "x", "", True, False, 1.5, 100.0, -1, 2**33),
    *({"numerator": 100}, {"numerator": 0}, {"numerator": 10_000, "denominator": "TEN_THOUSAND"}),
    *({"numerator": "100"}, {"numerator": 100, "denominator": "TENS"}),
]


def test_a_runtime_key_replaces_a_fraction_as_in_envoy(envoy: Version) -> None:
    tables = []
    for value in VALUES:
        for default in (0, 100):
            fraction = {"default_value": {"numerator": default}, "runtime_key": "a.b"}
            configuration = envoy_cases.first({"runtime_fraction": fraction})
            tables.append(cs.from_envoy(configuration, envoy=envoy, runtime={"a": {"b": value}}))
    questions = [[(cs.Request("/", authority="h"), 0)] for _ in tables]
    assert disagreements(envoy, tables, questions) == []


@pytest.mark.parametrize(
    "runtime",
    [
        {"w.a": 0},
        {"w.a": 7},
        {"w.a": "7"},
        {"w.a": "x"},
        {"w.a": 1.5},
        {"w.a": True},
        {"w.a": -1},
        {"w": {"a": 3, "b": 0}},
        {"w.a": 2**32 - 2},
    ],
)
def test_a_runtime_replaces_weights_as_in_envoy(runtime: dict[str, Any], envoy: Version) -> None:
    configuration = envoy_cases.first({})
    clusters = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    configuration["virtual_hosts"][0]["routes"][0]["route"] = {
        "weighted_clusters": {"clusters": clusters, "runtime_key_prefix": "w"}
    }
    table = cs.from_envoy(configuration, envoy=envoy, runtime=runtime)
    questions = [(cs.Request("/", authority="h"), value) for value in (0, 1, 2, 3, 6, 7, 8, 2**32 - 2, 2**32 - 1)]
    assert disagreements(envoy, [table], [questions]) == []
