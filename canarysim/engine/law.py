"""A law: a few things that may happen, with exact shares. Drawn row by row, counted, or picked by random value."""

from __future__ import annotations

from itertools import accumulate
from math import lcm
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from canarysim.engine.multinomial import Multinomial
from canarysim.engine.rng import words_of
from canarysim.engine.split import LARGEST_TOTAL, Split
from canarysim.engine.steps import smallest_unsigned
from canarysim.table.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from canarysim.table.chance import Residues

__all__ = ["Draws", "Law", "Picker"]

# Facts.
# 1. Shares are fractions that add to 1. Over their common denominator they are whole weights; one weighted
#    cluster never needs a total above 2^32 - 1, which is what a Split takes. A fraction beside a weighted
#    cluster, or shares that were floats, may need more.
# 2. For those the word of a draw, uniform over 2^64, is held against the ends of the shares times 2^64, rounded
#    down. Each share is then hit up to 2^-64: less than what Envoy's own modulo is off by.
# 3. Counts of such a law are drawn with weights cut to 61 bits: binomials are computed in float64, which
#    holds 53.
WORD = 2**64
COUNTED_BITS = 61


class Draws(Protocol):
    """Independent draws, taken piece by piece: how a run is cut changes nothing."""

    def take(self, n: int) -> NDArray[np.unsignedinteger[Any]]:
        """The next ``n`` draws."""


class Law:
    """What may happen, by number, with exact shares: ``weights`` are whole and as small as can be."""

    __slots__ = ("_multinomial", "_split", "certain", "weights")

    def __init__(self, shares: Sequence[Fraction]) -> None:
        total = lcm(*(share.denominator for share in shares))
        self.weights = tuple(int(share * total) for share in shares)
        taking = [number for number, weight in enumerate(self.weights) if weight]
        #: The only number that can be drawn, if there is but one.
        self.certain = taking[0] if len(taking) == 1 else None
        self._split: Split | None = None
        self._multinomial: Multinomial | None = None

    def draws(self, generator: np.random.Generator) -> Draws:
        """A run of draws that the generator serves alone."""
        if sum(self.weights) > LARGEST_TOTAL:
            return _FineDraws(self.weights, generator)
        if self._split is None:
            self._split = Split(self.weights)
        return self._split.stream(generator)

    def counts(self, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """How many of ``n`` draws fall to each: one multinomial draw, whose cost does not grow with n."""
        return np.array(self.counted(n, generator), np.int64)

    def counted(self, n: int, generator: np.random.Generator) -> list[int]:
        """The same as a list: where there are few, making an array would cost more than the draw."""
        if self._multinomial is None:
            beyond = max(0, sum(self.weights).bit_length() - COUNTED_BITS)
            self._multinomial = Multinomial([weight >> beyond for weight in self.weights])
        return self._multinomial.draw_list(n, generator)


class _FineDraws:
    """Draws by weights whose total is above that of a Split (fact 2)."""

    __slots__ = ("_dtype", "_ends", "_words")

    def __init__(self, weights: Sequence[int], generator: np.random.Generator) -> None:
        total = sum(weights)
        # What ends at the total takes all words that are left; nothing after it takes any.
        ends = [end * WORD // total for end in accumulate(weights) if end < total]
        self._ends = np.array(ends, np.uint64)
        self._dtype = smallest_unsigned(len(weights) - 1)
        self._words = words_of(generator)

    def take(self, n: int) -> NDArray[np.unsignedinteger[Any]]:
        """The next ``n`` draws, a word each."""
        return self._ends.searchsorted(self._words(n), side="right").astype(self._dtype)


class Picker:
    """Which of several chances holds a random value: Envoy's rule, for many values at once.

    The chances are those of one request: disjoint, and together every value. ``faulty`` says that a fault draws a
    value of its own, which is then asked too.
    """

    __slots__ = ("_begins", "_chances", "_dtype", "_modulus", "_owners", "faulty")

    def __init__(self, chances: Sequence[Chance]) -> None:
        self._dtype = smallest_unsigned(len(chances) - 1)
        self._chances = tuple(chances)
        moduli = {condition.modulus for chance in chances for condition in chance.conditions}
        self._modulus: np.uint64 | None = None
        self.faulty = any(chance.fault for chance in chances)
        if len(moduli) > 1 or self.faulty:
            return
        modulus = moduli.pop() if moduli else 1
        # One modulus: the intervals tile the residues, and the last begin that is not above a residue owns it.
        begins = [
            (begin, number)
            for number, chance in enumerate(chances)
            for begin, _ in (chance.conditions[0].intervals if chance.conditions else ((0, modulus),))
        ]
        begins.sort()
        self._modulus = np.uint64(modulus)
        self._begins = np.array([begin for begin, _ in begins], np.uint64)
        self._owners = np.array([number for _, number in begins], self._dtype)

    def pick(
        self, values: NDArray[np.uint64], fault_values: NDArray[np.uint64] | None = None
    ) -> NDArray[np.unsignedinteger[Any]]:
        """The number of the chance that holds each value. Cost: a search a value; several moduli cost more."""
        if self._modulus is not None:
            at = self._begins.searchsorted(values % self._modulus, side="right") - 1
            return self._owners[at]
        picked = np.zeros(len(values), self._dtype)
        for number, chance in enumerate(self._chances):
            inside = _all_hold(chance.conditions, values)
            if fault_values is not None:
                inside &= _all_hold(chance.fault, fault_values)
            picked[inside] = number
        return picked

    def counts(
        self, values: NDArray[np.uint64], counts: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """How many requests come to each chance, of ``counts[i]`` with ``values[i]``; what faults draw is drawn.

        Values that may lead to the same chances are counted together, so that the cost does not grow with counts.
        """
        may = np.array([_all_hold(chance.conditions, values) for chance in self._chances])
        alike, of = np.unique(may, axis=1, return_inverse=True)
        total = np.zeros(alike.shape[1], np.int64)
        np.add.at(total, of.reshape(-1), counts)
        found = np.zeros(len(self._chances), np.int64)
        for held, n in zip(alike.T, total.tolist(), strict=True):
            numbers = np.flatnonzero(held)
            shares = [Chance(fault=self._chances[number].fault).share for number in numbers.tolist()]
            found[numbers] += Law(shares).counts(n, generator)
        return found


def _all_hold(conditions: Sequence[Residues], values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    inside = np.ones(len(values), np.bool_)
    for condition in conditions:
        inside &= _holds(condition, values)
    return inside


def _holds(condition: Residues, values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Intervals are sorted and apart: a residue is inside one if an odd number of edges is not above it."""
    edges = np.array([edge for interval in condition.intervals for edge in interval], np.uint64)
    inside: NDArray[np.bool_] = edges.searchsorted(values % np.uint64(condition.modulus), side="right") % 2 == 1
    return inside
