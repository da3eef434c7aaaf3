"""The story of a canary in four steps, and of the days after: the manifests of the notebook and the README."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import canarysim as cs

MANIFESTS = Path(__file__).parent.parent / "notebooks" / "manifests"
STEPS = sorted(path.stem for path in (MANIFESTS / "today").glob("*.yaml"))
V1, V2 = "default-petstore-v1-8080_gloo-system", "default-petstore-v2-8080_gloo-system"


def step(name: str) -> cs.RouteTable:
    return cs.load(MANIFESTS / "today" / f"{name}.yaml")


@pytest.fixture
def table() -> cs.RouteTable:
    return cs.load(MANIFESTS / "coalmine.yaml")


def test_there_are_nine_steps_in_both_forms() -> None:
    assert len(STEPS) == 9
    assert sorted(path.stem for path in (MANIFESTS / "2019").glob("*.yaml")) == STEPS


@pytest.mark.parametrize("name", STEPS)
def test_the_form_of_2019_and_todays_give_the_same_table(name: str) -> None:
    old = (MANIFESTS / "2019" / f"{name}.yaml").read_text()
    assert "matcher:" in old
    assert "routePlugins:" in old
    assert cs.loads(old) == step(name)


@pytest.mark.parametrize(
    ("request_text", "cluster", "function"),
    [
        ("GET /findPets", V1, "findPets"),
        ("GET /findPets x-canary:true", V2, "findPets"),
        ("GET /findPets x-canary:truely", V1, "findPets"),
        ("GET /petstore", V1, None),
    ],
)
def test_the_header_canary(table: cs.RouteTable, request_text: str, cluster: str, function: str | None) -> None:
    decision = table.route(cs.Request.parse(request_text))
    assert (decision.cluster, decision.function) == (cluster, function)


def test_the_weighted_canary_gets_the_first_ten_of_a_hundred_random_values(table: cs.RouteTable) -> None:
    request = cs.Request("/findPetWithId/1")
    assert [table.route(request, value).cluster for value in range(100)] == [V2] * 10 + [V1] * 90
    with pytest.raises(cs.RandomValueNeeded) as caught:
        table.route(request)
    assert [(d.cluster, share) for d, share in caught.value.shares] == [
        (V2, Fraction(1, 10)),
        (V1, Fraction(9, 10)),
    ]
    for part in (V1, V2, "1/10", "9/10", "random_value"):
        assert part in str(caught.value)


def test_the_pet_store_is_rewritten(table: cs.RouteTable) -> None:
    decision = table.route(cs.Request("/petstore/7?full=1"))
    assert decision.path == "/api/pets/7?full=1"
    assert decision.request_headers == (("x-envoy-original-path", "/petstore/7?full=1"),)


def test_ones_mean_what_fifties_mean() -> None:
    text = (MANIFESTS / "today" / "3-weighted-50.yaml").read_text()
    ones = cs.loads(text.replace("weight: 50", "weight: 1"))
    shares = [o.share for o in cs.preview(ones, "GET /findPetWithId/1")]
    assert shares == [o.share for o in cs.preview(step("3-weighted-50"), "GET /findPetWithId/1")]
    assert shares == [Fraction(1, 2)] * 2


def test_a_header_pins_a_tester_above_the_canary() -> None:
    table = step("3-pinned")
    cs.assert_routes_to(table, "GET /findPetWithId/1 x-canary:true", cluster=V2)
    cs.assert_split(table, "GET /findPetWithId/1", {V2: "10%", V1: "90%"})


def test_the_end_names_version_1_only_until_the_cut_over() -> None:
    full, cut = step("4-full"), step("4-cut-over")
    cs.assert_routes_to(full, ["GET /findPetWithId/1", "GET /findPets", "GET /petstore"], cluster=V2)
    assert len(full.routes_to("default-petstore-v1-8080")) == 1
    assert cut.routes_to("default-petstore-v1-8080") == ()
    cs.assert_routes_to(cut, ["GET /findPetWithId/1", "GET /findPets", "GET /petstore"], cluster=V2)
    back = step("4-way-back")
    cs.assert_routes_to(back, ["GET /findPetWithId/1", "GET /findPets", "GET /petstore"], cluster=V1)


# The routes move out


FILES = {"coalmine": "teams/coalmine.yaml", "find": "teams/find.yaml", "canary": "teams/canary.yaml"}


def teams(*more: str, errors: str = "raise", **instead: str) -> cs.RouteTable:
    """The three files of the teams, some of them replaced, and further folders."""
    return cs.load(*(MANIFESTS / name for name in ({**FILES, **instead}).values()), *more, errors=errors)


def test_delegated_routes_go_where_they_went_before_the_move() -> None:
    before, after = step("3-weighted-10"), teams()
    for text in ("GET /findPetWithId/1", "GET /findPets", "GET /petstore/7", "GET /"):
        shares = [(o.cluster, o.function, o.share) for o in cs.preview(after, text)]
        assert shares == [(o.cluster, o.function, o.share) for o in cs.preview(before, text)]
    assert after == cs.load(MANIFESTS / "teams")


def test_the_way_of_a_delegated_route_is_shown() -> None:
    canary, pets, petstore = teams().routes
    assert [place.resource for place in canary.delegated_by] == [
        "VirtualService gloo-system/coalmine",
        "RouteTable pets/find",
    ]
    assert [place.line for place in canary.delegated_by] == [12, 9]
    assert [place.line for place in pets.delegated_by] == [12]
    assert petstore.delegated_by == ()
    lines = [line.split() for line in str(cs.explain(teams(), "GET /findPetWithId/1")).splitlines()]
    at = lines.index(["delegated", "by", "RouteTable", "pets/find", "find.yaml:9"])
    assert lines[at + 1] == ["delegated", "by", "VirtualService", "gloo-system/coalmine", "coalmine.yaml:12"]
    told = str(teams()).splitlines()
    assert told[4:6] == [
        "   VirtualService gloo-system/coalmine > RouteTable pets/find",
        "   > RouteTable pets/canary".ljust(69) + "find.yaml:9",
    ]


def test_a_route_that_was_not_handed_over_is_dropped() -> None:
    (problem,) = teams().problems
    assert (problem.code, problem.severity) == ("route_dropped", cs.Severity.WARNING)
    assert "'/adopt' does not begin with '/find'" in problem.message
    assert teams().route(cs.Request("/adopt")).outcome == "no route (404)"


def test_a_bad_day_is_that_of_all_that_begins_with_find() -> None:
    table = teams(coalmine="rehearsal/coalmine.yaml")
    found = [(o.kind, o.cluster, o.decision.mirrors, o.share) for o in cs.preview(table, "GET /findPets")]
    assert found == [
        ("forward", V2, None, Fraction(95, 100)),  # of which only some are copied
        ("fault_abort", None, (), Fraction(5, 100)),
    ]
    canary = cs.preview(table, "GET /findPetWithId/1")
    assert canary.share(cluster=V2) == Fraction(95, 1000)
    assert canary.share(cluster=V1) == Fraction(855, 1000)
    for preview in (cs.preview(table, "GET /findPets"), canary):
        assert preview.mirrored == {"default-petstore-v3-8080_gloo-system": Fraction(19, 100)}


# What version 2 is sent


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/findPetWithId/1", "GET /api/pets/1"),
        ("/findPetWithId/1?x=2", "GET /api/pets/"),  # no id: the whole path must match
        ("/findPetWithId/1/2", "GET /api/pets/"),
        ("/findPets", "GET /api/pets?tags=&limit="),
        ("/findPets?tags=cat", "GET /api/pets?tags=&limit="),
    ],
)
@pytest.mark.parametrize("version", ["v2", "v1"])
def test_a_function_makes_a_request_of_its_own(path: str, sent: str, version: str) -> None:
    table = cs.load(MANIFESTS / "today" / "3-weighted-10.yaml", MANIFESTS / "upstreams")
    decision = table.route(cs.Request(path), random_value=9 if version == "v2" else 10)
    assert str(decision.upstream_request) == sent
    assert decision.path == path


def test_a_request_without_a_function_is_sent_as_its_route_says() -> None:
    table = cs.load(MANIFESTS / "today" / "3-weighted-10.yaml", MANIFESTS / "upstreams")
    decision = table.route(cs.Request("/petstore/1"))
    assert (decision.upstream_request, decision.path) == (None, "/api/pets/1")
    assert step("3-weighted-10").route(cs.Request("/findPets")).upstream_request is None  # no Upstream at hand


# What if it is wrong?


def test_a_typo_costs_the_canary_alone() -> None:
    with pytest.raises(cs.ManifestError, match="did you mean weight"):
        teams(canary="broken/canary.yaml")
    table = teams(str(MANIFESTS / "upstreams"), canary="broken/canary.yaml", errors="apply")
    assert {"unknown_field", "not_stored", "missing_route_table"} <= {problem.code for problem in table.problems}
    outcomes = {path: table.route(cs.Request(path)) for path in ("/findPetWithId/1", "/findPets", "/petstore")}
    assert [d.cluster or d.status for d in outcomes.values()] == [404, V2, V1]


def test_a_delegating_route_without_a_prefix_costs_the_whole_virtual_host() -> None:
    with pytest.raises(cs.ManifestError, match="must have a prefix matcher"):
        teams(coalmine="broken/coalmine.yaml")
    table = teams(str(MANIFESTS / "upstreams"), coalmine="broken/coalmine.yaml", errors="apply")
    assert table.virtual_hosts == ()
    assert {"delegate_matchers", "rejected"} <= {problem.code for problem in table.problems}
    assert table.route(cs.Request("/petstore")).outcome == "no virtual host (404)"
