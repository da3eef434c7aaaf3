"""Faults: what is aborted is an outcome with a share of its own, wherever shares are told."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarysim as cs
from canarysim.engine.law import Picker
from canarysim.table.actions import Destination, MirrorPolicy, RouteAction
from canarysim.table.chance import EVERY, NEVER, Chance, Residues
from canarysim.table.faults import FaultAbort, FaultDelay, Faults
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import PathPrefix
from canarysim.table.routes import Route, RouteMatch

from .fault_cases import (
    CASES,
    EMPTY,
    FaultCase,
    Outcome,
    abort,
    delay,
    percentage,
    setting,
    single,
    table,
    weighted,
)

TENTH = Faults(FaultAbort(status=503, numerator=10), FaultDelay(seconds=2, numerator=5))
VERSIONS = ("1.36", "1.40")
KEEP: tuple[Literal["rows", "counts"], ...] = ("rows", "counts")


def of(
    *destinations: Destination, faults: Faults | None = None, mirrors: tuple[MirrorPolicy, ...] = ()
) -> cs.RouteTable:
    action = RouteAction(destinations, weighted=len(destinations) > 1, mirrors=mirrors)
    return cs.RouteTable([VirtualHost("h", ["*"], [Route(RouteMatch(PathPrefix("/")), action, faults=faults)])])


def shares(table: cs.RouteTable, request: cs.Request | str = "GET /") -> dict[Outcome, Fraction]:
    found: Counter[Outcome] = Counter()
    for d, share in table.shares(request):
        status = None if d.kind == "forward" else d.status
        found[d.kind, status, d.cluster, tuple(d.mirrors or ())] += share  # type: ignore[assignment]
    return {outcome: Fraction(share) for outcome, share in found.items() if share}


CANARY = of(Destination("v2", weight=1, faults=TENTH), Destination("v1", weight=3))
COPIED = of(Destination("a"), faults=Faults(FaultAbort(status=503, numerator=50)), mirrors=(MirrorPolicy("m"),))

# The cases


@pytest.mark.parametrize("envoy", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_every_case_has_its_shares(name: str, envoy: str) -> None:
    case = CASES[name]
    assert shares(case.table(envoy), case.request) == case.shares


@pytest.mark.parametrize("name", CASES)
def test_an_export_has_the_shares_of_its_table(name: str) -> None:
    case = CASES[name]
    first = case.table("1.40")
    mapping = json.loads(json.dumps({**cs.to_envoy(first), "validate_clusters": False}))
    again = cs.from_envoy(mapping, runtime=case.runtime, clusters=first.clusters, http=first.http)
    assert shares(again, case.request) == case.shares


@pytest.mark.parametrize("name", CASES)
def test_what_is_drawn_in_rows_and_in_counts_reconciles(name: str) -> None:
    case = CASES[name]
    for keep in KEEP:
        simulation = cs.simulate(case.table("1.40"), case.request, 4000, rng=5, keep=keep)
        assert sum(simulation.counts("kind").values()) == 4000
        for outcome, row in zip(simulation.outcomes, simulation.observed, strict=True):
            assert row.coverage is not None
            assert row.count == 0 or row.exact > 0, outcome
        copies = simulation.mirrored()
        assert sum(copies.values()) == sum(
            row.count * len(d.mirrors or ())
            for d, row in zip(simulation.outcomes, simulation.observed, strict=True)
        )


# One request


def test_a_decision_that_a_fault_may_change_needs_the_value_that_the_fault_draws() -> None:
    table = of(Destination("a"), faults=TENTH)
    with pytest.raises(cs.RandomValueNeeded, match="the value that a fault draws") as caught:
        table.route("GET /", random_value=7)
    assert [(d.outcome, share) for d, share in caught.value.shares] == [
        ("a", Fraction(9, 10)),
        ("aborted with 503 by a fault", Fraction(1, 10)),
    ]
    assert caught.value.values == ("fault_value",)
    assert table.route("GET /", fault_value=109).kind == "fault_abort"  # modulo 100
    assert table.route("GET /", fault_value=110).cluster == "a"


def test_both_values_are_needed_only_where_both_play_a_part() -> None:
    with pytest.raises(cs.RandomValueNeeded) as caught:
        CANARY.route("GET /")
    assert caught.value.values == ("random_value", "fault_value")
    assert CANARY.route("GET /", random_value=1).cluster == "v1"
    assert CANARY.route("GET /", random_value=4, fault_value=10).cluster == "v2"
    assert CANARY.route("GET /", random_value=4, fault_value=9).status == 503
    with pytest.raises(cs.RandomValueNeeded) as caught:
        CANARY.route("GET /", fault_value=9)
    assert caught.value.values == ("random_value",)
    assert [share for _, share in caught.value.shares] == [Fraction(3, 4), Fraction(1, 4)]


@pytest.mark.parametrize("value", [-1, 2**64, True, 0.5, "7"])
def test_a_fault_value_has_64_bits(value: Any) -> None:
    for ask in (CANARY.route, lambda request, **named: cs.explain(CANARY, request, **named)):
        with pytest.raises(cs.InvalidValue, match="fault value"):
            ask("GET /", fault_value=value)


def test_an_abort_tells_where_it_comes_from_and_sends_nothing() -> None:
    table = CASES["100 %"].table("1.40")
    decision = table.route("GET /")
    assert (decision.kind, decision.status, decision.cluster, decision.path) == ("fault_abort", 418, None, None)
    assert (decision.route, decision.mirrors) == ("r0", ())
    assert decision.source is not None
    assert decision.source.path.endswith(".fault")
    assert decision.outcome == "aborted with 418 by a fault"


def test_a_delay_moves_no_decision_and_is_told() -> None:
    table = of(Destination("a"), faults=Faults(delay=FaultDelay(seconds=1.5, numerator=5)))
    decision = table.route("GET /")
    assert decision.cluster == "a"
    assert decision.delay == FaultDelay(seconds=1.5, numerator=5)
    for face in (cs.preview, cs.explain):
        assert "A fault delays 5 % by 1.5 s first." in str(face(table, "GET /"))
        assert "A fault delays 5 % by 1.5 s first." in face(table, "GET /")._repr_html_()


def test_destinations_that_abort_alike_share_an_outcome() -> None:
    both = of(Destination("a", weight=1, faults=TENTH), Destination("b", weight=3, faults=TENTH))
    assert [(d.outcome, chance) for d, chance in both.chances("GET /")][-1] == (
        "aborted with 503 by a fault",
        Chance(fault=(Residues(100, ((0, 10),)),)),
    )


# Chance


def test_a_fault_is_a_factor_of_the_share() -> None:
    request, fault = Residues(4, ((0, 1),)), Residues(100, ((0, 10),))
    chance = Chance.of(request) & Chance.of(fault=(fault,))
    assert chance.share == Fraction(1, 40)
    assert chance.given(4) == Chance.of(fault=(fault,))
    assert chance.given(1) == NEVER
    assert chance.given(None, 5) == Chance.of(request)
    assert chance.given(4, 5) == EVERY
    assert chance.given(4, 10) == NEVER
    assert 4 in chance


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 130)), min_size=1, max_size=4).filter(
        lambda pairs: any(weight for weight, _ in pairs)
    ),
    st.integers(0, 130),
)
def test_shares_add_to_1_and_are_the_counts_over_both_values(pairs: list[tuple[int, int]], common: int) -> None:
    def faults(numerator: int) -> Faults | None:
        return None if numerator > 110 else Faults(FaultAbort(status=500 + numerator % 2, numerator=numerator))

    action = [Destination(f"d{i}", weight=w, faults=faults(n)) for i, (w, n) in enumerate(pairs)]
    route = Route(RouteMatch(PathPrefix("/")), RouteAction(action, weighted=True), faults=faults(common))
    table = cs.RouteTable([VirtualHost("h", ["*"], [route])])
    exact = table.shares("GET /")
    assert sum(share for _, share in exact) == 1
    total = sum(weight for weight, _ in pairs)
    counted: Counter[str] = Counter()
    for random_value in range(total):
        for fault_value in range(100):  # every denominator here is 100
            counted[table.route("GET /", random_value, fault_value=fault_value).outcome] += 1
    expected: Counter[str] = Counter()
    for decision, share in exact:
        expected[decision.outcome] += share * total * 100  # type: ignore[assignment]
    assert {k: v for k, v in expected.items() if v} == dict(counted)


# Many requests


@pytest.mark.parametrize("counted", [False, True])
def test_replayed_random_values_are_followed_and_only_the_fault_is_drawn(counted: bool) -> None:
    values = list(range(4)) * 500
    named: dict[str, Any] = {"random_values": values}
    if counted:
        named = {"random_values": [0, 1, 2, 3], "counts": [500] * 4}
    traffic = cs.Traffic.from_columns(path=["/"] * len(named["random_values"]), authority="h", **named)
    for keep in KEEP:
        simulation = cs.simulate(CANARY, traffic, rng=3, keep=keep)
        counts = simulation.counts("cluster")
        assert counts["v1"] == 1500
        assert counts["v2"] + simulation.counts("kind")["fault_abort"] == 500
        assert 10 < simulation.counts("kind")["fault_abort"] < 110
        again = cs.simulate(CANARY, traffic, rng=3, keep=keep)
        assert again.counts() == counts
    assert "what faults draw" in str(simulation)


@pytest.mark.parametrize("name", ["half of a half", "half of each cluster", "of one cluster", "copies"])
def test_the_columnar_pick_is_the_scalar_one(name: str) -> None:
    table = CASES[name].table("1.40")
    chances = table.chances("GET /")
    generator = np.random.default_rng(4)
    values, fault_values = (generator.integers(0, 2**64, 300, np.uint64, endpoint=False) for _ in range(2))
    picked = Picker([chance for _, chance in chances]).pick(values, fault_values)
    for value, fault_value, number in zip(values.tolist(), fault_values.tolist(), picked.tolist(), strict=True):
        assert table.route("GET /", value, fault_value=fault_value) == chances[number][0]


def test_a_replay_is_the_same_however_it_is_cut() -> None:
    def piece(n: int) -> cs.Traffic:
        return cs.Traffic.from_columns(path=["/"] * n, authority="h", random_values=[0] * n)

    whole = cs.simulate(CANARY, piece(1000), rng=1).rows
    parts = cs.simulate(CANARY, cs.Traffic.concat(piece(300), piece(700)), rng=1).rows
    assert whole is not None
    assert parts is not None
    assert whole.tolist() == parts.tolist()


def test_copies_are_counted_apart_and_aborted_requests_make_none() -> None:
    preview = cs.preview(COPIED, "GET /", n=20)
    assert preview.mirrored == {"m": Fraction(1, 2)}
    assert sum(outcome.share for outcome in preview) == 1
    assert "Copies of calls, counted apart: m 50 % (expect 10)." in str(preview)
    assert "Copies of calls, counted apart: m 50 % (expect 10)." in preview._repr_html_()
    simulation = cs.simulate(COPIED, "GET /", 10**9, rng=1, keep="counts")
    counts = simulation.counts("kind")
    assert counts["forward"] + counts["fault_abort"] == 10**9
    assert simulation.mirrored() == {"m": counts["forward"]}
    assert f"{counts['forward']:,} to m" in " ".join(str(simulation).split())


# Assertions


def test_a_request_that_may_be_aborted_does_not_always_go_there() -> None:
    table = of(Destination("a"), faults=Faults(FaultAbort(status=503, numerator=1)))
    with pytest.raises(AssertionError) as caught:
        cs.assert_routes_to(table, "GET /", cluster="a")
    assert "1 %" in str(caught.value)
    assert "aborted with 503 by a fault" in str(caught.value)


def test_a_split_names_what_is_aborted_by_its_kind() -> None:
    split: list[Any] = [("v2", "22.5%"), ("v1", "75%"), ({"kind": "fault_abort"}, "2.5%")]
    cs.assert_split(CANARY, "GET /", split)
    with pytest.raises(AssertionError, match=r"aborted with 503 by a fault: not expected, is 2.5 %"):
        cs.assert_split(CANARY, "GET /", {"v2": "1/4", "v1": "3/4"})
    with pytest.raises(cs.UnknownName):
        cs.assert_split(CANARY, "GET /", [("v1", "3/4"), ({"kind": "abort"}, "1/4")])


# Faces


def test_a_preview_shows_what_is_aborted_before_any_upstream() -> None:
    text = str(cs.preview(of(Destination("a"), faults=TENTH), "GET /"))
    assert "    10 %  aborted with 503 by a fault, before any upstream\n" in text
    assert "expect 2 aborted with 503 by a fault: 0 to 5 in" in text
    assert "A fault delays 5 % by 2 s first." in text


def test_a_table_shows_its_faults_where_they_stand() -> None:
    text = str(CANARY)
    assert "v2\n            a fault aborts 10 % with 503 and delays 5 % by 2 s\n" in text
    assert "aborts 10 % with 503 and delays 5 % by 2 s" in CANARY._repr_html_()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "=> the random value and what the fault draws decide:"),
        ({"random_value": 0}, "=> with random value 0, what the fault draws modulo 100 decides:"),
        ({"fault_value": 0}, "=> with fault value 0, the random value modulo 4 decides:"),
        ({"random_value": 1}, "=> b    75 %  v1\n                    [1, 4) of 4"),
        ({"random_value": 0, "fault_value": 9}, "=> b  10 %  [0, 10) of 100    aborted with 503 by a fault"),
    ],
)
def test_an_explanation_tells_which_value_decides(given: dict[str, int], line: str) -> None:
    explanation = cs.explain(CANARY, "GET /", **given)
    assert line in str(explanation)
    words = line.removeprefix("=> ").partition(" modulo")[0].removesuffix(":")
    if "decide" in line:
        assert words in explanation._repr_html_()


# Reading


def route_of(config: dict[str, Any], **named: Any) -> cs.RouteTable:
    return cs.from_envoy(table(single(config)), **named)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("upstream_cluster", "a"),
        ("headers", [{"name": "x-a", "present_match": True}]),
        ("downstream_nodes", ["n"]),
        ("max_active_faults", 3),
    ],
)
def test_what_is_not_simulated_leaves_open_what_may_be_aborted(field: str, value: Any) -> None:
    loaded = route_of(abort(10, **{field: value}))
    decision = loaded.route("GET /")
    assert (decision.kind, decision.unknown[0].code) == ("unknown", "not_simulated")
    assert field in decision.unknown[0].message
    assert loaded.unknown == decision.unknown
    with pytest.raises(cs.NotExportable):
        cs.to_envoy(loaded)
    assert route_of(delay(10, **{field: value})).route("GET /").cluster == "a"
    assert route_of(abort(0, **{field: value})).route("GET /").cluster == "a"
    nearer = cs.from_envoy(table(single(abort(0)), host=setting(abort(10, **{field: value}))))
    assert nearer.route("GET /").cluster == "a"
    one = cs.from_envoy(table(weighted(("a", 1, abort(10, **{field: value})), ("b", 3, None))))
    assert [(d.kind, share) for d, share in one.shares("GET /")] == [
        ("unknown", Fraction(1, 4)),
        ("forward", Fraction(3, 4)),
    ]


@pytest.mark.parametrize("kind", [{"grpc_status": 14}, {"header_abort": {}}])
def test_other_aborts_are_not_simulated(kind: dict[str, Any]) -> None:
    loaded = route_of({**EMPTY, "abort": {**kind, **percentage(10)}})
    assert loaded.route("GET /").kind == "unknown"


def test_faults_without_a_filter_have_no_effect_and_a_warning() -> None:
    (problem,) = CASES["no filter"].table("1.40").problems
    assert (problem.code, str(problem.severity)) == ("no_fault_filter", "warning")
    assert "typed_per_filter_config" in problem.where.path


def test_settings_of_the_filter_itself_leave_decisions_open() -> None:
    own = {"name": "envoy.filters.http.fault", "typed_config": abort(10)}
    case = FaultCase(table(single()), {}, (own,))
    assert case.table("1.40").route("GET /").kind == "unknown"


def test_several_fault_filters_leave_decisions_open() -> None:
    case = CASES["a tenth"]
    twice = FaultCase(case.configuration, {}, case.filters * 2)
    assert twice.table("1.40").route("GET /").kind == "unknown"
    assert FaultCase(table(single()), {}, case.filters * 2).table("1.40").route("GET /").cluster == "a"


@pytest.mark.parametrize(
    "refused",
    [
        {**EMPTY, "abort": percentage(1)},
        abort(1, 199),
        abort(1, 600),
        delay(1, "0s"),
        delay(1, "-1s"),
        {**EMPTY, "delay": percentage(1)},
        {**EMPTY, "aborts": {}},
        {**EMPTY, "abort": []},
    ],
)
def test_settings_that_envoy_refuses_are_refused(refused: dict[str, Any]) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        route_of(refused)
    assert all(problem.where.path.startswith("virtual_hosts[0].routes[0]") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: FaultAbort(status=199, numerator=1), "bad_status"),
        (lambda: FaultAbort(status=503, numerator=-1), "bad_numerator"),
        (lambda: FaultAbort(status=503, numerator=1, denominator=1000), "bad_denominator"),
        (lambda: FaultDelay(seconds=0, numerator=1), "bad_delay"),
        (lambda: RouteAction([Destination("a", faults=TENTH)]), "faults_of_cluster"),
    ],
)
def test_faults_that_cannot_be_are_refused(make: Any, code: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        make()
    assert caught.value.code == code
