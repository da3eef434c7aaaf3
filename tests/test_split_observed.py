"""Counts against shares: never more false alarms than declared, and the power that is printed."""

from __future__ import annotations

import pickle
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import comb, factorial, prod, sqrt
from random import Random
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import canarysim as cs
from canarysim.answers.observed import power, ranges, requests_needed
from canarysim.answers.rectangle import inside
from canarysim.answers.tails import lower_tail, passing, upper_tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

F = Fraction
THREE = {"v1": "60%", "v2": "30%", "v3": "10%"}


def fails(counts: Mapping[str, int], shares: Mapping[str, Any], **options: Any) -> bool:
    try:
        cs.assert_split_observed(counts, shares, **options)
    except AssertionError:
        return True
    return False


def named(values: Sequence[Any]) -> dict[str, Any]:
    return {f"d{i}": value for i, value in enumerate(values)}


def outcomes(n: int, parts: int) -> Iterator[tuple[int, ...]]:
    for some in product(range(n + 1), repeat=parts - 1):
        if sum(some) <= n:
            yield *some, n - sum(some)


def chance(counts: Sequence[int], shares: Sequence[Fraction]) -> Fraction:
    ways = factorial(sum(counts)) // prod(map(factorial, counts))
    return ways * prod((share**count for count, share in zip(counts, shares, strict=True)), start=F(1))


def some_shares(random: Random, parts: int, zeros: bool = True) -> list[Fraction]:
    while True:
        weights = [random.choice([0, 1, 2, 7, 50, 300][not zeros :]) for _ in range(parts)]
        if sum(weights):
            return [F(weight, sum(weights)) for weight in weights]


# The rate of false alarms


@pytest.mark.parametrize("seed", range(25))
def test_over_all_outcomes_no_test_fails_more_often_than_declared_and_power_is_what_they_add_to(seed: int) -> None:
    random = Random(seed)
    parts = random.randint(1, 4)
    n = random.randint(1, {1: 30, 2: 40, 3: 12, 4: 7}[parts])
    shares, true = some_shares(random, parts), some_shares(random, parts)
    false_alarm = random.choice([F(1, 1000), F(1, 20), F(3, 10), F(19, 20)])
    caught = [
        counts for counts in outcomes(n, parts) if fails(named(counts), named(shares), false_alarm=false_alarm)
    ]
    assert sum((chance(counts, shares) for counts in caught), F(0)) <= false_alarm
    exact = sum((chance(counts, true) for counts in caught), F(0))
    found, bound = power(n, shares, false_alarm, true)
    assert found == pytest.approx(float(exact), rel=1e-9, abs=1e-13)
    assert not bound


def test_a_tail_that_equals_its_level_fails_and_one_a_trace_above_it_does_not() -> None:
    random = Random(1)
    for _ in range(100):
        n, share = random.randint(1, 60), F(random.randint(1, 39), 40)
        k = random.randint(0, n)
        tail = sum((comb(n, j) * share**j * (1 - share) ** (n - j) for j in range(k + 1)), F(0))
        if tail >= F(1, 2):
            continue
        counts, shares = {"a": k, "b": n - k}, {"a": share, "b": 1 - share}
        assert fails(counts, shares, false_alarm=2 * tail)
        assert not fails(counts, shares, false_alarm=2 * tail * (1 - F(1, 10**40)))


def test_ranges_are_those_of_scipy_and_beyond_its_digits_never_narrower() -> None:
    random = Random(2)
    for _ in range(300):
        n = int(10 ** random.uniform(0, 10))
        share = F(random.randrange(1, 2**20), 2**20)  # exact as a float, which is what scipy is given
        level = F(1, random.randint(5, 10**6))
        low, high = passing(n, share, level)
        theirs = int(binom.ppf(float(level), n, float(share))), int(binom.isf(float(level), n, float(share)))
        if n <= 100_000:
            assert (low, high) == theirs
        else:
            assert 0 <= theirs[0] - low <= 1
            assert 0 <= high - theirs[1] <= 1


