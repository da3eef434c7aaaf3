"""What a failure says to look at: the line that was broken, and nothing that would mislead."""

from __future__ import annotations

from pathlib import Path

import pytest

import canarysim as cs
from canarysim.testing.diagnosis import diagnose
from canarysim.testing.expectations import Check, Destined, Expectation, Mirrored, OfKind
from canarysim.testing.judge import judge
from canarysim.testing.shares import Bounds, as_share

COALMINE = (Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml").read_text()
V1, V2 = "default-petstore-v1-8080", "default-petstore-v2-8080"
HALF = "path begins with '/half', random value modulo 100"
ENVOY = """\
virtual_hosts:
- name: secure
  domains: [s.example]
  require_tls: ALL
  routes:
  - match: {prefix: /}
    route: {cluster: a}
- name: all
  domains: ["*"]
  routes:
  - match: {prefix: /hdr}
    route: {cluster_header: x-to}
  - match: {prefix: /pick}
    route: {weighted_clusters: {header_name: x-pick, clusters: [{name: p, weight: 1}, {name: q, weight: 3}]}}
  - match: {prefix: /half, runtime_fraction: {default_value: {numerator: 30}}}
    route: {cluster: some}
  - match: {prefix: /half, runtime_fraction: {default_value: {numerator: 20}}}
    route: {cluster: never}
  - match: {prefix: /half}
    route: {cluster: rest}
  - match: {prefix: /a}
    route: {cluster: a}
  - match: {prefix: /b}
    route: {cluster: a}
"""


def clues(
    table: cs.RouteTable, request: str, *checks: Check, share: str | None = None, value: int | None = None
) -> list[tuple[str, int | None]]:
    wanted = None if share is None else Bounds(as_share(share), as_share(share))
    expectation = Expectation(checks, wanted).resolved(table)
    verdict = judge(table, cs.Request.parse(request), [expectation], random_value=value)
    assert not verdict.holds
    diagnosis = diagnose(verdict)
    assert str(diagnosis.explanation)
    [found] = diagnosis.clues
    return [(clue.text, clue.where.line) for clue in found]


def broken(old: str, new: str) -> cs.RouteTable:
    assert old in COALMINE
    return cs.loads(COALMINE.replace(old, new, 1))


def to(cluster: str, **labels: str) -> Destined:
    return Destined({"cluster": cluster, **labels})


# Gloo


def test_a_wrong_upstream_is_not_blamed_on_another_route() -> None:
    v1 = f"            name: {V1}\n            namespace: gloo-system\n          destinationSpec:"
    table = broken(v1, v1.replace("v1", "v2"))
    assert clues(table, "GET /findPets", to(V1)) == [
        ("route 2 (path begins with '/findPets') takes the request", 56)
    ]


def test_a_route_that_is_gone_is_not_blamed_on_another() -> None:
    begin, end = COALMINE.index("    - matchers:\n      - prefix: /findPetW"), COALMINE.rindex("    - matchers:\n")
    end = COALMINE.rindex("    - matchers:\n", 0, end)
    table = cs.loads(COALMINE[:begin] + COALMINE[end:])
    assert clues(table, "GET /findPetWithId/1", to(V1), share="90%") == [
        ("2 routes lead there, of which none comes near", None)
    ]


def test_a_misspelt_prefix_is_named_though_a_catch_all_takes_the_request() -> None:
    catch_all = "    - routeAction: {single: {upstream: {name: other, namespace: gloo-system}}}\n"
    text = COALMINE.replace("prefix: /petstore", "prefix: /pestore").replace(
        "functionName: findPets", "functionName: f"
    )
    assert clues(cs.loads(text + catch_all), "GET /petstore/7", to(V1))[0] == (
        "route 3 (path begins with '/pestore') leads there, but refuses: path is '/petstore/7'",
        67,
    )


def test_one_route_far_away_stands_behind_the_one_that_takes_the_request() -> None:
    table = broken("prefix: /findPets\n        headers", "prefix: /dogs\n        headers")
    assert clues(table, "GET /findPets x-canary:true", to(V2, function="findPets")) == [
        ("route 2 (path begins with '/findPets') takes the request", 56),
        (
            (
                "route 0 (path begins with '/dogs', header x-canary matches regex 'true') leads there, but "
                "refuses: path is '/findPets'"
            ),
            14,
        ),
    ]


def test_a_condition_other_than_the_path_is_named() -> None:
    table = broken("- name: x-canary", "- name: x-canaries")
    assert clues(table, "GET /findPets x-canary:true", to(V2))[0] == (
        (
            "route 0 (path begins with '/findPets', header x-canaries matches regex 'true') leads there, but "
            "refuses: header x-canaries is missing"
        ),
        14,
    )


def test_a_fault_is_named_before_the_weights() -> None:
    fault = "      options: {faults: {abort: {percentage: 50, httpStatus: 500}}}\n"
    begin = COALMINE.index("    - matchers:\n      - prefix: /findPets\n      routeAction")
    table = cs.loads(COALMINE[:begin] + fault + COALMINE[begin:])
    assert clues(table, "GET /findPetWithId/1", to(V2), share="10%") == [
        ("a fault aborts 50 % of these requests", 55),
        (f"{V2}_gloo-system (findPetById) has weight 10 of 100", 33),
    ]
    assert clues(table, "GET /findPetWithId/1", to(V2, function="findPetById"), value=3) == [
        ("a fault aborts 50 % of these requests", 55),
        (f"{V2}_gloo-system (findPetById) has weight 10 of 100", 33),
    ]


def test_a_bare_share_says_which_route_it_is_about() -> None:
    assert clues(cs.loads(COALMINE), "GET /petstore/7", to(V1), share="90%") == [
        ("route 3 (path begins with '/petstore') takes the request", 67)
    ]
    table = broken("- '*'", "- shop.example")
    for request, named in (
        ("GET http://shop.exmaple/", "host 'shop.exmaple'"),
        ("GET /", "a request without a host"),
    ):
        assert clues(table, request, to(V1), share="90%") == [(f"no virtual host takes {named}", None)]


# Envoy


@pytest.mark.parametrize(
    ("request_", "check", "value", "said"),
    [
        ("GET http://s.example/", to("a"), None, [("virtual host secure takes https only", 2)]),
        ("GET /hdr x-to:some", to("rest"), None, [("header x-to names the cluster", 11)]),
        ("GET /hdr", to("rest"), None, [("header x-to names the cluster", 11)]),
        (
            "GET /pick x-pick:0",
            to("q"),
            None,
            [("q has weight 3 of 4", 14), ("header x-pick picks, and no random value", 13)],
        ),
        ("GET /pick", to("q"), 0, [("q has weight 3 of 4", 14)]),
        (
            "GET /a upgrade:websocket connection:upgrade",
            to("a"),
            None,
            [("route 5 (path begins with '/a') allows no upgrade to websocket", 21)],
        ),
        ("GET /none", OfKind(["forward"]), None, [("7 routes lead there, of which none comes near", None)]),
        ("CONNECT / host:x:443", to("a"), None, [("2 routes lead there, of which none comes near", None)]),
        (
            "GET /half",
            to("never"),
            None,
            [
                (f"route 3 ({HALF} is below 20) would lead there, and matches;", 17),
                (f"but route 2 ({HALF} is below 30) stands above it and takes the request", 15),
            ],
        ),
    ],
)
def test_what_stops_a_request(
    request_: str, check: Check, value: int | None, said: list[tuple[str, int | None]]
) -> None:
    assert clues(cs.loads(ENVOY), request_, check, value=value) == said


def test_weights_are_those_of_the_runtime() -> None:
    weights = {"runtime_key_prefix": "w", "clusters": [{"name": "p", "weight": 1}, {"name": "q", "weight": 3}]}
    routes = [{"match": {"prefix": "/"}, "route": {"weighted_clusters": weights}}]
    configuration = {"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": routes}]}
    table = cs.from_envoy(configuration, runtime={"w": {"p": 2}})
    assert clues(table, "GET /", to("p"), share="25%") == [("p has weight 2 of 5, by the runtime", None)]


