"""How likely it is that each of several counts lies in its range, when n requests are shared out among them.

Facts (Levin, "A representation for multinomial cumulative distribution functions", 1981):

1. Counts that n independent requests leave at destinations of shares d_i are distributed as independent Poisson
   counts of means n d_i, given that these add to n.
2. So the probability of the ranges is that of truncated Poisson counts adding to n, a convolution, divided by the
   probability that a Poisson count of mean n is n.
3. A Poisson count is further than t from its mean m with probability at most 2 exp(-t^2 / (2 m + 2 t / 3)), and a
   binomial one with that mean too (Bernstein). What lies further out than 10^-17 is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarysim.answers.binomial import _deviance, _stirling_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

__all__ = ["inside"]

#: Counts that all truncated ranges may hold together: half a second of work.
MAX_WIDTH = 1 << 21
#: Products up to which a plain convolution is quicker than a transformed one.
_PLAIN = 1 << 18


def inside(n: int, shares: Sequence[Fraction], ranges: Sequence[tuple[int, int]]) -> float | None:
    """The probability that every count lies in its range, both ends in it; to about 1e-11.

    ``shares`` are above 0 and add to 1. None where the ranges hold more than two million counts together, which
    takes about n = 10^10 and would take seconds. Cost: O(width log width), where width is how many they hold.
    """
    parts: list[tuple[int, float, int]] = []
    for share, (low, high) in zip(shares, ranges, strict=True):
        mean = n * float(share)
        reach = 13 + math.sqrt(169 + 80 * mean)
        low, high = max(low, math.floor(mean - reach)), min(high, math.ceil(mean + reach))  # noqa: PLW2901
        if low > high:
            return 0.0
        parts.append((high - low + 1, mean, low))
    if sum(width for width, _, _ in parts) > MAX_WIDTH:
        return None
    parts.sort()
    *rest, (width, mean, low) = parts  # the longest is not convolved, but summed once
    start = sum(its_low for _, _, its_low in rest)
    sums = _convolved([_poisson(its_mean, its_low, its_width) for its_width, its_mean, its_low in rest])
    # The longest takes n minus the sum of the rest: from low to low + width - 1.
    first = max(0, n - (low + width - 1) - start)
    last = min(len(sums) - 1, n - low - start)
    if first > last:
        return 0.0
    longest = _poisson(mean, low, width)[n - start - last - low : n - start - first - low + 1]
    total = math.fsum(its_mean for _, its_mean, _ in parts)
    return min(1.0, float(np.dot(sums[first : last + 1], longest[::-1])) / _poisson_one(n, total))


def _convolved(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The distribution of the sum, by halves."""
    if len(parts) < 2:
        return parts[0] if parts else np.ones(1)
    a, b = _convolved(parts[: len(parts) // 2]), _convolved(parts[len(parts) // 2 :])
    if len(a) * len(b) <= _PLAIN:
        return np.convolve(a, b)
    size = len(a) + len(b) - 1
    fast = 1 << (size - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(a, fast) * np.fft.rfft(b, fast), fast)[:size]


def _poisson_one(k: int, mean: float) -> float:
    if k == 0:
        return math.exp(-mean)
    return math.exp(-_stirling_error(k) - _deviance(k, mean)) / math.sqrt(2 * math.pi * k)


def _poisson(mean: float, low: int, width: int) -> NDArray[np.float64]:
    """The probabilities of low, low + 1, ..., from the likeliest of them on by their ratios."""
    k = min(max(round(mean), low), low + width - 1)
    at = k - low
    found = np.empty(width)
    found[at] = peak = _poisson_one(k, mean)
    found[at + 1 :] = peak * np.cumprod(mean / np.arange(k + 1, low + width))
    found[:at] = peak * np.cumprod(np.arange(k, low, -1) / mean)[::-1]
    return found
