"""Ranges and chances of what n calls show, held against scipy and against whole numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from random import Random

import pytest
from scipy.stats import binom

from canarysim.answers.binomial import _at_least, calls_to_see, cdf, central_range, quantile

LEVELS = (Fraction(25, 1000), Fraction(975, 1000))


def cases(seed: int, count: int, low: float, high: float) -> list[tuple[int, Fraction]]:
    random = Random(seed)
    found = []
    for _ in range(count):
        share = Fraction(random.randint(1, 999), 1000)
        if random.random() < 0.3:
            share = Fraction(1, random.randint(2, 10**6))
        if random.random() < 0.2:
            share = 1 - share
        found.append((int(10 ** random.uniform(low, high)), share))
    return found


def test_twenty_calls_at_ten_per_cent() -> None:
    low, high, coverage = central_range(20, Fraction(1, 10))
    assert (low, high) == (0, 5)
    assert f"{coverage:.3f}" == "0.989"
    assert calls_to_see(Fraction(1, 10)) == 29


def test_quantiles_up_to_a_hundred_thousand_calls_are_those_of_scipy() -> None:
    for n, share in cases(1, 600, 0, 5):
        for level in LEVELS:
            assert quantile(level, n, share) == int(binom.ppf(float(level), n, float(share))), (n, share)


def test_quantiles_of_more_calls_are_within_one_of_scipy_and_coverage_within_a_billionth() -> None:
    for n, share in cases(2, 150, 5, 15):
        low, high, coverage = central_range(n, share)
        p = float(share)
        assert abs(low - int(binom.ppf(0.025, n, p))) <= 1
        assert abs(high - int(binom.ppf(0.975, n, p))) <= 1
        assert coverage == pytest.approx(binom.cdf(high, n, p) - binom.cdf(low - 1, n, p), abs=1e-9)


def test_probabilities_are_those_of_scipy() -> None:
    random = Random(3)
    for n, _ in cases(4, 200, 0, 9):
        share = Fraction(random.randrange(1, 2**20), 2**20)  # exact as a float, which is what scipy is given
        spread = int(4 * (n * float(share * (1 - share))) ** 0.5) + 1
        k = min(n, max(0, int(n * share) + random.randint(-spread, spread)))
        assert cdf(k, n, share) == pytest.approx(binom.cdf(k, n, float(share)), abs=1e-11)


def test_quantiles_are_exact_where_a_sum_equals_the_level() -> None:
    random = Random(5)

    def exact(k: int, n: int, share: Fraction) -> Fraction:
        return sum((comb(n, j) * share**j * (1 - share) ** (n - j) for j in range(k + 1)), Fraction(0))

    for _ in range(200):
        n, share = random.randint(1, 40), Fraction(random.randint(1, 39), 40)
        level = exact(random.randint(0, n - 1), n, share)  # a level that is hit exactly
        k = quantile(level, n, share)
        assert exact(k, n, share) >= level
        assert k == 0 or exact(k - 1, n, share) < level
        j = random.randint(0, n)
        assert _at_least(j, n, share, level) == (exact(j, n, share) >= level)


def test_calls_to_see_is_the_least_number() -> None:
    for share in [Fraction(1, k) for k in (2, 3, 7, 10, 20, 64, 100, 1000)] + [
        Fraction(95, 100),
        Fraction(19, 20),
    ]:
        calls = calls_to_see(share)
        assert calls is not None
        assert (1 - share) ** calls <= Fraction(5, 100)
        assert calls == 1 or (1 - share) ** (calls - 1) > Fraction(5, 100)
    assert calls_to_see(Fraction(0)) is None
    assert calls_to_see(Fraction(1)) == 1


def test_certain_outcomes_have_no_spread() -> None:
    assert central_range(20, Fraction(0)) == (0, 0, 1.0)
    assert central_range(20, Fraction(1)) == (20, 20, 1.0)