def test_tails_keep_their_digits_far_out() -> None:
    random = Random(3)
    for _ in range(500):
        n, share = int(10 ** random.uniform(0, 9)), F(random.randrange(1, 2**20), 2**20)
        k = int(n * share - random.uniform(0, 20) * sqrt(n * share * (1 - share)))
        theirs = binom.cdf(k, n, float(share))
        if k >= 0 and theirs > 1e-200:
            assert lower_tail(k, n, share) == pytest.approx(theirs, rel=1e-8)
            assert upper_tail(n - k, n, 1 - share) == lower_tail(k, n, share)
    assert lower_tail(0, 10**9, F(1, 2)) == upper_tail(10**9, 10**9, F(1, 2)) == 0
    assert lower_tail(10**9 - 1, 10**9, F(1, 2)) == 1


@pytest.mark.parametrize("false_alarm", ["0.1%", "5%"])
@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("shares", [("10%", "90%"), ("1%", "99%"), ("50%", "50%"), tuple(THREE.values())])
def test_no_more_false_alarms_in_simulated_runs_than_declared(
    shares: tuple[str, ...], n: int, false_alarm: str
) -> None:
    """Fails by chance with a probability below 1e-7, all 24 together."""
    alarms = simulated_failures(shares, n, 100_000, false_alarm, shares)
    assert alarms <= binom.isf(1e-7 / 24, 100_000, float(false_alarm[:-1]) / 100)


def simulated_failures(
    shares: Sequence[str], n: int, runs: int, false_alarm: Any, true: Sequence[str], seed: int = 4
) -> int:
    """How many runs fail; what was counted several times is judged once."""
    draws = np.random.default_rng(seed).multinomial(n, [float(share[:-1]) / 100 for share in true], runs)
    distinct: tuple[NDArray[np.int64], NDArray[np.int64]] = np.unique(draws, axis=0, return_counts=True)
    return sum(
        int(times)
        for counts, times in zip(*distinct, strict=True)
        if fails(named(counts), named(shares), false_alarm=false_alarm)
    )


def test_a_share_of_zero_that_was_hit_and_a_share_of_one_that_was_missed_fail_for_certain() -> None:
    for false_alarm in ("1e-100", 0.001, 0.999):
        cases: list[tuple[dict[str, int], dict[str, float]]] = [
            ({"v1": 10**9, "v2": 1}, {"v1": 1, "v2": 0}),
            ({"v1": 10**9, "v2": 1}, {"v1": 1}),
            ({"v2": 1}, {"v1": 1}),
            ({"v1": 7, "v2": 3, "old": 1}, {"v1": 0.7, "v2": 0.3, "old": 0}),
            ({"v1": 7, "v2": 3, "old": 1}, {"v1": 0.7, "v2": 0.3}),
        ]
        for counts, shares in cases:
            with pytest.raises(AssertionError, match=r"share is (0|100) %: that is no chance(.|\n)*p-value 0;"):
                cs.assert_split_observed(counts, shares, false_alarm=false_alarm)
        assert not fails({"v1": 10**9}, {"v1": 1, "v2": 0}, false_alarm=false_alarm)


def test_the_p_value_is_twice_the_smaller_tail_and_of_three_destinations_three_times_the_least() -> None:
    seen = cs.assert_split_observed({"a": 90, "b": 210}, {"a": F(1, 4), "b": F(3, 4)})
    assert seen.p_value == pytest.approx(2 * binom.sf(89, 300, 0.25))
    three = cs.assert_split_observed(
        {"a": 45, "b": 40, "c": 15}, {"a": F(1, 2), "b": F(1, 4), "c": F(1, 4)}, false_alarm=1e-6
    )
    tails = [(45, 0.5), (40, 0.25), (15, 0.25)]
    alone = [2 * min(binom.cdf(k, 100, p), binom.sf(k - 1, 100, p)) for k, p in tails]
    assert [row.p_value for row in three.rows] == pytest.approx(alone)
    assert three.p_value == pytest.approx(3 * min(alone))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=4), st.integers(0, 10**6), st.integers(1, 999))
