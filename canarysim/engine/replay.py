"""From the fates of rows and their random values to their outcomes: Envoy's rule, for any number of laws at once.

Facts.
1. Where a law asks one modulus (a weighted cluster, or fractions alone), its chances are intervals of residues.
   The residues of all such fates stand one after the other in one order of numbers: a random value comes to the
   first number of its fate plus its residue. So one table, or one search, decides for all of them.
2. A law that asks two moduli, or what a fault draws, is asked chance by chance (law.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.law import Picker
from canarysim.engine.residues import Residues

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarysim.engine.book import Book
    from canarysim.engine.streams import Streams


__all__ = ["Replay"]

TABLE = 1 << 20
"""Residues of all fates together up to which there is a table of them."""

BLOCK = 1 << 16
"""Rows picked at a time: few enough for the cache."""

FEW = 3
"""Up to so many moduli, dividing all values by each in turn beats dividing each by its own."""


class Replay:
    """The outcomes of the fates in a book by random value. The book may grow."""

    def __init__(self, book: Book, streams: Streams) -> None:
        self._book = book
        self._streams = streams
        self._known = 0
        self._pickers: dict[int, Picker] = {}
        self._by_picker = np.empty(0, np.bool_)
        self._moduli = self._first = np.empty(0, np.uint64)
        self._asked: list[np.uint64] = []
        # Reused from block to block: fresh pages would cost as much as the arithmetic.
        self._workspace = np.empty(BLOCK, np.uint64)
        self._dtype: np.dtype[Any] = np.dtype(np.uint64)
        self._residues: Residues | None = None
        self._table: NDArray[Any] = np.empty(0, np.int64)

    def extend(self) -> None:
        """Take in the fates that are new in the book. Cost: O(intervals of all), and a table."""
        book = self._book
        if self._known == len(book.fates):
            return
        self._known = len(book.fates)
        self._by_picker = np.zeros(self._known, np.bool_)
        moduli = [1] * self._known
        for number, fate in enumerate(book.fates):
            _, chances = book.laws[fate.law]
            asked = {c.modulus for chance in chances for c in chance.conditions} - {1}
            if len(asked) > 1 or any(chance.fault for chance in chances):
                self._by_picker[number] = True
            elif asked:
                moduli[number] = asked.pop()
        if len(set(moduli) - {1}) == 1:  # then one division serves all rows: what is certain may be asked the same
            moduli = [max(moduli)] * self._known
        self._asked = [np.uint64(modulus) for modulus in sorted(set(moduli))]
        self._moduli = np.array(moduli, np.uint64)
        self._dtype = np.min_scalar_type(sum(moduli) - 1)
        ends = np.cumsum(self._moduli)
        self._first = ends - self._moduli
        pieces = [piece for number, modulus in enumerate(moduli) for piece in self._pieces(number, modulus)]
        lengths = [length for length, _ in pieces]
        owners = np.array([outcome for _, outcome in pieces], np.int64)
        # A modulus is below 2^32: of fewer than 2^31 fates the residues fit 63 bits.
        if sum(moduli) <= TABLE:
            self._residues, self._table = None, np.repeat(owners, lengths)
        else:
            self._residues, self._table = Residues(lengths), owners

    def _pieces(self, number: int, modulus: int) -> list[tuple[int, int]]:
        """The intervals of a fate in order: the length of each, and the outcome to which it leads."""
        if self._by_picker[number]:
            return [(modulus, 0)]
        fate = self._book.fates[number]
        _, chances = self._book.laws[fate.law]
        found = []
        for outcome, chance in zip(fate.outcomes, chances, strict=True):
            intervals = [c.intervals for c in chance.conditions if c.modulus > 1 or not c.intervals]
            for begin, end in intervals[0] if intervals else ((0, modulus),):
                if all(intervals):  # a condition that nothing meets leaves nothing
                    found.append((begin, end - begin, outcome))
        return [(length, outcome) for _, length, outcome in sorted(found)]

    def pick(self, fates: NDArray[np.integer[Any]], values: NDArray[np.uint64], out: NDArray[Any]) -> None:
        """Write the outcome of each row to ``out``, by its fate and its random value."""
        self.extend()
        if self._table.dtype != out.dtype:
            self._table = self._table.astype(out.dtype)
        for start in range(0, len(values), BLOCK):
            block = slice(start, start + BLOCK)
            at = self._places(fates[block], values[block])
            if self._residues is not None:
                at = self._residues.locate(at.astype(np.uint64, copy=False))
            self._table.take(at, out=out[block], mode="clip")
        if self._by_picker.any():
            asked = np.flatnonzero(self._by_picker.take(fates, mode="clip"))
            for number in np.unique(fates[asked]).tolist():
                rows = asked[fates[asked] == number]
                out[rows] = self._pick_alone(number, values[rows])

    def _places(self, fates: NDArray[np.integer[Any]], values: NDArray[np.uint64]) -> NDArray[Any]:
        """Where each row comes to among the residues of all fates (fact 1)."""
        if len(self._asked) == 1:
            # As narrow as can be: that is what a look into the table costs most by.
            places = fates.astype(self._dtype)
            places *= self._dtype.type(self._asked[0])
            if self._asked[0] > 1:
                places += self._residue(values, self._asked[0]).astype(self._dtype)
            return places
        if len(self._asked) > FEW:
            found = values % self._moduli.take(fates)
        else:
            moduli = self._moduli.take(fates)
            found = np.zeros(len(values), np.uint64)
            for modulus in self._asked:
                if modulus > 1:
                    np.copyto(found, self._residue(values, modulus), where=moduli == modulus)
        found += self._first.take(fates)
        # Below 2^63 the same bits read as int64: `take` wants intp and would copy anything else.
        return found.view(np.int64)

    def _residue(self, values: NDArray[np.uint64], modulus: np.uint64) -> NDArray[np.uint64]:
        # numpy divides by a scalar with multiplications and shifts: v - (v // m) * m beats v % m.
        rest = np.floor_divide(values, modulus, out=self._workspace[: len(values)])
        rest *= modulus
        return np.subtract(values, rest, out=rest)

    def _pick_alone(self, number: int, values: NDArray[np.uint64]) -> NDArray[np.int64]:
        fate = self._book.fates[number]
        _, chances = self._book.laws[fate.law]
        picker = self.picker(fate.law)
        words = self._streams.fault_words(chances)(len(values)) if picker.faulty else None
        picked: NDArray[np.int64] = np.array(fate.outcomes, np.int64)[picker.pick(values, words)]
        return picked

    def picker(self, law: int) -> Picker:
        """The picker of a law, made once."""
        if law not in self._pickers:
            self._pickers[law] = Picker(self._book.laws[law][1])
        return self._pickers[law]
