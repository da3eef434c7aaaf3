"""The story of a canary in four steps: the manifests that the notebook and the README use."""

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
