"""How many of n independent calls show an outcome of a given share: ranges and chances, without numpy.

Facts (textbook; Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000):

1. A single probability is computed from the deviance and Stirling's error, which loses no digits where
   factorials would.
2. P(X <= k) of n calls with share p is the upper tail beyond p of a Beta(k + 1, n - k) variable. Where n p q
   is large its density is smooth and narrow, and Gauss-Legendre quadrature of some standard deviations of it is
   accurate to about 1e-13; elsewhere the terms of the sum are few and are added up.
3. Up to n = 10^5 quantiles are exact: where a sum comes too close to the level to tell, it is taken once more
   in whole numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from itertools import count

__all__ = ["calls_to_see", "cdf", "central_range", "quantile"]

EXACT_UP_TO = 100_000
_SUM_UP_TO_VARIANCE = 1e5
_DOUBT = 1e-9

# ln(n!) minus Stirling's approximation, for n below 16; beyond, the series converges quickly.
_STIRLING_ERRORS = [0.0] + [
    math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi) for n in range(1, 16)
]


def _stirling_error(n: float) -> float:
    if n < 16:
        return _STIRLING_ERRORS[int(n)]
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / n


def _deviance(x: float, mean: float) -> float:
    """The deviance x ln(x / mean) + mean - x, without cancellation near x = mean."""
    if abs(x - mean) < 0.1 * (x + mean):
        v = (x - mean) / (x + mean)
        total = (x - mean) * v
        term = 2 * x * v
        j = 1
        while True:
            term *= v * v
            new = total + term / (2 * j + 1)
            if new == total:
                return new
            total = new
            j += 1
    return x * math.log(x / mean) + mean - x


def _pmf(k: int, n: int, p: float, q: float) -> float:
    """P(X = k); ``q`` is 1 - p, given apart so that it keeps its digits."""
    if k < 0 or k > n:
        return 0.0
    if k == 0:
        return math.exp(n * (math.log1p(-p) if p < 0.1 else math.log(q)))
    if k == n:
        return math.exp(n * (math.log1p(-q) if q < 0.1 else math.log(p)))
    exponent = (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(n - k)
        - _deviance(k, n * p)
        - _deviance(n - k, n * q)
    )
    return math.exp(exponent) * math.sqrt(n / (2 * math.pi * k * (n - k)))


def _lower_sum(k: int, n: int, p: float, q: float) -> float:
    """P(X <= k) for k below the mean: terms shrink as they go down."""
    term = total = _pmf(k, n, p, q)
    while k > 0 and term > total * 1e-18:
        term *= k * q / ((n - k + 1) * p)
        total += term
        k -= 1
    return total


@cache
def _legendre(points: int = 16) -> tuple[tuple[float, float], ...]:
    """Nodes and weights of Gauss-Legendre quadrature on -1..1, by Newton's method."""
    found = []
    for i in range(points):
        x = math.cos(math.pi * (i + 0.75) / (points + 0.5))
        for _ in range(100):
            before, value = 1.0, x
            for j in range(2, points + 1):
                before, value = value, ((2 * j - 1) * x * value - (j - 1) * before) / j
            slope = points * (x * value - before) / (x * x - 1)
            step = value / slope
            x -= step
            if abs(step) < 1e-15:
                break
        found.append((x, 2 / ((1 - x * x) * slope * slope)))
    return tuple(found)


def _beta_tail(k: int, n: int, p: float, q: float, *, upper: bool) -> float:
    """The mass of Beta(k + 1, n - k) above or below p, by quadrature of its density (fact 2)."""
    m = n - 1
    if k in (0, m):
        return 0.0  # q^n or p^n: nothing that a float can hold where n p q is large
    # A panel is two standard deviations wide, or less where the density falls more steeply than that.
    slope = abs(k - m * p) / (p * q)
    half = min(math.sqrt(p * q / m), 4 / slope if slope else math.inf)
    step = half if upper else -half
    scale = math.exp(_stirling_error(m) - _stirling_error(k) - _stirling_error(m - k))
    total = 0.0
    for panel in count(1, 2):
        part = 0.0
        for x, weight in _legendre():
            t = p + step * (panel + x)
            if 0 < t < 1:
                part += weight * math.exp(-_deviance(k, m * t) - _deviance(m - k, m * (1 - t)))
        total += part
        if part <= total * 1e-18:
            break
    return half * n * scale * math.sqrt(m / (2 * math.pi * k * (m - k))) * total


