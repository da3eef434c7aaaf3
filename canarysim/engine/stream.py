"""One run of draws that may be cut anywhere: what is left over belongs to the stream, not to the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarysim.engine.rng import whole_number, words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarysim.engine.cells import Cells

__all__ = ["Stream"]

# The order of words, which makes a run the same however it is cut.
# 1. The lanes of a run form groups of fixed lengths, 2^14, 2^15, ... 2^18, 2^18, ... A group is its words,
#    four lanes each, the lowest 16 bits first, and after them the words of its second draws, in the order of
#    its lanes.
# 2. The first lane that needs a second draw therefore makes the stream read on to the end of its group and
#    keep the lanes it read for later. Until then no word is drawn that is not needed.
# 3. So every draw is a function of the sequence of words and of its own place in the run. `take` decides only
#    when words are drawn, never which word serves what.
# 4. Lengths start low because reading on should cost microseconds in a short run; they stop at 2^18 because
#    the work on a group should stay in cache. They are part of the definition: another length is another run.

FIRST_GROUP = 1 << 14
LARGEST_GROUP = 1 << 18
LANES = 4
"""Lanes in a word."""


class Stream:
    """Independent unbiased draws from one split and one generator, taken piece by piece.

    ``take(a)`` followed by ``take(b)`` gives what ``split.sample(a + b)`` gives for the same seed, as long as
    nobody else draws from the Generator in between (the draws are then still independent and unbiased, but
    not the same). The Generator is read when draws are taken, and by at most one group, 2^18 lanes, ahead.
    A stream remembers its place, so it is not for sharing between threads.
    """

    __slots__ = ("_ahead", "_cells", "_left", "_next_group", "_words")

    def __init__(self, cells: Cells, generator: np.random.Generator) -> None:
        self._cells = cells
        self._words = words_of(generator)
        self._next_group = FIRST_GROUP
        self._left = 0  # lanes of this group that are not drawn yet, a multiple of LANES
        self._ahead = np.empty(0, np.uint16)  # lanes that are drawn and not handed out yet

    def take(self, n: int | np.integer) -> NDArray[np.unsignedinteger[Any]]:
        """The next ``n`` draws: shape (n,), the smallest unsigned dtype that holds the indexes.

        Memory: the result and about 2 MB, whatever n. Raises TypeError for an ``n`` that is no int,
        InvalidValue (``negative_count``) for one below 0.
        """
        n = whole_number(n)
        cells = self._cells
        if cells.certain is not None:
            return np.full(n, cells.certain, cells.dtype)
        out = np.empty(n, cells.dtype)
        done = 0
        while done < n:
            lanes = self._lanes(n - done)
            block = out[done : done + len(lanes)]
            undecided = cells.decide(lanes, block)
            if len(undecided):
                self._read_on(self._left)
                block[undecided] = cells.redraw(len(undecided), self._words)
            done += len(lanes)
        return out

    def _lanes(self, wanted: int) -> NDArray[np.uint16]:
        """The next lanes of one group: at least one, at most as many as wanted."""
        if not len(self._ahead):
            if not self._left:
                self._left = self._next_group
                self._next_group = min(2 * self._next_group, LARGEST_GROUP)
            self._read_on(min(self._left, wanted))
        lanes, self._ahead = self._ahead[:wanted], self._ahead[wanted:]
        return lanes

    def _read_on(self, wanted: int) -> None:
        """Draw the words of the group that hold its next ``wanted`` lanes."""
        words = -(-wanted // LANES)
        if not words:
            return
        # Read as little-endian on every machine, so that a seed gives the same run on every machine.
        drawn = self._words(words).astype("<u8", copy=False).view("<u2")
        self._ahead = np.concatenate([self._ahead, drawn]) if len(self._ahead) else drawn
        self._left -= LANES * words
