"""Simulations by law: totals, exact replay, draws that fit the exact shares, ranges that cover as they claim.

False alarms: seeds are fixed, so a statistical test passes always or never. With seeds chosen blindly, as these
were, each fails a correct library with probability below ALARM.
"""

from __future__ import annotations

import gc
import json
import pickle
import time
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise
from math import comb
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import canarysim as cs
from canarysim.answers.groups import BY
from canarysim.answers.simulate import Observed, Simulation
from canarysim.engine import choose, sums
from canarysim.engine.law import Law, Picker
from canarysim.engine.streams import generator_of
from canarysim.engine.sums import range_of_sum
from canarysim.engine.traffic import Rows
from canarysim.table.chance import Chance, Residues
from canarysim.table.hosts import VirtualHost
from canarysim.table.route_table import RouteTable

from . import generate
from .cases import CASES, get, header, routes, virtual_service, weighted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALARM = 1e-6
KEEPS: tuple[Any, ...] = ("rows", "counts")

#: Two routes with one split and one with another, a plain one, and none for others.
SHOP = virtual_service(
    """
    domains: ['*']
    routes:
    - matchers: [{prefix: /buy, headers: [{name: x-canary, value: 'true'}]}]
      routeAction: {multi: {destinations: [
        {weight: 25, destination: {upstream: {name: v3}}}, {weight: 75, destination: {upstream: {name: v1}}}]}}
    - matchers: [{prefix: /buy}]
      routeAction: {multi: {destinations: [
        {weight: 25, destination: {upstream: {name: v2}}}, {weight: 75, destination: {upstream: {name: v1}}}]}}
    - matchers: [{prefix: /pay}]
      routeAction: {multi: {destinations: [
        {weight: 2, destination: {upstream: {name: v2}}}, {weight: 0, destination: {upstream: {name: v0}}},
        {weight: 1, destination: {upstream: {name: v1}}}]}}
    - matchers: [{prefix: /look}]
      routeAction: {single: {upstream: {name: v1}}}
    """
)
CANARY, BUY, PAY, LOOK, LOST = (
    cs.Request("/buy", headers={"x-canary": "true"}),
    cs.Request("/buy"),
    cs.Request("/pay"),
    cs.Request("/look"),
    cs.Request("/lost"),
)


@pytest.fixture(scope="module")
def shop() -> cs.RouteTable:
    return cs.loads(SHOP)


def fits(seen: Sequence[int], shares: Sequence[Fraction]) -> bool:
    """Pearson's test at the rate ALARM; what has share 0 must not be seen at all."""
    n = sum(seen)
    kept = [(count, float(share) * n) for count, share in zip(seen, shares, strict=True) if share]
    assert all(count == 0 for count, share in zip(seen, shares, strict=True) if not share)
    assert min(expected for _, expected in kept) > 50  # where the test's own approximation holds
    statistic = sum((count - expected) ** 2 / expected for count, expected in kept)
    return bool(stats.chi2.sf(statistic, len(kept) - 1) > ALARM)


def quantiles(n: int, p: float, tail: float = 0.025) -> tuple[int, int]:
    """Those of a binomial number, as scipy has them."""
    return int(stats.binom.ppf(tail, n, p)), int(stats.binom.ppf(1 - tail, n, p))


def seen_by_row(s: Simulation) -> list[cs.Decision]:
    assert s.rows is not None
    return [s.outcomes[code] for code in s.rows.tolist()]


def looks(decision: cs.Decision) -> tuple[Any, ...]:
    """What an outcome has in common with the decision of every request that comes to it."""
    return (
        decision.kind,
        decision.status,
        decision.virtual_host,
        decision.matched,
        decision.cluster,
        decision.function,
        decision.unknown if decision.kind == "unknown" else (),
    )


def traffic_of(requests: Iterable[cs.Request], values: Sequence[int] | None = None) -> cs.Traffic:
    """A row a request, in order."""
    known: dict[cs.Request, int] = {}
    codes = [known.setdefault(request, len(known)) for request in requests]
    given = None if values is None else np.array(values, np.uint64)
    return cs.Traffic((Rows(tuple(known), np.array(codes), None, given),))


# With random values: Envoy's rule


def replay(table: cs.RouteTable, asked: list[tuple[cs.Request, int]]) -> None:
    traffic = traffic_of((request for request, _ in asked), [value for _, value in asked])
    s = cs.simulate(table, traffic)
    routed = [table.route(request, value) for request, value in asked]
    assert list(map(looks, seen_by_row(s))) == list(map(looks, routed))
    counted = cs.simulate(table, traffic, keep="counts")
    assert counted.rows is None
    assert counted.to_dict() == s.to_dict()
    assert all(observed.low is None and not observed.outside for observed in s.ranges("outcome"))


