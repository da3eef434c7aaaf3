"""Envoy's pick: which destination a random value leads to, for many values at once."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.steps import Steps, smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Residues"]

# Facts. The rule of a weighted cluster (Envoy, source/common/router/weighted_cluster_specifier.cc; Envoy 1.40
# does so with the weights [0, 3, 0, 2, 0] and [4294967294, 1]).
# 1. The value of a request is its 64-bit random value modulo the total weight.
# 2. Entries stand in the order of the configuration. Entry i takes the values of the half-open interval
#    [w_0 + ... + w_(i-1), w_0 + ... + w_i); one of weight 0 therefore takes none, wherever it stands.
# 3. So the index is the number of interval ends that are not above the value:
#    `searchsorted(ends, value, "right")`. What follows only finds that number faster.

BLOCK = 1 << 17
"""Values worked on at a time: few enough for the cache, enough that the calls do not count."""

HANDFUL = 8
"""Up to this many values, plain Python is faster than numpy."""

FEW = 8
"""Up to this many intervals, comparing with every begin beats the table."""


class Residues:
    """The rule for one sequence of weights, with what makes it fast.

    Up to FEW intervals: comparisons. More: a table over the residues or, where the total is above 2^16, over
    *cells* of 2^k neighbouring residues. A cell that lies within one interval holds the index; the others, at
    most one for each interval end, hold a sentinel, and their values are searched one by one.
    """

    __slots__ = (
        "_dtype",
        "_ends",
        "_ends_list",
        "_sentinel",
        "_shift",
        "_steps",
        "_table",
        "_total",
        "_total_int",
    )

    def __init__(self, weights: Sequence[int]) -> None:
        total = sum(weights)
        # uint64 throughout: searchsorted of uint64 in int64 would compare as float64, and round.
        self._total_int = total
        self._total = np.uint64(total)
        self._ends = np.cumsum(np.array(weights, np.uint64))
        self._ends_list = self._ends.tolist()
        self._dtype = smallest_unsigned(len(weights) - 1)
        taking = [index for index, weight in enumerate(weights) if weight]
        self._steps: Steps | None = None
        if len(taking) <= FEW and len(weights) <= 256:
            begins = [int(self._ends[index]) - weights[index] for index in taking]
            self._steps = Steps(begins, taking, smallest_unsigned(total - 1))
        else:
            self._tabulate(total, len(weights))

    def _tabulate(self, total: int, destinations: int) -> None:
        # The more interval ends, the finer the cells: about one in 64 is cut by an end, up to 2^20 cells.
        cell_bits = min(max(16, destinations.bit_length() + 6), 20)
        shift = max(0, (total - 1).bit_length() - cell_bits)
        # How many ends are not above the start of a cell: every end counts from the next start on.
        size = 1 << shift
        cells = -(-total // size)
        next_start = (self._ends + np.uint64(size - 1)) >> np.uint64(shift)
        at_start = np.cumsum(np.bincount(next_start.astype(np.int64), minlength=cells))[:cells]
        inside = self._ends[(self._ends < total) & (self._ends % np.uint64(size) != 0)]
        cut = inside >> np.uint64(shift)
        self._shift = np.uint64(shift)
        # One index more than there are may need a wider table.
        self._sentinel = destinations if len(cut) else None
        self._table = at_start.astype(self._dtype if self._sentinel is None else smallest_unsigned(destinations))
        if self._sentinel is not None:
            self._table[cut.astype(np.int64)] = self._sentinel

    def pick(self, values: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
        """The index of each value of a one-dimensional array of non-negative integers."""
        if len(values) <= HANDFUL:
            # As many calls of numpy would cost more than the values do.
            total = self._total_int
            found = [bisect_right(self._ends_list, value % total) for value in values.tolist()]
            return np.array(found, self._dtype)
        out = np.empty(len(values), self._dtype)
        # Reused from block to block: fresh pages would cost as much as the arithmetic.
        workspace = np.empty(min(len(values), BLOCK), np.uint64)
        locate = self._locator(len(workspace))
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK]
            if block.dtype != np.uint64 or not block.flags.c_contiguous:
                block = block.astype(np.uint64)
            residues = workspace[: len(block)]
            # numpy divides by a scalar with multiplications and shifts, but takes remainders with the slow
            # instruction: v - (v // T) * T costs half of v % T. The product cannot exceed v.
            np.floor_divide(block, self._total, out=residues)
            np.multiply(residues, self._total, out=residues)
            np.subtract(block, residues, out=residues)
            locate(residues, out[start : start + BLOCK])
        return out

    def locate(self, residues: NDArray[np.uint64]) -> NDArray[np.unsignedinteger[Any]]:
        """The same for values that are below the total already."""
        out = np.empty(len(residues), self._dtype)
        locate = self._locator(min(len(residues), BLOCK))
        for start in range(0, len(residues), BLOCK):
            locate(residues[start : start + BLOCK], out[start : start + BLOCK])
        return out

    def _locator(self, longest: int) -> Callable[[NDArray[np.uint64], NDArray[Any]], None]:
        """A function that writes to ``out`` the index of each residue, up to ``longest`` at a time."""
        steps = self._steps
        if steps is not None:
            narrow = np.empty(longest, steps.dtype)

            def compare(residues: NDArray[np.uint64], out: NDArray[Any]) -> None:
                values = narrow[: len(residues)]
                np.copyto(values, residues, casting="unsafe")  # they are below the total, which fits
                steps.into(out, values)

            return compare

        shift, table, sentinel = self._shift, self._table, self._sentinel
        cells = np.empty(longest, np.uint64)
        codes = np.empty(longest, table.dtype)

        def look_up(residues: NDArray[np.uint64], out: NDArray[Any]) -> None:
            n = len(residues)
            at = np.right_shift(residues, shift, out=cells[:n]) if shift else residues
            # Below 2^63 the same bits read as int64: `take` wants intp and would copy anything else.
            table.take(at.view(np.int64), out=codes[:n], mode="clip")
            out[...] = codes[:n]
            if sentinel is not None:
                searched = np.flatnonzero(codes[:n] == sentinel)
                if len(searched):
                    out[searched] = np.searchsorted(self._ends, residues[searched], side="right")

        return look_up
