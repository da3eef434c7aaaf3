"""From the fates of rows to their outcomes, drawn: a 16-bit lane a row decides for any number of laws at once.

Facts. A lane decides for a law as it does for a Split (cells.py): each chance owns so many of the 65,536 cells,
and what nobody owns is drawn again, exactly.

1. The outcomes of all fates stand in one table of (fate, cell). For many fates its cells are coarser, 2^k lanes
   each, so that it stays in cache; a cell that lies within one outcome holds it, any other a sentinel.
2. Rows that meet the sentinel are few. Their lane is looked up in the ends of all fates, one after the other; what
   is nobody's is drawn again by the weights of the law.
3. Weights whose total is so large that the rest does not fit 64 bits (a fraction beside a great total): the second
   draw is a word held against the ends of the rests times 2^64, rounded down. A share is then off by less than
   2^-64, as Envoy's own modulo is.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.cells import LANE_VALUES, Cells
from canarysim.engine.steps import smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarysim.engine.book import Book
    from canarysim.engine.streams import Streams, Words

    Outcomes = NDArray[np.unsignedinteger[Any]]

__all__ = ["Deal", "outcome_dtype"]

LANE_BITS = 16
TABLE_BITS = 18
"""The table has so many cells where each fate can have 2^LEAST_BITS."""
LEAST_BITS = 6
MANY_LEFT = 1 << 13
"""Open rows that are settled together."""


def outcome_dtype(outcomes: int) -> np.dtype[np.unsignedinteger[Any]]:
    """A dtype for the numbers of outcomes, and one more: the largest of its values is the sentinel."""
    return smallest_unsigned(outcomes)


def few_true(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where a mask is true that hardly ever is: eight values are passed over at a time."""
    whole = len(mask) // 8 * 8
    words = np.flatnonzero(mask[:whole].view(np.uint64))
    inside = np.flatnonzero(mask[:whole].reshape(-1, 8)[words])
    found = words[inside // 8] * 8 + inside % 8
    return np.concatenate([found, whole + np.flatnonzero(mask[whole:])])


class _Large:
    """Cells of weights with a great total (fact 3)."""

    def __init__(self, weights: Sequence[int]) -> None:
        total = sum(weights)
        parts = [divmod(weight * LANE_VALUES, total) for weight in weights]
        self.owned = tuple(owned for owned, _ in parts)
        rests = list(accumulate(rest for _, rest in parts))
        ends = [end * 2**64 // rests[-1] for end in rests if end < rests[-1]]
        self._ends = np.array(ends, np.uint64)

    def redraw(self, n: int, words: Words) -> NDArray[np.int64]:
        """The second draw of ``n`` lanes."""
        return self._ends.searchsorted(words(n), side="right")


def _cells(weights: Sequence[int]) -> Cells | _Large:
    rests = sum(weight * LANE_VALUES % sum(weights) for weight in weights)
    return Cells(weights) if rests < 2**63 else _Large(weights)


class Deal:
    """The outcomes of the fates in a book, which may grow. Numbers of outcomes are those of the book."""

    def __init__(self, book: Book, streams: Streams) -> None:
        self._book = book
        self._streams = streams
        self._known = 0
        self._capacity = 0
        self.dtype = outcome_dtype(0)
        self.bits = LANE_BITS
        #: Whether chance plays no part.
        self.certain = True
        #: By fate: the outcome it leads to in any case, or the sentinel.
        self.sure: Outcomes = np.empty(0, self.dtype)
        #: By fate and cell.
        self.table: Outcomes = np.empty((0, 1 << self.bits), self.dtype)
        # Reused from block to block: fresh pages would cost as much as the work.
        self._workspace = np.empty(1 << 17, np.int64)
        # Rows that are still open: where they are, their fates and lanes.
        self._left: list[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.uint16]]] = []
        self._left_rows = 0
        self._cells: dict[tuple[int, ...], Cells | _Large] = {}
        self._weights: tuple[tuple[int, ...], ...] = ()
        self._weights_of = np.empty(0, np.int64)
        # Of all fates, one after the other: the ends of what chances own, and whose they are.
        self._ends: list[NDArray[np.int64]] = []
        self._owners: list[NDArray[np.int64]] = []
        self._joined_ends = self._joined_owners = self._first = np.empty(0, np.int64)

    @property
    def known(self) -> int:
        """The number of fates that are taken in."""
        return self._known

    @property
    def sentinel(self) -> int:
        """What stands for no outcome."""
        return int(np.iinfo(self.dtype).max)

    def extend(self) -> None:
        """Take in the fates that are new in the book. Cost: O(cells) each."""
        book = self._book
        if self._known == len(book.fates):
            return
        dtype = outcome_dtype(len(book.outcomes))
        bits = min(LANE_BITS, max(LEAST_BITS, TABLE_BITS - (len(book.fates) - 1).bit_length()))
        if len(book.fates) > self._capacity or dtype != self.dtype or bits != self.bits:
            self._capacity = max(2 * self._capacity, len(book.fates))
            self.dtype, self.bits = dtype, bits
            self.table = np.empty((self._capacity, 1 << bits), dtype)
            self._write(0, self._known)
        for number in range(self._known, len(book.fates)):
            sure = book.certain(number)
            fate = book.fates[number]
            law, _ = book.laws[fate.law]
            if sure is not None:
                self._ends.append(np.array([LANE_VALUES]))
                self._owners.append(np.array([sure]))
                continue
            self.certain = False
            cells = self._cells.get(law.weights)
            if cells is None:
                cells = self._cells[law.weights] = _cells(law.weights)
            self._ends.append(np.array([*accumulate(cells.owned), LANE_VALUES]))
            self._owners.append(np.array([*fate.outcomes, -1]))
        self._write(self._known, len(book.fates))
        self._known = len(book.fates)
        numbers: dict[tuple[int, ...], int] = {}
        weights = [book.laws[fate.law][0].weights for fate in book.fates]
        self._weights_of = np.array([numbers.setdefault(each, len(numbers)) for each in weights], np.int64)
        self._weights = tuple(numbers)
        lengths = [len(ends) for ends in self._ends]
        self._first = np.cumsum([0, *lengths])[:-1]
        shifts = np.repeat(np.arange(len(lengths)) * LANE_VALUES, lengths)
        self._joined_ends = np.concatenate(self._ends) + shifts
        self._joined_owners = np.concatenate(self._owners)
        self.sure = np.array(
            [owners[0] if len(owners) == 1 else self.sentinel for owners in self._owners], self.dtype
        )

    def _write(self, start: int, stop: int) -> None:
        """Write the cells of some fates."""
        width = 1 << LANE_BITS - self.bits
        begins = np.arange(0, LANE_VALUES, width)
        for number in range(start, stop):
            owners = self._owners[number]
            if len(owners) == 1:
                self.table[number] = owners[0]
                continue
            ends = self._ends[number]
            first = owners[ends.searchsorted(begins, side="right")]
            last = owners[ends.searchsorted(begins + (width - 1), side="right")]
            self.table[number] = np.where((first == last) & (first >= 0), first, self.sentinel)

    def draw(self, fates: NDArray[Any], rows: Outcomes, done: int) -> None:
        """Write the outcomes of the next rows to ``rows`` from ``done`` on, by their fates.

        Some stay open until ``flush``.
        """
        out = rows[done : done + len(fates)]
        if self.certain:
            self._streams.lanes.skip(len(fates))
            self.sure.take(fates, out=out, mode="clip")
            return
        lanes = self._streams.lanes.take(len(fates))
        cells = (
            self._workspace[: len(fates)] if len(fates) <= len(self._workspace) else np.empty(len(fates), np.int64)
        )
        np.left_shift(fates, self.bits, out=cells, dtype=np.int64, casting="unsafe")
        cells |= lanes >> (LANE_BITS - self.bits)
        self.table.reshape(-1).take(cells, out=out, mode="clip")
        left = few_true(out == self.sentinel)
        if len(left):
            self._left.append((left + done, fates[left].astype(np.int64), lanes[left]))
            self._left_rows += len(left)
            if self._left_rows >= MANY_LEFT:
                self.flush(rows)

    def flush(self, rows: Outcomes) -> None:
        """Write what is still open: so few rows that it costs the less the more of them are looked at together."""
        if self._left:
            at, fates, lanes = (np.concatenate(parts) for parts in zip(*self._left, strict=True))
            rows[at] = self.exact(fates, lanes)
            self._left, self._left_rows = [], 0

    def exact(self, fates: NDArray[np.int64], lanes: NDArray[np.uint16]) -> NDArray[np.int64]:
        """The outcome of each row by its whole lane, or by a second draw (fact 2)."""
        at = self._joined_ends.searchsorted(fates * LANE_VALUES + lanes, side="right")
        owners: NDArray[np.int64] = self._joined_owners[at]
        nobodys = np.flatnonzero(owners < 0)
        which = self._weights_of[fates[nobodys]]
        for number in set(which.tolist()):
            rows = nobodys[which == number]
            weights = self._weights[number]
            chances = self._cells[weights].redraw(len(rows), self._streams.redraws(weights))
            owners[rows] = self._joined_owners[self._first[fates[rows]] + chances]
        return owners
