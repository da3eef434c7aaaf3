"""What was counted of a group of outcomes, beside what the table says of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from canarysim.answers.binomial import central_range
from canarysim.answers.preview import MAX_CALLS
from canarysim.engine.sums import range_of_sum

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Observed", "observed_of"]


@attrs.frozen
class Observed:
    """How often a group was seen, beside what the table says.

    ``exact`` is the exact share to expect of the traffic, ``expected`` the same as a number of requests.
    ``low`` and ``high`` are the quantiles at 2.5 % and 97.5 % of that number over all runs, ``coverage`` the
    probability of what lies from one to the other; None where random values were given, for then nothing is
    drawn. ``approximate`` says that the normal distribution was taken for them.
    """

    name: str
    count: int
    share: float
    exact: Fraction
    expected: Fraction
    low: int | None
    high: int | None
    coverage: float | None
    approximate: bool

    @property
    def outside(self) -> bool:
        """Whether the count lies outside its range. By chance alone up to one in twenty does."""
        return self.low is not None and self.high is not None and not self.low <= self.count <= self.high


def observed_of(name: str, count: int, n: int, draws: Mapping[Fraction, int], replayed: bool) -> Observed:
    expected = sum((share * times for share, times in draws.items()), Fraction(0))
    low = high = coverage = None
    approximate = False
    if not replayed:
        low, high, coverage, approximate = _range(draws)
    exact = expected / n if n else Fraction(0)
    return Observed(name, count, count / n if n else 0.0, exact, expected, low, high, coverage, approximate)


def _range(draws: Mapping[Fraction, int]) -> tuple[int, int, float, bool]:
    """The 95 % range of the sum of independent binomial numbers, given by share; if it is approximate."""
    always = sum(n for share, n in draws.items() if share == 1)
    chancy = [(n, share) for share, n in draws.items() if n and 0 < share < 1]
    if not chancy:
        return always, always, 1.0, False
    if len(chancy) == 1 and chancy[0][0] <= MAX_CALLS:
        low, high, coverage = central_range(*chancy[0])
        return always + low, always + high, coverage, False
    low, high, coverage, exact = range_of_sum(chancy)
    return always + low, always + high, coverage, not exact