@settings(max_examples=150, deadline=None)
def test_a_test_fails_where_its_p_value_is_at_most_the_false_alarm_rate(
    counts: list[int], seed: int, thousandths: int
) -> None:
    shares = some_shares(Random(seed), len(counts), zeros=False)
    if not sum(counts):
        return
    seen = None
    try:
        seen = cs.assert_split_observed(named(counts), named(shares), false_alarm=F(1, 10**50))
    except AssertionError:
        return
    assert fails(named(counts), named(shares), false_alarm=F(thousandths, 1000)) == (
        seen.p_value <= thousandths / 1000
    )


# Power


@pytest.mark.parametrize(
    "shares, true",
    [
        ({"v1": "70%", "v2": "30%"}, {"v1": "65%", "v2": "35%"}),
        (THREE, {"v1": "50%", "v2": "35%", "v3": "15%"}),
    ],
)
def test_what_should_be_caught_is_caught_with_the_power_that_is_printed(
    shares: dict[str, str], true: dict[str, str]
) -> None:
    """Two-sided at 1e-7: fails by chance twice in 10^7."""
    n, runs = 300, 20_000
    stated = seen_of(n, shares, true).power
    assert stated is not None
    caught = simulated_failures(tuple(shares.values()), n, runs, 1e-3, tuple(true.values()), seed=5)
    assert binom.ppf(5e-8, runs, stated) <= caught <= binom.isf(5e-8, runs, stated)


def seen_of(n: int, shares: Mapping[str, str], true: Mapping[str, str]) -> Any:
    counts = {name: int(n * F(share[:-1]) / 100) for name, share in shares.items()}
    return cs.assert_split_observed(counts, shares, detect=true)


def test_five_hundred_requests_rarely_tell_65_from_70_per_cent() -> None:
    """The well-known check of 500 requests within 5 points, at an error rate of 0.1 %."""
    seen = seen_of(500, {"v1": "70%", "v2": "30%"}, {"v1": "65%", "v2": "35%"})
    low, high = binom.ppf(0.0005, 500, 0.7), binom.isf(0.0005, 500, 0.7)
    assert seen.power == pytest.approx(binom.cdf(low - 1, 500, 0.65) + binom.sf(high, 500, 0.65))
    assert seen.requests_needed == 1828
    assert seen_of(1828 * 10, {"v1": "70%", "v2": "30%"}, {"v1": "65%", "v2": "35%"}).power > 0.999


def test_the_probability_of_a_box_is_the_sum_of_what_is_in_it() -> None:
    random = Random(6)
    for _ in range(60):
        parts = random.randint(1, 4)
        n, shares = random.randint(1, 12), some_shares(random, parts, zeros=False)
        pairs = [(random.randint(0, n), random.randint(0, n)) for _ in shares]
        box = [(min(pair), max(pair)) for pair in pairs]
        exact = sum(
            chance(counts, shares)
            for counts in outcomes(n, parts)
            if all(low <= k <= high for k, (low, high) in zip(counts, box, strict=True))
        )
        assert inside(n, shares, box) == pytest.approx(float(exact), abs=1e-12)


@pytest.mark.parametrize("n", [1000, 50_000, 3_000_000])
def test_the_probability_of_a_box_of_many_counts_is_that_of_binomials_one_after_another(n: int) -> None:
    shares = [F(1, 10), F(3, 10), F(2, 10), F(4, 10)]
    box = [(int(n * p - 2 * sqrt(n * p * (1 - p))), int(n * p + 3 * sqrt(n * p * (1 - p)))) for p in shares]
    (a, b), (c, d), (e, f), (g, h) = box
    total = 0.0
    # Joined in pairs: first how many the first two have together, then each pair within itself.
    pair = np.arange(a + c, b + d + 1)
    first = binom.cdf(np.minimum(b, pair - c), pair, 0.25) - binom.cdf(np.maximum(a, pair - d) - 1, pair, 0.25)
    rest = n - pair
    last = binom.cdf(np.minimum(f, rest - g), rest, 1 / 3) - binom.cdf(np.maximum(e, rest - h) - 1, rest, 1 / 3)
    total = float(np.sum(binom.pmf(pair, n, 0.4) * np.maximum(first, 0) * np.maximum(last, 0)))
    assert inside(n, shares, box) == pytest.approx(total, abs=1e-9)