def test_a_cluster_that_there_is_not() -> None:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "a"}}]
    configuration = {
        "virtual_hosts": [{"name": "h", "domains": ["*"], "routes": routes}],
        "validate_clusters": False,
    }
    table = cs.from_envoy(configuration, clusters=["b"])
    assert clues(table, "GET /", to("a")) == [
        ("route 0 (path begins with '/') sends to a cluster that there is not", None)
    ]


def test_copies_are_counted_and_weights_told_only_of_what_was_asked() -> None:
    weights = {"clusters": [{"name": "p", "weight": 1}, {"name": "q", "weight": 1}]}
    mirror = {"cluster": "m", "runtime_fraction": {"default_value": {"numerator": 30}}}
    routes = [
        {"match": {"prefix": "/"}, "route": {"weighted_clusters": weights, "request_mirror_policies": [mirror]}}
    ]
    table = cs.from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": routes}]})
    assert clues(table, "GET /", Mirrored(("m",))) == [
        ("m gets a copy of 30 %", None),
        ("an expectation without a share holds for every random value", None),
    ]
    assert clues(table, "GET /", to("p"), Mirrored(("m",)), share="50%") == [
        ("m gets a copy of 30 %", None),
        ("p has weight 1 of 2", None),
    ]
    assert clues(table, "GET /", OfKind(["forward"]), share="50%") == []
