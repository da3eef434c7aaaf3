"""Previews: exact shares, ranges, and a text that a person enjoys."""

from __future__ import annotations

from fractions import Fraction

import pytest

import canarysim as cs
from canarysim.faces.text import percent

from .cases import routes, virtual_service, weighted


def test_twenty_calls_at_ten_per_cent() -> None:
    preview = cs.preview(cs.loads(weighted(10, 90)), "GET /")
    canary, stable = preview
    assert (canary.cluster, canary.share, canary.expected) == ("r0_ns", Fraction(1, 10), Fraction(2))
    assert (canary.low, canary.high, canary.calls_to_see) == (0, 5, 29)
    assert f"{canary.coverage:.3f} {canary.none:.3f}" == "0.989 0.122"
    assert (stable.share, stable.low, stable.high) == (Fraction(9, 10), 15, 20)
    assert sum(outcome.share for outcome in preview) == 1


def test_shares_by_name() -> None:
    table = cs.loads(
        weighted(10, 90) + "---\n" + routes("{prefix: /}", domains="[b]").replace("name: t", "name: u")
    )
    preview = cs.preview(table, "GET /")
    assert (
        preview.share(cluster="r0_ns")
        == preview.share(cluster="r0")
        == preview.share(cluster="ns.r0")
        == Fraction(1, 10)
    )
    assert preview.share(kind="forward") == 1
    assert preview.share(kind="not_found") == 0
    with pytest.raises(cs.UnknownName, match="did you mean 'r0"):
        preview.share(cluster="r0_n")
    with pytest.raises(cs.UnknownName):
        preview.share(function="f")
    with pytest.raises(cs.UnknownName):
        preview.share(kind="forwards")
    with pytest.raises(cs.InvalidValue):
        preview.share()


def test_a_destination_that_stands_twice_is_one_outcome() -> None:
    text = weighted(1, 2, 3).replace("name: r2", "name: r0")
    assert [(o.cluster, o.share) for o in cs.preview(cs.loads(text), "GET /")] == [
        ("r0_ns", Fraction(2, 3)),
        ("r1_ns", Fraction(1, 3)),
    ]


def test_a_destination_of_weight_zero_is_shown_with_share_zero() -> None:
    full, none = cs.preview(cs.loads(weighted(100, 0)), "GET /")
    assert (full.share, none.share) == (Fraction(1), Fraction(0))
    assert (none.calls_to_see, none.none) == (None, 1.0)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, 10**15 + 1, "20"])
def test_a_number_of_calls_must_make_sense(n: object) -> None:
    with pytest.raises(cs.InvalidValue, match="n is a number of calls"):
        cs.preview(cs.loads(weighted(1)), "GET /", n)  # type: ignore[arg-type]


def test_the_text_says_what_a_person_asks() -> None:
    text = str(cs.preview(cs.loads(weighted(10, 90)), "GET /"))
    words = " ".join(text.split())
    for part in (
        "10 % r0_ns",
        "90 % r1_ns",
        "Of 20 calls expect 2 at r0_ns: 0 to 5 in 98.9 % of runs, none at all in 12.2 %.",
        "To see one with 95 %, make 29 calls.",
    ):
        assert part in words
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (Fraction(0), "0 %"),
        (Fraction(1), "100 %"),
        (Fraction(1, 8), "12.5 %"),
        (Fraction(2, 3), "66.67 %"),
        (Fraction(1, 10**9), "< 0.01 %"),
        (1 - Fraction(1, 10**9), "> 99.99 %"),
    ],
)
def test_a_share_never_looks_like_none_or_all_unless_it_is(share: Fraction, text: str) -> None:
    assert percent(share) == text


def test_a_table_is_shown_whole() -> None:
    text = str(
        cs.loads(
            routes("{prefix: /a}", "{regex: '/b.*'}")
            + "---\n"
            + weighted(1, 3).replace("name: t", "name: u").replace("'*'", "w")
        )
    )
    for part in (
        "gateway-proxy: 2 virtual hosts, 3 routes, as Envoy 1.36",
        "ns_t  *",
        "ns_u  w",
        "25 %  r0_ns",
        "75 %  r1_ns",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_unknown_is_said_with_its_place() -> None:
    from .test_gloo import one_route

    table = cs.loads(one_route("- delegateAction: {ref: {name: rt}}\n"))
    text = str(cs.preview(table, "GET /"))
    assert "unknown" in text
    assert "the RouteTable rt is not in the input" in " ".join(text.split())
    assert "<text>:" in text
    assert "unknown" in str(table)


SUBSETS = virtual_service(
    """
    routes:
    - routeAction:
        multi:
          destinations:
          - {weight: 10, destination: {upstream: {name: shop}, subset: {values: {version: v2}}}}
          - {weight: 90, destination: {upstream: {name: shop}, subset: {values: {version: v1}}}}
    """
)


def test_subsets_of_one_upstream_are_outcomes_of_their_own() -> None:
    table = cs.loads(SUBSETS)
    preview = cs.preview(table, "GET /")
    assert [(o.cluster, o.share) for o in preview] == [("shop_ns", Fraction(1, 10)), ("shop_ns", Fraction(9, 10))]
    assert preview.share(subset={"version": "v2"}) == Fraction(1, 10)
    assert preview.share(cluster="shop") == 1
    assert "shop_ns  version=v2" in str(preview)
    assert "expect 2 at shop_ns version=v2" in " ".join(str(preview).split())
    cs.assert_split(table, "GET /", [({"subset": {"version": "v2"}}, 0.1), ({"subset": {"version": "v1"}}, 0.9)])
    with pytest.raises(AssertionError, match="version=v2"):
        cs.assert_routes_to(table, "GET /", subset={"version": "v1"})
    with pytest.raises(cs.UnknownName, match="v1"):
        cs.assert_routes_to(table, "GET /", subset={"version": "v3"})
    counts = cs.simulate(table, "GET /", 1000, rng=1).counts(by="outcome")
    assert list(counts) == ["shop_ns (version=v2)", "shop_ns (version=v1)"]
    assert sum(counts.values()) == 1000