def test_beyond_what_can_be_summed_the_power_is_a_bound_and_named_as_one() -> None:
    shares = {"v1": "60%", "v2": "30%", "v3": "10%"}
    detect = {"v1": "60.0001%", "v2": "30%", "v3": "9.9999%"}
    n = 10**12
    seen = seen_of(n, shares, detect)
    assert seen.power_is_bound
    low, high = binom.ppf(1 / 6000, n, 0.1), binom.isf(1 / 6000, n, 0.1)
    third = binom.cdf(low - 1, n, 0.099999) + binom.sf(high, n, 0.099999)
    assert seen.power == pytest.approx(third, rel=1e-3)
    assert "fail this test in at least" in " ".join(str(seen).split())


def test_the_requests_needed_are_the_least_that_have_the_power() -> None:
    random = Random(7)
    judged = 0
    while judged < 40:
        size = random.choice([20, 100, 1000])
        share, true = F(random.randint(0, size), size), F(random.randint(0, size), size)
        false_alarm = random.choice([F(1, 1000), F(1, 20)])
        if share == true:
            continue
        needed = requests_needed([share, 1 - share], false_alarm, [true, 1 - true])
        assert needed is not None
        if needed > 800:
            continue
        judged += 1
        reaches = [
            power(n, [share, 1 - share], false_alarm, [true, 1 - true])[0] >= 0.9 for n in range(1, needed + 1)
        ]
        assert reaches == [False] * (needed - 1) + [True]