def _cdf(k: int, n: int, p: float, q: float) -> float:
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    below = k < n * p
    if n * p * q <= _SUM_UP_TO_VARIANCE:
        return _lower_sum(k, n, p, q) if below else 1.0 - _lower_sum(n - k - 1, n, q, p)
    return _beta_tail(k, n, p, q, upper=True) if below else 1.0 - _beta_tail(k, n, p, q, upper=False)


def cdf(k: int, n: int, share: Fraction) -> float:
    """P(X <= k) of n calls, to about 1e-12 up to n = 10^9 and 1e-9 up to 10^15."""
    if share == 0:
        return 1.0 if k >= 0 else 0.0
    if share == 1:
        return 1.0 if k >= n else 0.0
    return _cdf(k, n, float(share), float(1 - share))


def _at_least(k: int, n: int, share: Fraction, level: Fraction) -> bool:
    """Whether P(X <= k) >= level, in whole numbers."""
    a, b = share.numerator, share.denominator - share.numerator
    if 2 * k > n:  # the shorter sum
        above = _whole_sum(n - k - 1, n, b, a)
        total = int(share.denominator**n)
        return (total - above) * level.denominator >= level.numerator * total
    return _whole_sum(k, n, a, b) * level.denominator >= level.numerator * int(share.denominator**n)


def _whole_sum(k: int, n: int, a: int, b: int) -> int:
    """The sum over j <= k of C(n, j) a^j b^(n-j)."""
    if k < 0:
        return 0
    total = term = 1
    for j in range(1, k + 1):
        term = term * (a * (n - j + 1)) // j
        total = total * b + term
    return int(total * b ** (n - k))


def quantile(level: Fraction, n: int, share: Fraction) -> int:
    """The least k with P(X <= k) >= level, of n calls with that share.

    Exact up to n = 10^5; within 1 up to 10^15. Cost: O(sqrt(n)) up to 10^5, constant beyond.
    """
    return _quantile(level, n, share)[0]


def central_range(n: int, share: Fraction) -> tuple[int, int, float]:
    """The quantiles at 2.5 % and 97.5 %, and the probability of what lies from the one to the other."""
    low, _, below = _quantile(Fraction(25, 1000), n, share)
    high, up_to, _ = _quantile(Fraction(975, 1000), n, share)
    return low, high, min(1.0, up_to - below)


def _quantile(level: Fraction, n: int, share: Fraction) -> tuple[int, float, float]:
    """The quantile k, with P(X <= k) and P(X < k)."""
    if share == 0:
        return 0, 1.0, 0.0
    if share == 1:
        return n, 1.0, 0.0
    p, q, wanted = float(share), float(1 - share), float(level)
    deviation = math.sqrt(n * p * q)
    # A normal quantile is near enough to start from; Newton's method and single steps do the rest.
    k = min(n, max(0, round(n * p + math.copysign(1.96, wanted - 0.5) * deviation)))
    for _ in range(50):
        here, density = _cdf(k, n, p, q), _pmf(k, n, p, q)
        move = round((wanted - here) / density) if density > 1e-300 else 0
        move = max(-k, min(n - k, move, round(deviation) + 1), -round(deviation) - 1)
        if abs(move) <= 1:
            break
        k += move
    below = here - density

    def reaches(k: int, value: float) -> bool:
        if n <= EXACT_UP_TO and abs(value - wanted) < _DOUBT:
            return _at_least(k, n, share, level)
        return value >= wanted

    while not reaches(k, here):
        k += 1
        below, here = here, here + _pmf(k, n, p, q)
    while k > 0 and reaches(k - 1, below):
        k -= 1
        here, below = below, below - _pmf(k, n, p, q)
    return k, here, max(0.0, below)


def calls_to_see(share: Fraction, chance: Fraction = Fraction(95, 100)) -> int | None:
    """The least number of calls of which at least one shows the outcome with that chance; None for share 0."""
    if share == 0:
        return None
    if share == 1:
        return 1
    exact = math.log(float(1 - chance)) / math.log1p(-float(share))
    calls = max(1, math.ceil(exact))
    if calls > 10_000 or abs(exact - round(exact)) > 1e-6:
        return calls
    miss = 1 - share  # too close to a whole number for floats to tell
    while miss**calls > 1 - chance:
        calls += 1
    while calls > 1 and miss ** (calls - 1) <= 1 - chance:
        calls -= 1
    return calls