def test_given_random_values_lead_where_the_cases_say() -> None:
    by_manifest: defaultdict[str, list[tuple[cs.Request, int]]] = defaultdict(list)
    for case in CASES:
        by_manifest[case.manifest].append((case.request, case.random_value))
        by_manifest[case.manifest].append((case.request, 2**64 - 1))
    for manifest, asked in by_manifest.items():
        replay(cs.loads(manifest), asked)


@pytest.mark.parametrize("seed", range(25))
def test_given_random_values_lead_where_route_leads(seed: int) -> None:
    random = Random(f"simulate {seed}")
    document = generate.manifest(random)
    table = cs.loads(document)
    requests = [generate.request(random, document) for _ in range(60)]
    replay(table, [(request, generate.random_value(random, table, request)) for request in requests for _ in "ab"])


def test_a_row_with_a_count_is_replayed_that_often(shop: cs.RouteTable) -> None:
    columns: dict[str, Any] = {"path": ["/buy", "/buy", "/lost"], "random_values": [24, 125, 7]}
    s = cs.simulate(shop, cs.Traffic.from_columns(**columns, counts=[2, 3, 1]))
    assert [decision.cluster for decision in seen_by_row(s)] == [*["v2_ns"] * 2, *["v1_ns"] * 3, None]
    many = cs.Traffic.from_columns(**columns, counts=[10**15, 1, 0])
    assert cs.simulate(shop, many, keep="counts").counts("cluster") == {
        "v2_ns": 10**15,
        "v1_ns": 1,
        "no route (404)": 0,
    }


FRACTION_AND_SPLIT = st.tuples(
    st.sampled_from([100, 10_000, 10**6]),
    st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any),
    st.integers(0, 100),
)


