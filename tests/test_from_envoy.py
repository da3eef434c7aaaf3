"""Envoy's own configuration from files, text and Python values, and what stands around its routes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import canarysim as cs

from .envoy_cases import first, table

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def manager(**fields: Any) -> dict[str, Any]:
    return {"name": "http", "typed_config": {"@type": HCM, "stat_prefix": "s", **fields}}


def listener(name: str, *managers: dict[str, Any], port: int = 80) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},  # noqa: S104 - nothing listens
        "filter_chains": [{"filters": [each]} for each in managers],
    }


def bootstrap(*listeners: dict[str, Any], **more: Any) -> dict[str, Any]:
    clusters = [{"name": "r0"}, {"name": "r1"}]
    return {"static_resources": {"listeners": list(listeners), "clusters": clusters}, **more}


def codes(problems: tuple[cs.Problem, ...]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_bootstrap_makes_a_table_for_each_listener_with_its_settings(tmp_path: Path) -> None:
    mapping = bootstrap(
        listener("plain", manager(route_config=table({"prefix": "/"}), normalize_path=True)),
        listener("other", manager(route_config=table({"prefix": "/"}), merge_slashes=True), port=81),
        layered_runtime={"layers": [{"name": "a", "static_layer": {"k": 7}}]},
    )
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(mapping))
    tables = cs.load_all(file)
    assert {name: (t.http.normalize_path, t.http.merge_slashes, t.http.port) for name, t in tables.items()} == {
        "plain": (True, False, 80),
        "other": (False, True, 81),
    }
    assert tables["plain"].clusters == frozenset(["r0", "r1"])
    assert tables["plain"].runtime.get("k") == 7
    assert tables["plain"].envoy == "1.40"
    with pytest.raises(cs.SeveralTables):
        cs.from_envoy(mapping)
    assert cs.from_envoy(mapping, table="other").http.merge_slashes
    with pytest.raises(cs.UnknownName, match="other"):
        cs.from_envoy(mapping, table="othr")


def test_yaml_has_envoys_own_typing_and_lines() -> None:
    text = "virtual_hosts:\n- name: h\n  domains: x\n  routes:\n  - match: {prefix: /}\n    route: {cluster: 12}\n"
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(text)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where.line, problem.where.column) == ("wrong_type", 6, 22)
    assert cs.loads(text.replace("12", "1.5")).destinations[0].cluster == "1.5"


def test_gloo_and_envoy_may_stand_in_one_folder(tmp_path: Path) -> None:
    gloo = (
        "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: s}\nspec: {virtualHost: {routes: "
    )
    (tmp_path / "vs.yaml").write_text(gloo + "[{routeAction: {single: {upstream: {name: v1}}}}]}}\n")
    (tmp_path / "envoy.yaml").write_text(json.dumps(table({"prefix": "/"})))
    tables = cs.load_all(tmp_path)
    assert {name: t.envoy for name, t in tables.items()} == {"t": "1.40", "gateway-proxy": "1.36"}
    assert [t.envoy for t in cs.load_all(tmp_path, envoy="1.36").values()] == ["1.36"] * 2


def test_tables_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(table({"prefix": "/"})))
    assert list(cs.load_all(tmp_path)) == ["t", "t #2"]


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        (bootstrap(listener("l", manager(rds={"route_config_name": "gone"}))), "routes_not_given"),
        (bootstrap(listener("l", manager(scoped_routes={"name": "s"}))), "not_simulated"),
    ],
)
def test_routes_that_are_not_in_the_input_are_told(mapping: dict[str, Any], code: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(json.dumps(mapping))
    assert sorted(codes(caught.value.problems)) == sorted([code, "no_routes"])
    mapping["static_resources"]["listeners"].append(listener("m", manager(route_config=table({"prefix": "/"}))))
    assert code in codes(cs.loads(json.dumps(mapping)).problems)


def test_a_field_around_the_routes_that_is_nearly_one_of_ours_is_told() -> None:
    mapping = bootstrap(listener("l", manager(route_config=table({"prefix": "/"}), normalise_path=True)))
    (problem,) = cs.loads(json.dumps(mapping)).problems
    assert (problem.code, problem.hint) == ("misspelt_field", "did you mean normalize_path?")


def test_a_setting_that_cannot_be_is_refused_with_its_place() -> None:
    both = {"strip_any_host_port": True, "strip_matching_host_port": True}
    mapping = bootstrap(listener("l", manager(route_config=table({"prefix": "/"}), **both)))
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(json.dumps(mapping))
    (problem,) = caught.value.problems
    assert problem.code == "bad_http_settings"
    assert problem.where.line == 1
    assert "typed_config" in problem.where.path


def http_filter(kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": "f", "typed_config": {"@type": f"type.googleapis.com/{kind}", **fields}}


@pytest.mark.parametrize(
    ("settings", "unknown"),
    [
        (http_filter("envoy.extensions.filters.http.router.v3.Router"), False),
        (http_filter("envoy.extensions.filters.http.lua.v3.Lua"), True),
        (http_filter("envoy.extensions.filters.http.fault.v3.HTTPFault", delay={}), False),
        (http_filter("envoy.extensions.filters.http.fault.v3.HTTPFault", abort={}), True),
        (http_filter("udpa.type.v1.TypedStruct", type_url="type.googleapis.com/stats.PluginConfig"), False),
        (http_filter("udpa.type.v1.TypedStruct", type_url="type.googleapis.com/who.Knows"), True),
    ],
)
def test_a_filter_that_may_route_anew_leaves_decisions_open(settings: dict[str, Any], unknown: bool) -> None:
    mapping = bootstrap(listener("l", manager(route_config=table({"prefix": "/"}), http_filters=[settings])))
    loaded = cs.from_envoy(mapping)
    assert (loaded.route("GET /").kind == "unknown") is unknown
    assert bool(loaded.unknown) is unknown
    if unknown:
        with pytest.raises(cs.NotExportable):
            cs.to_envoy(loaded)


def test_a_runtime_that_is_not_in_the_input_is_told() -> None:
    fraction = {"default_value": {"numerator": 5}, "runtime_key": "k"}
    configuration = first({"runtime_fraction": fraction})
    assert codes(cs.from_envoy(configuration).problems) == ["runtime_default"]
    loaded = cs.from_envoy(configuration, runtime={"k": 30})
    assert loaded.problems == ()
    assert {d.cluster: share for d, share in loaded.shares("GET /")} == {
        "r0": Fraction(3, 10),
        "r1": Fraction(7, 10),
    }


def test_a_fraction_is_shown_wherever_its_route_is() -> None:
    configuration = first({"runtime_fraction": {"default_value": {"numerator": 30}}}, prefix="/cart")
    configuration["virtual_hosts"][0]["routes"][0]["match"].pop("name", None)
    loaded = cs.from_envoy(configuration)
    words = "random value modulo 100 is below 30"
    assert words in str(loaded)
    assert words in loaded._repr_html_()
    explanation = cs.explain(loaded, "GET /cart")
    assert "takes 30 %" in str(explanation)
    assert "takes the rest" in str(explanation)
    assert "takes 30 %" in explanation._repr_html_()
    assert [share.share for _, share in explanation.shared] == [Fraction(3, 10)]
    missed = cs.explain(loaded, "GET /cart", random_value=31)
    assert missed.winner is loaded.routes[1]
    assert missed.steps[0].saw == "31 modulo 100"
    hit = cs.explain(loaded, "GET /cart", random_value=129)
    assert hit.winner is loaded.routes[0]
    with pytest.raises(cs.RandomValueNeeded) as needed:
        loaded.route("GET /cart")
    assert [(d.cluster, share) for d, share in needed.value.shares] == [
        ("r0", Fraction(3, 10)),
        ("r1", Fraction(7, 10)),
    ]


def test_copies_are_an_extra_load_that_no_share_counts() -> None:
    configuration = table({"prefix": "/"})
    half = {"default_value": {"numerator": 50}}
    configuration["virtual_hosts"][0]["routes"][0]["route"]["request_mirror_policies"] = [
        {"cluster": "shadow", "runtime_fraction": half}
    ]
    loaded = cs.from_envoy(configuration)
    preview = cs.preview(loaded, "GET /")
    assert [(o.decision.mirrors, o.share) for o in preview] == [(None, Fraction(1))]
    assert preview.mirrored == {"shadow": Fraction(1, 2)}
    assert "counted apart: shadow 50 %" in " ".join(str(preview).split())
    assert [(decision.mirrors, share) for decision, share in loaded.shares("GET /")] == [
        (("shadow",), Fraction(1, 2)),
        ((), Fraction(1, 2)),
    ]
    assert "50 % are copied to shadow" in str(loaded)
    assert loaded.routes_to("shadow") == loaded.routes
    simulation = cs.simulate(loaded, {"GET /": 1.0}, n=1000, rng=1)
    assert sum(simulation.counts(by="cluster").values()) == 1000
    assert len(simulation.outcomes) == 2


def test_routes_without_names_are_called_by_their_numbers() -> None:
    configuration = table({"prefix": "/a"}, {"prefix": "/"})
    for route in configuration["virtual_hosts"][0]["routes"]:
        del route["name"]
    loaded = cs.from_envoy(configuration)
    assert "route 1" in str(cs.preview(loaded, "GET /"))
    assert "route 1" in str(cs.simulate(loaded, {"GET /": 1.0}, n=10, rng=1))


def test_text_stands_for_a_request_everywhere() -> None:
    loaded = cs.from_envoy(table({"prefix": "/"}))
    assert loaded.route("GET /x").path == "/x"
    with pytest.raises(TypeError, match="a request is"):
        loaded.route(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="mapping"):
        cs.from_envoy(table({"prefix": "/"}), runtime=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"as in \['[a-z]+'\]"):
        cs.RouteTable([], clusters="abc")


def test_a_request_carries_what_only_some_routes_ask_for() -> None:
    asked = cs.Request(
        "/", metadata={"f": {"k": ["a", 1]}}, certificate="validated", address="10.0.0.1", internal=True
    )
    assert asked.metadata == {"f": {"k": ["a", 1]}}
    assert asked == cs.Request(
        "/", metadata={"f": {"k": ["a", 1]}}, certificate="validated", address="10.0.0.1", internal=True
    )
    assert asked != cs.Request("/")
    assert hash(asked) != hash(cs.Request("/"))
    assert "certificate='validated'" in repr(asked)
    condition = {
        "filter": "f",
        "path": [{"key": "k"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": "a"}}}},
    }
    loaded = cs.from_envoy(first({"dynamic_metadata": [condition], "tls_context": {"validated": True}}))
    assert loaded.route(asked).cluster == "r0"
    assert loaded.route(cs.Request("/", metadata={"f": {"k": ["a"]}})).cluster == "r1"
    assert loaded.route(cs.Request("/", certificate="validated")).cluster == "r1"
    for wrong in ({"metadata": {"f": object()}}, {"certificate": "yes"}):
        with pytest.raises(cs.InvalidValue):
            cs.Request("/", **wrong)


def test_an_answer_has_the_headers_that_the_configuration_gives_it() -> None:
    configuration = table({"prefix": "/"})
    route = configuration["virtual_hosts"][0]["routes"][0]
    del route["route"]
    route |= {
        "direct_response": {"status": 200, "body": {"inline_string": "hello"}},
        "response_headers_to_add": [{"header": {"key": "X-A", "value": "%REQ(x-b)%"}}],
    }
    decision = cs.from_envoy(configuration).route("GET / x-b:c")
    assert decision.response_headers == (("x-a", "c"), ("content-length", "5"), ("content-type", "text/plain"))
    assert cs.from_envoy(table({"prefix": "/"})).route("GET /").response_headers is None


def test_a_header_that_only_a_running_envoy_knows_opens_the_headers_and_nothing_else() -> None:
    configuration = table({"prefix": "/"})
    route = configuration["virtual_hosts"][0]["routes"][0]
    route["request_headers_to_add"] = [{"header": {"key": "x-a", "value": "%START_TIME%"}}]
    decision = cs.from_envoy(configuration).route("GET /")
    assert (decision.kind, decision.cluster, decision.path) == ("forward", "r0", "/")
    assert decision.request_headers is None
    assert decision.open_parts == ("request_headers",)
    assert "START_TIME" in decision.unknown[0].message
    assert cs.to_envoy(cs.from_envoy(configuration))["virtual_hosts"][0]["routes"][0]["request_headers_to_add"]


def test_a_host_made_of_a_header_that_is_open_is_open_too() -> None:
    configuration = table({"prefix": "/"})
    route = configuration["virtual_hosts"][0]["routes"][0]
    route["request_headers_to_add"] = [{"header": {"key": "x-a", "value": "%START_TIME%"}}]
    route["route"]["host_rewrite_header"] = "x-a"
    route["route"]["request_mirror_policies"] = [{"cluster_header": ":authority"}]
    decision = cs.from_envoy(configuration).route("GET /")
    assert (decision.cluster, decision.authority, decision.mirrors) == ("r0", None, None)


def test_a_long_body_is_taken_where_the_table_allows_it_and_exported_so() -> None:
    configuration = table({"prefix": "/"})
    host = configuration["virtual_hosts"][0]
    host["routes"][0] = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "x" * 5000}},
    }
    with pytest.raises(cs.ManifestError):
        cs.from_envoy(configuration)
    routes = cs.from_envoy({**configuration, "max_direct_response_body_size_bytes": 5000})
    exported = cs.to_envoy(routes)
    assert exported["max_direct_response_body_size_bytes"] == 5000
    assert cs.from_envoy(exported) == routes


def test_no_cluster_is_called_by_what_is_no_utf_8() -> None:
    configuration = table({"prefix": "/"})
    route = configuration["virtual_hosts"][0]["routes"][0]
    route["route"] = {"cluster": "c", "request_mirror_policies": [{"cluster_header": "x-b"}]}
    configuration["virtual_hosts"][0]["routes"].insert(
        0, {"match": {"prefix": "/named"}, "route": {"cluster_header": "x-b"}}
    )
    whole, half = {"x-b": "\u00e9"}, {"x-b": "\udcc3"}
    routes = cs.from_envoy(configuration)
    assert routes.route(cs.Request("/", headers=whole)).mirrors == ("\u00e9",)
    assert routes.route(cs.Request("/", headers=half)).mirrors == ()
    assert routes.route(cs.Request("/named", headers=whole)).cluster == "\u00e9"
    assert routes.route(cs.Request("/named", headers=half)).kind == "cluster_not_found"


@pytest.mark.parametrize(
    ("given", "shown"),
    [("virtual_hosts: []", "'virtual_hosts: []'"), ([], "a list"), ("x" * 999, "'" + "x" * 59 + "'...")],
)
def test_what_is_no_mapping_is_refused_with_what_reads_text(given: Any, shown: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.from_envoy(given)
    (problem,) = caught.value.problems
    assert problem.message == f"a RouteConfiguration must be a mapping, not {shown}"
    assert problem.hint == "canarysim.load reads files, canarysim.loads text"


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"http": {"merge_slashes": True}}, TypeError, "http is HttpSettings"),
        ({"clusters": "v1"}, TypeError, r"as in \['v1'\], not one text"),
        ({"runtime": ["a"]}, TypeError, "a runtime is a mapping"),
        ({"scheme": "ftp"}, cs.ManifestError, "a listener has http or https"),
        ({"envoy": "1.35"}, cs.InvalidValue, "known are 1.36 and 1.40"),
        ({"table": 3}, cs.UnknownName, "no route table is called '3'"),
    ],
)
def test_wrong_arguments_are_refused_by_name(given: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        cs.from_envoy(first({}), **given)


def test_one_text_is_no_list() -> None:
    with pytest.raises(TypeError, match="not one text"):
        cs.HttpSettings(upgrades="websocket")
