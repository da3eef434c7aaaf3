"""Reading Envoy's configuration, as far as it takes no Envoy to judge; see tests/envoy for the rest."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarysim.errors import InvalidValue
from canarysim.manifests.document import (
    ENVOY_JSON,
    ENVOY_YAML,
    MAX_DEPTH,
    Mapping,
    Node,
    Scalar,
    Sequence,
    from_python,
    read_documents,
)
from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.filters import filter_use, override_uses
from canarysim.manifests.envoy.find import RouteSource, find_route_configurations, is_envoy
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.manifests.envoy.scalars import to_python
from canarysim.manifests.fields import Effect, Record
from canarysim.problems import Problem, Severity


def read(text: str, envoy: str = "1.40") -> tuple[Record | None, list[Problem]]:
    (document,), problems = read_documents(text, "e.yaml", ENVOY_YAML)
    reader = EnvoyReader("e.yaml", envoy=envoy)
    record = reader.message(ROUTE_CONFIGURATION, document, "")
    return record, problems + reader.problems


def only(text: str, envoy: str = "1.40") -> Problem:
    _, (problem,) = read(text, envoy)
    return problem


def route(text: str) -> str:
    return f"virtual_hosts:\n- name: v\n  domains: [x]\n  routes:\n  - {text}\n"


# Text and trees.


def test_the_last_of_two_equal_keys_wins_with_a_warning() -> None:
    record, (problem,) = read("name: a\nvirtual_hosts: []\nname: b\n")
    assert record is not None
    assert record["name"] == "b"
    assert (problem.code, problem.severity, problem.where.line) == ("duplicate_key", Severity.WARNING, 3)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('{"a": 1, "a": "b"}', Severity.WARNING),
        ('{"a": [1], "a": [2]}', Severity.ERROR),
        ('{"a": 1, "a": {}}', Severity.ERROR),
    ],
)
def test_equal_keys_in_json_are_refused_where_envoy_would_join_what_they_hold(
    text: str, severity: Severity
) -> None:
    _, (problem,) = read_documents(text, "e.json", ENVOY_JSON)
    assert (problem.code, problem.severity) == ("duplicate_key", severity)


def test_json_has_its_own_literals_only() -> None:
    _, problems = read_documents('{"a": yes, "b": [True, 01, 1.5e3, null]}', "e.json", ENVOY_JSON)
    assert [problem.code for problem in problems] == ["json_syntax"] * 3


def test_mappings_are_not_merged() -> None:
    problem = only("<<: {name: a}\n")
    assert (problem.code, problem.where.line) == ("unknown_field", 1)
    assert "merge" in problem.message


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | st.text("ab1~ytrue. é😀\n")
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab<", max_size=3), inner, max_size=3),
)


@given(JSON)
def test_a_python_value_makes_the_tree_of_its_json_text(value: object) -> None:
    tree = from_python({"k": value})
    (parsed,), problems = read_documents(json.dumps({"k": value}), "e.json", ENVOY_JSON)
    assert not problems
    assert shape(tree) == shape(parsed)
    assert to_python(tree, json=True) == {"k": value}
    assert (tree.line, tree.column) == (None, None)


def shape(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text, node.plain, node.size
    if isinstance(node, Sequence):
        return [shape(item) for item in node.items], node.size
    assert isinstance(node, Mapping)
    return {key: shape(inner) for key, (_, inner) in node.entries.items()}, node.size


def test_tuples_are_lists_and_what_is_not_finite_is_text() -> None:
    assert to_python(from_python((math.inf, -math.inf, math.nan)), json=True) == ["Infinity", "-Infinity", "NaN"]


def test_what_json_cannot_say_is_no_configuration() -> None:
    endless: list[object] = []
    endless.append(endless)
    for value, code in (({1: 2}, "bad_key"), ({"a": [b"b"]}, "bad_type"), (endless, "too_deep")):
        with pytest.raises(InvalidValue) as caught:
            from_python(value)
        assert caught.value.code == code
    deep: object = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    from_python(deep)


# Records and problems.


def test_a_problem_says_where_and_what_to_write() -> None:
    problem = only(route("{match: {prefix: /, headers: [{name: a, exactMatch: 1}]}, redirect: {}}"))
    assert problem.code == "wrong_type"
    assert problem.hint == 'quote it: "1"'
    assert problem.where.path == "virtual_hosts[0].routes[0].match.headers[0].exactMatch"
    assert (problem.where.line, problem.where.column) == (5, 57)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("virtualhosts: []", "did you mean virtual_hosts?"),
        ("virtual_host: []", "did you mean virtual_hosts?"),
        ("VirtualHosts: []", "did you mean virtual_hosts?"),
        (route("{match: {prefix: /}, route: {cluster: c, weight: 5}}"), "RouteAction has cluster, cluster_header"),
        (route("{match: {prefix: /}, route: {clusters: []}}"), "did you mean cluster?"),
    ],
)
def test_an_unknown_field_is_told_what_it_may_be(text: str, hint: str) -> None:
    problem = only(text)
    assert problem.code == "unknown_field"
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    "text",
    [
        "vhost_header: a",
        "route_specifiers: []",
        route("{match: {prefix: /, cookies: []}, redirect: {}}"),
        route("{match: {prefix: /}, redirect: {pathRewrite: a}}"),
        route("{match: {prefix: /}, route: {cluster: c, hostRewrite: a}}"),
        route("{match: {prefix: /}, direct_response: {status: 200, bodyFormat: {}}}"),
    ],
)
def test_fields_of_1_40_are_unknown_to_1_36(text: str) -> None:
    assert not read(text)[1]
    problem = only(text, "1.36")
    assert problem.code == "unknown_field"
    assert "1.40" in problem.hint


def test_both_spellings_of_a_field_are_refused() -> None:
    problem = only("virtual_hosts: []\nvirtualHosts: []\n")
    assert (problem.code, problem.where.line) == ("both_spellings", 2)


def test_every_problem_is_found() -> None:
    _, problems = read(
        "nam: a\nvirtual_hosts:\n- domains: [a, 1]\n  routes:\n"
        "  - {match: {}, redirect: {port_redirect: x}}\n  - {}\n"
    )
    assert [(problem.code, problem.where.line) for problem in problems] == [
        ("unknown_field", 1),
        ("wrong_type", 3),
        ("missing_choice", 5),
        ("wrong_type", 5),
        ("missing_field", 6),
        ("missing_choice", 6),
        ("missing_field", 3),
    ]


def test_what_may_be_misspelt_is_not_said_to_be_missing() -> None:
    assert only(route("{mach: {prefix: /}, redirect: {}}")).code == "unknown_field"


def test_values_are_python_values_by_the_name_of_the_definition() -> None:
    text = route("{match: {prefix: /, caseSensitive: n}, route: {cluster: c, timeout: {seconds: 1, nanos: 5}}}")
    record, problems = read(text)
    assert not problems
    assert record is not None
    (one,) = record["virtual_hosts"][0]["routes"]
    assert one["match"]["case_sensitive"] is False
    assert one["route"]["timeout"] == 1_000_000_005
    assert one["match"].where("case_sensitive").line == 5


# Finding route configurations.

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTES = "{name: r, virtual_hosts: []}"
MANAGER = f'{{"@type": {HCM}, nonsense: 1, route_config: {ROUTES}, normalizePath: y}}'
CHAIN = (
    f"{{filters: [{{name: tcp, typed_config: {{'@type': x/y.Z, a: 1}}}}, {{name: h, typed_config: {MANAGER}}}]}}"
)


def find(text: str) -> list[RouteSource]:
    (document,), problems = read_documents(text, "e.yaml", ENVOY_YAML)
    reader = EnvoyReader("e.yaml")
    assert is_envoy(document)
    found = find_route_configurations(reader, document)
    assert not problems
    assert not reader.problems
    return found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (ROUTES, ""),
        ('resources: [{"@type": t/envoy.config.route.v3.RouteConfiguration, name: r}]', "resources[0]"),
        (f"stat_prefix: s\nnormalize_path: false\nroute_config: {ROUTES}", "route_config"),
        (f"filter_chains: [{CHAIN}]", "filter_chains[0].filters[1].typed_config.route_config"),
        (f"defaultFilterChain: {CHAIN}", "defaultFilterChain.filters[1].typed_config.route_config"),
        (f"api_listener: {{api_listener: {MANAGER}}}", "api_listener.api_listener.route_config"),
        (
            f"node: {{id: 1}}\nstatic_resources: {{listeners: [{{filter_chains: [{CHAIN}]}}]}}",
            "static_resources.listeners[0].filter_chains[0].filters[1].typed_config.route_config",
        ),
    ],
)
def test_a_route_configuration_is_found_wherever_it_stands(text: str, path: str) -> None:
    (source,) = find(text)
    assert (source.name, source.path) == ("r", path)
    manager = source.setting.manager
    assert (manager is not None and manager.get("normalize_path")) is ("typed_config" in path or "api" in path)


def test_one_route_configuration_is_found_for_each_manager_that_runs_it() -> None:
    listeners = "\n".join(
        f"- '@type': t/envoy.config.listener.v3.Listener\n"
        f"  name: {name}\n"
        f"  filter_chains: [{{filters: [{{typed_config: {{'@type': {HCM}, rds: {{route_config_name: r}}}}}}]}}]"
        for name in ("one", "two")
    )
    found = find(f"resources:\n{listeners}\n- {{'@type': t/envoy.config.route.v3.RouteConfiguration, name: r}}\n")
    assert [(source.setting.listener, source.name, source.fetched) for source in found] == [
        ("one", "r", True),
        ("two", "r", True),
    ]


@pytest.mark.parametrize(
    ("dynamic", "clusters"), [("", {"a", "b"}), ("dynamic_resources: {cds_config: {}}", None)]
)
def test_the_clusters_are_known_unless_others_may_come(dynamic: str, clusters: set[str] | None) -> None:
    listeners = f"listeners: [{{filter_chains: [{CHAIN}]}}]"
    text = f"{dynamic}\nstatic_resources: {{{listeners}, clusters: [{{name: a}}, {{name: b}}]}}"
    (source,) = find(text)
    assert source.clusters == clusters


def test_layers_of_the_runtime_are_joined() -> None:
    layers = (
        "[{static_layer: {a: {b: 1}, c: yes}}, {static_layer: {a.b: 2, f: {numerator: 1}}}, {admin_layer: {}}]"
    )
    text = (
        f"layered_runtime: {{layers: {layers}}}\nstatic_resources: {{listeners: [{{filter_chains: [{CHAIN}]}}]}}"
    )
    (source,) = find(text)
    assert source.runtime == {"a.b": 2, "c": True, "f": {"numerator": 1}}
    assert not source.runtime_open
    (source,) = find(text.replace("admin_layer", "rtds_layer"))
    assert source.runtime_open


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: List\nvirtual_hosts: []",
        "kind: ConfigMap\nstatic_resources: {}",
        "resources: [a.yaml]",
        "spec: {virtualHost: {}}",
        "[1]",
        "name: a",
    ],
)
def test_other_documents_are_not_envoys(text: str) -> None:
    (document,), _ = read_documents(text, "e.yaml")
    assert not is_envoy(document)


# Filters.

FAULT = "t/envoy.extensions.filters.http.fault.v3.HTTPFault"


@pytest.mark.parametrize(
    ("settings", "effect", "parts"),
    [
        (f"{{'@type': {FAULT}, abort: {{http_status: 503}}}}", Effect.SIMULATED, ()),
        (f"{{'@type': {FAULT}, delay: {{fixed_delay: 1s}}}}", Effect.SIMULATED, ()),
        ("{'@type': t/envoy.extensions.filters.http.cors.v3.CorsPolicy}", Effect.INERT, ()),
        ("{'@type': t/envoy.extensions.filters.http.lua.v3.LuaPerRoute}", Effect.UNSIMULATED, ()),
        ("{'@type': t/some.other.Filter}", Effect.UNSIMULATED, ()),
        (
            "{'@type': t/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute}",
            Effect.UNSIMULATED,
            ("request_headers",),
        ),
        ("{'@type': t/envoy.config.route.v3.FilterConfig, disabled: true, config: {}}", Effect.INERT, ()),
        (
            f"{{'@type': t/envoy.config.route.v3.FilterConfig, config: {{'@type': {FAULT}, abort: {{}}}}}}",
            Effect.SIMULATED,
            (),
        ),
    ],
)
def test_what_the_settings_of_a_filter_leave_open(settings: str, effect: Effect, parts: tuple[str, ...]) -> None:
    record, problems = read(f"typed_per_filter_config: {{f: {settings}}}")
    assert not problems
    assert record is not None
    (use,) = override_uses(record["typed_per_filter_config"])
    assert (use.name, use.effect, use.parts) == ("f", effect, parts)
    assert use == filter_use("f", record["typed_per_filter_config"]["f"])


def test_settings_of_a_filter_have_a_type() -> None:
    assert only("typed_per_filter_config: {f: {a: 1}}").code == "missing_field"


# The package.


def test_reading_a_configuration_imports_no_export() -> None:
    program = (
        "import sys, canarysim.manifests.envoy.find, canarysim.manifests.envoy as e;"
        "assert 'canarysim.manifests.envoy.export' not in sys.modules;"
        "import canarysim; assert e.to_envoy is canarysim.to_envoy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
