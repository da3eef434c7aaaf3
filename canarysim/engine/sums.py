"""Ranges of a sum of independent binomial counts with different shares."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["range_of_sum"]

# Facts (textbook).
# 1. The distribution of a sum is the convolution of the distributions: the product of their Fourier transforms.
# 2. A binomial leaves mean - 9 deviations - 30 .. mean + 9 deviations + 30 with a probability below 1e-15; so
#    only that window of each is looked at.
# 3. A sum whose deviation is large is nearly normal; the ends of its central range are then wrong by about
#    0.5 * skewness * deviation, which for binomials is at most about half a call.
DEVIATIONS, MARGIN = 9.0, 30
WORK = 1 << 22
"""Values in all transforms together, up to which the convolution is done: some 0.1 s."""

LEVELS = (0.025, 0.975)
Z = 1.959963984540054
"""The normal quantile of 0.975."""


def range_of_sum(binomials: Sequence[tuple[int, Fraction]]) -> tuple[int, int, float, bool]:
    """The quantiles at 2.5 % and 97.5 % of a sum of (n, share) counts, what they cover, and if that is exact.

    By convolution, to about 1e-12 in probability, while the windows of ``binomials`` are small enough (fact 2,
    WORK); else by the normal distribution of the same mean and variance (fact 3), and the last is False.
    """
    windows = [_window(n, share) for n, share in binomials]
    width = sum(high - low for low, high in windows) + 1
    if width * len(windows) > WORK:
        return _normal(binomials)
    size = 1 << width.bit_length()
    transform = np.ones(size // 2 + 1, np.complex128)
    for (n, share), (low, high) in zip(binomials, windows, strict=True):
        transform *= np.fft.rfft(_probabilities(n, share, low, high), size)
    mass = np.maximum(np.fft.irfft(transform, size)[:width], 0.0)
    up_to = np.cumsum(mass)
    up_to /= up_to[-1]
    low, high = (int(np.searchsorted(up_to, level)) for level in LEVELS)
    below = float(up_to[low - 1]) if low else 0.0
    first = sum(begin for begin, _ in windows)
    return first + low, first + high, float(up_to[high]) - below, True


def _window(n: int, share: Fraction) -> tuple[int, int]:
    reach = DEVIATIONS * math.sqrt(n * float(share) * float(1 - share)) + MARGIN
    mean = int(n * share)
    return max(0, mean - int(reach)), min(n, mean + int(reach) + 1)


def _probabilities(n: int, share: Fraction, low: int, high: int) -> NDArray[np.float64]:
    """P(X = k) for k from low to high, from the ratios of neighbours."""
    k = np.arange(low, high, dtype=np.float64)
    ratios = np.log((n - k) / (k + 1)) + math.log(share.numerator / (share.denominator - share.numerator))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    found: NDArray[np.float64] = np.exp(logs - logs.max())
    found /= found.sum()
    return found


def _normal(binomials: Sequence[tuple[int, Fraction]]) -> tuple[int, int, float, bool]:
    mean = sum((n * share for n, share in binomials), Fraction(0))
    deviation = math.sqrt(sum(n * float(share) * float(1 - share) for n, share in binomials))
    half = Fraction(1, 2)  # a count k stands for k - 1/2 .. k + 1/2
    low = math.ceil(mean - Fraction(Z * deviation) - half)
    high = math.ceil(mean + Fraction(Z * deviation) - half)
    low, high = max(0, low), min(sum(n for n, _ in binomials), high)
    covered = _below(float(high + half - mean) / deviation) - _below(float(low - half - mean) / deviation)
    return low, high, covered, False


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