def test_the_requests_needed_of_several_destinations_have_the_power_and_a_thousandth_part_less_has_not() -> None:
    random = Random(8)
    for _ in range(25):
        parts = random.randint(3, 5)
        shares, true = some_shares(random, parts), some_shares(random, parts)
        if shares == true or sum(a > 0 or b > 0 for a, b in zip(shares, true, strict=True)) < 3:
            continue
        needed = requests_needed(shares, F(1, 1000), true)
        assert needed is not None
        assert power(needed, shares, F(1, 1000), true)[0] >= 0.9
        if needed > 1:
            assert power(needed - needed // 1000 - 1, shares, F(1, 1000), true)[0] < 0.9


def test_what_no_number_of_requests_shows_needs_more_than_can_be_counted() -> None:
    seen = cs.assert_split_observed(
        {"v1": 1}, {"v1": "0.5", "v2": "0.5"}, detect={"v1": "0.500000001", "v2": "0.499999999"}
    )
    assert seen.requests_needed is None
    assert "takes more than 10^15 requests" in " ".join(str(seen).split())


def test_what_is_told_apart_by_certainty_alone_needs_few() -> None:
    seen = cs.assert_split_observed({"v1": 5}, {"v1": 1, "v2": 0}, detect={"v1": 0.5, "v2": 0.5})
    assert seen.power == pytest.approx(1 - 0.5**5)
    assert seen.requests_needed == 4
    assert cs.assert_split_observed({"v1": 5}, {"v1": 1, "v2": 0}, detect={"v1": 0, "v2": 1}).requests_needed == 1


# What goes in


@pytest.mark.parametrize(
    "seven", [7, 7.0, np.int32(7), np.uint8(7), np.float64(7), np.float32(7), F(7), Decimal(7)]
)
def test_counts_are_whole_numbers_of_any_type(seven: Any) -> None:
    seen = cs.assert_split_observed({"v1": seven, "v2": 3}, {"v1": 0.7, "v2": 0.3})
    assert seen.n == 10
    assert type(seen.rows[0].count) is int


@pytest.mark.parametrize(
    "tenth", [0.1, "0.1", "10%", "10 %", "1/10", F(1, 10), Decimal("0.1"), np.float32(0.1), np.float64(0.1)]
)
def test_shares_are_read_as_those_of_an_exact_split(tenth: Any) -> None:
    seen = cs.assert_split_observed({"v1": 9, "v2": 1}, {"v1": 0.9, "v2": tenth})
    assert seen.rows[1].share == F(1, 10)


def test_a_counter_is_counts_and_what_is_not_in_it_was_not_seen() -> None:
    seen = cs.assert_split_observed(Counter(["v1"] * 19), {"v1": "95%", "v2": "5%"})
    assert [(row.name, row.count) for row in seen.rows] == [("v1", 19), ("v2", 0)]


TWO = {"v1": 0.7, "v2": 0.3}


@pytest.mark.parametrize(
    "code, counts, shares, options",
    [
        ("nothing_observed", {}, TWO, {}),
        ("nothing_observed", {"v1": 0, "v2": 0}, TWO, {}),
        *(
            ("bad_count", {"v1": bad, "v2": 3}, TWO, {})
            for bad in (-1, True, np.True_, 1.5, "3", None, 1j, [1], float("nan"), float("inf"), Decimal("sNaN"))
        ),
        ("bad_count", {"v1": 10**15, "v2": 1}, TWO, {}),
        ("bad_name", {200: 3}, TWO, {}),
        ("bad_name", {"v1": 3}, {None: 1}, {}),
        ("no_mapping", [3, 4], TWO, {}),
        ("no_mapping", {"v1": 3}, [0.7, 0.3], {}),
        ("no_mapping", {"v1": 3}, TWO, {"detect": 0.5}),
        ("bad_share", {"v1": 3}, {"v1": 70, "v2": 30}, {}),
        ("bad_share", {"v1": 3}, {"v1": True}, {}),
        ("bad_share", {"v1": 3}, {"v1": np.True_}, {}),
        ("bad_share", {"v1": 3}, {"v1": float("nan")}, {}),
        ("bad_share", {"v1": 3}, {"v1": None}, {}),
        ("shares_do_not_add_up", {"v1": 3}, {"v1": 1, "v2": 1}, {}),
        ("shares_do_not_add_up", {"v1": 3}, {"v1": 0.33, "v2": 0.33, "v3": 0.33}, {}),
        ("shares_do_not_add_up", {"v1": 3}, {}, {}),
        ("shares_do_not_add_up", {"v1": 3}, TWO, {"detect": {"v1": 0.5, "v2": 0.1}}),
        *(
            ("bad_false_alarm", {"v1": 3}, TWO, {"false_alarm": bad})
            for bad in (0, 1, -0.1, 1.5, "x", None, True, "1e-101")
        ),
        ("other_names", {"v1": 3}, TWO, {"detect": {"v1": 1}}),
        ("other_names", {"v1": 3}, TWO, {"detect": {"v1": 0.5, "v2": 0.4, "v3": 0.1}}),
        ("nothing_to_detect", {"v1": 3}, TWO, {"detect": {"v1": "70%", "v2": "30%"}}),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_one_clear_error(code: str, counts: Any, shares: Any, options: Any) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        cs.assert_split_observed(counts, shares, **options)
    assert caught.value.code == code
    assert caught.value.__cause__ is None
    assert len(caught.traceback) == 2  # this line and the assertion, not what is inside of it


def test_tiny_shares_and_rates_are_tested_too() -> None:
    tiny = F(1, 10**400)
    assert fails({"a": 10**15 - 1, "b": 1}, {"a": 1 - tiny, "b": tiny}, false_alarm="1e-100")
    assert not fails({"a": 10**15}, {"a": 1 - tiny, "b": tiny}, false_alarm="0.999")
    assert ranges(10**15, [F(1, 2), F(1, 2)], F(1, 10**100))[0][0] < 5 * 10**14 - 15 * 10**7


# What comes out


def test_a_failure_shows_counts_beside_ranges_and_what_so_many_requests_can_show() -> None:
    with pytest.raises(AssertionError) as caught:
        cs.assert_split_observed({"v1": 310, "v2": 190}, TWO, detect={"v1": 0.65, "v2": 0.35})
    assert str(caught.value) == (
        """\
500 requests do not fit the promised shares
v2 has 190 requests, more than the 117 to 184 that chance explains.

       seen   share   promised   detect   expected      allowed
x v1    310    62 %       70 %     65 %        350   316 to 383
x v2    190    38 %       30 %     35 %        150   117 to 184

p-value 0.00016; false-alarm rate at most 0.001.
Power: if the shares under detect are the true ones, 500 requests fail this test
in 18.6 % of runs. A power of 90 % takes 1,828 requests."""
    )


def test_each_of_several_that_are_outside_is_marked_and_told_on_which_side() -> None:
    with pytest.raises(AssertionError) as caught:
        cs.assert_split_observed({"v1": 60, "v2": 5, "v3": 35}, THREE)
    assert str(caught.value) == (
        """\
100 requests do not fit the promised shares
v2 has 5 requests, fewer than the 15 to 47 that chance explains.
v3 has 35 requests, more than the 1 to 22 that chance explains.

       seen   share   promised   expected    allowed
  v1     60    60 %       60 %         60   42 to 77
x v2      5     5 %       30 %         30   15 to 47
x v3     35    35 %       10 %         10    1 to 22

p-value 8.7e-11; false-alarm rate at most 0.001, in equal parts for the 3
destinations."""
    )


def test_a_test_that_could_not_fail_says_so() -> None:
    seen = cs.assert_split_observed({"v1": 1}, TWO, detect={"v1": 0, "v2": 1})
    assert str(seen) == (
        """\
1 request fits the promised shares

       seen   share   promised   detect   expected   allowed
  v1      1   100 %       70 %      0 %        0.7    0 to 1
  v2      0     0 %       30 %    100 %        0.3    0 to 1

p-value 1; false-alarm rate at most 0.001.
So few requests cannot fail this test, wherever they go.
Power: if the shares under detect are the true ones, 1 request fails this test
in 0 % of runs. A power of 90 % takes 7 requests."""
    )


NAMES = st.text("abcxyz-.", min_size=1, max_size=40)


@given(
    st.dictionaries(NAMES, st.integers(0, 10**14) | st.integers(0, 50), min_size=1, max_size=6),
    st.integers(0, 10**6),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_the_text_fits_80_columns(counts: dict[str, int], seed: int, detecting: bool) -> None:
    if not sum(counts.values()):
        return
    shares, true = (
        dict(zip(counts, some_shares(Random(part), len(counts)), strict=True)) for part in (seed, seed + 1)
    )
    try:
        text = str(cs.assert_split_observed(counts, shares, detect=true if detecting and shares != true else None))
    except AssertionError as error:
        text = str(error)
    assert max(map(len, text.split("\n"))) <= 80
    assert all(f" {name}" in text for name in counts)


def test_names_are_shown_on_one_line_whatever_they_hold() -> None:
    with pytest.raises(AssertionError) as caught:
        cs.assert_split_observed({"v1": 90, "a\nb\x1b[31m": 1, "übung": 1}, {"v1": 1})
    assert r"x a\nb\x1b[31m " in str(caught.value)
    assert "x übung" in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).split("\n"))


def test_of_very_many_destinations_the_first_are_shown_and_those_outside() -> None:
    counts = {f"d{i}": 100 for i in range(200)} | {"d150": 300}
    with pytest.raises(AssertionError) as caught:
        cs.assert_split_observed(counts, {f"d{i}": F(1, 200) for i in range(200)})
    lines = str(caught.value).split("\n")
    assert len(lines) < 35
    assert any(line.startswith("x d150 ") for line in lines)
    assert "... and 175 destinations more, each as allowed" in lines


def test_the_result_is_a_value() -> None:
    seen = cs.assert_split_observed({"v1": 17, "v2": 3}, TWO, detect={"v1": 0.5, "v2": 0.5})
    assert pickle.loads(pickle.dumps(seen)) == seen
    assert hash(seen) == hash(pickle.loads(pickle.dumps(seen)))
    assert repr(seen) == "<SplitObserved: n=20, p_value=0.21, fits>"
    assert (seen.n, seen.fits, seen.false_alarm) == (20, True, F(1, 1000))
    row = seen.rows[1]
    assert (row.name, row.count, row.share, row.expected, row.low, row.high) == ("v2", 3, F(3, 10), F(6), 0, 13)
    assert (row.outside, row.detect) == (None, F(1, 2))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        seen.n = 3  # type: ignore[misc]
    assert all(
        getattr(cs.assert_split_observed({"v1": 1}, TWO), name) is None for name in ("power", "requests_needed")
    )
