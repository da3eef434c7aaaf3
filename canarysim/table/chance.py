"""Exact probability: which random values lead somewhere, and what share of all of them that is.

Facts (observed on Envoy, see tests/envoy):

1. Envoy draws one unsigned 64-bit value for a request and uses it for every fraction, for the weighted pick
   and for mirrors. So two choices of one request are not independent: each is a condition on the same value.
2. A fraction looks at the value modulo 100, 10^4 or 10^6; a weighted pick at the value modulo the total.
3. A condition is therefore a set of residues: a modulus, and half-open intervals below it.

Two conditions of different moduli m and n are independent given the value modulo g = gcd(m, n) (Chinese
remainder theorem), so their joint share is the mean over r < g of the product of their shares among the
values congruent to r. The number of residues per r is piecewise constant with few pieces, so nothing is
enumerated: the cost grows with the number of intervals, never with the moduli.

Residues of the 2^64 values are treated as uniform; the true shares differ by less than modulus / 2^64.

4. A fault draws a value of its own, which has nothing to do with that one. A condition on it is kept apart, and
   its share is a factor.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import gcd, lcm
from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["EVERY", "NEVER", "Chance", "Residues"]

Interval = tuple[int, int]


def _tidy(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sorted, without empty intervals, touching ones joined."""
    tidy: list[Interval] = []
    for begin, end in sorted(intervals):
        if begin >= end:
            continue
        if tidy and begin <= tidy[-1][1]:
            tidy[-1] = (tidy[-1][0], max(end, tidy[-1][1]))
        else:
            tidy.append((begin, end))
    return tuple(tidy)


@attrs.frozen
class Residues:
    """The random values whose residue modulo ``modulus`` lies in one of the half-open ``intervals``."""

    modulus: int = attrs.field()
    intervals: tuple[Interval, ...] = attrs.field(converter=_tidy)

    def __attrs_post_init__(self) -> None:
        if self.modulus < 1 or (
            self.intervals and not (self.intervals[0][0] >= 0 and self.intervals[-1][1] <= self.modulus)
        ):
            raise InvalidValue("bad_residues", f"{self.intervals} do not lie in 0..{self.modulus}")

    def __contains__(self, random_value: int) -> bool:
        residue = random_value % self.modulus
        return any(begin <= residue < end for begin, end in self.intervals)

    def __and__(self, other: Residues) -> Residues:
        """Both conditions; the moduli must be equal. Cost: O(intervals)."""
        self._same_modulus(other)
        return ~(~self | ~other)

    def __or__(self, other: Residues) -> Residues:
        """Either condition; the moduli must be equal."""
        self._same_modulus(other)
        return Residues(self.modulus, self.intervals + other.intervals)

    def __invert__(self) -> Residues:
        """All other random values."""
        edges = [0, *(edge for interval in self.intervals for edge in interval), self.modulus]
        return Residues(self.modulus, tuple(zip(edges[::2], edges[1::2], strict=True)))

    @property
    def share(self) -> Fraction:
        """The share of all random values that lie in the set."""
        return Fraction(sum(end - begin for begin, end in self.intervals), self.modulus)

    def within(self, other: Residues) -> Residues:
        """Both conditions, told by the modulus of the other, which is a multiple of this one.

        Cost: O(intervals of the result).
        """
        found: list[Interval] = []
        for begin, end in other.intervals:
            for start in range(begin - begin % self.modulus, end, self.modulus):
                for low, high in self.intervals:
                    if start + low < end and start + high > begin:
                        found.append((max(start + low, begin), min(start + high, end)))
        return Residues(other.modulus, tuple(found))

    def _same_modulus(self, other: Residues) -> None:
        if self.modulus != other.modulus:
            raise InvalidValue(
                "different_moduli",
                f"residues modulo {self.modulus} and {other.modulus} combine only inside a Chance",
            )

    def steps(self, divisor: int) -> list[tuple[int, int]]:
        """How many members are congruent to r modulo a divisor of the modulus, as (first r, count) steps."""
        changes: dict[int, int] = {0: 0}
        for begin, end in self.intervals:
            whole, rest = divmod(end - begin, divisor)
            first = begin % divisor
            changes[0] += whole
            if first + rest <= divisor:
                pieces = [(first, first + rest)]
            else:
                pieces = [(first, divisor), (0, first + rest - divisor)]
            for start, stop in pieces:
                changes[start] = changes.get(start, 0) + 1
                changes[stop] = changes.get(stop, 0) - 1
        count, steps = 0, []
        for residue in sorted(changes):
            count += changes[residue]
            if residue < divisor:
                steps.append((residue, count))
        return steps


