"""Unbiased draws from 16-bit lanes: a table decides almost all of them, a second draw the rest exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.residues import Residues
from canarysim.engine.steps import Steps, smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["LANE_VALUES", "Cells"]

LANE_VALUES = 1 << 16
"""A lane is 16 bits: a quarter of a 64-bit word."""

FEW = 10
"""Up to this many owned runs of cells, comparing with every begin beats the table."""

TAKE = 1 << 17
"""Lanes looked up at a time: `take` widens its indexes to eight bytes, which should stay in cache."""

# Facts. Why the draw has no bias at all. T is the total, w_i the weights, C = 65536.
# 1. Euclid: w_i * C = owned_i * T + remainder_i with 0 <= remainder_i < T. Entry i owns
#    owned_i of the C cells.
# 2. Summing over i: T * C = T * sum(owned) + R with R = sum(remainder). So U = C - sum(owned) cells are owned
#    by nobody, and R = U * T.
# 3. A lane is uniform over the cells. It decides for i with probability owned_i / C, for nobody with U / C;
#    then a second draw decides for i with probability remainder_i / R. Together, by 1 and 2:
#    owned_i / C + (U / C) * remainder_i / (U * T) = (owned_i * T + remainder_i) / (C * T) = w_i / T.
# 4. The second draw takes a word w, uniform over 2^64, and refuses it unless it is below the largest multiple
#    of R (R < 2^49, so hardly ever). Each residue of w modulo R is then equally likely, and the pick by the
#    weights remainder_i is exact. A refused word is followed by the next; which words are refused depends on
#    them alone.
# 5. A lane and the words of its second draw share no bit. So draws are independent of one another
#    if the bits are.


class Cells:
    """The cells of one sequence of weights: owned ones in the order of the entries, then those of nobody.

    ``certain`` is the only index that can be drawn, if there is but one. ``owned``, ``undecided`` (U) and
    ``remainders`` are the numbers of the facts above. Memory: a table of 65,536 indexes for many
    destinations.
    """

    __slots__ = (
        "_accepted",
        "_begin",
        "_second",
        "_steps",
        "_table",
        "certain",
        "dtype",
        "owned",
        "remainders",
        "undecided",
    )

    def __init__(self, weights: Sequence[int]) -> None:
        total = sum(weights)
        taking = [index for index, weight in enumerate(weights) if weight]
        self.certain = taking[0] if len(taking) == 1 else None
        self.dtype = smallest_unsigned(len(weights) - 1)
        parts = [divmod(weight * LANE_VALUES, total) for weight in weights]
        self.owned = tuple(owned for owned, _ in parts)
        self.remainders = tuple(remainder for _, remainder in parts)
        self.undecided = LANE_VALUES - sum(self.owned)
        if self.undecided:
            # The largest accepted word, which fits 64 bits where the multiple of R itself may not.
            modulus = sum(self.remainders)
            self._accepted = np.uint64(2**64 - 2**64 % modulus - 1)
            self._second = Residues(self.remainders)
            self._begin = np.uint16(LANE_VALUES - self.undecided)
        self._steps: Steps | None = None
        owners = [index for index, owned in enumerate(self.owned) if owned]
        if 1 <= len(owners) <= FEW and len(weights) <= 256:
            ends = np.cumsum([self.owned[index] for index in owners]).tolist()
            self._steps = Steps([0, *ends[:-1]], owners, np.dtype(np.uint16))
        else:
            self._table = np.zeros(LANE_VALUES, self.dtype)
            owned_cells = LANE_VALUES - self.undecided
            self._table[:owned_cells] = np.repeat(np.arange(len(weights)), self.owned)

    def decide(self, lanes: NDArray[np.uint16], out: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.intp]:
        """Write the index of each lane to ``out``; where lanes fell to nobody, in order."""
        if self._steps is not None:
            self._steps.into(out, lanes)
        else:
            for start in range(0, len(lanes), TAKE):
                block = slice(start, start + TAKE)
                self._table.take(lanes[block], out=out[block], mode="clip")
        if not self.undecided:
            return np.empty(0, np.intp)
        return np.flatnonzero(lanes >= self._begin)

    def redraw(self, n: int, words: Callable[[int], NDArray[np.uint64]]) -> NDArray[np.unsignedinteger[Any]]:
        """The second draw of ``n`` lanes, from the next ``n`` accepted words and not one word more."""
        accepted = np.empty(n, np.uint64)
        filled = 0
        while filled < n:
            drawn = words(n - filled)
            drawn = drawn[drawn <= self._accepted]
            accepted[filled : filled + len(drawn)] = drawn
            filled += len(drawn)
        return self._second.pick(accepted)
