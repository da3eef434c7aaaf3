"""Binomial tests with equal tails: which counts pass, and how likely a count is to be so far out.

Facts (textbook; Clopper and Pearson, 1934):

1. Of n independent requests with share p, a count x fails at the level a of one tail where P(X <= x) <= a or
   P(X >= x) <= a. Each side then fails with probability at most a, whatever n and p: the test is exact.
2. Sums of floats cannot tell a tail that equals the level from one beside it. Up to n = 10^5 a tail that is nearer
   to the level than a thousand times its error is summed once more in whole numbers. Beyond, the tests are held to
   a level that is lower by 10^-5 of itself, which is more than those errors. So none fails more often than its
   level says.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from canarysim.answers.binomial import EXACT_UP_TO, _at_least, _cdf, _pmf

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["lower_tail", "passing", "upper_tail"]

_DOUBT = 1e-9
_MARGIN = 1e-5
#: A share below this is as good as 0 for whatever can be counted, and a float still holds its powers.
_LEAST = 1e-300


def lower_tail(k: int, n: int, share: Fraction) -> float:
    """P(X <= k) of n requests; below the mean its relative error is about 1e-11 up to n = 10^9."""
    if k < 0:
        return 0.0
    if k >= n or share == 0:
        return 1.0
    return 0.0 if share == 1 else _cdf(k, n, *_floats(share))


def upper_tail(k: int, n: int, share: Fraction) -> float:
    """P(X >= k) of n requests, as precise above the mean."""
    return lower_tail(n - k, n, 1 - share)


def passing(n: int, share: Fraction, level: Fraction) -> tuple[int, int]:
    """The least and the greatest count that do not fail, at a level of each tail below 1/2.

    Exact up to n = 10^5; beyond, a count whose tail is just below the level may pass. Cost: O(sqrt(n)) up to a
    variance of 10^5, constant beyond.
    """
    if share in (0, 1):
        return int(n * share), int(n * share)
    return _least(n, share, level), n - _least(n, 1 - share, level)


def _floats(share: Fraction) -> tuple[float, float]:
    return max(float(share), _LEAST), max(float(1 - share), _LEAST)


def _least(n: int, share: Fraction, level: Fraction) -> int:
    """The least k with P(X <= k) > level: Newton's method on the logarithm of the tail, inside a bracket."""
    p, q = _floats(share)
    exact = n <= EXACT_UP_TO
    wanted = float(level) * (1 if exact else 1 - _MARGIN)
    z = NormalDist().inv_cdf(wanted)
    guess = n * p + z * math.sqrt(n * p * q) + (q - p) * (z * z - 1) / 6
    fails, passes = -1, n
    while passes - fails > 1:
        k = min(max(math.ceil(guess), fails + 1), passes - 1)
        tail = _cdf(k, n, p, q)
        doubtful = exact and abs(tail - wanted) < _DOUBT * wanted
        if _above(k, n, share, level) if doubtful else tail > wanted:
            passes = k
        else:
            fails = k
        density = _pmf(k, n, p, q)
        if tail > 0 and density > 1e-300:
            guess = k + (math.log(wanted) - math.log(tail)) * tail / density
        else:
            guess = (fails + passes) / 2
    return passes


def _above(k: int, n: int, share: Fraction, level: Fraction) -> bool:
    """Whether P(X <= k) > level, in whole numbers: where P(X > k) < 1 - level, and n - X has the other share."""
    return not _at_least(n - k - 1, n, 1 - share, 1 - level)