@attrs.frozen
class Chance:
    """A set of random values: those that fulfil every one of its conditions, at most one a modulus.

    ``fault`` are conditions on the value that a fault draws for itself (fact 4).
    """

    conditions: tuple[Residues, ...] = ()
    fault: tuple[Residues, ...] = ()

    @classmethod
    def of(cls, *residues: Residues, fault: Iterable[Residues] = ()) -> Chance:
        """The random values in all of the given residue sets, and those of a fault in all of its own."""
        return cls(_joined(residues), _joined(fault))

    def __contains__(self, random_value: int) -> bool:
        """Whether the random value of the request may lead here, whatever a fault draws."""
        return all(random_value in condition for condition in self.conditions)

    def __and__(self, other: Chance) -> Chance:
        return Chance.of(*self.conditions, *other.conditions, fault=(*self.fault, *other.fault))

    def given(self, random_value: int | None = None, fault_value: int | None = None) -> Chance:
        """What is left to chance once one of the two values is known, or both; NEVER where they lead elsewhere."""
        if random_value is not None and random_value not in self:
            return NEVER
        if fault_value is not None and not all(fault_value in condition for condition in self.fault):
            return NEVER
        return Chance(self.conditions if random_value is None else (), self.fault if fault_value is None else ())

    @property
    def share(self) -> Fraction:
        """The exact share of all random values. Cost: O(intervals), whatever the moduli.

        Of more than two moduli those that divide another are brought to that one, at the cost of as many
        intervals as they have in it. Then one or two are what one decision can know (that of its fractions and
        the total of its weights); more raise InvalidValue.
        """
        if not self.fault:
            return _share(self.conditions)
        return _share(self.conditions) * _share(self.fault)


#: Every random value, and none.
EVERY = Chance()
NEVER = Chance((Residues(1, ()),))


def _joined(residues: Iterable[Residues]) -> tuple[Residues, ...]:
    """One condition a modulus, those that hold for every value left out."""
    by_modulus: dict[int, Residues] = {}
    for condition in residues:
        known = by_modulus.get(condition.modulus)
        by_modulus[condition.modulus] = condition if known is None else known & condition
    kept = (c for c in by_modulus.values() if c.intervals != ((0, c.modulus),))
    return tuple(sorted(kept, key=lambda c: c.modulus))


def _share(conditions: tuple[Residues, ...]) -> Fraction:
    if len(conditions) > 2:
        conditions = _collapsed(conditions)
    if not conditions:
        return Fraction(1)
    if len(conditions) == 1:
        return conditions[0].share
    if len(conditions) > 2:
        raise InvalidValue("too_many_moduli", f"{len(conditions)} moduli in one decision")
    first, second = conditions
    divisor = gcd(first.modulus, second.modulus)
    left, right = first.steps(divisor), second.steps(divisor)
    edges = [*sorted({residue for residue, _ in (*left, *right)}), divisor]
    pairs = 0
    for start, stop in pairwise(edges):
        pairs += (stop - start) * _at(left, start) * _at(right, start)
    return Fraction(pairs, lcm(first.modulus, second.modulus))


@lru_cache(maxsize=1024)
def _collapsed(conditions: tuple[Residues, ...]) -> tuple[Residues, ...]:
    left = list(conditions)
    while len(left) > 2:
        pairs = [
            (c, multiple)
            for c in left
            for multiple in left
            if c is not multiple and multiple.modulus % c.modulus == 0
        ]
        if not pairs:
            break
        condition, multiple = min(pairs, key=lambda pair: _cost(*pair))
        left = [c for c in left if c is not condition and c is not multiple] + [condition.within(multiple)]
    return tuple(left)


def _cost(condition: Residues, multiple: Residues) -> int:
    """About how many intervals a condition has within one of a multiple of its modulus."""
    values = sum(end - begin for begin, end in multiple.intervals)
    return (values // condition.modulus + len(multiple.intervals)) * len(condition.intervals)


def _at(steps: list[tuple[int, int]], residue: int) -> int:
    count = 0
    for start, value in steps:
        if start > residue:
            break
        count = value
    return count