@given(FRACTION_AND_SPLIT, st.lists(st.integers(0, 2**64 - 1), max_size=40))
def test_a_value_is_held_by_the_chance_that_is_picked(case: tuple[int, list[int], int], values: list[int]) -> None:
    denominator, weights, percent = case
    fraction = Residues(denominator, ((0, denominator * percent // 100),))
    ends = np.cumsum([0, *weights]).tolist()
    splits = [Residues(ends[-1], ((begin, end),)) for begin, end in pairwise(ends)]
    # A fraction takes its requests elsewhere; what is left is split: two moduli, one value.
    for chances in (
        [Chance.of(split) for split in splits],
        [Chance.of(fraction), *(Chance.of(~fraction, s) for s in splits)],
    ):
        asked = [*values, *range(3 * ends[-1]), denominator - 1, denominator]
        expected = [[value in chance for chance in chances].index(True) for value in asked]
        assert Picker(chances).pick(np.array(asked, np.uint64)).tolist() == expected


# Totals


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("seed", range(8))
def test_totals_reconcile_to_n_for_every_grouping(keep: Any, seed: int) -> None:
    random = Random(f"totals {seed}")
    document = generate.manifest(random)
    table = cs.loads(document)
    requests = [generate.request(random, document) for _ in range(30)]
    shares = {request: random.randint(1, 100) for request in requests}
    traffic = cs.Traffic.concat(
        cs.Traffic.mix(shares, 1000), traffic_of(requests), cs.Traffic.repeat(requests[0], 70)
    )
    s = cs.simulate(table, traffic, rng=seed, keep=keep)
    assert s.n == len(traffic) == 1100
    expected = sum(
        (
            times * share
            for request, times in traffic.requests().items()
            for d, share in table.shares(request)
            if d.cluster
        ),
        Fraction(0),
    )
    for by in BY:
        counts = s.counts(by)
        assert sum(counts.values()) == 1100
        assert all(type(count) is int for count in counts.values())
        assert sum(s.shares(by).values()) == pytest.approx(1)
        ranges = s.ranges(by)
        assert [(o.name, o.count) for o in ranges] == list(counts.items())
        assert sum(o.exact for o in ranges) == 1
        assert sum(o.expected for o in ranges) == 1100
    forwarded = {name for decision in s.outcomes for name in [decision.cluster] if name}
    assert sum(o.expected for o in s.ranges("cluster") if o.name in forwarded) == expected
    if s.rows is not None:
        codes = np.bincount(s.rows, minlength=len(s.outcomes)).tolist()
        assert codes == [outcome["count"] for outcome in s.to_dict()["outcomes"]]
        by_cluster: Counter[str] = Counter()
        for decision, count in zip(s.outcomes, codes, strict=True):
            by_cluster[decision.cluster or decision.outcome] += count
        assert {name: by_cluster[name] for name in forwarded} == {n: s.counts()[n] for n in forwarded}


def test_groups_stand_in_the_order_of_the_table_under_their_names(shop: cs.RouteTable) -> None:
    random_values = [0, 24, 99, 0, 1, 25]
    traffic = traffic_of([LOST, BUY, BUY, PAY, LOOK, CANARY], random_values)
    s = cs.simulate(shop, traffic)
    names = [f"ns_t-route-{i}-matcher-0" for i in range(4)]
    assert s.counts("cluster") == {"v3_ns": 0, "v1_ns": 3, "v2_ns": 2, "v0_ns": 0, "no route (404)": 1}
    assert s.counts("route") == dict(zip([*names, "no route (404)"], [1, 2, 1, 1, 1], strict=True))
    assert list(s.counts("origin").values()) == [1, 2, 1, 1, 1]
    assert s.counts("function") == {"no function": 5, "no route (404)": 1}
    assert s.counts("virtual_host") == {"ns_t": 6}
    assert s.counts("kind") == {"forward": 5, "not_found": 1}
    assert s.counts("outcome") == {"v3_ns": 0, "v1_ns": 3, "v2_ns": 2, "v0_ns": 0, "no route (404)": 1}
    assert [(decision.route, decision.cluster) for decision in s.outcomes] == [
        *((names[0], "v3_ns"), (names[0], "v1_ns"), (names[1], "v2_ns"), (names[1], "v1_ns")),
        *((names[2], "v2_ns"), (names[2], "v0_ns"), (names[2], "v1_ns"), (names[3], "v1_ns"), (None, None)),
    ]
    # The order in which the requests stand there is no part of it.
    backwards = traffic_of([CANARY, LOOK, PAY, BUY, BUY, LOST], random_values[::-1])
    assert list(map(looks, cs.simulate(shop, backwards).outcomes)) == list(map(looks, s.outcomes))
    with pytest.raises(cs.UnknownName, match="did you mean 'cluster'"):
        s.counts("clutser")  # type: ignore[arg-type]


def test_a_missing_header_differs_from_an_empty_one() -> None:
    table = cs.loads(header("value: ''"))  # the header must be there, whatever its value
    s = cs.simulate(table, cs.Traffic.from_columns(path="/", headers={"x-a": ["", None, "v"]}))
    assert [decision.cluster for decision in seen_by_row(s)] == ["r0_ns", "r1_ns", "r0_ns"]


# One seed, one answer


def answers(s: Simulation) -> tuple[Any, ...]:
    return (None if s.rows is None else s.rows.tolist()), s.counts("route"), s.to_dict()


EVERYTHING = cs.Traffic.concat(
    cs.Traffic.mix({BUY: "50%", PAY: "30%", LOST: "20%"}, 3000),
    traffic_of([CANARY, BUY, PAY, LOOK] * 300),
    cs.Traffic.repeat(CANARY, 2000),
)


@pytest.mark.parametrize("keep", KEEPS)
def test_a_seed_names_one_answer(shop: cs.RouteTable, keep: Any) -> None:
    first = answers(cs.simulate(shop, EVERYTHING, rng=5, keep=keep))
    for same in (5, np.int64(5), np.random.SeedSequence(5), np.random.default_rng(5)):
        assert answers(cs.simulate(shop, EVERYTHING, rng=same, keep=keep)) == first
    assert answers(cs.simulate(shop, EVERYTHING, rng=6, keep=keep)) != first
    assert answers(cs.simulate(shop, EVERYTHING, keep=keep)) != answers(cs.simulate(shop, EVERYTHING, keep=keep))
    moving = np.random.default_rng(5)
    assert answers(cs.simulate(shop, EVERYTHING, rng=moving, keep=keep)) == first
    assert answers(cs.simulate(shop, EVERYTHING, rng=moving, keep=keep)) != first


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_change_nothing(shop: cs.RouteTable, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cs.simulate(shop, EVERYTHING, rng=5)
    monkeypatch.setattr(choose, "BLOCK", block)
    assert answers(cs.simulate(shop, EVERYTHING, rng=5)) == answers(whole)


@pytest.mark.parametrize("key", [(1, 0), (0, 2**32 - 1), (4, 1, 2, 3, 4)])
def test_a_generator_is_the_one_of_its_seed_and_spawn_key(key: tuple[int, ...]) -> None:
    entropy = np.random.default_rng(7).bytes(32)
    expected = np.random.SeedSequence(int.from_bytes(entropy, "little"), spawn_key=key)
    assert generator_of(entropy, *key).bytes(64) == np.random.default_rng(expected).bytes(64)


def test_a_traffic_that_was_counted_before_is_counted_as_a_new_one(shop: cs.RouteTable) -> None:
    for seed in (5, 6):
        fresh = cs.Traffic.concat(EVERYTHING)
        known = cs.simulate(shop, EVERYTHING, rng=seed, keep="counts")
        assert answers(cs.simulate(shop, fresh, rng=seed, keep="counts")) == answers(known)
        assert sum(known.examples(10).values()) == known.n
        assert answers(pickle.loads(pickle.dumps(known))) == answers(known)


def test_what_was_made_ready_for_a_traffic_goes_with_it(shop: cs.RouteTable) -> None:
    traffic = cs.Traffic.concat(EVERYTHING)
    cs.simulate(shop, traffic, rng=1, keep="counts")
    kept = len(shop.kept["counting"])
    del traffic
    gc.collect()
    assert len(shop.kept["counting"]) == kept - 1


def test_pieces_of_a_traffic_have_the_rows_of_the_whole(shop: cs.RouteTable) -> None:
    mix = {BUY: "50%", PAY: "50%"}

    def traffic(*cuts: int) -> cs.Traffic:
        return cs.Traffic.concat(
            *(cs.Traffic.repeat(BUY, n) for n in cuts),
            *(cs.Traffic.mix(mix, n) for n in cuts),
            *(cs.Traffic.repeat(PAY, n) for n in cuts),
        )

    whole, cut = (cs.simulate(shop, traffic(*cuts), rng=3) for cuts in ((500,), (1, 0, 99, 400)))
    assert answers(cut) == answers(whole)
    counted, cut = (cs.simulate(shop, traffic(*cuts), rng=3, keep="counts") for cuts in ((500,), (1, 0, 99, 400)))
    assert answers(cut) == answers(counted)


def test_the_order_in_which_requests_are_looked_at_changes_nothing(shop: cs.RouteTable) -> None:
    requests = (CANARY, BUY, PAY, LOOK, LOST)
    codes = np.random.default_rng(1).integers(0, 5, 2000)
    there = cs.simulate(shop, cs.Traffic((Rows(requests, codes),)), rng=4)
    back = cs.simulate(shop, cs.Traffic((Rows(requests[::-1], 4 - codes),)), rng=4)
    assert back.requests == there.requests[::-1]
    assert answers(back) == answers(there)


# Draws fit the exact shares. Each test at the rate ALARM.


def test_rows_fit_the_shares_request_by_request(shop: cs.RouteTable) -> None:
    requests = [CANARY, BUY, PAY, LOOK] * 20_000
    s = cs.simulate(shop, traffic_of(requests), rng=11)
    assert s.rows is not None
    of_each = s.rows.reshape(-1, 4).T
    thirds = [Fraction(2, 3), Fraction(0), Fraction(1, 3)]
    quarters = [Fraction(1, 4), Fraction(3, 4)]
    # Columns of outcomes as the table has them: 2 of CANARY, 2 of BUY, 3 of PAY, 1 of LOOK.
    for rows, first, shares in zip(
        of_each, (0, 2, 4, 7), (quarters, quarters, thirds, [Fraction(1)]), strict=True
    ):
        seen = np.bincount(rows, minlength=8).tolist()
        assert sum(seen[first : first + len(shares)]) == 20_000
        if len(shares) > 1:
            assert fits(seen[first : first + len(shares)], shares)
    # CANARY and BUY share a law, and their draws nothing: four cells of a row of each.
    cells = np.bincount(2 * of_each[0] + of_each[1] - 2, minlength=4).tolist()
    assert fits(cells, [Fraction(a * b, 16) for a in (1, 3) for b in (1, 3)])
    # Nor do neighbours.
    pairs = np.bincount(2 * (of_each[1][:-1:2] - 2) + of_each[1][1::2] - 2, minlength=4).tolist()
    assert fits(pairs, [Fraction(a * b, 16) for a in (1, 3) for b in (1, 3)])


@pytest.mark.parametrize("keep", KEEPS)
def test_a_mix_is_drawn_and_then_split_without_either_knowing_the_other(shop: cs.RouteTable, keep: Any) -> None:
    s = cs.simulate(shop, {BUY: 0.5, PAY: 0.3, LOOK: "20%"}, 60_000, rng=12, keep=keep)
    seen = [outcome["count"] for outcome in s.to_dict()["outcomes"]]
    half, tenth = Fraction(1, 2), Fraction(1, 10)
    assert fits(seen, [half / 4, half * 3 / 4, 2 * tenth, Fraction(0), tenth, 2 * tenth])
    if s.rows is not None:  # rows are independent: pairs of neighbours
        is_buy = (s.rows < 2).astype(int)
        assert fits(np.bincount(2 * is_buy[::2] + is_buy[1::2], minlength=4).tolist(), [Fraction(1, 4)] * 4)


def test_the_draw_of_a_request_and_its_pick_share_nothing(shop: cs.RouteTable) -> None:
    s = cs.simulate(shop, {CANARY: 1, BUY: 1}, 60_000, rng=17)  # one law for both, and an even mix
    cells = [outcome["count"] for outcome in s.to_dict()["outcomes"]]
    assert fits(cells, [Fraction(k, 8) for k in (1, 3, 1, 3)])


@pytest.mark.parametrize("keep", KEEPS)
def test_what_is_certain_or_stands_twice_is_counted_where_it_belongs(keep: Any) -> None:
    certain = cs.simulate(cs.loads(weighted(0, 5, 0)), "GET /", 70, keep=keep)
    assert certain.counts() == {"r0_ns": 0, "r1_ns": 70, "r2_ns": 0}
    twice = cs.loads(weighted(1, 2, 3).replace("name: r2", "name: r0"))
    s = cs.simulate(twice, "GET /", 6000, rng=18, keep=keep)
    assert [observed.exact for observed in s.ranges()] == [Fraction(2, 3), Fraction(1, 3)]
    assert fits(list(s.counts().values()), [Fraction(2, 3), Fraction(1, 3)])
    assert len(s.outcomes) == 2


@pytest.mark.parametrize("keep", KEEPS)
def test_the_composition_of_a_mix_is_multinomial(keep: Any) -> None:
    table = cs.loads(routes("{exact: /a}", "{exact: /b}", "{exact: /c}"))
    weights, n = {"/a": 1, "/b": 2, "/c": 3}, 4
    traffic = cs.Traffic.mix({cs.Request(path): weight for path, weight in weights.items()}, n)
    generator = np.random.default_rng(13)
    seen: Counter[tuple[int, ...]] = Counter()
    for _ in range(2000):
        s = cs.simulate(table, traffic, rng=generator, keep=keep)
        seen[tuple(s.counts().get(cluster, 0) for cluster in ("r0_ns", "r1_ns", "r2_ns"))] += 1
    likely = []
    for a in range(n + 1):
        for b in range(n + 1 - a):
            c = n - a - b
            share = Fraction(comb(n, a) * comb(n - a, b) * 2**b * 3**c, 6**n)
            if share * 2000 > 60:
                likely.append((seen.pop((a, b, c), 0), share))
    rare = sum(seen.values())
    shares = [share for _, share in likely]
    assert fits([*(count for count, _ in likely), rare], [*shares, 1 - sum(shares, Fraction(0))])


def test_counts_of_a_repetition_are_binomial(shop: cs.RouteTable) -> None:
    generator = np.random.default_rng(14)
    traffic = cs.Traffic.repeat(BUY, 5)
    seen = Counter(cs.simulate(shop, traffic, rng=generator, keep="counts").counts()["v2_ns"] for _ in range(1000))
    shares = [comb(5, k) * Fraction(3) ** (5 - k) / 4**5 for k in range(6)]
    assert fits(
        [*(seen[k] for k in range(3)), seen[3] + seen[4] + seen[5]], [*shares[:3], sum(shares[3:], Fraction(0))]
    )


FINE = [
    Fraction(1, 3),
    Fraction(0),
    Fraction(1, 2**70),
    Fraction(1, 6) - Fraction(1, 2**70),
    Fraction(1, 2),
    Fraction(0),
]


def test_shares_finer_than_a_split_are_drawn_and_counted_all_the_same() -> None:
    law = Law(FINE)
    assert sum(law.weights) > 2**64
    coarse = [FINE[0], FINE[1], FINE[2] + FINE[3], FINE[4], FINE[5]]
    drawn = np.bincount(law.draws(np.random.default_rng(15)).take(60_000), minlength=6)
    counted = law.counts(60_000, np.random.default_rng(15))
    for seen in (drawn, counted):
        assert seen.sum() == 60_000
        assert seen[2] == 0  # probability 60,000 / 2^70
        assert fits([seen[0], seen[1], seen[3], seen[4], seen[5]], coarse)
    whole, pieces = (law.draws(np.random.default_rng(15)) for _ in "ab")
    assert whole.take(100).tolist() == [*pieces.take(1), *pieces.take(0), *pieces.take(99)]


# Ranges


def convolved(binomials: Sequence[tuple[int, Fraction]]) -> list[Fraction]:
    """The distribution of a sum of binomials, term by term in whole fractions."""
    found = [Fraction(1)]
    for n, p in binomials:
        pmf = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        summed = [Fraction(0)] * (len(found) + n)
        for i, a in enumerate(found):
            for j, b in enumerate(pmf):
                summed[i + j] += a * b
        found = summed
    return found


PROPER = st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50)


@given(st.lists(st.tuples(st.integers(1, 25), PROPER), min_size=1, max_size=4))
@settings(max_examples=60)
def test_the_range_of_a_sum_is_that_of_its_exact_distribution(binomials: list[tuple[int, Fraction]]) -> None:
    mass = convolved(binomials)
    low, high, coverage, exact = range_of_sum(binomials)
    assert exact
    assert coverage == pytest.approx(float(sum(mass[low : high + 1])), abs=1e-11)
    # The least k with P(X <= k) >= level; a hair's breadth is granted to floats.
    hair = Fraction(1, 10**11)
    for k, level in ((low, Fraction(25, 1000)), (high, Fraction(975, 1000))):
        assert sum(mass[: k + 1]) >= level - hair
        assert sum(mass[:k]) < level + hair


@pytest.mark.parametrize("n", [10, 1000, 10**6, 10**9])
@pytest.mark.parametrize("share", [Fraction(1, 1000), Fraction(1, 10), Fraction(1, 2), Fraction(999, 1000)])
def test_a_sum_of_one_has_the_quantiles_of_scipy(n: int, share: Fraction) -> None:
    low, high, coverage, exact = range_of_sum([(n, share)])
    assert exact
    assert (low, high) == quantiles(n, float(share))
    true = stats.binom.cdf(high, n, float(share)) - stats.binom.cdf(low - 1, n, float(share))
    assert coverage == pytest.approx(true, abs=1e-8)


def test_where_a_convolution_is_too_long_the_normal_range_is_right_within_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for binomials in (
        [(10**7, Fraction(1, 10)), (10**7, Fraction(1, 3))],
        [(10**6, Fraction(1, 100)), (10**5, Fraction(9, 10))],
    ):
        exact = range_of_sum(binomials)
        with monkeypatch.context() as patch:
            patch.setattr(sums, "WORK", 0)
            normal = range_of_sum(binomials)
        assert (exact[3], normal[3]) == (True, False)
        assert abs(exact[0] - normal[0]) <= 1
        assert abs(exact[1] - normal[1]) <= 1
        assert exact[2] == pytest.approx(normal[2], abs=1e-3)
    monkeypatch.setattr(sums, "WORK", 0)
    for n in (10**6, 10**6 + 1, 3 * 10**6):  # without skewness the ends are right
        assert range_of_sum([(n, Fraction(1, 2))])[:2] == quantiles(n, 0.5)


def test_ranges_of_single_binomials_are_those_of_preview(shop: cs.RouteTable) -> None:
    for n in (20, 5000, 10**15):
        ranges = cs.simulate(shop, PAY, n, rng=1, keep="counts").ranges("cluster")
        outcomes = cs.preview(shop, PAY, n).outcomes
        assert [(o.name, o.exact, o.low, o.high, o.coverage) for o in ranges] == [
            (o.cluster, o.share, o.low, o.high, o.coverage) for o in outcomes
        ]
        assert not any(o.approximate for o in ranges)


def by_name(s: Simulation, by: Any = "cluster") -> dict[str, Observed]:
    return {observed.name: observed for observed in s.ranges(by)}


def test_a_fixed_composition_varies_less_than_a_mix_of_the_same_shares(shop: cs.RouteTable) -> None:
    fixed = cs.simulate(shop, cs.Traffic.concat(cs.Traffic.repeat(LOOK, 50), cs.Traffic.repeat(BUY, 50)), rng=1)
    mixed = cs.simulate(shop, {LOOK: 0.5, BUY: 0.5}, 100, rng=1)
    assert by_name(fixed)["v1_ns"].exact == by_name(mixed)["v1_ns"].exact == Fraction(7, 8)
    # 50 that are certain and a binomial number of 50; a binomial number of 100.
    assert (by_name(fixed)["v1_ns"].low, by_name(fixed)["v1_ns"].high) == tuple(
        50 + end for end in quantiles(50, 0.75)
    )
    assert (by_name(mixed)["v1_ns"].low, by_name(mixed)["v1_ns"].high) == quantiles(100, 0.875)


@pytest.mark.parametrize("keep", KEEPS)
def test_ranges_cover_as_they_claim(shop: cs.RouteTable, keep: Any) -> None:
    """Of 1000 runs, the number outside is binomial with the chance that the coverage leaves."""
    traffic = cs.Traffic.concat(
        cs.Traffic.repeat(BUY, 30), cs.Traffic.repeat(PAY, 40), cs.Traffic.mix({CANARY: 1, LOST: 1}, 50)
    )
    generator = np.random.default_rng(16)
    first = cs.simulate(shop, traffic, rng=generator, keep=keep)
    claimed = by_name(first)
    assert (claimed["v2_ns"].exact, claimed["v2_ns"].approximate) == (
        (Fraction(30, 4) + Fraction(80, 3)) / 120,
        False,
    )
    outside: Counter[str] = Counter()
    for _ in range(1000):
        for name, count in cs.simulate(shop, traffic, rng=generator, keep=keep).counts().items():
            observed = claimed[name]
            assert observed.low is not None
            assert observed.high is not None
            outside[name] += not observed.low <= count <= observed.high
    for name in ("v1_ns", "v2_ns", "v3_ns", "no route (404)"):
        coverage = claimed[name].coverage
        assert coverage is not None
        assert 0.95 <= coverage < 1
        at_least, at_most = quantiles(1000, 1 - coverage, ALARM / 8)
        assert at_least <= outside[name] <= at_most
    assert outside["v0_ns"] == 0


def test_counts_outside_their_range_are_marked_and_said(shop: cs.RouteTable) -> None:
    found = {}
    low, high = quantiles(200, 0.25)
    for seed in range(400):
        s = cs.simulate(shop, BUY, 200, rng=seed, keep="counts")
        outside = any(observed.outside for observed in s.ranges())
        count = s.counts()["v2_ns"]
        assert by_name(s)["v2_ns"].outside == (not low <= count <= high)
        found[outside] = str(s)
        if outside:
            how = "more" if count > high else "fewer"
            said = f"v2_ns has {count} requests, {how} than its 95 % range ({low} to {high})."
            assert said in " ".join(str(s).split())
    assert "That is chance" in found[True]
    assert [line[-2:] for line in found[True].splitlines() if " to " in line and "#" in line] == [" !", " !"]
    assert "Every count lies in its 95 % range." in found[False]
    assert "!" not in found[False]


# Rows and memory


def test_ten_to_the_fifteen_requests_cost_no_rows(shop: cs.RouteTable) -> None:
    start = time.perf_counter()
    s = cs.simulate(shop, {BUY: 0.9, LOST: 0.1}, 10**15, rng=1, keep="counts")
    assert sum(s.counts("outcome").values()) == 10**15
    assert len(str(s).splitlines()) > 5
    assert time.perf_counter() - start < 1
    assert s.rows is None
    with pytest.raises(cs.InvalidValue, match='keep="counts" makes none'):
        cs.simulate(shop, BUY, 2**32)


@pytest.mark.parametrize(("destinations", "dtype"), [(2, "u1"), (256, "u1"), (257, "u2")])
def test_rows_are_the_smallest_unsigned_and_nobody_changes_them(destinations: int, dtype: str) -> None:
    s = cs.simulate(cs.loads(weighted(*[1] * destinations)), "GET /", 1000, rng=1)
    assert s.rows is not None
    assert (s.rows.dtype, s.rows.shape) == (np.dtype(dtype), (1000,))
    with pytest.raises(ValueError, match="read-only"):
        s.rows[0] = 1


def test_no_requests_are_an_answer_too(shop: cs.RouteTable) -> None:
    for traffic in (cs.Traffic.concat(), cs.Traffic.repeat(BUY, 0), cs.Traffic.from_columns(path=[])):
        for keep in KEEPS:
            s = cs.simulate(shop, traffic, keep=keep)
            assert sum(s.counts().values()) == s.n == 0
            assert all(observed.expected == 0 for observed in s.ranges())
            assert str(s).startswith("0 requests")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((cs.Traffic.repeat(BUY, 3), 3), cs.InvalidValue, "has 3 requests"),
        ((BUY,), cs.InvalidValue, "how many"),
        (({BUY: 1},), cs.InvalidValue, "how many"),
        (("nonsense", 3), cs.InvalidValue, "names no path"),
        (({BUY: 0.5}, 3), cs.InvalidValue, "add up to 1/2"),
        (([BUY], 3), TypeError, "not list"),
        ((BUY, 3.0), TypeError, "float"),
        ((BUY, -3), cs.InvalidValue, "negative"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    shop: cs.RouteTable, arguments: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        cs.simulate(shop, *arguments)


def test_other_keywords_are_checked(shop: cs.RouteTable) -> None:
    with pytest.raises(cs.InvalidValue, match="keep"):
        cs.simulate(shop, BUY, 3, keep="all")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rng"):
        cs.simulate(shop, BUY, 3, rng="1")  # type: ignore[arg-type]


# From outcomes back to requests, and out of the house


@pytest.mark.parametrize("keep", KEEPS)
def test_examples_are_the_requests_that_came_there(shop: cs.RouteTable, keep: Any) -> None:
    traffic = cs.Traffic.concat(
        *(cs.Traffic.repeat(cs.Request(f"/lost/{i}"), i) for i in range(1, 30)), cs.Traffic.repeat(PAY, 100)
    )
    s = cs.simulate(shop, traffic, rng=1, keep=keep)
    lost = {cs.Request(f"/lost/{i}"): i for i in (29, 28, 27)}
    assert list(s.examples(3, kind="not_found").items()) == list(lost.items())
    assert s.examples(cluster="v2_ns") == s.examples(cluster="v2") == {PAY: s.counts()["v2_ns"]}
    assert s.examples(1) == {PAY: 100}
    assert (
        s.examples(cluster="v0") == s.examples(cluster="v3_ns") == s.examples(cluster="v2", kind="not_found") == {}
    )
    assert s.examples(route="ns_t-route-3-matcher-0") == {}
    with pytest.raises(cs.UnknownName, match="v1"):
        s.examples(cluster="v7_ns")
    with pytest.raises(cs.UnknownName, match="did you mean 'not_found'"):
        s.examples(kind="not found")
    with pytest.raises(cs.UnknownName, match="grouping"):
        s.examples(path="/lost")


def test_the_whole_answer_as_json(shop: cs.RouteTable) -> None:
    s = cs.simulate(shop, cs.Traffic.concat(cs.Traffic.repeat(PAY, 90), cs.Traffic.repeat(LOST, 10)), rng=2)
    answer = json.loads(json.dumps(s.to_dict()))
    assert (answer["n"], answer["replayed"]) == (100, False)
    v2, v0, v1, lost = answer["outcomes"]
    assert v2["count"] + v1["count"] == 90
    assert (v2["cluster"], v2["route"], v2["exact_share"]) == ("v2_ns", "ns_t-route-2-matcher-0", 0.6)
    assert (v0["cluster"], v0["count"], v0["low"], v0["high"], v0["outside"]) == ("v0_ns", 0, 0, 0, False)
    assert (lost["kind"], lost["status"], lost["cluster"], lost["count"], lost["share"]) == (
        *("not_found", 404, None, 10, 0.1),
    )


def test_simulations_travel(shop: cs.RouteTable) -> None:
    s = cs.simulate(shop, EVERYTHING, rng=5)
    copy = pickle.loads(pickle.dumps(s))
    assert answers(copy) == answers(s)
    assert str(copy) == str(s)


# What cannot be known


UNKNOWN = virtual_service(
    """
    domains: ['*']
    routes:
    - matchers: [{prefix: /api}]
      delegateAction: {ref: {name: api, namespace: ns}}
    - matchers: [{prefix: /}]
      routeAction: {single: {upstream: {name: r1}}}
    """
)


def test_what_is_unknown_is_an_outcome_of_its_own_with_its_reason() -> None:
    s = cs.simulate(cs.loads(UNKNOWN), {"GET /api/1": "30%", "GET /api/2": "10%", "GET /": "60%"}, 1000, rng=1)
    assert set(s.counts("kind")) == {"unknown", "forward"}
    unknown, known = s.outcomes
    assert (unknown.kind, known.kind) == ("unknown", "forward")
    (name,) = (name for name in s.counts() if name != "r1_ns")
    assert name.startswith("unknown: ")
    assert "the RouteTable ns.api is not in the input" in name
    assert by_name(s)[name].exact == Fraction(2, 5)
    assert s.examples(kind="unknown").keys() == {cs.Request("/api/1"), cs.Request("/api/2")}
    text = " ".join(str(s).split())
    assert f"What becomes of {s.counts()[name]:,} requests" in text
    assert "the RouteTable ns.api is not in the input" in text
    assert "(<text>:" in text


# The text


def assert_fits_the_page(text: str) -> None:
    assert text.isascii()
    assert all(len(line) <= 80 and line == line.rstrip() for line in text.splitlines())


def test_the_text_says_what_a_person_asks(shop: cs.RouteTable) -> None:
    text = str(cs.simulate(shop, {PAY: 0.9, LOST: 0.1}, 1000, rng=1))
    assert_fits_the_page(text)
    lines = text.splitlines()
    assert lines[0] == "1,000 requests, 2 distinct"
    assert lines[2].split() == ["seen", "share", "exact", "95", "%", "range"]
    seen = {
        lines[at - 1].strip(): line.split()[1:] for at, line in enumerate(lines) if line.startswith(("  #", "  ."))
    }
    assert set(seen) == {"v2_ns", "v0_ns", "v1_ns", "no route (404)"}
    assert seen["v0_ns"] == ["0", "0", "%", "0", "%", "0"]
    low, high = quantiles(1000, 0.6)
    assert seen["v2_ns"][3:8] == ["60", "%", str(low), "to", str(high)]
    assert any(line.startswith("route ns_t-route-2-matcher-0") and "<text>:" in line for line in lines)


def test_a_text_of_great_numbers_or_without_chance_keeps_to_the_page(shop: cs.RouteTable) -> None:
    great = str(cs.simulate(shop, PAY, 10**15, rng=1, keep="counts"))
    assert_fits_the_page(great)
    assert great.splitlines()[2].split() == ["seen", "share", "exact"]
    assert sum(line.strip().startswith("95 % range") for line in great.splitlines()) == 3
    certain = str(cs.simulate(shop, LOOK, 3))
    assert_fits_the_page(certain)
    assert "Chance plays no part" in certain
    replayed = str(cs.simulate(shop, cs.Traffic.from_columns(path="/pay", random_values=[1, 2, 3])))
    assert_fits_the_page(replayed)
    assert "95 % range" not in replayed
    assert "there are no ranges" in replayed


def test_of_very_many_outcomes_the_most_frequent_are_shown() -> None:
    weights = [1] * 200 + [1000] * 3
    s = cs.simulate(cs.loads(weighted(*weights)), "GET /", 10_000, rng=1)
    text = str(s)
    assert_fits_the_page(text)
    assert all(f"  r{i}_ns" in text for i in (200, 201, 202))
    assert len(text.splitlines()) < 120
    shown = {line.strip() for line in text.splitlines() if line.startswith("  r")}
    hidden = [count for name, count in s.counts().items() if name not in shown]
    assert f"... and {len(hidden)} outcomes more, with {sum(hidden):,} requests" in text


def test_redirects_of_many_paths_are_one_outcome() -> None:
    table = RouteTable([VirtualHost("h", ["*"], require_tls=True)])
    s = cs.simulate(table, traffic_of([get(f"/buy/{i}") for i in range(50)]))
    assert s.counts("outcome") == {"redirect to https (301)": 50}
    assert len(s.examples(100, kind="tls_redirect")) == 50
    assert "redirect to https (301)" in str(s)
