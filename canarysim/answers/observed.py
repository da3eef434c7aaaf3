"""Do counts that were observed fit the shares that were promised, and what could so many requests show?

Facts (textbook):

1. Of n independent requests, those at one destination are binomial. Two destinations are one test, for the count
   of the one tells that of the other.
2. Of more, each is tested at an equal part of the false-alarm rate. That one of them fails by chance is then no
   likelier than all parts together, however the counts depend on each other (Bonferroni).
3. A test fails unless every count lies in its range. So its power is what a multinomial has outside of a box.
4. The power of an exact test saws as n grows: it rises while the ranges stay and drops where one widens.
"""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.answers.tails import lower_tail, passing, upper_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["MAX_REQUESTS", "ObservedShare", "SplitObserved", "observe", "power", "ranges", "requests_needed"]

MAX_REQUESTS = 10**15
WANTED_POWER = 0.9
_SAWS_UP_TO_VARIANCE = 10_000
_MISSES = 8


@attrs.frozen
class ObservedShare:
    """What was seen of one destination, beside the share it was promised.

    ``low`` and ``high`` are the least and the greatest count that pass. ``p_value`` is of this destination alone:
    twice the smaller tail, at most 1. ``detect`` is the share that should be caught, where one was given.
    """

    name: str
    count: int
    share: Fraction
    expected: Fraction
    low: int
    high: int
    p_value: float
    detect: Fraction | None = None

    @property
    def outside(self) -> str | None:
        """Whether there are "fewer" or "more" than chance explains; else None."""
        return "fewer" if self.count < self.low else "more" if self.count > self.high else None


@attrs.frozen(repr=False)
class SplitObserved:
    """Counts beside shares; ``str()`` of it is the table that a failing test shows.

    ``p_value`` is that of the whole test, 0 where a share of 0 was hit: the test fails where this is at most
    ``false_alarm``, or of more than 10^5 requests a hundred-thousandth part less. ``power`` is the probability
    that this test, at this ``n``, fails when the shares are those of ``detect``; ``power_is_bound`` says that it
    is at least so high. ``requests_needed`` is how many requests have a power of 90 %: the least number for two
    destinations, up to about a thousandth part more for several or for very many requests, and what the bound
    takes where only that is known; None beyond 10^15. Both are None without ``detect``.
    """

    n: int
    rows: tuple[ObservedShare, ...]
    false_alarm: Fraction
    p_value: float
    power: float | None = None
    power_is_bound: bool = False
    requests_needed: int | None = None

    @property
    def fits(self) -> bool:
        """Whether every count lies in its range."""
        return all(row.outside is None for row in self.rows)

    def __repr__(self) -> str:
        return f"<SplitObserved: n={self.n:,}, p_value={self.p_value:.2g}, {'fits' if self.fits else 'fails'}>"

    def __str__(self) -> str:
        from canarysim.faces.observed import observed_text

        return observed_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def observe(
    counts: Mapping[str, int],
    shares: Mapping[str, Fraction],
    false_alarm: Fraction,
    detect: Mapping[str, Fraction] | None = None,
) -> SplitObserved:
    """Tests counts, of 1 to 10^15 requests, against shares that add to 1; what shares do not name has share 0.

    Cost: about a millisecond a destination. With ``detect`` some milliseconds for two destinations, up to a second
    for more, and seconds for a thousand.
    """
    names = [*shares, *(name for name in counts if name not in shares)]
    promised = [shares.get(name, Fraction(0)) for name in names]
    n = sum(counts.values())
    rows = []
    for name, share, (low, high) in zip(names, promised, ranges(n, promised, false_alarm), strict=True):
        count = counts.get(name, 0)
        tail = min(lower_tail(count, n, share), upper_tail(count, n, share))
        sought = None if detect is None else detect.get(name, Fraction(0))
        rows.append(ObservedShare(name, count, share, share * n, low, high, min(1.0, 2 * tail), sought))
    certain = any(row.outside and row.share in (0, 1) for row in rows)
    least = min((row.p_value for row in rows if 0 < row.share < 1), default=1.0)
    seen = SplitObserved(n, tuple(rows), false_alarm, 0.0 if certain else min(1.0, _tests(promised) * least))
    if detect is None:
        return seen
    true = [detect.get(name, Fraction(0)) for name in names]
    found, bound = power(n, promised, false_alarm, true)
    needed = requests_needed(promised, false_alarm, true)
    return attrs.evolve(seen, power=found, power_is_bound=bound, requests_needed=needed)


def _tests(shares: Sequence[Fraction]) -> int:
    """Among how many tests the false-alarm rate is shared out (facts 1 and 2)."""
    chancy = sum(0 < share < 1 for share in shares)
    return chancy if chancy > 2 else 1


def _level(shares: Sequence[Fraction], false_alarm: Fraction) -> Fraction:
    """The level of one tail of one test."""
    return false_alarm / (2 * _tests(shares))


def ranges(n: int, shares: Sequence[Fraction], false_alarm: Fraction) -> list[tuple[int, int]]:
    """The least and the greatest count of each destination that pass."""
    level = _level(shares, false_alarm)
    found = [passing(n, share, level) for share in shares]
    chancy = [i for i, share in enumerate(shares) if 0 < share < 1]
    if len(chancy) == 2:
        one, other = chancy
        found[other] = n - found[one][1], n - found[one][0]
    return found


def power(
    n: int, shares: Sequence[Fraction], false_alarm: Fraction, detect: Sequence[Fraction]
) -> tuple[float, bool]:
    """The probability that the test fails when ``detect`` are the shares, and whether that is only a lower bound.

    To about 1e-11 up to n = 10^9. A bound, that of the likeliest single destination to fail, for three
    destinations or more of about 10^10 requests or more.
    """
    boxes = ranges(n, shares, false_alarm)
    if any(low > 0 for (low, _), share in zip(boxes, detect, strict=True) if not share):
        return 1.0, False
    chancy = [(share, box) for box, share in zip(boxes, detect, strict=True) if share]
    if len(chancy) == 1:
        low, high = chancy[0][1]
        return float(not low <= n <= high), False
    if len(chancy) == 2:
        (share, (low, high)), (_, (other_low, other_high)) = chancy
        return _outside(n, share, max(low, n - other_high), min(high, n - other_low)), False
    from canarysim.answers.rectangle import inside

    held = inside(n, [share for share, _ in chancy], [box for _, box in chancy])
    if held is not None:
        return 1.0 - held, False
    return max(_outside(n, share, low, high) for share, (low, high) in chancy), True


def _outside(n: int, share: Fraction, low: int, high: int) -> float:
    if low > high:
        return 1.0
    return min(1.0, lower_tail(low - 1, n, share) + upper_tail(high + 1, n, share))


# How many requests


def requests_needed(shares: Sequence[Fraction], false_alarm: Fraction, detect: Sequence[Fraction]) -> int | None:
    """How many requests have a power of 90 %; None beyond 10^15.

    For two destinations the least number, while the variance of their counts is below 10^4. Else a number that has
    the power (or the bound) while a thousandth part less has not.
    """
    level = _level(shares, false_alarm)
    pairs = [pair for pair in zip(shares, detect, strict=True) if any(pair)]
    if len(pairs) == 2:
        one = min(pairs)  # the other is outside together with it
        n = _enough_at_one(*one, level)
        return n if n is None or n * one[0] * (1 - one[0]) > _SAWS_UP_TO_VARIANCE else _least(n, *one, level)
    singles = [_enough_at_one(*pair, level) for pair in pairs if pair[0] != pair[1]]
    enough = min((n for n in singles if n is not None), default=None)
    if enough is None:
        return None
    # One destination alone shows it with so many; all together need no more.
    return _rise(lambda n: power(n, shares, false_alarm, detect)[0] >= WANTED_POWER, 0, enough)


def _enough_at_one(share: Fraction, detect: Fraction, level: Fraction) -> int | None:
    """How many requests have the power at one destination alone."""
    if abs(detect - share) * MAX_REQUESTS < Fraction(1, 100):
        return None
    normal = NormalDist()
    spread = -normal.inv_cdf(float(level)) * _deviation(share) + normal.inv_cdf(WANTED_POWER) * _deviation(detect)
    below, n = 0, math.ceil(min(MAX_REQUESTS, max(1, (spread / float(detect - share)) ** 2)))
    while not _reaches(n, share, detect, level):
        if n == MAX_REQUESTS:
            return None
        below, n = n, min(MAX_REQUESTS, n + n // 8 + 1)
    return _rise(lambda n: _reaches(n, share, detect, level), below, n)


def _reaches(n: int, share: Fraction, detect: Fraction, level: Fraction) -> bool:
    return _outside(n, detect, *passing(n, share, level)) >= WANTED_POWER


def _deviation(share: Fraction) -> float:
    return math.sqrt(share * (1 - share))


def _rise(reaches: Callable[[int], bool], below: int, n: int) -> int:
    """A number that reaches, of which one less does not, or of many a thousandth part less; ``n`` reaches."""
    while n - below > max(1, n // 1000 if n > 100_000 else 1):
        middle = (below + n) // 2
        below, n = (below, middle) if reaches(middle) else (middle, n)
    return n


def _least(n: int, share: Fraction, detect: Fraction, level: Fraction) -> int:
    """The least number of requests with the power, at the rarer of two destinations (fact 4).

    In a stretch of numbers with one border the power rises with n where more is seen than was promised, and falls
    where fewer. ``n`` reaches; the stretches below it are looked into until so many in a row do not.
    """
    more = detect > share

    def border(n: int) -> int:
        return passing(n, share, level)[more] if n else -1

    found, misses = n, 0
    while n and misses < _MISSES:
        here = border(n)
        below, step = n - 1, 1
        while border(below) == here:
            below, step = max(0, below - step), 2 * step
        start = _rise(lambda n: border(n) == here, below, n)  # noqa: B023
        best = n if more else start
        if _reaches(best, share, detect, level):
            found, misses = _rise(lambda n: _reaches(n, share, detect, level), start - 1, best), 0
        else:
            misses += 1
        n = start - 1
    return found
